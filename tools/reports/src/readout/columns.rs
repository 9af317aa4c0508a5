//! The columns of feedback that a read-out can group by.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A column to group by, or to choose rows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// The day, UTC.
    Day,
    /// The surface.
    Surface,
    /// The context.
    Context,
    /// The arm of the experiment.
    Arm,
    /// The experiment.
    Experiment,
    /// The release, `name@version`.
    Release,
    /// The position in the slate.
    Position,
    /// The kind of event.
    Kind,
    /// The item.
    Item,
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Day,
        Self::Surface,
        Self::Context,
        Self::Arm,
        Self::Experiment,
        Self::Release,
        Self::Position,
        Self::Kind,
        Self::Item,
    ];

    /// Its name in the schema.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Surface => "surface",
            Self::Context => "context",
            Self::Arm => "arm",
            Self::Experiment => "experiment",
            Self::Release => "release",
            Self::Position => "position",
            Self::Kind => "kind",
            Self::Item => "item",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Column {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|column| column.name() == text).ok_or_else(|| {
            let allowed = Self::ALL.map(Self::name).join(", ");
            let reason = format!("{text:?} is none of {allowed}");
            Error::InvalidSetting { setting: "column", reason }
        })
    }
}
