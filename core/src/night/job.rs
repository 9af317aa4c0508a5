//! The loop over the slates of a plan, under a budget.

use std::time::{Duration, Instant};

use super::nearest::CONTEXTS_AT_ONCE;
use super::{NearestItems, SlateMaker, WorkItem, inputs_digest, order_of_work};
use crate::base::budget::Spending;
use crate::base::{Day, Error, Progress, Result, Step, StopReason};
use crate::release::Context;
use crate::slates::{Slate, SlateKey};

/// Slates that may fail one after the other, with none made, before the night gives up.
const FAILURES_MAX: u32 = 3;

/// Asked between and inside the stages of a slate, also by other threads; its error ends the slate.
pub type GoOn<'a> = &'a (dyn Fn() -> Result<()> + Sync);

/// How a night ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NightOutcome {
    /// Every slate of the plan is made from the newest inputs.
    Finished,
    /// The budget ran out or somebody cancelled; the next night goes on.
    Stopped(StopReason),
    /// There is no release: nothing to make slates from.
    NoRelease,
}

/// What a night did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NightReport {
    /// How it ended.
    pub outcome: NightOutcome,
    /// Slates published.
    pub published: u32,
    /// Slates kept, since nothing they depend on has changed.
    pub kept: u32,
    /// Slates left for the next night.
    pub remaining: u32,
    /// Feedback events learned from.
    pub learned_events: u64,
}

impl NightReport {
    /// A night that has made nothing yet.
    #[must_use]
    pub fn new(outcome: NightOutcome, remaining: u32, learned_events: u64) -> Self {
        Self { outcome, published: 0, kept: 0, remaining, learned_events }
    }
}

/// Where slates stand published.
pub trait SlateKeeper {
    /// With which inputs the slate of `key` stands published; none when it is not there.
    ///
    /// # Errors
    /// Those of the store.
    fn inputs_of(&self, key: &SlateKey) -> Result<Option<Vec<u8>>>;

    /// Makes a slate durable and visible.
    ///
    /// # Errors
    /// Those of the store.
    fn publish(&self, slate: Slate, inputs: &[u8]) -> Result<()>;

    /// Lets a slate that needs not be made again count as fresh until `stale_after_ms`.
    ///
    /// # Errors
    /// Those of the store.
    fn keep(&self, key: &SlateKey, stale_after_ms: i64) -> Result<()>;
}

/// The loop of one night.
pub struct Job<'a> {
    /// Makes each slate.
    pub maker: &'a SlateMaker<'a>,
    /// Budget and cancellation, asked before each slate and inside it.
    pub spending: &'a Spending<'a>,
    /// Hears of each slate.
    pub progress: &'a dyn Progress,
    /// Asked once, before the first slate is made: whether the release is what it was. Not asked
    /// when nothing is left to make.
    pub check_release: &'a dyn Fn() -> Result<()>,
    /// The day for which the slates are meant: see [`super::coming_day`].
    pub coming: Day,
}

/// A slate of the plan, and whether it stands already.
struct Planned<'a> {
    item: WorkItem<'a>,
    inputs: [u8; 32],
    stands: bool,
}

/// How far the loop is.
struct State<'a> {
    report: NightReport,
    nearest: NearestItems<'a>,
    checked: bool,
    /// What the slowest slate so far took.
    slowest: Duration,
    /// The first slate that the model could not make, and how many there were.
    failed: Option<Error>,
    failures: u32,
}

