//! Recording what the user did.

use std::sync::atomic::Ordering;

use super::{Noctule, lock};
use crate::base::Result;
use crate::feedback::recorder::{self, Stamp};
use crate::feedback::{self, Durability, EventKind, FeedbackEvent, PrivateAnswers, rows as events};
use crate::upload::standing::rows as standing;

/// What [`Noctule::record`] has made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Sequence number of the first event; 0 when there was none.
    pub first_sequence: u64,
    /// Sequence number of the last event; 0 when there was none.
    pub last_sequence: u64,
    /// False when nothing was stored, since the user did not allow it.
    pub stored: bool,
}

impl Noctule {
    /// Stores `events`, all or none: record a screen in one call. When it returns they survive the
    /// end of the process; and also a loss of power, unless all of them are impressions, which are
    /// many and each worth little (see [`Noctule::record_as`]).
    ///
    /// An event about an item that no release knows is stored and sent like any other, and so is a
    /// click on something that was never shown.
    ///
    /// Without the user's consent nothing is stored and nothing is changed, which the receipt says;
    /// it is no error, so that an app needs not care.
    ///
    /// # Errors
    /// [`crate::base::Error::InvalidInput`] with the event and the field;
    /// [`crate::base::Error::StorageFull`];
    /// [`crate::base::Error::Storage`]; [`crate::base::Error::Closed`]. Nothing is stored then.
    pub fn record(&self, events: &[FeedbackEvent]) -> Result<Receipt> {
        let passing = events.iter().all(|event| event.kind == EventKind::Impression);
        let durability = if passing { Durability::ProcessEnd } else { Durability::PowerLoss };
        self.record_as(durability, events)
    }

    /// As [`Noctule::record`], and what is stored survives what `durability` says.
    ///
    /// # Errors
    /// As [`Noctule::record`].
    pub fn record_as(&self, durability: Durability, events: &[FeedbackEvent]) -> Result<Receipt> {
        let clock = &self.config.clock;
        let now_ms = clock.now_ms();
        feedback::check(events, &self.config.event_kinds, now_ms)?;
        let (release, treatment) = {
            let state = self.state();
            let release = state.installed.first().map(|active| active.release.to_string());
            (release, state.treatment())
        };
        let arm = treatment.arm.as_deref();
        let snapshot = self.shelf.snapshot();
        // The plan of the app holds before any release is there.
        let plan = self.config.plan.as_ref().or(snapshot.plan.as_deref());
        let private = plan.map(|plan| PrivateAnswers {
            answers: &plan.private,
            budget: plan.private_budget,
            kinds: &self.config.event_kinds,
        });
        let recording = lock(&self.recording);
        let consent = self.state().consent;
        if !consent.may_record() {
            self.check_open()?;
            return Ok(Receipt { first_sequence: 0, last_sequence: 0, stored: false });
        }
        let may_send = consent.may_send();
        self.rotate_pseudonym()?;
        let (before, monotonic_ms) = (*lock(&self.run), clock.monotonic_ms());
        let pseudonym = self.state().identity.installation;
        let (range, run, room) =
            self.store.write_as(durability, "recording feedback", |transaction| {
                let (run, began_ms) = match before {
                    Some(run) => run,
                    None => (recorder::rows::next_run(transaction)?, monotonic_ms.unwrap_or(0)),
                };
                let stamp = Stamp {
                    now_ms,
                    run_ms: monotonic_ms.map(|ms| ms.saturating_sub(began_ms)),
                    run,
                    pseudonym,
                    zone_minutes: clock.offset_minutes(),
                    release: release.as_deref(),
                    arm,
                    private,
                };
                let range = events::append(transaction, events, stamp)?;
                let mut room = self.room_until.load(Ordering::Relaxed);
                if range.is_some_and(|(_, last)| last > room) {
                    let policy = self.config.retention;
                    room = standing::make_room(transaction, policy, now_ms, may_send)?;
                }
                Ok((range, (run, began_ms), room))
            })?;
        // Only now: what a transaction that failed had made room for is still there.
        self.room_until.store(room, Ordering::Relaxed);
        if let Some((_, last)) = range {
            self.store.set_mark(last);
            *lock(&self.run) = Some(run);
        }
        self.shelf.note(|today| {
            for event in events {
                let at_ms = event.at_ms.unwrap_or(now_ms);
                let undoes = event.undoes.as_ref();
                feedback::apply(today, &event.kind, undoes, &event.item, at_ms);
            }
        });
        drop(recording);
        self.refresh_widget_after(events);
        let (first_sequence, last_sequence) = range.unwrap_or((0, 0));
        Ok(Receipt { first_sequence, last_sequence, stored: true })
    }
}
