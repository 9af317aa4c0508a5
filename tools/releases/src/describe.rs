//! An inspection as text for a terminal.

use std::fmt;

use noctule_core::base::ContextId;
use noctule_core::release::{Architecture, Policy};

use crate::inspect::{Inspection, SignatureState};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "release     {} for {}", self.release, self.app)?;
        writeln!(f, "manifest    {}", self.manifest_sha256)?;
        writeln!(f, "signature   {}", self.signature)?;
        let (from, until) = (date(self.created_ms), date(self.expires_ms));
        writeln!(f, "valid       {from} to {until}")?;
        write_architecture(f, &self.architecture)?;
        writeln!(f, "items       {}", self.items)?;
        writeln!(f, "files       {}", size(self.bytes))?;
        for file in &self.files {
            write!(f, "  {:<24} {:>10}  {}", file.name, size(file.length), &file.sha256[..16])?;
            match file.length_on_disk {
                None => writeln!(f, "  MISSING")?,
                Some(found) if found != file.length => writeln!(f, "  {found} BYTES ON DISK")?,
                Some(_) => writeln!(f)?,
            }
        }
        writeln!(f, "tensors     {}", self.tensors.len())?;
        for tensor in &self.tensors {
            let name = format!("{}/{}", tensor.file.trim_end_matches(".safetensors"), tensor.name);
            writeln!(f, "  {name:<32} {:<5} {:?}", tensor.dtype, tensor.shape)?;
        }
        self.write_plan(f)?;
        for (key, value) in &self.lineage {
            writeln!(f, "lineage     {key}: {}", printable(value))?;
        }
        Ok(())
    }
}

impl Inspection {
    fn write_plan(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        for surface in &plan.surfaces {
            let contexts: Vec<&str> = surface.contexts.iter().map(ContextId::as_str).collect();
            let (id, length) = (&surface.id, surface.length);
            writeln!(f, "surface     {id}: {length} slots in {}", contexts.join(", "))?;
        }
        let (nearest, popular) = (plan.candidates.nearest, plan.candidates.popular);
        writeln!(f, "candidates  {nearest} nearest, {popular} popular")?;
        let exploration = plan.exploration;
        writeln!(f, "exploration {} from {}", exploration.epsilon, exploration.pool)?;
        if let Some(diversity) = &plan.diversity {
            writeln!(f, "diversity   {} over {}", diversity.weight, diversity.attribute)?;
        }
        let Some(experiment) = &self.experiment else { return Ok(()) };
        writeln!(f, "experiment  {}", printable(&experiment.key))?;
        for arm in &experiment.arms {
            let policy = match arm.policy {
                Policy::Model => "model",
                Policy::Baseline => "baseline",
            };
            let (name, percent) = (printable(&arm.name), 100.0 * arm.share);
            writeln!(f, "  {name:<24} {percent:>5.1} %  {policy}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SignatureState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Unchecked => f.write_str("there, not checked: no key given"),
            Self::Good { key } => write!(f, "good, by {key}"),
            Self::Wrong => f.write_str("WRONG: by none of the given keys"),
        }
    }
}

fn write_architecture(f: &mut fmt::Formatter<'_>, architecture: &Architecture) -> fmt::Result {
    match architecture {
        Architecture::Popularity {} => writeln!(f, "model       popularity"),
        Architecture::MatrixFactorization { dimensions, ranker_features, .. } => {
            let features = ranker_features.join(", ");
            writeln!(f, "model       matrix_factorization, {dimensions} dimensions")?;
            writeln!(f, "ranker      {}", printable(&features))
        }
    }
}

/// Text of a foreign file without what would steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The day (UTC) of a moment in Unix milliseconds, as in RFC 3339; by the algorithm
/// `civil_from_days` of Howard Hinnant ("chrono-Compatible Low-Level Date Algorithms").
fn date(unix_ms: i64) -> String {
    let days = unix_ms.div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400_000), "2000-02-29");
        assert_eq!(date(1_790_000_000_000), "2026-09-21");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(253_402_300_799_999), "9999-12-31");
    }

    #[test]
    fn control_characters_of_a_release_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a [2Jb ");
    }
}
