//! Questions about one attribute of all items, answered column by column.

use super::Catalogue;
use super::columns::{Attribute, Values};

impl Catalogue {
    /// For each item, its number in attribute `name`, if it has one there.
    pub fn numbers<'a>(&'a self, name: &str) -> impl Iterator<Item = Option<f64>> + use<'a> {
        let (file, columns) = (self.bytes(), self.columns_named(name));
        (0..self.len()).map(move |row| {
            match &columns.iter().find(|column| column.values.has(file, row))?.values {
                Values::Numbers { numbers, .. } => numbers.number(file, row),
                _ => None,
            }
        })
    }

    /// The items that have `word` in attribute `name`, in the order of the catalogue. Compares each
    /// word and looks at each list of words once, and at a code for each item.
    #[must_use]
    pub fn with_word(&self, name: &str, word: &str) -> Vec<u32> {
        let file = self.bytes();
        let columns: Vec<(&Attribute, Vec<bool>)> = self
            .columns_named(name)
            .into_iter()
            .map(|column| (column, column.values.codes_with(file, word)))
            .collect();
        let has_word = |index: &u32| {
            let row = *index as usize;
            let there = columns.iter().find(|(column, _)| column.values.has(file, row));
            there.is_some_and(|(column, codes)| {
                let code =
                    column.values.code(file, row).and_then(|code| usize::try_from(code).ok());
                code.and_then(|code| codes.get(code)) == Some(&true)
            })
        };
        self.indices().filter(has_word).collect()
    }
}

impl Values {
    /// The code of `row` into the table of words or lists; none of a number or a flag.
    fn code(&self, file: &[u8], row: usize) -> Option<u64> {
        match self {
            Self::Text { codes, .. } | Self::Words { codes, .. } => codes.uint(file, row),
            Self::Flags(_) | Self::Numbers { .. } => None,
        }
    }

    /// For each code, whether what it stands for is or holds `word`.
    fn codes_with(&self, file: &[u8], word: &str) -> Vec<bool> {
        let none = std::iter::once(false);
        match self {
            Self::Flags(_) | Self::Numbers { .. } => Vec::new(),
            Self::Text { words, .. } => {
                none.chain((0..words.rows()).map(|at| words.get(file, at) == Some(word))).collect()
            }
            Self::Words { lists, values, words, .. } => {
                let is = |at: usize| words.get(file, at) == Some(word);
                let Some(wanted) = (0..words.rows()).find(|at| is(*at)) else { return Vec::new() };
                let holds = |list: usize| {
                    let mut range = lists.range(file, list).unwrap_or_default();
                    range.any(|at| values.uint(file, at) == Some(wanted as u64))
                };
                none.chain((0..lists.rows()).map(holds)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Item;

    fn catalogue() -> Catalogue {
        let items: Vec<Item> = [
            r#"{"id": "a", "title": "", "attributes": {"x": 1.5, "tags": ["hot", "new"]}}"#,
            r#"{"id": "b", "title": "", "attributes": {"x": "hot", "tags": "hot"}}"#,
            r#"{"id": "c", "title": "", "attributes": {"tags": ["new"]}}"#,
            r#"{"id": "d", "title": ""}"#,
        ]
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
        Catalogue::from_items(&items).unwrap()
    }

    #[test]
    fn a_number_is_there_where_the_item_has_one() {
        let numbers: Vec<_> = catalogue().numbers("x").collect();
        assert_eq!(numbers, [Some(1.5), None, None, None]);
        assert!(catalogue().numbers("y").all(|number| number.is_none()));
    }

    #[test]
    fn items_with_a_word_are_those_whose_words_hold_it() {
        let catalogue = catalogue();
        for (name, word) in
            [("tags", "hot"), ("tags", "new"), ("x", "hot"), ("x", "1.5"), ("y", "")]
        {
            let expected: Vec<u32> =
                catalogue.indices().filter(|i| catalogue.words(*i, name).contains(&word)).collect();
            assert_eq!(catalogue.with_word(name, word), expected, "{name} {word}");
        }
    }
}
