//! Which column holds what.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Who chose.
    User,
    /// What was chosen.
    Item,
    /// When.
    Time,
    /// How it was liked.
    Rating,
    /// In which circumstances.
    Context,
    /// How sure it is that it was a choice.
    Weight,
}

impl Role {
    /// All roles; the first two must have a column.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Item, Self::Time, Self::Rating, Self::Context, Self::Weight];

    /// Name in settings and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
            Self::Time => "time",
            Self::Rating => "rating",
            Self::Context => "context",
            Self::Weight => "weight",
        }
    }

    fn is_needed(self) -> bool {
        matches!(self, Self::User | Self::Item)
    }

    /// Names that are looked for, in this order, without regard to case, `_`, `-` and spaces.
    fn usual(self) -> &'static [&'static str] {
        match self {
            Self::User => &["user", "userid", "uid", "customerid", "visitorid", "reviewerid"],
            Self::Item => &[
                "item",
                "itemid",
                "movieid",
                "productid",
                "iid",
                "articleid",
                "parentasin",
                "asin",
            ],
            Self::Time => {
                &["atms", "timestamp", "time", "ts", "datetime", "date", "unixreviewtime"]
            }
            Self::Rating => &["rating", "stars", "score", "overall"],
            Self::Context => &["context"],
            Self::Weight => &["weight", "confidence", "playcount"],
        }
    }
}

/// Names of columns; those that are none are looked for by usual names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Column of the user.
    pub user: Option<String>,
    /// Column of the item.
    pub item: Option<String>,
    /// Column of the time.
    pub time: Option<String>,
    /// Column of the rating.
    pub rating: Option<String>,
    /// Column of the context.
    pub context: Option<String>,
    /// Column of the weight.
    pub weight: Option<String>,
}

impl Columns {
    fn given(&self, role: Role) -> Option<&str> {
        let name = match role {
            Role::User => &self.user,
            Role::Item => &self.item,
            Role::Time => &self.time,
            Role::Rating => &self.rating,
            Role::Context => &self.context,
            Role::Weight => &self.weight,
        };
        name.as_deref()
    }

    /// The place in `header` of each role's column, in the order of [`Role::ALL`].
    pub(super) fn find(
        &self,
        path: &Path,
        header: &[String],
    ) -> Result<[Option<usize>; Role::ALL.len()]> {
        let mut places = [None; Role::ALL.len()];
        for (place, role) in places.iter_mut().zip(Role::ALL) {
            *place = match self.given(role) {
                Some(name) => header.iter().position(|column| column == name),
                None => role
                    .usual()
                    .iter()
                    .find_map(|usual| header.iter().position(|column| plain(column) == *usual)),
            };
            if place.is_none() && (role.is_needed() || self.given(role).is_some()) {
                let column = self.given(role).unwrap_or(role.name()).to_owned();
                let found = header.join(", ");
                return Err(Error::MissingColumn { path: path.to_path_buf(), column, found });
            }
        }
        Ok(places)
    }

    /// The role of the field `name` of a JSON object, where it has one.
    pub(super) fn role_of(&self, name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| match self.given(*role) {
            Some(given) => given == name,
            None => role.usual().contains(&plain(name).as_str()),
        })
    }
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| !matches!(letter, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}
