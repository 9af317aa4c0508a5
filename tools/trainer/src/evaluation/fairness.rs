//! Groups of items or users that ought to be served alike, and how far they are.

mod report;

use serde::{Deserialize, Serialize};

pub use report::{FairnessReport, GroupFairness, measure_fairness};

use super::groups::Grouping;
use crate::datasets::Interactions;
use crate::{Error, Result};

/// Groups, at most: more cannot be read on a page.
pub const GROUPS_MAX: usize = 50;

/// Which side is grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Items.
    Items,
    /// Users.
    Users,
}

/// A group of each item or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// What they are grouped by.
    pub by: String,
    /// Which side.
    pub side: Side,
    /// Names of the groups.
    pub names: Vec<String>,
    /// The group of each, by index; none where it is not known.
    pub of: Vec<Option<u16>>,
}

impl Groups {
    /// Items by the word of their `attribute`; of several words the first counts. Items without
    /// one have no group. Groups come in the order of their names.
    ///
    /// # Errors
    /// [`Error::Setting`] where the items have no such words, all the same one, or more than
    /// [`GROUPS_MAX`].
    pub fn of_items(data: &Interactions, attribute: &str) -> Result<Self> {
        let word = |item| data_word(data, item, attribute);
        let mut names: Vec<String> = (0..data.items.len()).filter_map(word).collect();
        names.sort_unstable();
        names.dedup();
        let place = |word: String| names.binary_search(&word).ok().map(|place| place as u16);
        let of = (0..data.items.len()).map(|item| word(item).and_then(place)).collect();
        check(attribute, &names)?;
        Ok(Self { by: attribute.to_owned(), side: Side::Items, names, of })
    }

    /// Users as `grouping` groups them; its results are all users, in their order.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2 groups or more than [`GROUPS_MAX`].
    pub fn of_users(grouping: &Grouping) -> Result<Self> {
        check(&grouping.name, &grouping.groups)?;
        let of = grouping.of.iter().map(|group| group.map(|group| group as u16)).collect();
        let (by, names) = (grouping.name.clone(), grouping.groups.clone());
        Ok(Self { by, side: Side::Users, names, of })
    }

    /// The group of item or user `index`.
    #[must_use]
    pub fn group(&self, index: u32) -> Option<usize> {
        self.of.get(index as usize).copied().flatten().map(usize::from)
    }
}

fn data_word(data: &Interactions, item: usize, attribute: &str) -> Option<String> {
    data.items[item].words(attribute).next().map(str::to_owned)
}

fn check(by: &str, names: &[String]) -> Result<()> {
    let count = names.len();
    if (2..=GROUPS_MAX).contains(&count) {
        return Ok(());
    }
    let reason = format!("{by:?} gives {count} groups; 2 to {GROUPS_MAX} can be compared");
    Err(Error::setting("fairness-group", reason))
}

#[cfg(test)]
mod tests {
    use noctule_core::catalogue::AttributeValue;

    use super::*;
    use crate::datasets::bare_item;

    fn data(words: &[Option<&str>]) -> Interactions {
        let item = |(at, word): (usize, &Option<&str>)| {
            let mut item = bare_item(&format!("i{at}")).unwrap();
            if let Some(word) = word {
                item.attributes.insert("kind".into(), AttributeValue::Text((*word).into()));
            }
            item
        };
        let items = words.iter().enumerate().map(item).collect();
        Interactions { items, ..Interactions::default() }
    }

    #[test]
    fn items_are_grouped_by_a_word_and_those_without_it_have_no_group() {
        let data = data(&[Some("thai"), None, Some("greek"), Some("thai")]);
        let groups = Groups::of_items(&data, "kind").unwrap();
        assert_eq!(groups.names, ["greek", "thai"]);
        assert_eq!(groups.of, [Some(1), None, Some(0), Some(1)]);
        assert_eq!((groups.group(2), groups.group(1), groups.group(9)), (Some(0), None, None));
    }

    #[test]
    fn no_groups_one_group_and_too_many_are_refused_by_name() {
        let many: Vec<String> = (0..=GROUPS_MAX).map(|word| format!("w{word}")).collect();
        let many: Vec<Option<&str>> = many.iter().map(|word| Some(word.as_str())).collect();
        for (words, attribute) in [
            (&[Some("a"), Some("b")][..], "colour"),
            (&[Some("a"), Some("a")], "kind"),
            (&many, "kind"),
        ] {
            let error = Groups::of_items(&data(words), attribute).unwrap_err();
            assert!(error.to_string().contains(attribute), "{error}");
        }
        let grouping = Grouping { name: "budget".into(), groups: Vec::new(), of: Vec::new() };
        assert!(Groups::of_users(&grouping).unwrap_err().to_string().contains("budget"));
    }
}