impl Job<'_> {
    /// Makes what is left to make and publishes each slate on its own.
    ///
    /// A slate that the model cannot make is left as it was and the others are made all the same;
    /// the first such error is given at the end. After three of them and none that could be made
    /// the night gives up. A slate is not begun when the slowest one so far would not fit into what
    /// is left of the budget.
    ///
    /// # Errors
    /// Those of [`SlateMaker::make`] and of `keeper`; what is published stays.
    pub fn run(&self, keeper: &dyn SlateKeeper) -> Result<NightReport> {
        let work = self.planned(keeper)?;
        let total = work.len() as u32;
        let mut state = State {
            report: NightReport::new(NightOutcome::Finished, total, 0),
            nearest: NearestItems::default(),
            checked: false,
            slowest: Duration::ZERO,
            failed: None,
            failures: 0,
        };
        for at in 0..work.len() {
            if let Some(reason) = self.one(&work[at..], keeper, &mut state)? {
                state.report.outcome = NightOutcome::Stopped(reason);
                break;
            }
            self.progress.report(Step::Slates, total - state.report.remaining, total);
        }
        match state.failed {
            Some(error) => Err(error),
            None => Ok(state.report),
        }
    }

    /// The slates of the plan in the order in which they are made.
    fn planned(&self, keeper: &dyn SlateKeeper) -> Result<Vec<Planned<'_>>> {
        let SlateMaker { loaded, plan, profile, treatment, day, .. } = self.maker;
        let work = order_of_work(plan, &profile.openings, self.coming).into_iter();
        work.map(|item| {
            let key = item.key();
            let inputs = inputs_digest(loaded, plan, profile, treatment, &key, *day)?;
            let stands = keeper.inputs_of(&key)?.as_deref() == Some(inputs.as_slice());
            Ok(Planned { item, inputs, stands })
        })
        .collect()
    }

    /// Keeps or makes the first slate of `left`, or says why the night has to stop.
    fn one<'m>(
        &'m self,
        left: &[Planned<'m>],
        keeper: &dyn SlateKeeper,
        state: &mut State<'m>,
    ) -> Result<Option<StopReason>> {
        if let Some(reason) = self.spending.stop_reason() {
            return Ok(Some(reason));
        }
        let Some(Planned { item, stands, .. }) = left.first() else { return Ok(None) };
        if *stands {
            keeper.keep(&item.key(), self.maker.stale_after_ms())?;
            state.report.kept += 1;
            state.report.remaining -= 1;
            return Ok(None);
        }
        let needed = self.maker.bytes_needed();
        if let Some(reason) = self.spending.no_room_for(state.slowest, needed) {
            return Ok(Some(reason));
        }
        match self.make(left, keeper, state) {
            Ok(()) => {
                state.report.published += 1;
                state.report.remaining -= 1;
                Ok(None)
            }
            Err(Error::Cancelled) => {
                Ok(Some(self.spending.stop_reason().unwrap_or(StopReason::Cancelled)))
            }
            Err(error @ Error::Model { .. }) => {
                state.failures += 1;
                if state.failures >= FAILURES_MAX && state.report.published == 0 {
                    return Err(error);
                }
                state.failed.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes and publishes the first slate of `left`.
    fn make<'m>(
        &'m self,
        left: &[Planned<'m>],
        keeper: &dyn SlateKeeper,
        state: &mut State<'m>,
    ) -> Result<()> {
        let Some(Planned { item, inputs, .. }) = left.first() else { return Ok(()) };
        if !state.checked {
            (self.check_release)()?;
            state.checked = true;
        }
        let go_on = || self.spending.check();
        if state.nearest.lacks(item.context_index) {
            let contexts = contexts_to_make(left);
            let threads = self.spending.threads();
            state.nearest = self.maker.nearest_items(&contexts, threads, &go_on)?;
        }
        let began = Instant::now();
        let WorkItem { surface, context, context_index } = *item;
        let context = (context_index, context);
        let slate = self.maker.make_while(surface, context, &state.nearest, &go_on)?;
        keeper.publish(slate, inputs)?;
        state.slowest = state.slowest.max(began.elapsed());
        Ok(())
    }
}

/// The contexts of the slates that have to be made, each once, the first ones first, no more than
/// are searched for at once.
fn contexts_to_make<'m>(left: &[Planned<'m>]) -> Vec<(usize, &'m Context)> {
    let mut contexts: Vec<(usize, &Context)> = Vec::new();
    for Planned { item, .. } in left.iter().filter(|planned| !planned.stands) {
        if contexts.len() == CONTEXTS_AT_ONCE {
            break;
        }
        if contexts.iter().all(|(index, _)| *index != item.context_index) {
            contexts.push((item.context_index, item.context));
        }
    }
    contexts
}
