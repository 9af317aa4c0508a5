//! What a manifest, a plan and an experiment may say: every range, with the path of the field.

use std::collections::BTreeSet;

use super::manifest::{
    CATALOGUE_FILE, ITEMS_FILE, MANIFEST_FILE, MANIFEST_FORMAT, MODEL_FILE, SIGNATURE_FILE,
};
use super::{Experiment, FileEntry, Manifest, Plan, private_answer, runtime};
use crate::base::ids::check_app;
use crate::base::limits::{
    ARMS_MAX, CANDIDATES_MAX, CHUNK_BYTES, CONTEXTS_MAX, ID_BYTES_MAX, RELEASE_BYTES_MAX,
    RELEASE_FILES_MAX, SLATE_LENGTH_MAX, SURFACES_MAX, TENSORS_MAX, VERSION_MAX,
};
use crate::base::{Error, Refusal, Result};

/// Last millisecond of the year 9999: later ones no calendar writes with four digits.
const TIME_MS_MAX: i64 = 253_402_300_799_999;
/// Half the equator, the greatest distance on the earth.
const RADIUS_KM_MAX: f64 = 20_040.0;
/// Hours of a year: a slate older than that is no answer to anything.
const FRESH_HOURS_MAX: u32 = 8_760;
/// Ten years, past which a cooldown is an exclusion.
const COOLDOWN_DAYS_MAX: u32 = 3_650;
/// Chosen items that candidates may be similar to: each costs a pass over the item codes.
const SIMILAR_TO_MAX: usize = 64;
/// Ten years, past which nothing is new.
const NEW_DAYS_MAX: usize = 3_650;
/// Below this a draw is the best item but for one in e^100 at a whole step of the scaled score.
const TEMPERATURE_MIN: f64 = 0.01;
/// Above this the draw is even to within one part in a hundred.
const TEMPERATURE_MAX: f64 = 100.0;
/// Past this a limit of latency limits nothing.
const LATENCY_FACTOR_MAX: f64 = 100.0;
/// How far the shares of the arms may sum from 1, for shares such as 1/3 in decimals.
const SHARES_TOLERANCE: f64 = 1e-6;

pub(super) type Check = Result<(), Refusal>;

pub(super) fn refuse(field: impl Into<String>, reason: impl Into<String>) -> Check {
    Err(Refusal::Field { field: field.into(), reason: reason.into() })
}

pub(super) fn count(what: &'static str, found: usize, limit: usize) -> Check {
    if found > limit {
        return Err(Refusal::TooLarge { what, found: found as u64, limit: limit as u64 });
    }
    Ok(())
}

pub(super) fn within(field: &str, value: usize, from: usize, to: usize) -> Check {
    if (from..=to).contains(&value) {
        return Ok(());
    }
    refuse(field, format!("is {value}, {from} to {to} is allowed"))
}

pub(super) fn at_least_zero(field: &str, value: f32) -> Check {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    refuse(field, format!("is {value}, a finite number of at least 0 is needed"))
}

pub(super) fn share(field: &str, value: f64) -> Check {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    refuse(field, format!("is {value}, 0 to 1 is allowed"))
}

pub(super) fn name(field: &str, text: &str) -> Check {
    if text.is_empty() || text.len() > ID_BYTES_MAX {
        let reason = format!("is {} bytes long, 1 to {ID_BYTES_MAX} are allowed", text.len());
        return refuse(field, reason);
    }
    if text.chars().any(char::is_control) {
        let reason = text.escape_debug().to_string();
        return Err(Refusal::ControlCharacter { field: field.to_owned(), reason });
    }
    Ok(())
}

pub(super) fn unique<'a>(field: &str, names: impl IntoIterator<Item = &'a str>) -> Check {
    let mut seen = BTreeSet::new();
    for (index, name) in names.into_iter().enumerate() {
        if !seen.insert(name) {
            return refuse(format!("{field}[{index}]"), format!("{name:?} is there twice"));
        }
    }
    Ok(())
}

impl Plan {
    /// Checks every range of the plan; apps that override it do so too.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with the path of the field (`surfaces[0].length`).
    pub fn validate(&self) -> Result<()> {
        self.check().map_err(|refusal| match refusal {
            Refusal::Field { field, reason } => Error::InvalidInput { field, reason },
            other => Error::invalid("plan", other.to_string()),
        })
    }

