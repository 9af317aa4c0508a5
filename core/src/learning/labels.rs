//! Weak labels from events.

use std::collections::BTreeMap;

use crate::base::limits::HISTORY_ITEMS_MAX;
use crate::base::{Day, Forgotten, HistoryItem, ItemId, LabelWeights, Profile, order};
use crate::feedback::{EventKind, RecordedEvent};

/// A profile being brought up to date.
#[derive(Debug)]
pub struct Labels {
    profile: Profile,
    history: BTreeMap<ItemId, HistoryItem>,
    weights: LabelWeights,
    forgotten: Forgotten,
    offset_minutes: i32,
    read: u64,
}

impl Labels {
    /// Begins from what the profile knows.
    #[must_use]
    pub fn new(mut profile: Profile, weights: LabelWeights) -> Self {
        let history = std::mem::take(&mut profile.history);
        let history = history.into_iter().map(|entry| (entry.item.clone(), entry)).collect();
        let forgotten = Forgotten::default();
        Self { profile, history, weights, forgotten, offset_minutes: 0, read: 0 }
    }

    /// Reads the days of openings in local time, so many minutes east of UTC.
    #[must_use]
    pub fn in_zone(self, offset_minutes: i32) -> Self {
        Self { offset_minutes, ..self }
    }

    /// Passes over what the user asked to be forgotten: of such events only that an item was
    /// hidden, and which slates were opened, is still learned.
    #[must_use]
    pub fn without(self, forgotten: Forgotten) -> Self {
        Self { forgotten, ..self }
    }

    /// Learns from one event. An event whose sequence number was learned already is passed over.
    pub fn learn(&mut self, event: &RecordedEvent) {
        if event.sequence <= self.profile.learned_through {
            return;
        }
        self.profile.learned_through = event.sequence;
        self.read += 1;
        let is_forgotten = self.forgotten.covers(&event.item, event.sequence);
        if event.kind == EventKind::Hide {
            self.profile.hidden.insert(event.item.clone());
        }
        if event.undoes == Some(EventKind::Hide) {
            self.profile.hidden.remove(&event.item);
        }
        if event.kind == EventKind::Impression {
            self.note_opening(event);
        }
        if is_forgotten {
            return;
        }
        let LabelWeights { conversion, like, click, dwell, dwell_ms_min, .. } = self.weights;
        match event.kind {
            EventKind::Conversion => self.chosen(event, conversion, true),
            EventKind::Like => self.chosen(event, like, true),
            EventKind::Click => self.chosen(event, click, false),
            EventKind::Dwell if event.dwell_ms.is_some_and(|ms| ms >= dwell_ms_min) => {
                self.chosen(event, dwell, false);
            }
            EventKind::Dislike | EventKind::Hide => self.against(event, self.weights.dislike),
            EventKind::Impression => self.against(event, self.passed_over_weight(event)),
            EventKind::Undo => self.undone(event),
            EventKind::Dwell | EventKind::Custom(_) => {}
        }
    }

    /// The profile, and how many events it learned from.
    ///
    /// When there are more than [`HISTORY_ITEMS_MAX`] items, those with the least confidence go.
    #[must_use]
    pub fn finish(mut self) -> (Profile, u64) {
        let mut history: Vec<HistoryItem> = self.history.into_values().collect();
        if history.len() > HISTORY_ITEMS_MAX {
            let worth = |entry: &HistoryItem| {
                (entry.last_chosen_ms.is_some(), entry.weight().max(entry.negative))
            };
            order::sort_by(&mut history, |a, b| {
                let ((a_chosen, a), (b_chosen, b)) = (worth(a), worth(b));
                b_chosen.cmp(&a_chosen).then_with(|| b.total_cmp(&a))
            });
            history.truncate(HISTORY_ITEMS_MAX);
            order::sort_by(&mut history, |a, b| a.item.cmp(&b.item));
        }
        self.profile.history = history;
        (self.profile, self.read)
    }

