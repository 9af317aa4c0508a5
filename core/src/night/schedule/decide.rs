//! The decision.

use std::time::Duration;

use super::{
    Conditions, Decision, EARLIEST_MS_MAX, History, NotYetReason, PastOutcome, PastRun, RunReason,
    SchedulePolicy, Thermal, Window,
};
use crate::base::{Budget, Day};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// After so long a night is due again, also when a change of zone says that it was tonight.
const TONIGHT_MS: i64 = 12 * 60 * MINUTE_MS;
/// No zone is further from UTC.
const OFFSET_MINUTES_MAX: i32 = 18 * 60;

/// Whether to run a night at `now_ms`, Unix milliseconds.
///
/// In the window, or on the charger after a night that was missed: a whole night. With the app on
/// the screen after one that was missed: a short catch-up. Otherwise not yet, with the reason and a
/// time from `now_ms` to [`EARLIEST_MS_MAX`] after it. The same arguments give the same decision.
///
/// ```
/// use noctule_core::night::schedule::{Conditions, Decision, History, SchedulePolicy, decide};
/// let history = History { has_release: true, ..History::default() };
/// let ready = Conditions { charging: true, idle: true, ..Conditions::default() };
/// let one_in_the_morning = 20_720 * 86_400_000 + 3_600_000;
/// let policy = SchedulePolicy::default();
/// let decision = decide(&ready, &history, &policy, one_in_the_morning);
/// assert!(matches!(decision, Decision::Run { .. }));
/// let used = Conditions { idle: false, ..ready };
/// let decision = decide(&used, &history, &policy, one_in_the_morning);
/// assert!(matches!(decision, Decision::NotYet { .. }));
/// ```
#[must_use]
pub fn decide(
    conditions: &Conditions,
    history: &History,
    policy: &SchedulePolicy,
    now_ms: i64,
) -> Decision {
    let moment = Moment::new(conditions, history, policy, now_ms);
    if !history.has_release {
        return moment.not_yet(NotYetReason::NoRelease, millis(policy.ask_again));
    }
    let Some(why) = moment.due() else {
        return moment.not_yet(NotYetReason::Done, moment.until_window());
    };
    if let Some(wait) = moment.backoff() {
        return moment.not_yet(NotYetReason::Failed, wait);
    }
    match moment.unready(why) {
        Some(reason) => moment.not_yet(reason, millis(policy.ask_again)),
        None => Decision::Run { budget: moment.budget(why), why },
    }
}

/// Everything that the decision looks at.
struct Moment<'a> {
    conditions: &'a Conditions,
    history: &'a History,
    policy: &'a SchedulePolicy,
    now_ms: i64,
    /// The window of this device.
    window: Window,
    /// Milliseconds since the window last began, less than a day.
    since_window_ms: i64,
}

impl<'a> Moment<'a> {
    fn new(
        conditions: &'a Conditions,
        history: &'a History,
        policy: &'a SchedulePolicy,
        now_ms: i64,
    ) -> Self {
        let offset = conditions.offset_minutes.clamp(-OFFSET_MINUTES_MAX, OFFSET_MINUTES_MAX);
        let window = history.good_hours.window(policy.window).unwrap_or(policy.window);
        let minutes = window.since_begin(Day::minute(now_ms, offset));
        let since_window_ms = i64::from(minutes) * MINUTE_MS + now_ms.rem_euclid(MINUTE_MS);
        Self { conditions, history, policy, now_ms, window, since_window_ms }
    }

    /// Past nights that a right clock can have noted, the newest first, each with its age.
    fn past(&self) -> impl Iterator<Item = (i64, &PastRun)> {
        let believable =
            |run: &&PastRun| run.began_ms <= run.ended_ms && run.ended_ms <= self.now_ms;
        let age = |run: &'a PastRun| (self.now_ms.saturating_sub(run.ended_ms), run);
        self.history.runs.iter().filter(believable).map(age)
    }

    fn in_window(&self) -> bool {
        self.since_window_ms < i64::from(self.window.length()) * MINUTE_MS
    }

    /// Whether a night has ended with everything made within the last so many milliseconds.
    fn finished_within(&self, age_ms: i64) -> bool {
        self.past().any(|(age, run)| run.outcome == PastOutcome::Finished && age <= age_ms)
    }

