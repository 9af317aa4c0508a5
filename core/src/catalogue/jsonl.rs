//! Reading `catalogue.jsonl`, from which the columns are made.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::Item;
use crate::base::limits::{ITEMS_MAX, LINE_BYTES_MAX};
use crate::base::{Error, ItemId, Refusal, Result, json};

/// The file of items that a release is packed from.
pub const JSONL_FILE: &str = "catalogue.jsonl";

/// Reads the items of the file at `path`, one JSON object a line; errors call the file `name`. A
/// file of no lines holds no items.
///
/// # Errors
/// [`Error::File`] when it cannot be read; [`Error::ReleaseRefused`], with the line behind the
/// name, when a line is too long, is not an item, holds a value out of range, or repeats the id of
/// an earlier one, or when there are too many.
pub fn read_jsonl(path: &Path, name: &str) -> Result<Vec<Item>> {
    let file = File::open(path).map_err(Error::file(path, "opening"))?;
    let mut reader = BufReader::with_capacity(LINE_BYTES_MAX, file);
    let (mut items, mut lines) = (Vec::new(), HashMap::new());
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        // One byte more than a line and its end may have, to see that there is more.
        let mut bounded = reader.by_ref().take(LINE_BYTES_MAX as u64 + 2);
        bounded.read_until(b'\n', &mut line).map_err(Error::file(path, "reading"))?;
        if line.is_empty() {
            break;
        }
        let item = parse(&mut line).and_then(|item| {
            check_new(&mut lines, &item, number)?;
            Ok(item)
        });
        items.push(item.map_err(|refusal| Error::refused(format!("{name}:{number}"), refusal))?);
    }
    Ok(items)
}

fn parse(line: &mut Vec<u8>) -> Result<Item, Refusal> {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() > LINE_BYTES_MAX {
        let (found, limit) = (line.len() as u64, LINE_BYTES_MAX as u64);
        return Err(Refusal::TooLarge { what: "length of the line", found, limit });
    }
    let item: Item = json::parse(line)?;
    item.check()?;
    Ok(item)
}

/// Checks that the item of line `number` is not one of `lines`, nor one too many.
fn check_new(lines: &mut HashMap<ItemId, u64>, item: &Item, number: u64) -> Result<(), Refusal> {
    if lines.len() == ITEMS_MAX {
        let (found, limit) = (ITEMS_MAX as u64 + 1, ITEMS_MAX as u64);
        return Err(Refusal::TooLarge { what: "number of items", found, limit });
    }
    match lines.insert(item.id.clone(), number) {
        Some(first_line) => {
            Err(Refusal::DuplicateItem { id: item.id.to_string(), first_line, line: number })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::AttributeValue;

    fn read(text: impl AsRef<[u8]>) -> Result<Vec<Item>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.jsonl");
        std::fs::write(&path, text).unwrap();
        read_jsonl(&path, JSONL_FILE)
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
    fn items_come_in_the_order_of_their_lines() {
        let text = "{\"id\":\"a\",\"title\":\"A\"}\r\n{\"id\":\"é\",\"title\":\"\",\"attributes\":\
                    {\"price\":2,\"open\":true,\"kinds\":[\"x\",\"y\"]},\"place\":{\"latitude\":1,\
                    \"longitude\":2},\"hours\":[{\"days\":\"every\",\"from\":0,\"until\":1440}]}";
        let items = read(text).unwrap();
        assert_eq!((items.len(), items[1].id.as_str()), (2, "é"));
        assert_eq!(items[1].words("kinds").count(), 2);
    }

    #[test]
    fn an_empty_file_holds_no_items() {
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
        second_line_names(&item("\"place\":{\"latitude\":91,\"longitude\":0}"), "place");
        let span = "\"hours\":[{\"days\":\"every\",\"from\":1440,\"until\":1}]";
        second_line_names(&item(span), "hours[0]");
        second_line_names(&item("\"attributes\":{\"\":1}"), "attributes");
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for number in ["1e999", "NaN", "-Infinity"] {
            let line = format!("{{\"id\":\"b\",\"title\":\"\",\"attributes\":{{\"n\":{number}}}}}");
            assert!(matches!(second(line), (_, Refusal::NotANumber { .. })));
        }
        let mut item: Item = serde_json::from_str("{\"id\":\"b\",\"title\":\"\"}").unwrap();
        item.attributes.insert("n".into(), AttributeValue::Number(f64::NAN));
        assert!(matches!(item.check(), Err(Refusal::Field { .. })));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let line = "{\"id\":\"b\",\"title\":\"\",\"attributes\":{\"n\":1,\"n\":2}}";
        assert!(matches!(second(line),
            (_, Refusal::DuplicateKey { reason, .. }) if reason.contains("`n`")));
    }

    #[test]
    fn a_control_character_is_named_with_its_field() {
        for (line, named) in [
            ("{\"id\":\"b\",\"title\":\"a\\u0007\"}", "title"),
            ("{\"id\":\"b\\n\",\"title\":\"\"}", "id"),
            ("{\"id\":\"b\",\"title\":\"\",\"attributes\":{\"k\":[\"a\\n\"]}}", "attributes.k"),
        ] {
            assert!(matches!(second(line),
                (_, Refusal::ControlCharacter { field, .. }) if field == named));
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert!(matches!(
            second(b"{\"id\":\"b\",\"title\":\"\xff\"}"),
            (file, Refusal::NotUtf8 { .. }) if file == "catalogue.jsonl:2"
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
