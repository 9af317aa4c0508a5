//! How much one installation and one app may send, so that nobody keeps the others out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// Apps whose use is counted one by one; further ones, which only a collector without a list of
/// apps ever meets, share one count.
const APPS_MAX: usize = 1_024;
/// Longest time that a device is asked to stay away, seconds.
const RETRY_AFTER_MAX_S: f64 = 3_600.0;

/// A token bucket: `burst` at once, `per_second` in the long run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens that come back each second; above 0.
    pub per_second: f64,
    /// Tokens of a full bucket; at least 1.
    pub burst: f64,
}

impl Rate {
    pub(crate) fn holds(&self) -> bool {
        let holds = |number: f64, least: f64| number.is_finite() && number >= least;
        holds(self.per_second, 1e-6) && holds(self.burst, 1.0)
    }
}

/// What one sender may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Events. A batch of more than a whole bucket passes when the bucket is full.
    pub events: Rate,
    /// Requests whose header holds.
    pub requests: Rate,
}

/// Who may send how much; beyond it a batch is answered with 429 and `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// For each installation; none lets it send as it likes.
    pub installation: Option<Allowance>,
    /// For all installations of an app together; none lets it send as it likes.
    pub app: Option<Allowance>,
    /// Installations that are remembered, 56 bytes each. One that was forgotten begins with full
    /// buckets; it was not among the last half of this many.
    pub installations: usize,
}

impl Default for Rates {
    /// A device sends a few batches of about 500 events a day, and after weeks without a network
    /// some hundred at once. What an app may send depends on the machine: without a bound.
    fn default() -> Self {
        Self {
            installation: Some(Allowance {
                events: Rate { per_second: 200.0, burst: 200_000.0 },
                requests: Rate { per_second: 2.0, burst: 600.0 },
            }),
            app: None,
            installations: 1 << 20,
        }
    }
}

/// Who has sent too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Installation,
    App,
}

impl Sender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::App => "app",
        }
    }
}

/// A batch that comes too early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch {
    pub(crate) sender: Sender,
    pub(crate) retry_after_s: u64,
}

/// Counts what was sent.
#[derive(Debug)]
pub(crate) struct Limiter {
    rates: Rates,
    senders: Mutex<Senders>,
}

#[derive(Debug, Default)]
struct Senders {
    /// Number and use of each app.
    apps: HashMap<String, (u32, Used)>,
    other_apps: Used,
    /// Installations seen since the last turn of generations, and those of the one before: the
    /// older half is forgotten at once, so that neither memory nor time grows with them.
    young: HashMap<(u32, Uuid), Used>,
    old: HashMap<(u32, Uuid), Used>,
}

/// What is missing from the two buckets of a sender, at a time.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    events: f64,
    requests: f64,
    at_s: f64,
}

impl Used {
    /// With another batch, or the seconds until it fits.
    fn with(self, allowed: &Allowance, events: f64, now_s: f64) -> Result<Self, f64> {
        let passed = (now_s - self.at_s).max(0.0);
        let add = |used: f64, more: f64, rate: &Rate| {
            let left = (used - passed * rate.per_second).max(0.0);
            let filled = left + more.min(rate.burst);
            let wait = (filled - rate.burst) / rate.per_second;
            if wait > 0.0 { Err(wait) } else { Ok(filled) }
        };
        let (events, requests) =
            (add(self.events, events, &allowed.events), add(self.requests, 1.0, &allowed.requests));
        match (events, requests) {
            (Ok(events), Ok(requests)) => Ok(Self { events, requests, at_s: now_s }),
            (one, other) => Err(one.err().unwrap_or(0.0).max(other.err().unwrap_or(0.0))),
        }
    }
}

impl Limiter {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, senders: Mutex::default() }
    }

    /// Takes a request from the buckets of its installation and its app, or from neither.
    ///
    /// `now_s` is on a clock that does not go back.
    pub(crate) fn take(
        &self,
        app: &str,
        installation: Uuid,
        events: u32,
        now_s: f64,
    ) -> Result<(), TooMuch> {
        let events = f64::from(events);
        // A panic in here is a bug of arithmetic; the counts stay usable.
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, of_app) = senders.app(app);
        let too_much = |sender| {
            move |wait: f64| TooMuch {
                sender,
                retry_after_s: wait.clamp(1.0, RETRY_AFTER_MAX_S).ceil() as u64,
            }
        };
        let of_app = match &self.rates.app {
            Some(allowed) => of_app.with(allowed, events, now_s).map_err(too_much(Sender::App))?,
            None => of_app,
        };
        if let Some(allowed) = &self.rates.installation {
            let key = (number, installation);
            let used = senders.installation(key).with(allowed, events, now_s);
            let used = used.map_err(too_much(Sender::Installation))?;
            senders.remember(key, used, self.rates.installations);
        }
        senders.set_app(app, of_app);
        Ok(())
    }

    /// Installations that are remembered.
    #[cfg(test)]
    fn remembered(&self) -> usize {
        let senders = self.senders.lock().unwrap();
        senders.young.len() + senders.old.len()
    }
}

