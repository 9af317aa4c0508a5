//! The checks of one person.

use std::collections::BTreeSet;
use std::time::Instant;

use noctule_core::base::{ContextId, Day, ItemId, SeededRandom};
use noctule_core::exam::profile_of;
use noctule_core::night::{LoadedRelease, SequenceParts, SlateMaker, Treatment};
use noctule_core::release::{
    Check, CheckEvent, CheckKind, Consumed, Context, Demand, Plan, Policy, Situation, Surface,
    WithinTop,
};
use noctule_core::slates::Slate;

use super::Person;
use crate::{Error, Result};

/// Log-odds between the two of a pair: e to the 1, nearly three times as likely. A model of the
/// next week that turns such a pair round has changed its mind.
const MARGIN: f32 = 1.0;
/// Items that are drawn in search of the lower one of a pair.
const DRAWS: usize = 64;
/// How far the first of a slate may fall before somebody should look.
const TOP_ALLOWED: usize = 5;
/// Scores of a golden check.
const GOLDEN: usize = 5;
/// Rounding of single-precision sums, far below what a reader of scores would see.
const TOLERANCE: f64 = 1e-3;
/// What a slate may take of that which it took here, and the least that is allowed: machines that
/// pack are shared, and their clocks vary.
const BUDGET_FACTOR: f64 = 5.0;
const BUDGET_MS_MIN: f64 = 50.0;
const BUDGET_BYTES: u64 = 32 << 20;

pub(super) struct Drafter<'a> {
    loaded: &'a LoadedRelease,
    plan: Plan,
}

