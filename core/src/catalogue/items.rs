//! Loading `catalogue.jsonl`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::Item;
use crate::base::limits::{ITEMS_MAX, LINE_BYTES_MAX};
use crate::base::{Error, ItemId, Refusal, Result, json};

/// All items of a release, by index and by id.
///
/// ```
/// use noctule_core::catalogue::Catalogue;
/// let line = r#"{"id": "luna", "title": "La Luna"}"#;
/// let catalogue = Catalogue::from_items(vec![serde_json::from_str(line)?])?;
/// assert_eq!(catalogue.index_of("luna"), Some(0));
/// assert_eq!(catalogue.item(0).map(|item| item.title.as_str()), Some("La Luna"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    items: Vec<Item>,
    /// Shares the text of each id with `items`.
    index: HashMap<ItemId, u32>,
}

impl Catalogue {
    /// Reads the file at `path`, which errors call `name` (`catalogue.jsonl`). A file of no lines
    /// is a catalogue of no items.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read; [`Error::ReleaseRefused`], with the line behind the
    /// name, when a line is too long, is not an item, holds a value out of range, or repeats the
    /// id of an earlier one, or when there are too many.
    pub fn read(path: &Path, name: &str) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path, "opening"))?;
        let mut reader = BufReader::with_capacity(LINE_BYTES_MAX, file);
        let mut catalogue = Self::default();
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            // One byte more than a line and its end may have, to see that there is more.
            let mut bounded = reader.by_ref().take(LINE_BYTES_MAX as u64 + 2);
            bounded.read_until(b'\n', &mut line).map_err(Error::file(path, "reading"))?;
            if line.is_empty() {
                break;
            }
            let refused = |refusal| Error::refused(format!("{name}:{number}"), refusal);
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            if line.len() > LINE_BYTES_MAX {
                let (found, limit) = (line.len() as u64, LINE_BYTES_MAX as u64);
                return Err(refused(Refusal::TooLarge {
                    what: "length of the line",
                    found,
                    limit,
                }));
            }
            let item = json::parse(&line).map_err(refused)?;
            catalogue.push(item).map_err(refused)?;
        }
        catalogue.items.shrink_to_fit();
        Ok(catalogue)
    }

    /// A catalogue of `items`, checked as a file would be.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with the index of the item.
    pub fn from_items(items: Vec<Item>) -> Result<Self> {
        let mut catalogue = Self::default();
        for (index, item) in items.into_iter().enumerate() {
            let invalid =
                |refusal: Refusal| Error::invalid(format!("items[{index}]"), refusal.to_string());
            catalogue.push(item).map_err(invalid)?;
        }
        Ok(catalogue)
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item at `index`.
    #[must_use]
    pub fn item(&self, index: u32) -> Option<&Item> {
        self.items.get(index as usize)
    }

    /// The index of the item called `id`.
    #[must_use]
    pub fn index_of(&self, id: &str) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// The items in the order of their indices.
    pub fn iter(&self) -> std::slice::Iter<'_, Item> {
        self.items.iter()
    }

    /// The items; the place of one is its index.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    fn push(&mut self, item: Item) -> Result<(), Refusal> {
        item.check()?;
        if self.items.len() == ITEMS_MAX {
            let (found, limit) = (ITEMS_MAX as u64 + 1, ITEMS_MAX as u64);
            return Err(Refusal::TooLarge { what: "number of items", found, limit });
        }
        // Lossless: ITEMS_MAX fits 32 bits.
        let index = self.items.len() as u32;
        match self.index.entry(item.id.clone()) {
            Entry::Occupied(first) => Err(Refusal::DuplicateItem {
                id: item.id.to_string(),
                first_line: u64::from(*first.get()) + 1,
                line: u64::from(index) + 1,
            }),
            Entry::Vacant(place) => {
                place.insert(index);
                self.items.push(item);
                Ok(())
            }
        }
    }
}

impl<'a> IntoIterator for &'a Catalogue {
    type Item = &'a Item;
    type IntoIter = std::slice::Iter<'a, Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::AttributeValue;

