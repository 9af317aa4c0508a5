//! From single events to showings: one slate on one screen, with what was done about it.
//!
//! A *showing* is what the literature on click models calls a session or a query session: the
//! impressions of one slate (same installation, surface, context and generation) until a position
//! or an item comes again or [`PAUSE_MS`] pass. A reaction belongs to the latest showing of its
//! installation that has its item, within [`ATTRIBUTION_MS`]; where it names a surface, context
//! or generation, only to a showing with the same. A reaction without a showing is no label: it was
//! made elsewhere (a search, a detail page), or its impression never arrived. It is counted, and
//! conversions and likes among them are kept as what the user is known to want.

use std::collections::HashMap;

use noctule_core::feedback::EventKind;
use serde::{Deserialize, Serialize};

use super::log::{FeedbackLog, Row};

/// Impressions further apart belong to different showings: half an hour, as visits have it.
pub const PAUSE_MS: i64 = 30 * 60 * 1_000;

/// A reaction belongs to a showing at most a day before it.
pub const ATTRIBUTION_MS: i64 = 24 * 60 * 60 * 1_000;

/// Showings of an installation that are searched for the one a reaction belongs to: bounds the
/// time that a log of very many short showings takes.
const LOOK_BACK: usize = 256;

/// One place of a showing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShownSlot {
    /// Index of the item in [`Showings::items`].
    pub item: u32,
    /// Position, from 0.
    pub position: u32,
    /// Probability of the item at this position given the positions before it; none where it was
    /// not logged.
    pub propensity: Option<f64>,
    /// How long it was on the screen, milliseconds.
    pub visible_ms: Option<u64>,
    /// Whether it was opened.
    pub clicked: bool,
    /// Longest dwell, milliseconds.
    pub dwell_ms: Option<u64>,
    /// Whether it was liked, and that not taken back.
    pub liked: bool,
    /// Whether it was converted, and that not taken back.
    pub converted: bool,
    /// Whether it was disliked, and that not taken back.
    pub disliked: bool,
    /// Whether it was hidden, and that not taken back.
    pub hidden: bool,
}

/// One slate on one screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Showing {
    /// Index in [`Showings::installations`].
    pub installation: u32,
    /// Index in [`Showings::surfaces`].
    pub surface: Option<u32>,
    /// Index in [`Showings::contexts`].
    pub context: Option<u32>,
    /// Generation of the slate.
    pub generation: Option<u64>,
    /// When its first impression was, Unix milliseconds.
    pub at_ms: i64,
    /// By rising position, each position once.
    pub slots: Vec<ShownSlot>,
}

/// A conversion or like of something that was in no showing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenElsewhere {
    /// Index in [`Showings::installations`].
    pub installation: u32,
    /// Index in [`Showings::items`].
    pub item: u32,
    /// Index in [`Showings::contexts`].
    pub context: Option<u32>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// What was met on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowingCounts {
    /// Events that repeat the installation and number of one before.
    pub repeats: u64,
    /// Impressions.
    pub impressions: u64,
    /// Reactions that belong to a showing.
    pub reactions: u64,
    /// Reactions that belong to none.
    pub orphans: u64,
    /// Reactions taken back.
    pub undone: u64,
    /// Undos of what is not there.
    pub undone_nothing: u64,
}

/// All showings of a log, those of one installation together, in the order of its numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Showings {
    /// Pseudonyms of the installations.
    pub installations: Vec<String>,
    /// Names of the items.
    pub items: Vec<String>,
    /// Names of the surfaces.
    pub surfaces: Vec<String>,
    /// Names of the contexts.
    pub contexts: Vec<String>,
    /// The showings.
    pub showings: Vec<Showing>,
    /// What was chosen elsewhere, and that not taken back, by rising installation.
    pub elsewhere: Vec<ChosenElsewhere>,
    /// What was met on the way.
    pub counts: ShowingCounts,
}

impl Showings {
    /// Groups the events of `log`.
    #[must_use]
    pub fn of(log: FeedbackLog) -> Self {
        let FeedbackLog { installations, items, surfaces, contexts, mut rows } = log;
        let mut counts = ShowingCounts::default();
        rows.sort_by_key(|row| (row.installation, row.sequence));
        let before = rows.len();
        rows.dedup_by_key(|row| (row.installation, row.sequence));
        counts.repeats = (before - rows.len()) as u64;
        let (mut showings, mut elsewhere) = (Vec::new(), Vec::new());
        for rows in rows.chunk_by(|a, b| a.installation == b.installation) {
            let mut one = Installation::default();
            rows.iter().for_each(|row| one.take(row, &mut counts));
            showings.append(&mut one.showings);
            elsewhere.append(&mut one.elsewhere);
        }
        for showing in &mut showings {
            showing.slots.sort_by_key(|slot| slot.position);
        }
        let (installations, items) = (installations.names, items.names);
        let (surfaces, contexts) = (surfaces.names, contexts.names);
        Self { installations, items, surfaces, contexts, showings, elsewhere, counts }
    }