    fn check(&self) -> Check {
        self.check_contexts()?;
        self.check_surfaces()?;
        let candidates = self.candidates;
        within("candidates.nearest", candidates.nearest, 0, CANDIDATES_MAX)?;
        within("candidates.popular", candidates.popular, 0, CANDIDATES_MAX)?;
        within("candidates.similar", candidates.similar, 0, CANDIDATES_MAX)?;
        within("candidates.similar_to", candidates.similar_to, 1, SIMILAR_TO_MAX)?;
        within("candidates.new", candidates.new, 0, CANDIDATES_MAX)?;
        within("candidates.new_days", candidates.new_days as usize, 1, NEW_DAYS_MAX)?;
        within("candidates", candidates.total(), 1, CANDIDATES_MAX)?;
        if let super::Consumed::CooldownDays(days) = self.consumed {
            within("consumed.cooldown-days", days as usize, 1, COOLDOWN_DAYS_MAX as usize)?;
        }
        if let Some(radius) = self.radius_km
            && !(radius > 0.0 && radius <= RADIUS_KM_MAX)
        {
            let reason = format!("is {radius}, above 0 and up to {RADIUS_KM_MAX} is allowed");
            return refuse("radius_km", reason);
        }
        if let Some(diversity) = &self.diversity {
            if let Some(attribute) = &diversity.attribute {
                name("diversity.attribute", attribute)?;
            }
            share("diversity.weight", f64::from(diversity.weight))?;
        }
        share("exploration.epsilon", self.exploration.epsilon)?;
        let temperature = self.exploration.temperature;
        if temperature != 0.0 && !(TEMPERATURE_MIN..=TEMPERATURE_MAX).contains(&temperature) {
            let reason =
                format!("is {temperature}, 0 or {TEMPERATURE_MIN} to {TEMPERATURE_MAX} is allowed");
            return refuse("exploration.temperature", reason);
        }
        within("exploration.pool", self.exploration.pool, 1, CANDIDATES_MAX)?;
        private_answer::check(&self.private)?;
        private_answer::check_budget(self.private_budget.as_ref())?;
        self.check_rules()?;
        if !(1.0..=LATENCY_FACTOR_MAX).contains(&self.latency_factor) {
            let reason = format!("is {}, 1 to {LATENCY_FACTOR_MAX}", self.latency_factor);
            return refuse("latency_factor", reason);
        }
        within("fresh_hours", self.fresh_hours as usize, 1, FRESH_HOURS_MAX as usize)
    }

    fn check_contexts(&self) -> Check {
        count("number of contexts", self.contexts.len(), CONTEXTS_MAX)?;
        unique("contexts", self.contexts.iter().map(|context| context.id.as_str()))?;
        for (index, context) in self.contexts.iter().enumerate() {
            if !context.when.is_in_range() {
                let reason = "from must be 0 to 1439 and until 0 to 1440 minutes";
                return refuse(format!("contexts[{index}].when"), reason);
            }
        }
        Ok(())
    }

    fn check_surfaces(&self) -> Check {
        within("surfaces", self.surfaces.len(), 1, SURFACES_MAX)?;
        unique("surfaces", self.surfaces.iter().map(|surface| surface.id.as_str()))?;
        for (index, surface) in self.surfaces.iter().enumerate() {
            let field = format!("surfaces[{index}].contexts");
            within(&format!("surfaces[{index}].length"), surface.length, 1, SLATE_LENGTH_MAX)?;
            within(&field, surface.contexts.len(), 1, CONTEXTS_MAX)?;
            unique(&field, surface.contexts.iter().map(crate::base::ContextId::as_str))?;
            for (place, id) in surface.contexts.iter().enumerate() {
                if self.context(id.as_str()).is_none() {
                    let reason = format!("{id:?} is not among the plan's contexts");
                    return refuse(format!("{field}[{place}]"), reason);
                }
            }
        }
        Ok(())
    }
}

impl Experiment {
    fn check(&self) -> Check {
        name("key", &self.key)?;
        name("salt", &self.salt)?;
        within("arms", self.arms.len(), 1, ARMS_MAX)?;
        unique("arms", self.arms.iter().map(|arm| arm.name.as_str()))?;
        for (index, arm) in self.arms.iter().enumerate() {
            name(&format!("arms[{index}].name"), &arm.name)?;
            if !(arm.share > 0.0 && arm.share <= 1.0) {
                let reason = format!("is {}, above 0 and up to 1 is allowed", arm.share);
                return refuse(format!("arms[{index}].share"), reason);
            }
        }
        let sum: f64 = self.arms.iter().map(|arm| arm.share).sum();
        if (sum - 1.0).abs() > SHARES_TOLERANCE {
            return refuse("arms", format!("the shares sum to {sum}, 1 is needed"));
        }
        Ok(())
    }
}

