//! The registry as tables for a terminal.

use std::fmt;

use noctule_core::base::Day;
use noctule_core::release::ReleaseName;
use serde::Serialize;

use super::{Ancestor, Change, Collected, Diff, Health, State, Version};

/// Characters of a value that a table shows.
const VALUE_SHOWN_MAX: usize = 40;

/// One version as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Name and version.
    pub release: String,
    /// Aliases that point at it.
    pub aliases: Vec<String>,
    /// Percent of the devices that are offered it.
    pub percent: u8,
    /// Whether it is halted.
    pub halted: bool,
    /// Bytes of all its blobs.
    pub bytes: u64,
    /// When it was published, Unix milliseconds.
    pub published_ms: i64,
    /// Who published it.
    pub publisher: String,
}

/// One version as `show` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Name and version.
    pub release: String,
    /// The app it is for.
    pub app: String,
    /// Aliases that point at it.
    pub aliases: Vec<String>,
    /// What the registry knows of it.
    #[serde(flatten)]
    pub version: Version,
}

impl State {
    /// Every version, newest first within its line.
    #[must_use]
    pub fn table(&self) -> Vec<Table> {
        let mut rows: Vec<(ReleaseName, &Version)> = self.all().collect();
        rows.sort_by(|(a, _), (b, _)| (&a.name, b.version).cmp(&(&b.name, a.version)));
        let row = |(release, version): (ReleaseName, &Version)| Table {
            aliases: self.aliases_of(&release),
            release: release.to_string(),
            percent: version.percent,
            halted: version.halted,
            bytes: version.bytes(),
            published_ms: version.published_ms,
            publisher: version.publisher.clone(),
        };
        rows.into_iter().map(row).collect()
    }

    /// One version with all that is known of it.
    ///
    /// # Errors
    /// [`crate::Error::NotInRegistry`].
    pub fn show(&self, reference: &super::Reference) -> crate::Result<Shown> {
        let (release, version) = self.resolve(reference)?;
        Ok(Shown {
            app: self.line(&release.name)?.app.clone(),
            aliases: self.aliases_of(&release),
            release: release.to_string(),
            version: version.clone(),
        })
    }

    /// The aliases that point at `release`.
    #[must_use]
    pub fn aliases_of(&self, release: &ReleaseName) -> Vec<String> {
        let line = self.lines.get(&release.name);
        let aliases = line.into_iter().flat_map(|line| &line.aliases);
        let here = aliases.filter(|(_, number)| **number == release.version);
        here.map(|(alias, _)| alias.clone()).collect()
    }
}