    /// All slots, showing by showing.
    pub fn slots(&self) -> impl Iterator<Item = &ShownSlot> {
        self.showings.iter().flat_map(|showing| &showing.slots)
    }
}

/// Surface, context and generation.
type Slate = (Option<u32>, Option<u32>, Option<u64>);

/// What is known of one installation while its events are read.
#[derive(Default)]
struct Installation {
    showings: Vec<Showing>,
    /// The latest showing of each slate, and the time of its latest impression.
    open: HashMap<Slate, (usize, i64)>,
    elsewhere: Vec<ChosenElsewhere>,
}

impl Installation {
    fn take(&mut self, row: &Row, counts: &mut ShowingCounts) {
        match (&row.kind, row.position) {
            (EventKind::Impression, Some(position)) => {
                counts.impressions += 1;
                self.impression(row, position);
            }
            (EventKind::Undo, _) => {
                let undone = match &row.undoes {
                    Some(kind) => self.react(row, kind, false) || self.forget(row, kind),
                    None => false,
                };
                *(if undone { &mut counts.undone } else { &mut counts.undone_nothing }) += 1;
            }
            (kind, _) => {
                let found = self.react(row, kind, true);
                if !found && matches!(kind, EventKind::Conversion | EventKind::Like) {
                    let Row { installation, item, context, at_ms, .. } = *row;
                    let chosen = ChosenElsewhere { installation, item, context, at_ms };
                    self.elsewhere.push(chosen);
                }
                *(if found { &mut counts.reactions } else { &mut counts.orphans }) += 1;
            }
        }
    }

    fn impression(&mut self, row: &Row, position: u32) {
        let slate = (row.surface, row.context, row.generation);
        let slot = ShownSlot {
            item: row.item,
            position,
            propensity: row.propensity,
            visible_ms: row.visible_ms,
            clicked: false,
            dwell_ms: None,
            liked: false,
            converted: false,
            disliked: false,
            hidden: false,
        };
        if let Some((index, latest)) = self.open.get_mut(&slate) {
            let slots = &mut self.showings[*index].slots;
            let again = slots.iter().any(|old| old.position == position || old.item == row.item);
            if !again && row.at_ms.abs_diff(*latest) <= PAUSE_MS.unsigned_abs() {
                slots.push(slot);
                *latest = row.at_ms;
                return;
            }
        }
        self.open.insert(slate, (self.showings.len(), row.at_ms));
        self.showings.push(Showing {
            installation: row.installation,
            surface: row.surface,
            context: row.context,
            generation: row.generation,
            at_ms: row.at_ms,
            slots: vec![slot],
        });
    }

    /// Notes that `kind` was done to the item of `row`, or takes it back; false where there is no
    /// such showing, or nothing to take back.
    fn react(&mut self, row: &Row, kind: &EventKind, done: bool) -> bool {
        for showing in self.showings.iter_mut().rev().take(LOOK_BACK) {
            if !belongs(row, showing) {
                continue;
            }
            let Some(slot) = showing.slots.iter_mut().find(|slot| slot.item == row.item) else {
                continue;
            };
            let Some(mark) = mark(slot, kind) else { return false };
            if !done && !*mark {
                continue;
            }
            *mark = done;
            if *kind == EventKind::Dwell {
                slot.dwell_ms = slot.dwell_ms.max(row.dwell_ms);
            }
            return true;
        }
        false
    }
}

impl Installation {
    /// Takes back the latest choice of the item of `row` elsewhere; false when there is none.
    fn forget(&mut self, row: &Row, kind: &EventKind) -> bool {
        let wanted = matches!(kind, EventKind::Conversion | EventKind::Like);
        let chosen = self.elsewhere.iter().rposition(|chosen| chosen.item == row.item);
        let Some(at) = chosen.filter(|_| wanted) else { return false };
        self.elsewhere.remove(at);
        true
    }
}

/// The mark that `kind` leaves on a slot. A dwell marks a click: nothing is dwelt upon that was
/// not opened.
fn mark<'a>(slot: &'a mut ShownSlot, kind: &EventKind) -> Option<&'a mut bool> {
    Some(match kind {
        EventKind::Click | EventKind::Dwell => &mut slot.clicked,
        EventKind::Like => &mut slot.liked,
        EventKind::Conversion => &mut slot.converted,
        EventKind::Dislike => &mut slot.disliked,
        EventKind::Hide => &mut slot.hidden,
        EventKind::Impression | EventKind::Undo | EventKind::Custom(_) => return None,
    })
}