    fn chosen(&mut self, event: &RecordedEvent, confidence: f32, really: bool) {
        let max = self.weights.confidence_max;
        let passed = self.passed_over_weight(event);
        let entry = self.entry(&event.item);
        let weight = entry.weight_by_context.entry(event.context.clone()).or_insert(0.0);
        *weight = (*weight + confidence).min(max);
        // Its own impression, recorded before, was not passed over.
        entry.negative = (entry.negative - passed).max(0.0);
        if really {
            entry.last_chosen_ms = entry.last_chosen_ms.max(Some(event.at_ms));
        }
    }

    fn against(&mut self, event: &RecordedEvent, confidence: f32) {
        let max = self.weights.confidence_max;
        let entry = self.entry(&event.item);
        entry.negative = (entry.negative + confidence).min(max);
    }

    /// Takes back as much as the event that it names had counted.
    fn undone(&mut self, event: &RecordedEvent) {
        let LabelWeights { conversion, like, dislike, .. } = self.weights;
        let Some(entry) = self.history.get_mut(&event.item) else { return };
        let confidence = match event.undoes {
            Some(EventKind::Hide | EventKind::Dislike) => {
                entry.negative = (entry.negative - dislike).max(0.0);
                return;
            }
            Some(EventKind::Like) => like,
            Some(EventKind::Conversion) => conversion,
            _ => return,
        };
        entry.last_chosen_ms = None;
        let Some(weight) = entry.weight_by_context.get_mut(&event.context) else { return };
        *weight -= confidence;
        if *weight <= 0.0 {
            entry.weight_by_context.remove(&event.context);
        }
    }

    fn note_opening(&mut self, event: &RecordedEvent) {
        if event.position == Some(0)
            && let (Some(surface), Some(context)) = (&event.surface, &event.context)
        {
            let day = Day::at(event.at_ms, self.offset_minutes);
            self.profile.openings.note(surface.as_str(), context.as_str(), day);
        }
    }

    fn passed_over_weight(&self, event: &RecordedEvent) -> f32 {
        let examined = |position: u32| 1.0 / (1.0 + position as f32);
        event.position.map_or(0.0, |position| self.weights.passed_over * examined(position))
    }

