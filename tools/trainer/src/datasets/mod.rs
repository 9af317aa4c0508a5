//! Interactions of users with items, and the layouts they are read from.

pub mod cores;
pub mod directory;
pub mod events;
pub mod feedback;
pub mod movielens;
pub mod restaurant;
pub mod sequences;
pub mod sources;
pub mod statistics;
pub mod table;

use std::collections::HashMap;
use std::path::Path;

use noctule_core::base::{GeoPoint, ItemId, WeekMinute};
use noctule_core::catalogue::Item;
use noctule_core::release::Plan;

use crate::Result;

pub use cores::{CoreSettings, k_core};
pub use directory::{read_catalogue, read_directory, write_directory};
pub use events::{EventTable, ReadWarning, TableSettings, read_events};
pub use movielens::read_movielens;
pub use restaurant::read_restaurants;
pub use sequences::{read_pairs, read_sequences, read_text_file};
pub use sources::{Dataset, read_source};
pub use statistics::{DataStatistics, describe};

/// Bytes of one data file: MovieLens 32M, the largest of its family, is 900 MB.
pub const FILE_BYTES_MAX: u64 = 4 << 30;

/// Events of one data set: indices are 32-bit.
pub const EVENTS_MAX: usize = u32::MAX as usize;

/// One positive interaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction {
    /// Index of the user.
    pub user: u32,
    /// Index of the item.
    pub item: u32,
    /// When, Unix milliseconds; none where the data have no time.
    pub at_ms: Option<i64>,
    /// Index of the context in the plan; none where it is unknown.
    pub context: Option<u16>,
    /// Confidence, above 0.
    pub weight: f32,
}

/// What a reader met besides the interactions it kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Rows that repeat an earlier one; the first was kept.
    pub duplicates: u64,
    /// Rows that say the user did not like the item.
    pub not_positive: u64,
}

/// A data set: who chose what. Events of one user stand in time order where the layout has one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interactions {
    /// The users' names.
    pub users: Vec<String>,
    /// Where each user usually is, by user; empty where the data do not say.
    pub places: Vec<Option<GeoPoint>>,
    /// The catalogue.
    pub items: Vec<Item>,
    /// The interactions.
    pub events: Vec<Interaction>,
    /// What was left out.
    pub counts: ReadCounts,
}

/// Reads the data at `path` in whichever layout they have, without what [`read_source`] tells
/// besides. Events with a time get their context from `plan` ([`Interactions::assign_contexts`], in
/// UTC).
///
/// # Errors
/// As [`read_source`].
pub fn read(path: &Path, plan: &Plan) -> Result<Interactions> {
    Ok(read_source(path, plan, &TableSettings::default(), None)?.data)
}

impl Interactions {
    /// Gives each event that has a time but no context the first context of `plan` that holds at
    /// that time, `offset_minutes` east of UTC.
    pub fn assign_contexts(&mut self, plan: &Plan, offset_minutes: i32) {
        for event in self.events.iter_mut().filter(|event| event.context.is_none()) {
            let Some(at_ms) = event.at_ms else { continue };
            let moment = WeekMinute::at(at_ms, offset_minutes);
            let context = plan.contexts.iter().position(|context| context.when.holds(moment));
            event.context = context.and_then(|index| u16::try_from(index).ok());
        }
    }

    /// The indices of the events by user, in time order; events at the same time, or without one,
    /// keep the order of the data.
    #[must_use]
    pub fn by_user(&self) -> Vec<Vec<u32>> {
        let mut by_user = vec![Vec::new(); self.users.len()];
        for (index, event) in self.events.iter().enumerate() {
            by_user[event.user as usize].push(index as u32);
        }
        for events in &mut by_user {
            events.sort_by_key(|index| self.events[*index as usize].at_ms);
        }
        by_user
    }
}

/// Gives names indices in the order in which they are first met.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    index: HashMap<String, u32>,
}

impl Names {
    pub(crate) fn index(&mut self, name: &str) -> u32 {
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        let index = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.index.insert(name.to_owned(), index);
        index
    }
}

/// An item of which only the name is known.
pub(crate) fn bare_item(name: &str) -> noctule_core::base::Result<Item> {
    Ok(Item {
        id: ItemId::new(name)?,
        title: name.to_owned(),
        attributes: std::collections::BTreeMap::new(),
        place: None,
        hours: Vec::new(),
        available: true,
    })
}