    fn finished_tonight(&self) -> bool {
        self.finished_within(self.since_window_ms.min(TONIGHT_MS))
    }

    /// Why there is something to make, if there is.
    fn due(&self) -> Option<RunReason> {
        if self.history.new_release {
            return Some(self.unless_on_the_screen(RunReason::NewRelease));
        }
        if self.in_window() {
            if self.finished_tonight() {
                return None;
            }
            if self.conditions.foreground && self.finished_within(self.since_window_ms + DAY_MS) {
                // Last night was whole: tonight's waits until the device is put away.
                return Some(RunReason::Night);
            }
            let cut = self.past().next().is_some_and(|(age, run)| {
                run.outcome == PastOutcome::Partly && age <= self.since_window_ms
            });
            let why = if cut { RunReason::GoOn } else { RunReason::Night };
            return Some(self.unless_on_the_screen(why));
        }
        // By day: when nothing has been made since the window began.
        let missed = !self.finished_within(self.since_window_ms);
        missed.then(|| self.unless_on_the_screen(RunReason::Missed))
    }

    /// With the app on the screen there is only the short way.
    fn unless_on_the_screen(&self, why: RunReason) -> RunReason {
        if self.conditions.foreground { RunReason::CatchUp } else { why }
    }

    /// How long to wait after nights that made nothing, if that is not over.
    fn backoff(&self) -> Option<i64> {
        let (age, _) = self.past().next()?;
        let nothing = |(_, run): &(i64, &PastRun)| run.outcome == PastOutcome::Nothing;
        let failures = self.past().take_while(nothing).take(16).count() as u32;
        let doubled = millis(self.policy.backoff).saturating_mul(1 << failures.saturating_sub(1));
        let mut wait = if failures == 0 { 0 } else { doubled };
        wait = wait.min(millis(self.policy.backoff_max));
        if self.conditions.foreground {
            wait = wait.max(millis(self.policy.catch_up_every));
        }
        (age < wait).then(|| wait - age)
    }

    /// What keeps the device from working now.
    fn unready(&self, why: RunReason) -> Option<NotYetReason> {
        let Conditions { charging, idle, foreground, power_save, thermal, .. } = *self.conditions;
        let policy = self.policy;
        let catching_up = why == RunReason::CatchUp;
        let hottest = if catching_up { Thermal::Nominal } else { Thermal::Fair };
        let below = |percent: u8| percent < policy.battery_percent_min;
        let low = !charging && self.conditions.battery_percent.is_some_and(below);
        let free = self.conditions.free_storage.unwrap_or(u64::MAX);
        let checks = [
            (free < policy.free_storage_min, NotYetReason::StorageLow),
            (thermal > hottest, NotYetReason::Hot),
            (power_save && !charging, NotYetReason::PowerSave),
            (low, NotYetReason::BatteryLow),
            (!catching_up && (foreground || policy.needs_idle && !idle), NotYetReason::NotIdle),
            (policy.needs_charging && !catching_up && !charging, NotYetReason::NotCharging),
            (self.time(why) < policy.shortest, NotYetReason::TooShort),
        ];
        checks.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// The time that the work may take.
    fn time(&self, why: RunReason) -> Duration {
        let asked = match why {
            RunReason::CatchUp => self.policy.catch_up_wall,
            _ => self.policy.night_wall,
        };
        self.conditions.allowed.map_or(asked, |allowed| allowed.min(asked))
    }

    fn budget(&self, why: RunReason) -> Budget {
        let cpu = match (why, self.conditions.thermal) {
            (RunReason::CatchUp, _) => self.policy.catch_up_cpu,
            (_, Thermal::Nominal) => self.policy.night_cpu,
            _ => self.policy.night_cpu / 2,
        };
        Budget {
            wall: Some(self.time(why)),
            cpu: Some(cpu),
            memory: Some(self.policy.night_memory),
            threads: Some(1),
            reserve: None,
        }
    }

    /// Milliseconds until the window begins again.
    fn until_window(&self) -> i64 {
        DAY_MS - self.since_window_ms
    }

    fn not_yet(&self, reason: NotYetReason, wait_ms: i64) -> Decision {
        let earliest_ms = self.now_ms.saturating_add(wait_ms.clamp(0, EARLIEST_MS_MAX));
        Decision::NotYet { reason, earliest_ms }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