/// The rows of `list`, under their heads.
#[must_use]
pub fn list_text(rows: &[Table]) -> String {
    let mut text =
        format!("{:<20} {:>8} {:>12} {:<10} aliases\n", "release", "offered", "size", "published");
    for row in rows {
        let offered = match (row.halted, row.percent) {
            (true, _) => "halted".to_owned(),
            (false, percent) => format!("{percent} %"),
        };
        let (day, aliases) = (Day::at(row.published_ms, 0), row.aliases.join(", "));
        let (release, bytes) = (&row.release, size(row.bytes));
        text.push_str(&format!("{release:<20} {offered:>8} {bytes:>12} {day:<10} {aliases}\n"));
    }
    text
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = &self.version;
        writeln!(f, "release     {} for {}", self.release, self.app)?;
        writeln!(f, "manifest    {}", version.manifest.sha256)?;
        writeln!(f, "aliases     {}", self.aliases.join(", "))?;
        let halted = if version.halted { ", halted" } else { "" };
        writeln!(f, "offered     to {} % of the devices{halted}", version.percent)?;
        let (from, until) = (Day::at(version.created_ms, 0), Day::at(version.expires_ms, 0));
        writeln!(f, "valid       {from} to {until}")?;
        let published = Day::at(version.published_ms, 0);
        writeln!(f, "published   {published} by {}", printable(&version.publisher))?;
        writeln!(f, "files       {}", size(version.bytes()))?;
        for (name, blob) in &version.files {
            writeln!(f, "  {name:<24} {:>12}  {}", size(blob.length), &blob.sha256[..16])?;
        }
        for (key, value) in &version.tags {
            writeln!(f, "tag         {key}: {}", printable(value))?;
        }
        for (key, value) in &version.lineage {
            writeln!(f, "lineage     {}: {}", printable(key), printable(value))?;
        }
        Ok(())
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "from        {}, {}", self.old, size(self.old_bytes))?;
        writeln!(f, "to          {}, {}", self.new, size(self.new_bytes))?;
        let how = if self.by_delta { "as a delta" } else { "as whole files" };
        writeln!(f, "to move     {} {how}", size(self.bytes_to_move))?;
        let length = |length: Option<u64>| length.map_or_else(|| "none".to_owned(), size);
        for (name, file) in &self.files {
            writeln!(f, "file        {name}: {} -> {}", length(file.old), length(file.new))?;
        }
        let none = || "none".to_owned();
        for (name, tensor) in &self.tensors {
            let old = tensor.old.clone().unwrap_or_else(none);
            let new = tensor.new.clone().unwrap_or_else(none);
            let shape = if old == new { old } else { format!("{old} -> {new}") };
            write!(f, "tensor      {name}: {shape}, {} rows changed", tensor.rows_changed)?;
            match (tensor.max_change, tensor.mean_change) {
                (Some(max), Some(mean)) => writeln!(f, ", by {max:.3e} at most, {mean:.3e} mean")?,
                _ => writeln!(f)?,
            }
        }
        write_changes(f, "field", &self.fields)?;
        write_changes(f, "check", &self.checks)
    }
}

fn write_changes<'a>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    changes: impl IntoIterator<Item = (&'a String, &'a Change)>,
) -> fmt::Result {
    let shown = |value: &Option<serde_json::Value>| {
        let text = value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        shortened(&printable(&text))
    };
    for (name, change) in changes {
        let (old, new) = (shown(&change.old), shown(&change.new));
        writeln!(f, "{what:<11} {}: {old} -> {new}", printable(name))?;
    }
    Ok(())
}

/// The chain of parents, each a step further in.
#[must_use]
pub fn lineage_text(chain: &[Ancestor]) -> String {
    let mut text = String::new();
    for (depth, ancestor) in chain.iter().enumerate() {
        let indent = "   ".repeat(depth.saturating_sub(1));
        let branch = if depth == 0 { "" } else { "└─ " };
        let known = if ancestor.known { "" } else { " (not in the registry)" };
        text.push_str(&format!("{indent}{branch}{}{known}\n", printable(&ancestor.release)));
        let below = "   ".repeat(depth + usize::from(depth > 0));
        for (key, value) in &ancestor.lineage {
            text.push_str(&format!("{below}  {}: {}\n", printable(key), printable(value)));
        }
    }
    text
}

impl fmt::Display for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for version in &self.versions {
            writeln!(f, "version     {version}")?;
        }
        for blob in &self.blobs {
            writeln!(f, "blob        {blob}")?;
        }
        let (versions, blobs) = (self.versions.len(), self.blobs.len());
        writeln!(f, "{versions} versions, {blobs} blobs, {}", size(self.bytes))
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "commit      {}", self.commit)?;
        writeln!(f, "states      {} read", self.states)?;
        writeln!(f, "blobs       {} hashed, {}", self.blobs, size(self.bytes))?;
        writeln!(f, "unneeded    {} blobs", self.unreferenced)?;
        for finding in &self.findings {
            write!(f, "WRONG       {}: {}", finding.at, finding.reason)?;
            match finding.needed_by.is_empty() {
                true => writeln!(f)?,
                false => writeln!(f, "; needed by {}", finding.needed_by.join(", "))?,
            }
        }
        Ok(())
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The text without characters that move a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE_SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
