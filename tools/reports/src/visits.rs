//! From events to what is counted: visits and impressions, with what became of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use noctule_core::base::Day;

use crate::ab::AbSettings;
use crate::feedback::{Feedback, FeedbackRow, Word};

/// One showing of a slate to one installation: all impressions of the same installation, surface,
/// context, generation and day.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) installation: Word,
    pub(crate) context: Option<Word>,
    pub(crate) day: Day,
    /// Minute of the day at which it began.
    pub(crate) minute: u32,
    pub(crate) arm: Word,
    pub(crate) accepted: bool,
    generation: Option<u64>,
    /// Indices of its impressions.
    impressions: Vec<usize>,
}

/// An item shown in a visit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Impression {
    pub(crate) installation: Word,
    pub(crate) arm: Word,
    pub(crate) item: Word,
    pub(crate) position: Option<u32>,
    pub(crate) clicked: bool,
}

/// What is counted in the feedback of an experiment.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub(crate) visits: Vec<Visit>,
    pub(crate) impressions: Vec<Impression>,
    /// Impressions without an arm: outside any experiment.
    pub(crate) without_arm: u64,
    /// Installations whose impressions name more than one arm.
    pub(crate) mixed_installations: u64,
}

/// Where a slate was shown: what an outcome is matched by.
type Place = (Word, Option<Word>, Option<Word>, Day);

/// Sorts the feedback into visits.
pub(crate) fn observe(feedback: &Feedback, settings: &AbSettings) -> Observed {
    let experiment = settings.experiment.as_deref().map(|name| feedback.find(name));
    let rows = || {
        // An experiment that no row names matches none.
        feedback.distinct().filter(move |row| {
            experiment.is_none_or(|wanted| wanted.is_some() && row.experiment == wanted)
        })
    };
    let place = |row: &FeedbackRow| -> Place {
        let day = Day::at(row.at_ms, settings.offset_minutes);
        (row.installation, row.surface, row.context, day)
    };
    let mut observed = Observed::default();
    let mut visits: HashMap<(Place, Option<u64>), usize> = HashMap::new();
    let mut by_place: HashMap<Place, Vec<usize>> = HashMap::new();
    let mut arms: BTreeMap<Word, HashSet<Word>> = BTreeMap::new();
    let impression = feedback.find("impression");
    for row in rows().filter(|row| Some(row.kind) == impression) {
        let Some(arm) = row.arm else {
            observed.without_arm += 1;
            continue;
        };
        arms.entry(row.installation).or_default().insert(arm);
        let place = place(row);
        let visit = *visits.entry((place, row.generation)).or_insert_with(|| {
            by_place.entry(place).or_default().push(observed.visits.len());
            observed.visits.push(Visit {
                installation: row.installation,
                context: row.context,
                day: place.3,
                minute: Day::minute(row.at_ms, settings.offset_minutes),
                arm,
                accepted: false,
                generation: row.generation,
                impressions: Vec::new(),
            });
            observed.visits.len() - 1
        });
        observed.visits[visit].impressions.push(observed.impressions.len());
        observed.impressions.push(Impression {
            installation: row.installation,
            arm: observed.visits[visit].arm,
            item: row.item,
            position: row.position,
            clicked: false,
        });
    }
    observed.mixed_installations = arms.values().filter(|arms| arms.len() > 1).count() as u64;
    let (accepting, click) = (feedback.find(&settings.accepted_by), feedback.find("click"));
    for row in rows() {
        let (accepts, clicks) = (Some(row.kind) == accepting, Some(row.kind) == click);
        if accepts || clicks {
            for visit in by_place.get(&place(row)).into_iter().flatten() {
                observed.outcome(*visit, row, accepts, clicks);
            }
        }
    }
    observed
}

impl Observed {
    /// The contexts in the order of the day: by the mean minute of their visits.
    pub(crate) fn contexts(&self) -> Vec<Option<Word>> {
        let mut minutes: BTreeMap<Option<Word>, (f64, f64)> = BTreeMap::new();
        for visit in &self.visits {
            let (sum, count) = minutes.entry(visit.context).or_default();
            *sum += f64::from(visit.minute);
            *count += 1.0;
        }
        let mut contexts: Vec<_> =
            minutes.into_iter().map(|(context, (sum, count))| (sum / count, context)).collect();
        contexts.sort_by(|a, b| a.0.total_cmp(&b.0));
        contexts.into_iter().map(|(_, context)| context).collect()
    }

    /// Credits a visit with an outcome when it showed that item from that generation.
    fn outcome(&mut self, visit: usize, row: &FeedbackRow, accepts: bool, clicks: bool) {
        let visit = &mut self.visits[visit];
        if row.generation.is_some() && row.generation != visit.generation {
            return;
        }
        for index in &visit.impressions {
            let impression = &mut self.impressions[*index];
            if impression.item == row.item {
                visit.accepted |= accepts;
                impression.clicked |= clicks;
            }
        }
    }
}
