//! A phone: one profile with a clock that the test sets.

use std::collections::HashSet;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noctule_core::base::{
    Budget, CancelToken, Clock, ContextId, ItemId, ManualClock, NoProgress, Result, SurfaceId,
};
use noctule_core::consent::DataConsent;
use noctule_core::delivery::DeliveryPolicy;
use noctule_core::feedback::{EventKind, FeedbackEvent};
use noctule_core::night::{NightOutcome, NightReport};
use noctule_core::serving::{RecommendRequest, Recommendations};
use noctule_core::slates::Reason;
use noctule_core::{Config, Noctule};
use noctule_releases::SecretKey;

use crate::town::{APP, KEY_SEED, NOW_MS, SURFACES, Town};

/// An open profile.
#[derive(Debug)]
pub struct Phone {
    noctule: Noctule,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    directory: PathBuf,
}

impl Deref for Phone {
    type Target = Noctule;

    fn deref(&self) -> &Noctule {
        &self.noctule
    }
}

/// How the profile in `directory` is opened: seeded, with a clock that stands at `now_ms`.
#[must_use]
pub fn config(directory: &Path, now_ms: i64) -> (Config, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(now_ms));
    let mut config = Config::new(directory, APP, DataConsent::Full);
    config.trusted_keys = vec![SecretKey::from_seed(&KEY_SEED).public().0];
    config.seed = Some(11);
    config.clock = clock.clone();
    (config, clock)
}

impl Phone {
    /// Opens the profile in `directory` at [`NOW_MS`].
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        Self::open_at(directory, NOW_MS).unwrap()
    }

    /// Opens the profile in `directory` at `now_ms`.
    ///
    /// # Errors
    /// As [`Noctule::open`].
    pub fn open_at(directory: &Path, now_ms: i64) -> Result<Self> {
        let (config, clock) = config(directory, now_ms);
        let noctule = Noctule::open(config)?;
        Ok(Self { noctule, clock, directory: directory.to_path_buf() })
    }

    /// Opens the profile in `directory` at `now_ms`, as `change` would have it.
    ///
    /// # Errors
    /// As [`Noctule::open`].
    pub fn open_as(
        directory: &Path,
        now_ms: i64,
        change: impl FnOnce(&mut Config),
    ) -> Result<Self> {
        let (mut config, clock) = config(directory, now_ms);
        change(&mut config);
        let noctule = Noctule::open(config)?;
        Ok(Self { noctule, clock, directory: directory.to_path_buf() })
    }

    /// Opens the profile in `directory` at [`NOW_MS`], as that of an app that follows the
    /// repository of this root.
    #[must_use]
    pub fn following(directory: &Path, root: &[u8]) -> Self {
        Self::following_at(directory, root, NOW_MS)
    }

    /// The same at `now_ms`.
    #[must_use]
    pub fn following_at(directory: &Path, root: &[u8], now_ms: i64) -> Self {
        Self::try_following_at(directory, root, now_ms).unwrap()
    }

    /// The same where it may fail.
    ///
    /// # Errors
    /// As [`Noctule::open`].
    pub fn try_following_at(directory: &Path, root: &[u8], now_ms: i64) -> Result<Self> {
        let (mut config, clock) = config(directory, now_ms);
        config.trusted_root = Some(root.to_vec());
        config.delivery = Some(DeliveryPolicy::following("town"));
        let noctule = Noctule::open(config)?;
        Ok(Self { noctule, clock, directory: directory.to_path_buf() })
    }

    /// Closes it and opens it again as [`Self::following`].
    #[must_use]
    pub fn reopen_following(self, root: &[u8]) -> Self {
        let Self { noctule, clock, directory } = self;
        drop(noctule);
        Self::following_at(&directory, root, clock.now_ms())
    }

    /// A new profile in `scratch` with the release of `town`.
    #[must_use]
    pub fn with(town: &Town, scratch: &Path) -> Self {
        let phone = Self::open(&scratch.join("profile"));
        phone.install_release(&town.pack(scratch)).unwrap();
        phone
    }

    /// Closes it and opens it again at the same directory and time, as after a restart.
    #[must_use]
    pub fn reopen(self) -> Self {
        let Self { noctule, clock, directory } = self;
        drop(noctule);
        Self::open_at(&directory, clock.now_ms()).unwrap()
    }

    /// The profile directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A night without limits.
    #[must_use]
    pub fn night(&self) -> NightReport {
        self.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress).unwrap()
    }

    /// A night without limits that makes everything.
    pub fn whole_night(&self) {
        let report = self.night();
        assert_eq!((report.outcome, report.remaining), (NightOutcome::Finished, 0));
    }

    /// The slate of `surface` in context number `context`.
    #[must_use]
    pub fn slate(&self, surface: &str, context: usize) -> Recommendations {
        let context = ContextId::new(format!("part-{context}")).unwrap();
        let surface = SurfaceId::new(surface).unwrap();
        let request = RecommendRequest { surface, context: Some(context), limit: None };
        self.recommend(&request).unwrap()
    }

    /// The slates of `contexts` contexts of every surface.
    #[must_use]
    pub fn slates(&self, contexts: usize) -> Vec<Recommendations> {
        let contexts = 0..contexts;
        let of = |surface| contexts.clone().map(move |context| self.slate(surface, context));
        SURFACES.into_iter().flat_map(|(surface, _)| of(surface)).collect()
    }
}

/// An event of `kind` about the item called `item`, in context `part-0` of `home`.
#[must_use]
pub fn event(kind: &str, item: &str) -> FeedbackEvent {
    let kind = EventKind::try_from(kind.to_owned()).unwrap();
    let needs_position = kind == EventKind::Impression;
    let needs_dwell = kind == EventKind::Dwell;
    FeedbackEvent {
        surface: Some(SurfaceId::new("home").unwrap()),
        context: Some(ContextId::new("part-0").unwrap()),
        position: needs_position.then_some(1),
        dwell_ms: needs_dwell.then_some(60_000),
        ..FeedbackEvent::new(kind, ItemId::new(item).unwrap())
    }
}

/// Panics unless the answer is one whole slate of `length` slots: every title of its own release,
/// positions in order, no item twice, and reasons that sum to the score.
pub fn check_whole(answer: &Recommendations, length: usize) {
    let release = answer.release.as_deref().expect("a slate names its release");
    assert_eq!(answer.items.len(), length, "{answer:?}");
    assert!(answer.generation.is_some_and(|generation| generation > 0));
    let mut seen = HashSet::new();
    for (position, slot) in answer.items.iter().enumerate() {
        assert_eq!(slot.position as usize, position);
        assert!(seen.insert(slot.item.clone()), "{} is there twice", slot.item);
        let title = &*slot.title;
        assert!(title.ends_with(&format!(" of {release}")), "{title:?} in a slate of {release}");
        check_reasons(slot.score, &slot.reasons);
    }
}

/// Panics unless the contributions sum to `score`.
pub fn check_reasons(score: f32, reasons: &[Reason]) {
    let sum: f64 = reasons.iter().map(|reason| f64::from(reason.contribution)).sum();
    assert!((sum - f64::from(score)).abs() < 1e-4, "{sum} is not {score}: {reasons:?}");
}