/// A demand with its name and what it means.
type Draft = (&'static str, String, Demand);

impl<'a> Drafter<'a> {
    pub(super) fn new(loaded: &'a LoadedRelease, plan: &Plan) -> Self {
        let mut plan = plan.clone();
        plan.exploration.epsilon = 0.0;
        Self { loaded, plan }
    }

    pub(super) fn knows(&self, item: &ItemId) -> bool {
        self.loaded.release.catalogue().index_of(item.as_str()).is_some()
    }

    pub(super) fn has_context(&self, context: &ContextId) -> bool {
        self.plan.context(context.as_str()).is_some()
    }

    /// Whether the first surface has slates for `context`.
    pub(super) fn serves(&self, context: &ContextId) -> bool {
        self.plan.surfaces.first().is_some_and(|surface| surface.contexts.contains(context))
    }

    /// Every draft for `person`.
    pub(super) fn checks(&self, person: &Person, random: &mut SeededRandom) -> Result<Vec<Check>> {
        let slate = self.slate(person, &person.history)?;
        let mut drafts = Vec::new();
        drafts.extend(self.pair(person, &slate, random)?);
        drafts.extend(self.top(&slate));
        drafts.extend(self.consumed(person));
        drafts.extend(self.shuffled(person, random));
        drafts.push(self.stranger(person));
        drafts.extend(self.golden(person, &slate, random)?);
        let mut checks: Vec<Check> =
            drafts.into_iter().map(|draft| check(person, person.history.clone(), draft)).collect();
        checks.extend(self.hidden(person, &slate));
        Ok(checks)
    }

    /// What a slate takes, for whoever has the longest history.
    pub(super) fn budget(&self, people: &[Person]) -> Result<Option<Check>> {
        let Some(person) = people.iter().max_by_key(|person| person.history.len()) else {
            return Ok(None);
        };
        let mut quickest = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            self.slate(person, &person.history)?;
            quickest = quickest.min(1_000.0 * began.elapsed().as_secs_f64());
        }
        let allowed = (BUDGET_FACTOR * quickest).max(BUDGET_MS_MIN).ceil();
        let description = format!(
            "A slate takes at most {allowed} ms (here it took {quickest:.1}) and {} MiB",
            BUDGET_BYTES >> 20
        );
        let demand =
            Demand::Budget { slate_ms_max: Some(allowed), memory_bytes_max: Some(BUDGET_BYTES) };
        Ok(Some(check(person, person.history.clone(), ("budget", description, demand))))
    }

    /// What the person chose next, or else the first of the slate, before something far below it.
    fn pair(
        &self,
        person: &Person,
        slate: &Slate,
        random: &mut SeededRandom,
    ) -> Result<Option<Draft>> {
        let Some(first) = slate.slots.first() else { return Ok(None) };
        let shown = slate.slots.iter().any(|slot| slot.item == person.next);
        let above = if shown { &person.next } else { &first.item };
        let catalogue = self.loaded.release.catalogue();
        let Some(index) = catalogue.index_of(above.as_str()) else { return Ok(None) };
        let mut indices = vec![index];
        // Lossless: a catalogue fits 32 bits.
        indices.extend((0..DRAWS).map(|_| random.below(catalogue.len()) as u32));
        let scores = self.scores(person, &indices)?;
        let clear = |score: &f32| *score < scores[0] - MARGIN;
        let Some(at) = scores.iter().position(clear) else { return Ok(None) };
        let Some(below) = catalogue.item(indices[at]) else { return Ok(None) };
        let why = if shown { "which this person chose next" } else { "the first of the slate" };
        let description = format!(
            "After {}, {} ({why}) fits better than {}",
            self.told(&person.history),
            self.title(above),
            self.title(&below.id),
        );
        let prefer = Some([above.clone(), below.id.clone()]);
        Ok(Some(("pair", description, sanity(prefer, None, Vec::new()))))
    }

    fn top(&self, slate: &Slate) -> Option<Draft> {
        let first = slate.slots.first()?;
        let k = TOP_ALLOWED.min(slate.slots.len());
        let title = self.title(&first.item);
        let description = format!("{title}, now the first of the slate, stays among its first {k}");
        let within = WithinTop { item: first.item.clone(), k };
        Some(("top", description, sanity(None, Some(within), Vec::new())))
    }

    /// What was chosen does not come back, where the plan says so.
    fn consumed(&self, person: &Person) -> Option<Draft> {
        let last = person.history.last()?;
        if self.plan.consumed == Consumed::Keep {
            return None;
        }
        let description = format!("{} was chosen and does not come back", self.title(&last.item));
        Some(("consumed", description, sanity(None, None, vec![last.item.clone()])))
    }

    /// Whoever hides the first of the slate never sees it again.
    fn hidden(&self, person: &Person, slate: &Slate) -> Option<Check> {
        let item = &slate.slots.first()?.item;
        let mut history = person.history.clone();
        let hide = CheckEvent {
            item: item.clone(),
            kind: CheckKind::Hidden,
            weight: None,
            context: None,
            days_ago: Some(0.0),
        };
        history.push(hide);
        let description = format!("{} was hidden and is not shown", self.title(item));
        let demand = sanity(None, None, vec![item.clone()]);
        Some(check(person, history, ("hidden", description, demand)))
    }

    fn shuffled(&self, person: &Person, random: &mut SeededRandom) -> Option<Draft> {
        let mut changed = person.history.clone();
        random.shuffle(&mut changed);
        if changed == person.history {
            changed.reverse();
        }
        if changed == person.history {
            return None;
        }
        let description = "The order in which the same things are told changes nothing".to_owned();
        Some(("order", description, same(changed)))
    }

    fn stranger(&self, person: &Person) -> Draft {
        let mut changed = person.history.clone();
        let name = |at: usize| ItemId::new(format!("unknown-{at}")).ok();
        let unknown = (0..).filter_map(name).find(|id| !self.knows(id));
        changed.extend(unknown.map(|item| CheckEvent {
            item,
            kind: CheckKind::Chosen,
            weight: None,
            context: None,
            days_ago: None,
        }));
        let description = "An item that the catalogue lacks changes nothing".to_owned();
        ("stranger", description, same(changed))
    }

    /// Scores of the first of the slate and of as many others.
    fn golden(
        &self,
        person: &Person,
        slate: &Slate,
        random: &mut SeededRandom,
    ) -> Result<Option<Draft>> {
        let catalogue = self.loaded.release.catalogue();
        let first = slate.slots.iter().take(GOLDEN);
        let first = first.filter_map(|slot| catalogue.index_of(slot.item.as_str()));
        let mut indices: BTreeSet<u32> = first.collect();
        if indices.is_empty() {
            return Ok(None);
        }
        indices.extend((0..GOLDEN).map(|_| random.below(catalogue.len()) as u32));
        let indices: Vec<u32> = indices.into_iter().collect();
        let scores = self.scores(person, &indices)?.into_iter().map(f64::from);
        let named = indices.iter().zip(scores).filter_map(|(index, score)| {
            // As many digits as the tolerance has any use for.
            let score = (score * 1e5).round() / 1e5;
            catalogue.item(*index).map(|item| (item.id.clone(), score))
        });
        let demand = Demand::Regression {
            scores: named.collect(),
            tolerance: TOLERANCE,
            relative: TOLERANCE,
        };
        let description = format!(
            "Scores of {} items are those of {}: strike this out when the model is to change",
            indices.len(),
            self.loaded.release.manifest().release
        );
        Ok(Some(("golden", description, demand)))
    }

    fn place(&self, person: &Person) -> Result<(&Surface, usize, &Context)> {
        let missing = || Error::part("plan", "has no surface with a context");
        let surface = self.plan.surfaces.first().ok_or_else(missing)?;
        let id = person.context.as_ref().or(surface.contexts.first()).ok_or_else(missing)?;
        let (index, context) = self.plan.context(id.as_str()).ok_or_else(missing)?;
        Ok((surface, index, context))
    }

    fn with_maker<T>(
        &self,
        person: &Person,
        history: &[CheckEvent],
        ask: impl FnOnce(&SlateMaker<'_>) -> noctule_core::Result<T>,
    ) -> Result<T> {
        let now_ms = self.loaded.release.manifest().created_ms;
        let profile = profile_of(&situation(person, Vec::new()), history, now_ms);
        let policy = self.loaded.policy(Policy::Model);
        let maker = SlateMaker {
            loaded: self.loaded,
            plan: &self.plan,
            profile: &profile,
            treatment: Treatment { policy, arm: None },
            now_ms,
            day: Day::at(now_ms, 0).0,
            at_night: true,
            recorder: None,
            sequence: SequenceParts::default(),
        };
        Ok(ask(&maker)?)
    }

    fn slate(&self, person: &Person, history: &[CheckEvent]) -> Result<Slate> {
        let (surface, index, context) = self.place(person)?;
        self.with_maker(person, history, |maker| maker.make(surface, index, context))
    }

    fn scores(&self, person: &Person, items: &[u32]) -> Result<Vec<f32>> {
        let (_, index, context) = self.place(person)?;
        self.with_maker(person, &person.history, |maker| maker.scores(index, context, items))
    }

    /// An item as a person knows it.
    fn title(&self, id: &ItemId) -> String {
        let catalogue = self.loaded.release.catalogue();
        let title = catalogue.index_of(id.as_str()).and_then(|index| catalogue.title(index));
        let title = title.filter(|title| !title.is_empty());
        format!("\u{201c}{:.40}\u{201d}", title.unwrap_or(id.as_str()))
    }

    /// The last few things of a history.
    fn told(&self, history: &[CheckEvent]) -> String {
        let last = history.iter().rev().take(3).map(|event| self.title(&event.item));
        let titles: Vec<String> = last.collect();
        titles.join(", ")
    }
}

fn situation(person: &Person, history: Vec<CheckEvent>) -> Situation {
    let (context, place) = (person.context.clone(), person.place);
    Situation { history, surface: None, context, place, at_ms: None }
}

fn check(person: &Person, history: Vec<CheckEvent>, (name, description, demand): Draft) -> Check {
    let id = format!("{name}-{}", person.number);
    Check { id, description: Some(description), situation: situation(person, history), demand }
}

fn sanity(
    prefer: Option<[ItemId; 2]>,
    within_top: Option<WithinTop>,
    must_not_show: Vec<ItemId>,
) -> Demand {
    Demand::Sanity { prefer, within_top, must_show: Vec::new(), must_not_show }
}

fn same(changed_history: Vec<CheckEvent>) -> Demand {
    Demand::Invariance { changed_history, tolerance: Some(TOLERANCE), same_top: None }
}