fn belongs(row: &Row, showing: &Showing) -> bool {
    let same = |named: Option<u32>, own: Option<u32>| named.is_none() || named == own;
    let late = row.at_ms.saturating_sub(showing.at_ms);
    same(row.surface, showing.surface)
        && same(row.context, showing.context)
        && (row.generation.is_none() || row.generation == showing.generation)
        && late.unsigned_abs() <= ATTRIBUTION_MS.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use noctule_core::base::ItemId;
    use noctule_core::feedback::FeedbackEvent;

    use super::*;

    fn event(kind: EventKind, item: &str, at_ms: i64) -> FeedbackEvent {
        FeedbackEvent { at_ms: Some(at_ms), ..FeedbackEvent::new(kind, ItemId::new(item).unwrap()) }
    }

    fn shown(item: &str, position: i64, generation: u64, at_ms: i64) -> FeedbackEvent {
        FeedbackEvent {
            position: Some(position),
            generation: Some(generation),
            ..event(EventKind::Impression, item, at_ms)
        }
    }

    fn showings(events: &[FeedbackEvent]) -> Showings {
        let mut log = FeedbackLog::default();
        for (sequence, event) in (1..).zip(events) {
            log.push("phone", sequence, event).unwrap();
        }
        Showings::of(log)
    }

    fn items(showings: &Showings) -> Vec<Vec<&str>> {
        let name = |slot: &ShownSlot| showings.items[slot.item as usize].as_str();
        let of = |showing: &Showing| showing.slots.iter().map(name).collect();
        showings.showings.iter().map(of).collect()
    }

    #[test]
    fn a_slate_shown_twice_is_two_showings_in_the_order_of_positions() {
        let events = [
            shown("b", 1, 1, 0),
            shown("a", 0, 1, 1),
            shown("a", 0, 1, 2),
            shown("b", 1, 1, 3),
            shown("c", 0, 2, 4),
        ];
        assert_eq!(items(&showings(&events)), [vec!["a", "b"], vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn a_long_pause_begins_another_showing() {
        let events = [shown("a", 0, 1, 0), shown("b", 1, 1, PAUSE_MS + 1)];
        assert_eq!(items(&showings(&events)), [["a"], ["b"]]);
    }

    #[test]
    fn a_reaction_goes_to_the_latest_showing_of_the_generation_it_names() {
        let click = FeedbackEvent { generation: Some(1), ..event(EventKind::Click, "a", 9) };
        let like = event(EventKind::Like, "a", 10);
        let events = [shown("a", 0, 1, 0), shown("a", 0, 2, 5), click, like];
        let found = showings(&events);
        let marks: Vec<_> = found.slots().map(|slot| (slot.clicked, slot.liked)).collect();
        assert_eq!(marks, [(true, false), (false, true)]);
        assert_eq!((found.counts.reactions, found.counts.orphans), (2, 0));
    }

    #[test]
    fn a_reaction_without_a_showing_is_counted_and_left_out() {
        let late = event(EventKind::Click, "a", ATTRIBUTION_MS + 1);
        let found = showings(&[shown("a", 0, 1, 0), event(EventKind::Click, "b", 1), late]);
        assert_eq!((found.counts.reactions, found.counts.orphans), (0, 2));
        assert!(!found.showings[0].slots[0].clicked);
    }

    #[test]
    fn what_was_chosen_elsewhere_is_kept_until_it_is_taken_back() {
        let undo =
            FeedbackEvent { undoes: Some(EventKind::Conversion), ..event(EventKind::Undo, "b", 5) };
        let chosen = |item| event(EventKind::Conversion, item, 3);
        let found = showings(&[
            chosen("a"),
            shown("c", 0, 1, 4),
            chosen("b"),
            event(EventKind::Click, "d", 4),
            undo,
        ]);
        let names: Vec<&str> = found
            .elsewhere
            .iter()
            .map(|chosen| found.items[chosen.item as usize].as_str())
            .collect();
        assert_eq!((names, found.counts.orphans, found.counts.undone), (vec!["a"], 3, 1));
    }

    #[test]
    fn an_undo_takes_back_what_it_names_and_nothing_else() {
        let undo = |kind| FeedbackEvent { undoes: Some(kind), ..event(EventKind::Undo, "a", 5) };
        let events = [
            shown("a", 0, 1, 0),
            event(EventKind::Hide, "a", 1),
            event(EventKind::Conversion, "a", 2),
            undo(EventKind::Hide),
            undo(EventKind::Like),
        ];
        let found = showings(&events);
        let slot = found.showings[0].slots[0];
        assert_eq!((slot.hidden, slot.converted, slot.liked), (false, true, false));
        assert_eq!((found.counts.undone, found.counts.undone_nothing), (1, 1));
    }

    #[test]
    fn repeated_events_count_once_and_the_longest_dwell_stays() {
        let dwell = |ms| FeedbackEvent { dwell_ms: Some(ms), ..event(EventKind::Dwell, "a", 3) };
        let mut log = FeedbackLog::default();
        for (sequence, event) in
            [(1, shown("a", 0, 1, 0)), (2, dwell(70)), (3, dwell(50)), (1, shown("a", 0, 1, 0))]
        {
            log.push("phone", sequence, &event).unwrap();
        }
        let found = Showings::of(log);
        assert_eq!((found.showings.len(), found.counts.repeats), (1, 1));
        let slot = found.showings[0].slots[0];
        assert_eq!((slot.clicked, slot.dwell_ms), (true, Some(70)));
    }
}