impl Manifest {
    /// Checks every range, name and length that can be checked without the files.
    ///
    /// # Errors
    /// The first [`Refusal`], with the path of the field.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.format > MANIFEST_FORMAT {
            return Err(Refusal::FormatTooNew { found: self.format, supported: MANIFEST_FORMAT });
        }
        within("format", self.format as usize, 1, MANIFEST_FORMAT as usize)?;
        if check_app("app", &self.app).is_err() {
            let reason = "must be 1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', not a dot first";
            return refuse("app", reason);
        }
        if !is_release_name(&self.release.name) {
            return refuse("release.name", "must be 1 to 64 characters of a-z, 0-9, '-' and '_'");
        }
        if self.release.version == 0 || self.release.version > VERSION_MAX {
            let reason = format!("is {}, 1 to {VERSION_MAX} is allowed", self.release.version);
            return refuse("release.version", reason);
        }
        if !(0..=TIME_MS_MAX).contains(&self.created_ms) {
            return refuse("created_ms", format!("is {}, 0 to {TIME_MS_MAX}", self.created_ms));
        }
        if self.expires_ms <= self.created_ms || self.expires_ms > TIME_MS_MAX {
            return refuse("expires_ms", "must be after created_ms and before the year 10000");
        }
        runtime::check(self.minimum_runtime.as_deref())?;
        let contexts = self.plan.contexts.len();
        let check = self.architecture.validate(contexts.min(CONTEXTS_MAX));
        check.map_err(|refusal| inside("architecture", refusal))?;
        self.plan.check().map_err(|refusal| inside("plan", refusal))?;
        if let Some(experiment) = &self.experiment {
            experiment.check().map_err(|refusal| inside("experiment", refusal))?;
        }
        super::health::check_references(&self.reference)?;
        if let Some(health) = &self.health {
            health.check()?;
        }
        self.check_files()?;
        self.check_tensors()
    }

    fn check_files(&self) -> Check {
        count("number of files", self.files.len(), RELEASE_FILES_MAX)?;
        let mut total = 0_u64;
        for (file, entry) in &self.files {
            if !is_plain_name(file) || file == MANIFEST_FILE || file == SIGNATURE_FILE {
                return Err(Refusal::UnsafePath);
            }
            entry.check().map_err(|refusal| inside(&format!("files.{file}"), refusal))?;
            total = total.saturating_add(entry.length);
        }
        if total > RELEASE_BYTES_MAX {
            let what = "length of all files in bytes";
            return Err(Refusal::TooLarge { what, found: total, limit: RELEASE_BYTES_MAX });
        }
        for file in [CATALOGUE_FILE, ITEMS_FILE] {
            if !self.files.contains_key(file) {
                return refuse(format!("files.{file}"), "is missing");
            }
        }
        match (self.files.contains_key(MODEL_FILE), self.architecture.has_model()) {
            (false, true) => refuse(format!("files.{MODEL_FILE}"), "is missing"),
            (true, false) => {
                refuse(format!("files.{MODEL_FILE}"), "does not belong to the architecture")
            }
            _ => Ok(()),
        }
    }

    fn check_tensors(&self) -> Check {
        for file in self.tensors.keys() {
            if !self.files.contains_key(file) {
                return refuse(format!("tensors.{file}"), "is not among the files");
            }
        }
        for file in self.files.keys().filter(|file| is_container(file)) {
            let Some(tensors) = self.tensors.get(file) else {
                return refuse(format!("tensors.{file}"), "is missing");
            };
            count("number of tensors", tensors.len(), TENSORS_MAX)?;
        }
        match self.tensors.keys().find(|file| !is_container(file)) {
            Some(file) => refuse(format!("tensors.{file}"), "is not a safetensors file"),
            None => Ok(()),
        }
    }
}

impl FileEntry {
    fn check(&self) -> Check {
        digest("sha256", &self.sha256)?;
        let Some(chunks) = &self.chunks else { return Ok(()) };
        let needed = self.length.div_ceil(CHUNK_BYTES);
        if chunks.len() as u64 != needed {
            let reason = format!(
                "has {} digests, a file of {} bytes has {needed} chunks",
                chunks.len(),
                self.length
            );
            return refuse("chunks", reason);
        }
        for (index, chunk) in chunks.iter().enumerate() {
            digest(&format!("chunks[{index}]"), chunk)?;
        }
        Ok(())
    }
}

fn digest(field: &str, text: &str) -> Check {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 64 && text.bytes().all(hex) {
        return Ok(());
    }
    refuse(field, "must be 64 lower-case hexadecimal digits")
}

/// Puts `parent` before the path of a refused field.
fn inside(parent: &str, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Field { field, reason } => {
            Refusal::Field { field: format!("{parent}.{field}"), reason }
        }
        other => other,
    }
}

fn is_container(file: &str) -> bool {
    file.ends_with(".safetensors")
}

/// 1 to 64 of `[a-z0-9_-]`: the same on every file system, also one that ignores case.
pub(super) fn is_release_name(name: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

/// A name that stays in its directory on every system: 1 to 128 of `[A-Za-z0-9._-]`, no dot first.
pub(super) fn is_plain_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}