    fn read(text: impl AsRef<[u8]>) -> Result<Catalogue> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.jsonl");
        std::fs::write(&path, text).unwrap();
        Catalogue::read(&path, "catalogue.jsonl")
    }

    /// File (with line) and refusal of a catalogue whose second line is `line`.
    fn second(line: impl AsRef<[u8]>) -> (String, Refusal) {
        let mut text = b"{\"id\":\"a\",\"title\":\"A\"}\n".to_vec();
        text.extend(line.as_ref());
        match read(text) {
            Err(Error::ReleaseRefused { file, refusal }) => (file, refusal),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn second_line_names(line: &str, expected: &str) {
        match second(line) {
            (file, Refusal::Field { field, .. }) => {
                assert_eq!((file.as_str(), field.as_str()), ("catalogue.jsonl:2", expected));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn items_are_found_by_index_and_by_id() {
        let text = "{\"id\":\"a\",\"title\":\"A\"}\r\n{\"id\":\"é\",\"title\":\"\",\"attributes\":\
                    {\"price\":2,\"open\":true,\"kinds\":[\"x\",\"y\"]},\"place\":{\"latitude\":1,\
                    \"longitude\":2},\"hours\":[{\"days\":\"every\",\"from\":0,\"until\":1440}]}";
        let catalogue = read(text).unwrap();
        assert_eq!((catalogue.len(), catalogue.is_empty()), (2, false));
        assert_eq!(catalogue.index_of("é"), Some(1));
        assert_eq!(catalogue.item(1).unwrap().words("kinds").count(), 2);
        assert_eq!((catalogue.index_of("b"), catalogue.item(2)), (None, None));
        assert_eq!(catalogue.iter().count(), 2);
    }

    #[test]
    fn an_empty_file_is_an_empty_catalogue() {
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn a_duplicate_id_is_named_with_both_lines() {
        let (file, refusal) =
            second("{\"id\":\"b\",\"title\":\"\"}\n{\"id\":\"a\",\"title\":\"\"}");
        assert_eq!(file, "catalogue.jsonl:3");
        assert_eq!(refusal, Refusal::DuplicateItem { id: "a".into(), first_line: 1, line: 3 });
    }

    #[test]
    fn a_line_that_is_no_item_is_named_with_line_and_field() {
        second_line_names("\n{\"id\":\"b\",\"title\":\"\"}", "document");
        second_line_names("{\"id\":\"b\"}", "title");
        second_line_names("{\"id\":\"b\",\"title\":\"\",\"colour\":1}", "colour");
        second_line_names("{\"id\":\"b\",\"title\":3}", "title");
        second_line_names("{\"id\":\"\",\"title\":\"\"}", "id");
        second_line_names(
            "{\"id\":\"b\",\"title\":\"\",\"hours\":[{\"days\":\"now\"}]}",
            "hours[0].days",
        );
    }

    #[test]
    fn a_value_out_of_range_is_named_with_line_and_field() {
        let item = |rest: &str| format!("{{\"id\":\"b\",\"title\":\"\",{rest}}}");
        second_line_names(&format!("{{\"id\":\"b\",\"title\":\"{}\"}}", "x".repeat(1001)), "title");
        second_line_names("{\"id\":\"b\",\"title\":\"a\\u0007\"}", "title");
        second_line_names(&item("\"place\":{\"latitude\":91,\"longitude\":0}"), "place");
        let span = "\"hours\":[{\"days\":\"every\",\"from\":1440,\"until\":1}]";
        second_line_names(&item(span), "hours[0]");
        second_line_names(&item("\"attributes\":{\"kinds\":[\"a\\n\"]}"), "attributes.kinds");
        second_line_names(&item("\"attributes\":{\"\":1}"), "attributes");
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for number in ["1e999", "NaN", "-Infinity"] {
            let line = format!("{{\"id\":\"b\",\"title\":\"\",\"attributes\":{{\"n\":{number}}}}}");
            assert!(matches!(second(line), (_, Refusal::Field { .. })));
        }
        let mut item: Item = serde_json::from_str("{\"id\":\"b\",\"title\":\"\"}").unwrap();
        item.attributes.insert("n".into(), AttributeValue::Number(f64::NAN));
        assert!(matches!(Catalogue::from_items(vec![item]), Err(Error::InvalidInput { .. })));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let line = "{\"id\":\"b\",\"title\":\"\",\"attributes\":{\"n\":1,\"n\":2}}";
        assert!(matches!(second(line), (_, Refusal::Field { reason, .. }) if reason.contains("n")));
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert!(matches!(
            second(b"{\"id\":\"b\",\"title\":\"\xff\"}"),
            (file, Refusal::Field { .. }) if file == "catalogue.jsonl:2"
        ));
    }

    #[test]
    fn too_many_attributes_and_spans_are_refused() {
        let many: Vec<String> = (0..65).map(|n| format!("\"a{n}\":1")).collect();
        let line = format!("{{\"id\":\"b\",\"title\":\"\",\"attributes\":{{{}}}}}", many.join(","));
        assert!(matches!(second(line), (_, Refusal::TooLarge { limit: 64, found: 65, .. })));
        let spans = vec!["{\"days\":\"every\",\"from\":0,\"until\":1}"; 65].join(",");
        let line = format!("{{\"id\":\"b\",\"title\":\"\",\"hours\":[{spans}]}}");
        assert!(matches!(second(line), (_, Refusal::TooLarge { limit: 64, found: 65, .. })));
    }

    #[test]
    fn an_endless_line_is_refused_at_its_bound() {
        let line = format!("{{\"id\":\"b\",\"title\":\"\"{}}}", " ".repeat(LINE_BYTES_MAX));
        let (file, refusal) = second(line);
        assert_eq!(file, "catalogue.jsonl:2");
        let limit = LINE_BYTES_MAX as u64;
        assert!(matches!(refusal, Refusal::TooLarge { limit: l, .. } if l == limit));
    }

    #[test]
    fn a_line_of_the_greatest_length_is_read() {
        let item = "{\"id\":\"a\",\"title\":\"\"}";
        let padded = format!("{item}{}\n", " ".repeat(LINE_BYTES_MAX - item.len()));
        assert_eq!(read(padded).unwrap().len(), 1);
    }
}
