//! Measuring a release on a sample of users with the pipeline of the phone.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use noctule_core::base::limits::{HISTORY_ITEMS_MAX, LINE_BYTES_MAX};
use noctule_core::base::{
    ContextId, Day, Error as CoreError, GeoPoint, HistoryItem, ItemId, Profile, json,
};
use noctule_core::monitoring::{Calibration, calibrate, slate_scores};
use noctule_core::night::{LoadedRelease, SequenceParts, SlateMaker, Treatment, order_of_work};
use noctule_core::release::{Health, Policy, References, SCORE_REFERENCE};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The file with the sample, one user a line.
pub const SAMPLE_FILE: &str = "sample.jsonl";

/// Users of one sample: their slates are made one by one.
const USERS_MAX: usize = 10_000;
/// Bytes of one line: the longest history a phone keeps.
const USER_BYTES_MAX: usize = 16 * LINE_BYTES_MAX;
/// Confidence of one item, as learning on the phone bounds it.
const CONFIDENCE_MAX: f32 = 10.0;

/// Where the references and limits of a release come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum HealthSource {
    /// From nowhere: phones do not compare their scores.
    #[default]
    None,
    /// From slates that the packed release makes for these users. Such a gate notices what differs
    /// between the packer and a phone.
    Sample(Vec<SampleUser>),
    /// From elsewhere, such as the release before, whose scores this one should resemble. Such a
    /// gate notices also a model that was already broken when it was packed.
    Given {
        /// The references.
        reference: References,
        /// The limits.
        health: Health,
    },
}

/// A user whose slates the packer makes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleUser {
    /// Where the user usually is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<GeoPoint>,
    /// What the user chose; may be empty, as on a new phone.
    pub history: Vec<SampleChoice>,
}

/// One choice of such a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleChoice {
    /// The item.
    pub item: ItemId,
    /// The context it was chosen in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextId>,
    /// Confidence, above 0; 1 is one conversion.
    #[serde(default = "SampleChoice::default_weight")]
    pub weight: f32,
}

impl SampleChoice {
    fn default_weight() -> f32 {
        1.0
    }
}

impl SampleUser {
    /// What a phone that saw these choices would know. `number` seeds its exploration.
    fn profile(&self, number: u64) -> Profile {
        let mut history: BTreeMap<ItemId, HistoryItem> = BTreeMap::new();
        for choice in &self.history {
            let new = || HistoryItem {
                item: choice.item.clone(),
                weight_by_context: BTreeMap::new(),
                negative: 0.0,
                last_chosen_ms: Some(0),
            };
            let entry = history.entry(choice.item.clone()).or_insert_with(new);
            let weight = entry.weight_by_context.entry(choice.context.clone()).or_insert(0.0);
            *weight = (*weight + choice.weight).min(CONFIDENCE_MAX);
        }
        let history = history.into_values().take(HISTORY_ITEMS_MAX).collect();
        Profile { history, place: self.place, seed: number, ..Profile::default() }
    }
}

/// Makes the slates of `sample` from the release in `directory`, at `now_ms`, and counts their
/// scores; nothing for a release without a model.
pub(crate) fn measure(
    directory: &Path,
    manifest_sha256: &str,
    sample: &[SampleUser],
    now_ms: i64,
) -> Result<Option<(References, Health)>> {
    let loaded = LoadedRelease::open(directory, manifest_sha256)?;
    if loaded.model.is_none() {
        return Ok(None);
    }
    let mut users = Vec::with_capacity(sample.len());
    for (number, user) in (0_u64..).zip(sample) {
        let profile = user.profile(number);
        let maker = SlateMaker {
            loaded: &loaded,
            plan: &loaded.release.manifest().plan,
            profile: &profile,
            treatment: Treatment { policy: Policy::Model, arm: None },
            now_ms,
            day: 0,
            at_night: true,
            recorder: None,
            sequence: SequenceParts::default(),
        };
        let mut scores = Vec::new();
        for work in order_of_work(maker.plan, &profile.openings, Day::at(now_ms, 0)) {
            let slate = maker.make(work.surface, work.context_index, work.context)?;
            scores.extend(slate_scores(&slate));
        }
        users.push(scores);
    }
    Ok(calibrate(&users).map(|Calibration { reference, health, .. }| {
        (References::from([(SCORE_REFERENCE.to_owned(), reference)]), health)
    }))
}

/// Reads `sample.jsonl` in `source`; a directory without one has no sample.
pub(crate) fn read(source: &Path) -> Result<HealthSource> {
    let path = source.join(SAMPLE_FILE);
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(HealthSource::None);
        }
        Err(error) => return Err(Error::file(&path, "opening")(error)),
    };
    let mut reader = BufReader::new(file);
    let mut users = Vec::new();
    loop {
        let mut line = Vec::new();
        let bounded = (&mut reader).take(USER_BYTES_MAX as u64 + 1);
        let read = { bounded }.read_until(b'\n', &mut line);
        if read.map_err(Error::file(&path, "reading"))? == 0 {
            return Ok(HealthSource::Sample(users));
        }
        let place = format!("{SAMPLE_FILE}:{}", users.len() + 1);
        if line.len() > USER_BYTES_MAX || users.len() == USERS_MAX {
            let reason = format!("at most {USERS_MAX} lines of {USER_BYTES_MAX} bytes are allowed");
            return Err(Error::part(place, reason));
        }
        let user: SampleUser =
            json::parse(&line).map_err(|refusal| CoreError::refused(place.clone(), refusal))?;
        check(&user, &place)?;
        users.push(user);
    }
}

fn check(user: &SampleUser, place: &str) -> Result<()> {
    if let Some(GeoPoint { latitude, longitude }) = user.place {
        GeoPoint::new(latitude, longitude)
            .map_err(|error| Error::part(place, error.to_string()))?;
    }
    let wrong = |choice: &SampleChoice| !(choice.weight > 0.0 && choice.weight.is_finite());
    match user.history.iter().position(wrong) {
        Some(at) => {
            let field = format!("{place}: history[{at}].weight");
            Err(Error::part(field, "must be a finite number above 0"))
        }
        None => Ok(()),
    }
}
