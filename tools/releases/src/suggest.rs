//! Drafts of checks, from what people did and what a release makes of it.
//!
//! A draft says what the release does now; that it is right is for the person to say who reads the
//! descriptions and strikes out what is not.

mod drafts;

use noctule_core::base::{ContextId, GeoPoint, ItemId, Seed, SeededRandom};
use noctule_core::exam::{Conditions, sit};
use noctule_core::night::LoadedRelease;
use noctule_core::release::{Check, CheckEvent, CheckKind, Checks, Level, VerifiedRelease};

use crate::Result;
use drafts::Drafter;

/// Choices of a person that a check keeps: the last ones.
const HISTORY_CHOICES: usize = 20;

/// What one person chose, in the order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PersonHistory {
    /// The choices.
    pub choices: Vec<PersonChoice>,
    /// Where the person usually is.
    pub place: Option<GeoPoint>,
}

/// One choice of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonChoice {
    /// The item.
    pub item: ItemId,
    /// The context it was made in.
    pub context: Option<ContextId>,
    /// What it counts for, above 0; 1 is a conversion.
    pub weight: f32,
}

/// How much is drafted, and from which draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuggestSettings {
    /// People whose histories become checks, about seven checks each.
    pub people: usize,
    /// Draws the people and the items.
    pub seed: u64,
}

impl Default for SuggestSettings {
    fn default() -> Self {
        Self { people: 6, seed: 1 }
    }
}

/// Drafts checks for `release` from the histories of `people`: pairs with a clear margin, what must
/// not be shown, histories changed in ways that must not matter, scores as they are, and what a
/// slate takes. Each says in words what it asks for. The same input gives the same checks, but for
/// the budget, which is measured here.
///
/// A draft that the release itself does not pass is left out, except for the budget.
///
/// # Errors
/// [`crate::Error::Core`] when the release cannot be opened; [`crate::Error::Part`] when nobody has
/// chosen two items of its catalogue.
pub fn suggest(
    release: &VerifiedRelease,
    people: &[PersonHistory],
    settings: SuggestSettings,
) -> Result<Checks> {
    let loaded = LoadedRelease::open(&release.directory, &release.manifest_sha256)?;
    let mut random = SeededRandom::new(Seed(settings.seed).derive(&["suggest"]));
    let drafter = Drafter::new(&loaded, &release.manifest.plan);
    let mut drawn: Vec<Person> = Vec::new();
    let mut order: Vec<usize> = (0..people.len()).collect();
    random.shuffle(&mut order);
    for index in order {
        if drawn.len() == settings.people {
            break;
        }
        drawn.extend(Person::of(&people[index], drawn.len() + 1, &drafter));
    }
    if drawn.is_empty() {
        let reason = "nobody in the data has chosen two items of the release's catalogue";
        return Err(crate::Error::part("people", reason));
    }
    let mut drafts = Vec::new();
    for person in &drawn {
        drafts.extend(drafter.checks(person, &mut random)?);
    }
    drafts.extend(drafter.budget(&drawn)?);
    passing(&loaded, release, drafts)
}

/// The drafts that the release passes, at most as many as a release may have.
fn passing(
    loaded: &LoadedRelease,
    release: &VerifiedRelease,
    drafts: Vec<Check>,
) -> Result<Checks> {
    let most = noctule_core::base::limits::CHECKS_MAX;
    let mut drafts = drafts;
    // The budget stands last and stays.
    let last = drafts.split_off(drafts.len().saturating_sub(1));
    drafts.truncate(most - last.len());
    drafts.extend(last);
    let all = Checks::new(drafts)?;
    let report = sit(loaded, &release.manifest.plan, &all, &Conditions::default())?;
    let failed = |check: &Check| {
        // A busy moment says nothing against a budget that was just measured.
        let mut failures = report.failed.iter().filter(|f| f.level != Level::Budget);
        failures.any(|failure| failure.id == check.id)
    };
    let passed = all.all().iter().filter(|check| !failed(check)).cloned();
    Ok(Checks::new(passed.collect())?)
}

/// A person whose history becomes checks.
struct Person {
    /// From 1, for ids and descriptions: data may name people, checks do not.
    number: usize,
    history: Vec<CheckEvent>,
    /// What was chosen next, which is not in the history.
    next: ItemId,
    context: Option<ContextId>,
    place: Option<GeoPoint>,
}

impl Person {
    /// None when there is too little that the release knows.
    fn of(person: &PersonHistory, number: usize, drafter: &Drafter<'_>) -> Option<Self> {
        let known = person.choices.iter().filter(|choice| drafter.knows(&choice.item));
        let mut known: Vec<&PersonChoice> = known.collect();
        let next = known.pop()?;
        known.retain(|choice| choice.item != next.item);
        let from = known.len().saturating_sub(HISTORY_CHOICES);
        let total = known.len() - from;
        let event = |(at, choice): (usize, &&PersonChoice)| CheckEvent {
            item: choice.item.clone(),
            kind: CheckKind::Chosen,
            weight: (choice.weight != 1.0).then_some(choice.weight.clamp(0.01, 10.0)),
            context: choice.context.clone().filter(|context| drafter.has_context(context)),
            days_ago: Some((total - at) as f64),
        };
        let history: Vec<CheckEvent> = known[from..].iter().enumerate().map(event).collect();
        let context = next.context.clone().filter(|context| drafter.serves(context));
        let (next, place) = (next.item.clone(), person.place);
        (!history.is_empty()).then_some(Self { number, history, next, context, place })
    }
}
