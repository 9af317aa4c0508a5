//! An inspection as text for a terminal.

use std::fmt;

use noctule_core::base::{ContextId, Day};
use noctule_core::release::{Architecture, Candidates, Exposure, Policy, RankerKind};

use crate::inspect::{Inspection, SignatureState};

/// Milliseconds of a day.
impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "release     {} for {}", self.release, self.app)?;
        writeln!(f, "manifest    {}", self.manifest_sha256)?;
        writeln!(f, "signature   {}", self.signature)?;
        let (from, until) = (Day::at(self.created_ms, 0), Day::at(self.expires_ms, 0));
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
            let (dtype, shape) = (printable(&tensor.dtype), format!("{:?}", tensor.shape));
            match tensor.row_bytes {
                Some(bytes) => writeln!(f, "  {name:<32} {dtype:<5} {shape:<16} {bytes} B a row")?,
                None => writeln!(f, "  {name:<32} {dtype:<5} {shape}")?,
            }
        }
        self.write_vectors(f)?;
        self.write_plan(f)?;
        for (key, value) in &self.lineage {
            writeln!(f, "lineage     {key}: {}", printable(value))?;
        }
        Ok(())
    }
}

impl Inspection {
    /// How the item vectors are stored, and what an item takes.
    fn write_vectors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let find = |name: &str| self.tensors.iter().find(|tensor| tensor.name == name);
        let Some(codes) = find("codes") else { return Ok(()) };
        let embedding = find("embedding");
        let stored = embedding.map_or("codes only", |tensor| &tensor.dtype);
        // Of planes, a row of the tensor is one of them.
        let (width, of_codes) = match (codes.dtype.as_str(), &codes.shape[..]) {
            ("U8", [planes, _, bytes]) => ("int8 (planes)", planes.checked_mul(*bytes)),
            ("U8", _) => ("int4", codes.row_bytes),
            _ => ("int8", codes.row_bytes),
        };
        let others = [embedding, find("scale")].into_iter().flatten();
        let parts = others.map(|tensor| tensor.row_bytes).chain([of_codes]).flatten();
        let bytes = parts.fold(0, u64::saturating_add);
        writeln!(f, "vectors     {}, {width} codes: {bytes} B an item", printable(stored))
    }

    fn write_plan(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        for surface in &plan.surfaces {
            let contexts: Vec<&str> = surface.contexts.iter().map(ContextId::as_str).collect();
            let (id, length) = (&surface.id, surface.length);
            writeln!(f, "surface     {id}: {length} slots in {}", contexts.join(", "))?;
        }
        let Candidates { nearest, similar, popular, new, .. } = plan.candidates;
        write!(f, "candidates  {nearest} nearest, {popular} popular")?;
        writeln!(f, ", {similar} similar, {new} new")?;
        let exploration = plan.exploration;
        write!(f, "exploration {} from {}", exploration.epsilon, exploration.pool)?;
        match exploration.temperature {
            0.0 => writeln!(f)?,
            temperature => writeln!(f, " at temperature {temperature}")?,
        }
        if let Some(diversity) = &plan.diversity {
            let over = diversity.attribute.as_deref().unwrap_or("the item vectors");
            writeln!(f, "diversity   {} over {}", diversity.weight, printable(over))?;
        }
        for rule in &plan.rules {
            writeln!(f, "rule        {}", printable(&rule.id))?;
        }
        for Exposure { id, floor, cap, .. } in &plan.exposure {
            writeln!(f, "exposure    {}: {floor} to {cap}", printable(id))?;
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
    let name = architecture.name();
    let Some((dimensions, ranker)) = architecture.dimensions().zip(architecture.ranker()) else {
        return writeln!(f, "model       {name}");
    };
    writeln!(f, "model       {name}, {dimensions} dimensions")?;
    let features = printable(&architecture.ranker_features().join(", "));
    match ranker.kind {
        RankerKind::Linear => writeln!(f, "ranker      {features}"),
        RankerKind::Mlp => writeln!(f, "ranker      mlp over {features}"),
        RankerKind::DcnV2 => writeln!(f, "ranker      dcn_v2 over {features}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_release_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a [2Jb ");
    }
}
