//! A panic of this library is a fault of it, and an error of the call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{RecommenderError, Result};

/// Runs `body`; a panic in it becomes [`RecommenderError::Internal`], and the next call works.
///
/// UniFFI would catch it too, but hand it over as an error of its own, which no app expects. What
/// `body` may have left half done is behind locks that forgive a panic.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        tests::panic_if_asked();
        body()
    }));
    caught.unwrap_or_else(|panic| Err(RecommenderError::Internal { reason: words(&*panic) }))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without words"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::{
        Budget, CancelToken, Conditions, Config, Consent, DataConsent, ListenerError, Network,
        NightStep, ProgressListener, RecommendRequest, Recommender, Thermal, TransferOutcome,
        widget_slate, widget_slates,
    };

    thread_local! {
        static ASKED: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn panic_if_asked() {
        assert!(!ASKED.take(), "injected");
    }

    /// What cannot fail has nothing in it that could panic.
    const INFALLIBLE: [&str; 3] = ["consent", "set_free_bytes", "close"];

    fn config(directory: &std::path::Path) -> Config {
        Config {
            directory: directory.display().to_string(),
            app: "town".into(),
            consent: DataConsent::Full,
            trusted_keys: vec![],
            utc_offset_minutes: Some(0),
            plan: None,
            allow_unsigned_for_development: false,
            trusted_root: None,
            delivery: None,
            widget: None,
            event_kinds: vec![],
            rotate_pseudonym_days: None,
            collector_keys: vec![],
            keep_events_days: None,
            keep_events: None,
            metered_upload_bytes_a_day: None,
        }
    }

    fn conditions() -> Conditions {
        Conditions {
            battery_percent: None,
            charging: true,
            idle: true,
            foreground: false,
            thermal: Thermal::Nominal,
            power_save: false,
            free_storage_bytes: None,
            utc_offset_minutes: 0,
            allowed_ms: None,
        }
    }

    type Call = (&'static str, Box<dyn Fn(&Recommender) -> Result<()>>);

    fn call(name: &'static str, call: impl Fn(&Recommender) -> Result<()> + 'static) -> Call {
        (name, Box::new(call))
    }

    #[allow(clippy::redundant_closure_for_method_calls, reason = "one line looks like the next")]
    fn calls() -> Vec<Call> {
        let request = || RecommendRequest { surface: "home".into(), context: None, limit: None };
        let no_answer = || TransferOutcome::NoAnswer { reason: "no network".into() };
        vec![
            call("open", |_| Recommender::open(config("/tmp".as_ref())).map(drop)),
            call("install_release", |r| r.install_release("nowhere").map(drop)),
            call("install_starter", |r| r.install_starter("nowhere").map(drop)),
            call("rollback", |r| r.rollback().map(drop)),
            call("releases", |r| r.releases().map(drop)),
            call("set_place", |r| r.set_place(None)),
            call("set_utc_offset", |r| r.set_utc_offset(None)),
            call("schedule", |r| r.schedule(conditions()).map(drop)),
            call("journal", |r| r.journal().map(drop)),
            call("doctor", |r| r.doctor().map(drop)),
            call("run_night", |r| {
                r.run_night(Budget::default(), &CancelToken::new(), None).map(drop)
            }),
            call("recommend", move |r| r.recommend(request()).map(drop)),
            call("record", |r| r.record(vec![], None).map(drop)),
            call("forget_items", |r| r.forget_items(vec![])),
            call("next_transfer", |r| r.next_transfer(Network::Unmetered).map(drop)),
            call("cancel_delivery", |r| r.cancel_delivery()),
            call("transfer_finished", move |r| r.transfer_finished("x", no_answer())),
            call("status", |r| r.status().map(drop)),
            call("export_replay", |r| {
                r.export_replay("home".into(), "now".into(), Consent::Given).map(drop)
            }),
            call("set_consent", |r| r.set_consent(DataConsent::Full)),
            call("export_to", |r| r.export_to("/nowhere/at/all")),
            call("forget_events", |r| r.forget_events(&[]).map(drop)),
            call("erase", |r| r.erase()),
            call("suspend", |r| r.suspend()),
            call("resume", |r| r.resume()),
        ]
    }

    #[test]
    fn a_panic_in_any_call_is_an_error_and_the_next_call_works() {
        let scratch = tempfile::tempdir().unwrap();
        let recommender = Recommender::open(config(&scratch.path().join("profile"))).unwrap();
        for (name, call) in calls() {
            ASKED.set(true);
            let error = call(&recommender).unwrap_err();
            let expected = RecommenderError::Internal { reason: "panicked: injected".into() };
            assert_eq!(error, expected, "{name}");
            assert_eq!(recommender.status().map(|status| status.recorded), Ok(0), "{name}");
        }
        ASKED.set(true);
        assert!(matches!(widget_slates("x", 0), Err(RecommenderError::Internal { .. })));
        ASKED.set(true);
        assert!(matches!(widget_slate("x", "home", 0, 0), Err(RecommenderError::Internal { .. })));
    }

    #[test]
    fn no_exported_call_is_left_out() {
        let exported: BTreeSet<&str> = include_str!("recommender.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("    pub fn "))
            .map(|line| &line[..line.find('(').unwrap()])
            .filter(|name| !INFALLIBLE.contains(name))
            .collect();
        let tried: BTreeSet<&str> = calls().into_iter().map(|(name, _)| name).collect();
        assert_eq!(tried, exported);
    }

    struct Panicking;

    impl ProgressListener for Panicking {
        fn on_progress(&self, _: NightStep, _: u32, _: u32) -> Result<(), ListenerError> {
            panic!("in the middle of the night");
        }
    }

    #[test]
    fn a_panic_in_the_middle_of_a_night_leaves_the_next_one_free_to_run() {
        let scratch = tempfile::tempdir().unwrap();
        let recommender = Recommender::open(config(&scratch.path().join("profile"))).unwrap();
        let night = |listener: Option<Arc<dyn ProgressListener>>| {
            recommender.run_night(Budget::default(), &CancelToken::new(), listener)
        };
        let error = night(Some(Arc::new(Panicking))).unwrap_err();
        assert!(error.to_string().contains("in the middle of the night"), "{error}");
        assert!(night(None).is_ok());
    }
}