    fn entry(&mut self, item: &ItemId) -> &mut HistoryItem {
        self.history.entry(item.clone()).or_insert_with(|| HistoryItem {
            item: item.clone(),
            weight_by_context: BTreeMap::new(),
            negative: 0.0,
            last_chosen_ms: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ContextId, Forgetting, SurfaceId};

    fn event(sequence: u64, kind: EventKind, item: &str) -> RecordedEvent {
        let item = ItemId::new(item).unwrap();
        let context = Some(ContextId::new("lunch").unwrap());
        RecordedEvent {
            context,
            ..RecordedEvent::new(sequence, 1_000 * sequence as i64, kind, item)
        }
    }

    fn learned(events: &[RecordedEvent]) -> Profile {
        let mut labels = Labels::new(Profile::default(), LabelWeights::default());
        events.iter().for_each(|event| labels.learn(event));
        labels.finish().0
    }

    #[test]
    fn a_conversion_counts_more_than_a_click_and_marks_the_item_as_chosen() {
        let profile =
            learned(&[event(1, EventKind::Click, "a"), event(2, EventKind::Conversion, "b")]);
        let [a, b] = profile.history.as_slice() else { panic!("{profile:?}") };
        assert!(a.weight() < b.weight());
        assert_eq!((a.last_chosen_ms, b.last_chosen_ms), (None, Some(2_000)));
        assert_eq!(profile.learned_through, 2);
    }

    #[test]
    fn an_event_is_learned_once() {
        let click = event(1, EventKind::Click, "a");
        assert_eq!(learned(&[click.clone(), click.clone()]), learned(&[click]));
    }

    #[test]
    fn an_item_passed_over_counts_against_it_less_further_down_and_not_when_clicked() {
        let shown = |sequence, item: &str, position| RecordedEvent {
            position: Some(position),
            ..event(sequence, EventKind::Impression, item)
        };
        let click = RecordedEvent { position: Some(0), ..event(4, EventKind::Click, "c") };
        let profile = learned(&[shown(1, "a", 0), shown(2, "b", 4), shown(3, "c", 0), click]);
        let negatives: Vec<f32> = profile.history.iter().map(|entry| entry.negative).collect();
        assert!(negatives[0] > negatives[1] && negatives[1] > 0.0);
        assert_eq!(negatives[2], 0.0);
    }

    #[test]
    fn a_hidden_item_is_kept_as_hidden_and_a_storm_of_clicks_is_bounded() {
        let mut events = vec![event(1, EventKind::Hide, "a")];
        events.extend((2..1_000).map(|sequence| event(sequence, EventKind::Click, "b")));
        let profile = learned(&events);
        assert!(profile.hidden.contains("a"));
        assert_eq!(profile.history[1].weight(), LabelWeights::default().confidence_max);
    }

    #[test]
    fn an_undo_takes_back_what_it_names_and_nothing_else() {
        let undo = |sequence, kind, item: &str| RecordedEvent {
            undoes: Some(kind),
            ..event(sequence, EventKind::Undo, item)
        };
        let profile = learned(&[
            event(1, EventKind::Hide, "a"),
            event(2, EventKind::Like, "b"),
            event(3, EventKind::Click, "b"),
            undo(4, EventKind::Hide, "a"),
            undo(5, EventKind::Like, "b"),
            undo(6, EventKind::Like, "never seen"),
        ]);
        let [a, b] = profile.history.as_slice() else { panic!("{profile:?}") };
        assert!(profile.hidden.is_empty());
        assert_eq!((a.negative, a.weight()), (0.0, 0.0));
        assert_eq!((b.weight(), b.last_chosen_ms), (LabelWeights::default().click, None));
    }

    #[test]
    fn what_is_forgotten_leaves_only_what_was_hidden_and_opened() {
        let through = Forgetting { number: 1, through: 3 };
        let forgotten = Forgotten::from([(ItemId::new("a").unwrap(), through)]);
        let labels = Labels::new(Profile::default(), LabelWeights::default());
        let mut labels = labels.without(forgotten);
        let shown = RecordedEvent {
            position: Some(0),
            surface: Some(SurfaceId::new("home").unwrap()),
            ..event(1, EventKind::Impression, "a")
        };
        for event in [shown, event(2, EventKind::Hide, "a"), event(3, EventKind::Like, "a")] {
            labels.learn(&event);
        }
        labels.learn(&event(4, EventKind::Like, "b"));
        labels.learn(&event(5, EventKind::Click, "a"));
        let (profile, read) = labels.finish();
        assert!(profile.hidden.contains("a") && !profile.openings.by_slate.is_empty());
        let [a, b] = profile.history.as_slice() else { panic!("{profile:?}") };
        let weights = LabelWeights::default();
        assert_eq!((a.weight(), a.negative, a.last_chosen_ms), (weights.click, 0.0, None));
        assert_eq!(b.weight(), weights.like);
        assert_eq!((read, profile.learned_through), (5, 5));
    }

    #[test]
    fn the_history_is_bounded_and_keeps_what_was_chosen() {
        let mut events = vec![event(1, EventKind::Conversion, "chosen")];
        for number in 0..2 * HISTORY_ITEMS_MAX as u64 {
            events.push(event(number + 2, EventKind::Dislike, &format!("no{number}")));
        }
        let profile = learned(&events);
        assert_eq!(profile.history.len(), HISTORY_ITEMS_MAX);
        assert!(profile.history.iter().any(|entry| entry.item.as_str() == "chosen"));
    }
}
