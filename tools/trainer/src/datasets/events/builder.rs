//! Rows of any table become interactions, or a complaint with their line.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use noctule_core::base::limits::ITEMS_MAX;
use noctule_core::catalogue::Item;

use super::moment::Moment;
use super::{EventTable, ReadWarning, Role, TableSettings, TimeUnit, WARNINGS_MAX};
use crate::datasets::table::shortened;
use crate::datasets::{EVENTS_MAX, Interaction, Interactions, Names, ReadCounts, bare_item};
use crate::{Error, Result};

/// An id as it stands in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    Text,
    Number,
}

/// The values of one row.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub(super) user: &'a str,
    pub(super) item: &'a str,
    pub(super) time: Option<Moment>,
    pub(super) rating: Option<f64>,
    pub(super) context: Option<&'a str>,
    pub(super) weight: Option<f64>,
    /// What user and item are, where the format tells numbers from text.
    pub(super) kinds: Option<[IdKind; 2]>,
}

/// Gathers the rows of one file.
pub(super) struct Builder<'a> {
    path: &'a Path,
    settings: &'a TableSettings,
    users: Names,
    items: Vec<Item>,
    index: HashMap<String, u32>,
    events: Vec<Interaction>,
    seen: HashSet<(u32, u32, Option<i64>, Option<u16>)>,
    counts: ReadCounts,
    warnings: Vec<ReadWarning>,
    rows: u64,
    rated: bool,
    with_context: bool,
    /// Line of the first time that is a number, and of the first that is a date.
    clocks: [Option<u64>; 2],
    largest: u64,
    unit: TimeUnit,
    kinds: [Option<IdKind>; 2],
    told_mixed: [bool; 2],
}

impl<'a> Builder<'a> {
    pub(super) fn new(path: &'a Path, settings: &'a TableSettings) -> Self {
        let items = settings.catalogue.clone().unwrap_or_default();
        let named = items.iter().enumerate();
        let index = named.map(|(at, item)| (item.id.as_str().to_owned(), at as u32)).collect();
        Self {
            path,
            settings,
            users: Names::default(),
            items,
            index,
            events: Vec::new(),
            seen: HashSet::new(),
            counts: ReadCounts::default(),
            warnings: Vec::new(),
            rows: 0,
            rated: false,
            with_context: false,
            clocks: [None; 2],
            largest: 0,
            unit: settings.time_unit,
            kinds: [None; 2],
            told_mixed: [false; 2],
        }
    }

    /// An [`Error::Field`] of `role`.
    pub(super) fn error(&self, line: u64, role: Role, reason: impl Into<String>) -> Error {
        Error::field(self.path, line, role.name(), reason)
    }

    pub(super) fn warn(&mut self, line: u64, what: impl Into<String>) {
        if self.warnings.len() < WARNINGS_MAX {
            let (path, what) = (self.path.to_path_buf(), what.into());
            self.warnings.push(ReadWarning { path, line, what });
        }
    }

    /// Hears the name of the column of times: `at_ms` says its unit.
    pub(super) fn time_column(&mut self, name: &str) {
        if self.unit == TimeUnit::Auto && name.to_ascii_lowercase().ends_with("_ms") {
            self.unit = TimeUnit::Milliseconds;
        }
    }

    /// Takes a row of line `line`.
    pub(super) fn push(&mut self, line: u64, row: &Row<'_>) -> Result<()> {
        self.rows += 1;
        for (id, role) in [(row.user, Role::User), (row.item, Role::Item)] {
            if id.is_empty() {
                return Err(self.error(line, role, "is missing"));
            }
        }
        self.note_kinds(line, row);
        let weight = self.weight(line, row)?;
        let context = self.context(line, row)?;
        let at_ms = self.time(line, row)?;
        if let Some(rating) = row.rating {
            self.rated = true;
            if !rating.is_finite() {
                let reason = format!("{rating} is not a finite number");
                return Err(self.error(line, Role::Rating, reason));
            }
            if self.settings.positive_rating.is_some_and(|least| rating < least) {
                self.counts.not_positive += 1;
                return Ok(());
            }
        }
        let item = self.item(line, row.item)?;
        let user = self.users.index(row.user);
        if !self.seen.insert((user, item, at_ms, context)) {
            self.counts.duplicates += 1;
        } else if self.events.len() == EVENTS_MAX {
            return Err(self.error(line, Role::User, format!("more than {EVENTS_MAX} events")));
        } else {
            self.events.push(Interaction { user, item, at_ms, context, weight });
        }
        Ok(())
    }

    fn note_kinds(&mut self, line: u64, row: &Row<'_>) {
        let Some(kinds) = row.kinds else { return };
        for (place, (kind, role)) in kinds.into_iter().zip([Role::User, Role::Item]).enumerate() {
            let first = *self.kinds[place].get_or_insert(kind);
            if first != kind && !self.told_mixed[place] {
                self.told_mixed[place] = true;
                let what = format!(
                    "{}s are numbers in some rows and text in others; 1 and \"1\" are taken for \
                     the same",
                    role.name()
                );
                self.warn(line, what);
            }
        }
    }

