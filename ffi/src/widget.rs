//! The file of slates for widgets: which, and reading it without a recommender.

use std::path::{Path, PathBuf};

use noctule_core::base::{SurfaceId, WeekMinute, week};
use noctule_core::widget::{
    self, FlatReason, FlatReasonKind, FlatSlate, FlatSlates, FlatSlot, read_file,
};

use crate::panics::guarded;
use crate::{Policy, RecommenderError, Result, Tier};

/// Keeps a file of the current slates for extensions that must not open the database: an iOS
/// widget, an Android app widget. It is a second place with data of the user.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct WidgetPolicy {
    /// The file: on iOS in the container of the app's group. `noctule.slates` in the profile
    /// directory when absent.
    #[uniffi(default = None)]
    pub path: Option<String>,
    /// The surfaces, the most important first; all of the plan when empty.
    #[uniffi(default = [])]
    pub surfaces: Vec<String>,
    /// Slates, at most.
    #[uniffi(default = 64)]
    pub slates_max: u32,
    /// Slots of each slate, at most.
    #[uniffi(default = 8)]
    pub slots_max: u32,
    /// Reasons of each slot, at most 16.
    #[uniffi(default = 2)]
    pub reasons_max: u32,
    /// Bytes of the file, at most 1,048,576.
    #[uniffi(default = 131072)]
    pub bytes_max: u32,
}

impl TryFrom<WidgetPolicy> for widget::WidgetPolicy {
    type Error = RecommenderError;

    fn try_from(policy: WidgetPolicy) -> Result<Self, RecommenderError> {
        let surfaces = policy.surfaces.into_iter().map(SurfaceId::new);
        Ok(Self {
            path: policy.path.map(PathBuf::from),
            surfaces: surfaces.collect::<Result<_, _>>()?,
            slates_max: policy.slates_max as usize,
            slots_max: policy.slots_max as usize,
            reasons_max: policy.reasons_max as usize,
            bytes_max: policy.bytes_max as usize,
        })
    }
}

/// A slate of the file.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct WidgetSlate {
    /// Its surface.
    pub surface: String,
    /// Its context.
    pub context: String,
    /// Minutes of the local week, from Monday 00:00, at which its context begins to hold, each for
    /// `minutes`: for a widget's timeline.
    pub begins: Vec<u32>,
    /// How long the context holds, in minutes.
    pub minutes: u32,
    /// Which rung of the ladder it is at the moment that was asked for.
    pub tier: Tier,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// From when it counts as stale, Unix milliseconds.
    pub stale_after_ms: i64,
    /// Its generation: record feedback with it.
    pub generation: u64,
    /// The release that made it, as `name@version`.
    pub release: String,
    /// What made it.
    pub policy: Policy,
    /// The arm of the experiment.
    pub arm: Option<String>,
    /// The slots, best first: their positions are 0, 1 and so on.
    pub slots: Vec<WidgetSlot>,
}

/// A slot of the file.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct WidgetSlot {
    /// The app's own name of the item.
    pub item: String,
    /// Its title in the release.
    pub title: String,
    /// The score that ranked it.
    pub score: f32,
    /// Probability of the item at its published position: record feedback with it.
    pub propensity: Option<f64>,
    /// The strongest reasons that speak for it.
    pub reasons: Vec<WidgetReason>,
}

/// A reason of a slot.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct WidgetReason {
    /// Where the part of the score comes from.
    pub kind: WidgetReasonKind,
    /// The part.
    pub contribution: f32,
    /// The title of the item that the user chose, the name of the feature, or the id of the rule.
    pub text: String,
}

/// Where a part of a score comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum WidgetReasonKind {
    /// The user chose the item of this title before.
    BecauseOf,
    /// The rest of the user's history.
    OtherHistory,
    /// Many people choose it.
    Popular,
    /// Many people choose it in this context.
    PopularInContext,
    /// It is close to the user's place.
    Nearby,
    /// A feature of the ranker.
    Feature,
    /// What every item gets.
    Base,
    /// The slot was drawn to learn something new.
    Exploration,
    /// A rule of the app.
    Rule,
}

impl From<FlatReasonKind> for WidgetReasonKind {
    fn from(kind: FlatReasonKind) -> Self {
        match kind {
            FlatReasonKind::BecauseOf => Self::BecauseOf,
            FlatReasonKind::OtherHistory => Self::OtherHistory,
            FlatReasonKind::Popular => Self::Popular,
            FlatReasonKind::PopularInContext => Self::PopularInContext,
            FlatReasonKind::Nearby => Self::Nearby,
            FlatReasonKind::Feature => Self::Feature,
            FlatReasonKind::Base => Self::Base,
            FlatReasonKind::Exploration => Self::Exploration,
            FlatReasonKind::Rule => Self::Rule,
        }
    }
}

impl From<FlatReason<'_>> for WidgetReason {
    fn from(reason: FlatReason<'_>) -> Self {
        let FlatReason { kind, contribution, text } = reason;
        Self { kind: kind.into(), contribution, text: text.to_owned() }
    }
}

impl From<FlatSlot<'_>> for WidgetSlot {
    fn from(slot: FlatSlot<'_>) -> Self {
        Self {
            item: slot.item.to_owned(),
            title: slot.title.to_owned(),
            score: slot.score,
            propensity: slot.propensity,
            reasons: slot.reasons().map(Into::into).collect(),
        }
    }
}

impl WidgetSlate {
    fn new(slate: FlatSlate<'_>, now_ms: i64) -> Self {
        let begins = (0..7).filter(|day| slate.when.days.holds(*day));
        Self {
            surface: slate.surface.to_owned(),
            context: slate.context.to_owned(),
            begins: begins.map(|day| day * week::DAY_MINUTES + slate.when.from).collect(),
            minutes: slate.when.length(),
            tier: slate.tier(now_ms).into(),
            made_ms: slate.made_ms,
            stale_after_ms: slate.stale_after_ms,
            generation: slate.generation,
            release: slate.release.to_owned(),
            policy: slate.policy.into(),
            arm: slate.arm.map(str::to_owned),
            slots: slate.slots().map(Into::into).collect(),
        }
    }
}

/// All slates of the file at `path`, as of `now_ms` (Unix milliseconds); none when there is no
/// file. Reads this one file, at most 1 MiB, and needs no recommender: for extensions.
///
/// # Errors
/// `Storage` when the file cannot be read, or is damaged; the app's next start writes it anew.
#[uniffi::export]
pub fn widget_slates(path: &str, now_ms: i64) -> Result<Vec<WidgetSlate>> {
    guarded(|| {
        let Some(bytes) = read_file(Path::new(path))? else { return Ok(Vec::new()) };
        let slates = FlatSlates::parse(&bytes)?.slates();
        Ok(slates.map(|slate| WidgetSlate::new(slate, now_ms)).collect())
    })
}

/// The slate of `surface` to show at `now_ms` (Unix milliseconds), `utc_offset_minutes` east of
/// UTC; none when the file has no slate of it, or there is no file.
///
/// # Errors
/// As [`widget_slates`].
#[uniffi::export]
pub fn widget_slate(
    path: &str,
    surface: &str,
    now_ms: i64,
    utc_offset_minutes: i32,
) -> Result<Option<WidgetSlate>> {
    guarded(|| {
        let Some(bytes) = read_file(Path::new(path))? else { return Ok(None) };
        let moment = WeekMinute::at(now_ms, utc_offset_minutes);
        let slate = FlatSlates::parse(&bytes)?.at(surface, moment);
        Ok(slate.map(|slate| WidgetSlate::new(slate, now_ms)))
    })
}
