//! Users in groups, to see whom a mean hides.

use std::collections::HashMap;
use std::path::Path;

use super::protocol::UserResult;
use crate::Result;
use crate::datasets::Interactions;
use crate::datasets::table::{Encoding, Table};

/// Groups of the evaluated users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// What they are grouped by.
    pub name: String,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// The group of each result; none for a user of whom it is not known.
    pub of: Vec<Option<usize>>,
}

impl Grouping {
    /// By the number of known events: at most four groups between the quartiles.
    #[must_use]
    pub fn by_history(results: &[UserResult]) -> Self {
        let mut lengths: Vec<usize> = results.iter().map(|result| result.history).collect();
        lengths.sort_unstable();
        let mut ends: Vec<usize> = [0.25, 0.5, 0.75, 1.0]
            .iter()
            .filter_map(|share| {
                let place = (share * lengths.len() as f64).ceil() as usize;
                lengths.get(place.max(1) - 1).copied()
            })
            .collect();
        ends.dedup();
        let begins = std::iter::once(0).chain(ends.iter().map(|end| end + 1));
        let name = |(begin, end): (usize, &usize)| match (begin, *end) {
            (begin, end) if begin == end => format!("{end}"),
            (begin, end) => format!("{begin} to {end}"),
        };
        let groups = begins.zip(&ends).map(name).collect();
        let of = results.iter().map(|result| ends.iter().position(|end| result.history <= *end));
        Self { name: "known events".into(), groups, of: of.collect() }
    }

    /// By the context of the first target, of those in `names`.
    #[must_use]
    pub fn by_context(results: &[UserResult], names: &[String]) -> Self {
        let group = |result: &UserResult| {
            result.context.map(usize::from).filter(|context| *context < names.len())
        };
        let of = results.iter().map(group).collect();
        Self { name: "context".into(), groups: names.to_vec(), of }
    }

    /// By a CSV file with the columns `user` and `group`. Users that the file lacks have no group;
    /// rows of unknown users are passed over.
    ///
    /// # Errors
    /// Those of reading the table, with file, line and column.
    pub fn from_file(path: &Path, data: &Interactions, results: &[UserResult]) -> Result<Self> {
        let all = Self::of_all_users(path, data)?;
        let of = results.iter().map(|result| all.of[result.user as usize]).collect();
        Ok(Self { of, ..all })
    }

    /// As [`Grouping::from_file`], with a group for each user of `data` instead of each result.
    ///
    /// # Errors
    /// As [`Grouping::from_file`].
    pub fn of_all_users(path: &Path, data: &Interactions) -> Result<Self> {
        let mut table = Table::open(path, Encoding::Utf8, &["user", "group"])?;
        let mut of_user: HashMap<String, usize> = HashMap::new();
        let mut groups: Vec<String> = Vec::new();
        while let Some(row) = table.next_row()? {
            let (user, group) = (row.text(0), row.text(1));
            if group.is_empty() {
                return Err(row.error(1, "is empty"));
            }
            let place = groups.iter().position(|known| known == group).unwrap_or(groups.len());
            if place == groups.len() {
                if groups.len() == GROUPS_MAX {
                    return Err(row.error(1, format!("more than {GROUPS_MAX} groups")));
                }
                groups.push(group.to_owned());
            }
            of_user.insert(user.to_owned(), place);
        }
        let of = data.users.iter().map(|user| of_user.get(user).copied()).collect();
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
        Ok(Self { name, groups, of })
    }
}

/// Groups of one file: more cannot be read on a page.
const GROUPS_MAX: usize = super::fairness::GROUPS_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn results(histories: &[usize]) -> Vec<UserResult> {
        let result = |(user, history): (usize, &usize)| UserResult {
            user: user as u32,
            history: *history,
            context: (user as u16).checked_sub(1),
            targets: vec![0],
            ranks: vec![1],
            ranked: 2,
            best: Vec::new(),
        };
        histories.iter().enumerate().map(result).collect()
    }

    #[test]
    fn histories_are_parted_at_the_quartiles_and_equal_ones_stay_together() {
        let found = Grouping::by_history(&results(&[2, 2, 2, 2, 3, 5, 9, 40]));
        assert_eq!(found.groups, ["0 to 2", "3 to 5", "6 to 40"]);
        let of: Vec<usize> = found.of.into_iter().flatten().collect();
        assert_eq!(of, [0, 0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(Grouping::by_history(&[]).groups.len(), 0);
    }

    #[test]
    fn groups_come_from_contexts_and_from_files() {
        let results = results(&[1, 1, 1]);
        let found = Grouping::by_context(&results, &["lunch".into()]);
        assert_eq!(found.of, [None, Some(0), None]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("budget.csv");
        std::fs::write(&path, "user,group\nv,high\nx,low\nu,low\n").unwrap();
        let users = ["u", "v", "w"].map(String::from).to_vec();
        let data = Interactions { users, ..Interactions::default() };
        let found = Grouping::from_file(&path, &data, &results).unwrap();
        assert_eq!((found.name.as_str(), found.of), ("budget", vec![Some(1), Some(0), None]));
        std::fs::write(&path, "user,group\nv,\n").unwrap();
        let refused = Grouping::from_file(&path, &data, &results).unwrap_err();
        assert!(matches!(refused, crate::Error::Field { line: 2, .. }));
    }
}