    fn weight(&self, line: u64, row: &Row<'_>) -> Result<f32> {
        let weight = row.weight.unwrap_or(1.0) as f32;
        if weight > 0.0 && weight.is_finite() {
            return Ok(weight);
        }
        Err(self.error(line, Role::Weight, format!("{weight} is not a finite number above 0")))
    }

    fn context(&mut self, line: u64, row: &Row<'_>) -> Result<Option<u16>> {
        let Some(name) = row.context.filter(|name| !name.is_empty()) else { return Ok(None) };
        self.with_context = true;
        let contexts = &self.settings.contexts;
        if contexts.is_empty() {
            return Ok(None);
        }
        let named = contexts.iter().position(|context| context.as_str() == name);
        let numbered = || name.parse().ok().filter(|index: &usize| *index < contexts.len());
        let found = named.or_else(numbered).and_then(|index| u16::try_from(index).ok());
        let refusal = || format!("{:?} is no context of the plan", shortened(name));
        found.map(Some).ok_or_else(|| self.error(line, Role::Context, refusal()))
    }

    fn time(&mut self, line: u64, row: &Row<'_>) -> Result<Option<i64>> {
        let Some(moment) = row.time else { return Ok(None) };
        let (place, value) = match moment {
            Moment::Number(number) => (0, number),
            Moment::Milliseconds(at) => (1, at),
        };
        self.clocks[place].get_or_insert(line);
        if place == 0 {
            self.largest = self.largest.max(value.unsigned_abs());
        }
        if let [Some(number), Some(date)] = self.clocks {
            let reason = format!("line {number} has a number, line {date} a date");
            return Err(self.error(line, Role::Time, reason));
        }
        Ok(Some(value))
    }

    fn item(&mut self, line: u64, name: &str) -> Result<u32> {
        if let Some(item) = self.index.get(name) {
            return Ok(*item);
        }
        if self.settings.catalogue.is_some() {
            let reason = format!("{:?} is not in the catalogue", shortened(name));
            return Err(self.error(line, Role::Item, reason));
        }
        if self.items.len() == ITEMS_MAX {
            return Err(self.error(line, Role::Item, format!("more than {ITEMS_MAX} items")));
        }
        let item = bare_item(name);
        self.items.push(item.map_err(|error| self.error(line, Role::Item, error.to_string()))?);
        let index = self.items.len() as u32 - 1;
        self.index.insert(name.to_owned(), index);
        Ok(index)
    }

    /// Whether any row came.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The table, with times in milliseconds and in order.
    pub(super) fn finish(mut self) -> Result<EventTable> {
        if self.is_empty() {
            return Err(Error::Empty { path: self.path.to_path_buf() });
        }
        if self.clocks[0].is_some() {
            self.convert_times()?;
        }
        self.warn_of_the_whole();
        let timed = self.events.iter().filter(|event| event.at_ms.is_some()).count();
        if timed == self.events.len() {
            self.events.sort_by_key(|event| event.at_ms);
        }
        let data = Interactions {
            users: self.users.names,
            places: Vec::new(),
            items: self.items,
            events: self.events,
            counts: self.counts,
        };
        Ok(EventTable { data, warnings: self.warnings })
    }

    fn convert_times(&mut self) -> Result<()> {
        let unit = self.unit.resolved(self.largest);
        if unit == TimeUnit::Milliseconds {
            return Ok(());
        }
        for event in &mut self.events {
            let Some(number) = event.at_ms else { continue };
            let Some(at_ms) = unit.milliseconds(number) else {
                let reason = format!("{number} of {unit:?} is out of range");
                return Err(Error::field(self.path, 0, Role::Time.name(), reason));
            };
            event.at_ms = Some(at_ms);
        }
        Ok(())
    }

    fn warn_of_the_whole(&mut self) {
        let timed = self.events.iter().filter(|event| event.at_ms.is_some()).count();
        let untimed = self.events.len() - timed;
        if timed > 0 && untimed > 0 {
            let what = format!(
                "{untimed} of {} events have no time: the file's order stands for time, and no \
                 time is used",
                self.events.len()
            );
            // Those without a time would else come before all others.
            self.events.iter_mut().for_each(|event| event.at_ms = None);
            self.warn(0, what);
        }
        if self.rated && self.settings.positive_rating.is_none() {
            self.warn(0, "every rating counts as a choice, however low: no least rating is set");
        }
        if self.with_context && self.settings.contexts.is_empty() {
            self.warn(0, "the column of contexts is not read: no plan names them");
        }
        if self.events.is_empty() {
            let least = self.settings.positive_rating.unwrap_or_default();
            let what =
                format!("no row is positive: {} are below {least}", self.counts.not_positive);
            self.warn(0, what);
        }
    }
}