impl Senders {
    fn app(&mut self, app: &str) -> (u32, Used) {
        if let Some(known) = self.apps.get(app) {
            return *known;
        }
        if self.apps.len() >= APPS_MAX {
            return (u32::MAX, self.other_apps);
        }
        let new = (self.apps.len() as u32, Used::default());
        self.apps.insert(app.to_owned(), new);
        new
    }

    fn set_app(&mut self, app: &str, used: Used) {
        match self.apps.get_mut(app) {
            Some((_, of_app)) => *of_app = used,
            None => self.other_apps = used,
        }
    }

    fn installation(&self, key: (u32, Uuid)) -> Used {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied().unwrap_or_default()
    }

    fn remember(&mut self, key: (u32, Uuid), used: Used, most: usize) {
        if self.young.len() >= most.div_ceil(2) && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);

    fn allowance() -> Allowance {
        Allowance {
            events: Rate { per_second: 10.0, burst: 100.0 },
            requests: Rate { per_second: 1.0, burst: 5.0 },
        }
    }

    fn limiter(installations: usize) -> Limiter {
        Limiter::new(Rates { installation: Some(allowance()), app: None, installations })
    }

    fn too_much(sender: Sender, retry_after_s: u64) -> Result<(), TooMuch> {
        Err(TooMuch { sender, retry_after_s })
    }

    #[test]
    fn events_beyond_a_burst_wait_for_as_long_as_they_are_told() {
        let limiter = limiter(10);
        assert_eq!(limiter.take("a", ONE, 80, 0.0), Ok(()));
        assert_eq!(limiter.take("a", ONE, 70, 0.0), too_much(Sender::Installation, 5));
        assert_eq!(limiter.take("a", ONE, 70, 4.9), too_much(Sender::Installation, 1));
        assert_eq!(limiter.take("a", ONE, 70, 5.0), Ok(()));
    }

    #[test]
    fn requests_have_a_bucket_of_their_own() {
        let limiter = limiter(10);
        for _ in 0..5 {
            assert_eq!(limiter.take("a", ONE, 1, 0.0), Ok(()));
        }
        assert_eq!(limiter.take("a", ONE, 1, 0.0), too_much(Sender::Installation, 1));
        assert_eq!(limiter.take("a", Uuid::from_u128(2), 1, 0.0), Ok(()), "another installation");
        assert_eq!(limiter.take("b", ONE, 1, 0.0), Ok(()), "another app");
        assert_eq!(limiter.take("a", ONE, 1, 1.0), Ok(()));
    }

    #[test]
    fn a_batch_larger_than_the_bucket_passes_when_it_is_full() {
        let limiter = limiter(10);
        assert_eq!(limiter.take("a", ONE, 1_000, 0.0), Ok(()));
        assert_eq!(limiter.take("a", ONE, 1_000, 0.0), too_much(Sender::Installation, 10));
        assert_eq!(limiter.take("a", ONE, 1_000, 10.0), Ok(()));
    }

    #[test]
    fn over_a_day_no_more_passes_than_burst_and_rate_allow() {
        let limiter = limiter(10);
        let (mut passed, mut now_s) = (0, 0.0);
        for step in 0..100_000u32 {
            now_s = f64::from(step) * 0.7;
            passed += u32::from(limiter.take("a", ONE, 20, now_s).is_ok()) * 20;
        }
        let most = 100.0 + now_s * 10.0;
        assert!(f64::from(passed) <= most && f64::from(passed) > most * 0.99, "{passed} {most}");
    }

    #[test]
    fn an_app_is_bounded_over_all_its_installations() {
        let app = Some(allowance());
        let limiter = Limiter::new(Rates { installation: None, app, installations: 10 });
        for installation in 0..5 {
            assert_eq!(limiter.take("a", Uuid::from_u128(installation), 1, 0.0), Ok(()));
        }
        assert_eq!(limiter.take("a", Uuid::from_u128(9), 1, 0.0), too_much(Sender::App, 1));
        assert_eq!(limiter.take("b", Uuid::from_u128(9), 1, 0.0), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_recent_stay() {
        let limiter = limiter(100);
        for _ in 0..5 {
            limiter.take("a", ONE, 1, 0.0).unwrap();
        }
        for installation in 2..10_000 {
            limiter.take("a", Uuid::from_u128(installation), 1, 0.0).unwrap();
            assert!(limiter.remembered() <= 100);
        }
        let (recent, forgotten) = (Uuid::from_u128(9_999), ONE);
        assert_eq!(limiter.take("a", forgotten, 1, 0.0), Ok(()));
        for _ in 0..4 {
            limiter.take("a", recent, 1, 0.0).unwrap();
        }
        assert_eq!(limiter.take("a", recent, 1, 0.0), too_much(Sender::Installation, 1));
    }

    #[test]
    fn apps_without_end_share_what_is_left() {
        let app = Some(allowance());
        let limiter = Limiter::new(Rates { installation: None, app, installations: 10 });
        let taken = |app: usize| limiter.take(&format!("app-{app}"), ONE, 1, 0.0).is_ok();
        assert_eq!((0..APPS_MAX + 100).filter(|app| taken(*app)).count(), APPS_MAX + 5);
    }
}
