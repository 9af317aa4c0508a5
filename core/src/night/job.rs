//! The loop over the slates of a plan, under a budget.

use std::collections::BTreeMap;

use super::{SlateMaker, inputs_digest};
use crate::base::budget::Spending;
use crate::base::{Progress, Result, Step, StopReason};
use crate::release::{Context, Plan, Surface};
use crate::slates::{Slate, SlateKey};

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

/// One slate to make.
#[derive(Debug, Clone, Copy)]
pub struct WorkItem<'a> {
    /// Its surface.
    pub surface: &'a Surface,
    /// Its context.
    pub context: &'a Context,
    /// The context's row in the release.
    pub context_index: usize,
}

impl WorkItem<'_> {
    /// Which slate it is.
    #[must_use]
    pub fn key(&self) -> SlateKey {
        SlateKey { surface: self.surface.id.clone(), context: self.context.id.clone() }
    }
}

/// The slates of `plan`, the most often opened first, then in the order of the plan.
#[must_use]
pub fn order_of_work<'a>(
    plan: &'a Plan,
    openings: &BTreeMap<(String, String), u32>,
) -> Vec<WorkItem<'a>> {
    let items = plan.surfaces.iter().flat_map(|surface| {
        surface.contexts.iter().filter_map(move |id| {
            let (context_index, context) = plan.context(id.as_str())?;
            Some(WorkItem { surface, context, context_index })
        })
    });
    let mut items: Vec<WorkItem<'a>> = items.collect();
    let opened = |item: &WorkItem<'_>| {
        let key = (item.surface.id.to_string(), item.context.id.to_string());
        openings.get(&key).copied().unwrap_or(0)
    };
    items.sort_by_key(|item| std::cmp::Reverse(opened(item)));
    items
}

/// The loop of one night.
pub struct Job<'a> {
    /// Makes each slate.
    pub maker: &'a SlateMaker<'a>,
    /// Budget and cancellation, asked before each slate.
    pub spending: &'a Spending<'a>,
    /// Hears of each slate.
    pub progress: &'a dyn Progress,
    /// Asked once, before the first slate is made: whether the release is what it was. Not asked
    /// when nothing is left to make.
    pub check_release: &'a dyn Fn() -> Result<()>,
}

impl Job<'_> {
    /// Makes what is left to make and publishes each slate on its own.
    ///
    /// `inputs_of` tells with which inputs a slate stands published; `publish` makes a slate
    /// durable and visible.
    ///
    /// # Errors
    /// Those of [`SlateMaker::make`] and of the functions; what is published stays.
    pub fn run(
        &self,
        inputs_of: &dyn Fn(&SlateKey) -> Result<Option<Vec<u8>>>,
        publish: &dyn Fn(Slate, &[u8]) -> Result<()>,
    ) -> Result<NightReport> {
        let maker = self.maker;
        let work = order_of_work(maker.plan, &maker.profile.openings);
        let total = work.len() as u32;
        let mut report = NightReport {
            outcome: NightOutcome::Finished,
            published: 0,
            kept: 0,
            remaining: total,
            learned_events: 0,
        };
        let mut checked = false;
        for item in work {
            if let Some(reason) = self.spending.stop_reason() {
                report.outcome = NightOutcome::Stopped(reason);
                break;
            }
            let key = item.key();
            let SlateMaker { loaded, plan, profile, treatment, day, .. } = maker;
            let inputs = inputs_digest(loaded, plan, profile, treatment, &key, *day)?;
            if inputs_of(&key)?.as_deref() == Some(inputs.as_slice()) {
                report.kept += 1;
            } else {
                if !checked {
                    (self.check_release)()?;
                    checked = true;
                }
                let slate = maker.make(item.surface, item.context_index, item.context)?;
                publish(slate, &inputs)?;
                report.published += 1;
            }
            report.remaining -= 1;
            self.progress.report(Step::Slates, total - report.remaining, total);
        }
        Ok(report)
    }
}
