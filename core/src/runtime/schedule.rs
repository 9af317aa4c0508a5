//! Whether to run a night now, and the journal of those that ran.

use super::{Noctule, lock};
use crate::base::{Day, Result};
use crate::night::rows::{self as journal, RUNS_KEPT};
use crate::night::schedule::{
    Conditions, Decision, History, NotYetReason, PastRun, decide, rows as observed,
};
use crate::night::{NightRun, Refusals};

/// Runs that the schedule looks at: more than can matter.
const RUNS_LOOKED_AT: usize = 32;

/// For how long the conditions of a decision belong to the night that follows it.
const CONDITIONS_HOLD_MS: i64 = 10 * 60 * 1_000;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// The last answer of the schedule, for the journal of the night that follows.
#[derive(Debug, Default)]
pub(super) struct LastAsked {
    at_ms: i64,
    conditions: Option<String>,
    /// The refusal that was counted last: each is counted once an hour.
    refused: Option<(NotYetReason, i64)>,
}

/// The journal of nights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NightJournal {
    /// The runs, the newest first; at most 200.
    pub runs: Vec<NightRun>,
    /// How often the schedule let none run, by day and reason, the newest first. The same reason
    /// is counted once an hour.
    pub refusals: Vec<Refusals>,
}

impl Noctule {
    /// Whether to run a night now: `conditions` and the nights before decide, by
    /// [`super::Config::schedule`]. A refusal is noted in the journal.
    ///
    /// ```
    /// use noctule_core::consent::DataConsent;
    /// use noctule_core::night::schedule::{Conditions, Decision, NotYetReason};
    /// use noctule_core::{Config, Noctule};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let config = Config::new(directory.path().join("profile"), "town", DataConsent::Full);
    /// let noctule = Noctule::open(config)?;
    /// let ready = Conditions { charging: true, idle: true, ..Conditions::default() };
    /// let decision = noctule.schedule(&ready)?;
    /// assert!(matches!(decision, Decision::NotYet { reason: NotYetReason::NoRelease, .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::Closed`]. A full disk is no error:
    /// what cannot be noted is not.
    pub fn schedule(&self, conditions: &Conditions) -> Result<Decision> {
        let now_ms = self.config.clock.now_ms();
        let history = self.history()?;
        let decision = decide(conditions, &history, &self.config.schedule, now_ms);
        self.note_asked(conditions, decision, now_ms)?;
        Ok(decision)
    }

    /// The journal of nights: those that ran, and why none did.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::Closed`].
    pub fn journal(&self) -> Result<NightJournal> {
        self.store.read(|connection| {
            let runs = journal::runs(connection, RUNS_KEPT as usize)?;
            Ok(NightJournal { runs, refusals: journal::refusals(connection)? })
        })
    }

    fn history(&self) -> Result<History> {
        let (runs, good_hours) = self.store.read(|connection| {
            let runs = journal::runs(connection, RUNS_LOOKED_AT)?;
            Ok((runs, observed::good_hours(connection)?))
        })?;
        let active = self.state().installed.first().map(|active| active.release.to_string());
        let shelf = self.shelf.snapshot();
        let mut slates = shelf.slates.values().map(|published| published.slate());
        let new_release = active.as_ref().is_some_and(|active| {
            slates.all(|slate| slate.release != *active || !slate.made_at_night)
        });
        let runs = runs.iter().filter_map(PastRun::of).collect();
        Ok(History { runs, has_release: active.is_some(), new_release, good_hours })
    }

    fn note_asked(&self, conditions: &Conditions, decision: Decision, now_ms: i64) -> Result<()> {
        let refused = match decision {
            Decision::NotYet { reason, .. } => Some((reason, now_ms.div_euclid(HOUR_MS))),
            Decision::Run { .. } => None,
        };
        let is_new = {
            let mut asked = lock(&self.asked);
            let is_new = refused.is_some() && asked.refused != refused;
            let conditions = Some(conditions.to_string());
            *asked = LastAsked { at_ms: now_ms, conditions, refused: refused.or(asked.refused) };
            is_new
        };
        // When the device is charged and left alone is the user's own.
        let may_note = self.state().consent.may_record();
        let is_good = may_note && conditions.charging && conditions.idle && !conditions.foreground;
        if !is_new && !is_good {
            return Ok(());
        }
        let offset = conditions.offset_minutes;
        let noted = self.store.write("noting what the schedule said", |transaction| {
            if let Some((reason, _)) = refused.filter(|_| is_new) {
                journal::refuse(transaction, Day::at(now_ms, offset), reason)?;
            }
            if is_good {
                let minute = Day::minute(now_ms, offset);
                observed::note_good(transaction, now_ms.div_euclid(HOUR_MS), minute)?;
            }
            Ok(())
        });
        match noted {
            Err(crate::base::Error::StorageFull { .. }) => Ok(()),
            other => other,
        }
    }

    /// The conditions under which the schedule has just let a night run.
    pub(super) fn conditions_of(&self, now_ms: i64) -> Option<String> {
        let asked = lock(&self.asked);
        let age = now_ms.saturating_sub(asked.at_ms);
        asked.conditions.clone().filter(|_| (0..CONDITIONS_HOLD_MS).contains(&age))
    }
}
