//! The committed budget.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FILE;
use crate::error::{Error, Result};
use crate::phone::Form;

/// Crates below this are counted together.
const SMALL: u64 = 16 * 1_024;
const REST: &str = "all others";
/// By how much something may grow before somebody has to agree: compilers differ a little.
const SLACK: f64 = 1.03;

/// What was measured, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Size {
    /// The stripped library.
    pub(super) stripped: u64,
    /// Symbols by crate.
    pub(super) crates: BTreeMap<String, u64>,
}

/// What it may be, in bytes, in either form.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agreement {
    /// What was promised of the stripped library in its small form.
    promised: u64,
    small: Budget,
    plain: Budget,
}

/// What one form may be, in bytes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    /// The stripped library when it was last agreed to.
    stripped: u64,
    /// Symbols by crate.
    crates: BTreeMap<String, u64>,
}

impl Agreement {
    pub(super) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|source| Error::Json { what: FILE.to_owned(), source })
    }

    pub(super) fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| Error::Json { what: FILE.to_owned(), source })?;
        Ok(text + "\n")
    }

    /// Makes `size` what is agreed; what was promised stays.
    pub(super) fn agree(&mut self, form: Form, size: &Size) {
        match form {
            Form::Small => self.small = Budget::of(size),
            Form::Plain => self.plain = Budget::of(size),
        }
    }

    /// What is over the budget, or over what was promised.
    pub(super) fn findings(&self, form: Form, size: &Size) -> Vec<String> {
        let mut findings = self.of(form).findings(size);
        if form == Form::Small && size.stripped > self.promised {
            let promised = self.promised;
            findings.push(format!("{} bytes, {promised} were promised", size.stripped));
        }
        findings
    }

    /// What is there beside what is agreed, the largest first.
    pub(super) fn table(&self, form: Form, size: &Size) -> String {
        let text = self.of(form).table(size);
        match form {
            Form::Small => format!("{text}; {} were promised", self.promised),
            Form::Plain => text,
        }
    }

    fn of(&self, form: Form) -> &Budget {
        match form {
            Form::Small => &self.small,
            Form::Plain => &self.plain,
        }
    }
}

impl Budget {
    fn of(size: &Size) -> Self {
        Self { stripped: size.stripped, crates: grouped(&size.crates, |_| false) }
    }

    fn findings(&self, size: &Size) -> Vec<String> {
        let over = |found: u64, agreed: u64| found as f64 > agreed as f64 * SLACK;
        let mut findings = Vec::new();
        if over(size.stripped, self.stripped) {
            let agreed = self.stripped;
            findings.push(format!("{} bytes, {agreed} are agreed in {FILE}", size.stripped));
        }
        for (name, bytes) in self.grouped(size) {
            match self.crates.get(&name) {
                Some(agreed) if !over(bytes, *agreed) => {}
                Some(agreed) => findings.push(format!("{name}: {bytes} bytes, {agreed} agreed")),
                None => findings.push(format!("{name}: {bytes} bytes, nothing is agreed")),
            }
        }
        findings
    }

    fn table(&self, size: &Size) -> String {
        let mut rows: Vec<_> = self.grouped(size).into_iter().collect();
        rows.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let mut text = format!("{:<22} {:>10} {:>10}\n", "crate", "bytes", "agreed");
        for (name, bytes) in rows {
            let agreed = self.crates.get(&name).copied().unwrap_or(0);
            text.push_str(&format!("{name:<22} {bytes:>10} {agreed:>10}\n"));
        }
        let (stripped, agreed) = (size.stripped, self.stripped);
        text.push_str(&format!("{:<22} {stripped:>10} {agreed:>10}", "stripped library"));
        text
    }

    fn grouped(&self, size: &Size) -> BTreeMap<String, u64> {
        grouped(&size.crates, |name| self.crates.contains_key(name))
    }
}

/// The crates, small ones together unless `named` keeps them apart.
fn grouped(crates: &BTreeMap<String, u64>, named: impl Fn(&str) -> bool) -> BTreeMap<String, u64> {
    let mut grouped = BTreeMap::new();
    for (name, bytes) in crates {
        let name = if *bytes >= SMALL || named(name) { name.as_str() } else { REST };
        *grouped.entry(name.to_owned()).or_default() += bytes;
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(stripped: u64, crates: &[(&str, u64)]) -> Size {
        let crates = crates.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
        Size { stripped, crates }
    }

    fn agreement(promised: u64, small: &Size, plain: &Size) -> Agreement {
        Agreement { promised, small: Budget::of(small), plain: Budget::of(plain) }
    }

    #[test]
    fn what_was_agreed_fits_and_so_does_a_little_more() {
        let agreed = size(2_000_000, &[("core", 900_000), ("tiny", 5_000), ("sqlite", 800_000)]);
        let agreement = agreement(3_000_000, &agreed, &size(1, &[]));
        assert_eq!(Agreement::parse(&agreement.to_text().unwrap()).unwrap(), agreement);
        assert_eq!(agreement.findings(Form::Small, &agreed), Vec::<String>::new());
        let more = size(2_050_000, &[("core", 920_000), ("tiny", 5_100), ("sqlite", 800_000)]);
        assert_eq!(agreement.findings(Form::Small, &more), Vec::<String>::new());
    }

    #[test]
    fn growth_and_new_crates_are_named() {
        let budget = Budget::of(&size(2_000_000, &[("core", 900_000), ("tiny", 5_000)]));
        let grown = size(3_100_000, &[("core", 1_000_000), ("tiny", 5_000), ("regex", 500_000)]);
        let findings = budget.findings(&grown).join("\n");
        for part in ["agreed in", "core: 1000000", "regex: 500000 bytes, nothing"] {
            assert!(findings.contains(part), "{part}: {findings}");
        }
    }

    #[test]
    fn the_promise_binds_the_small_form_within_what_is_agreed() {
        let agreed = size(2_990_000, &[("core", 900_000)]);
        let agreement = agreement(3_000_000, &agreed, &agreed);
        let over = size(3_000_001, &[("core", 900_000)]);
        let findings = agreement.findings(Form::Small, &over);
        assert_eq!(findings, ["3000001 bytes, 3000000 were promised"]);
        assert_eq!(agreement.findings(Form::Plain, &over), Vec::<String>::new());
        assert!(agreement.table(Form::Small, &over).ends_with("2990000; 3000000 were promised"));
    }

    #[test]
    fn each_form_is_held_against_its_own_budget() {
        let (small, plain) = (size(2_000, &[("core", 900)]), size(3_000, &[("core", 1_900)]));
        let mut agreement = agreement(3_000_000, &small, &small);
        assert_eq!(agreement.findings(Form::Plain, &plain).len(), 2);
        agreement.agree(Form::Plain, &plain);
        assert_eq!(agreement.findings(Form::Plain, &plain), Vec::<String>::new());
        assert_eq!(agreement.findings(Form::Small, &plain).len(), 2);
    }

    #[test]
    fn many_small_crates_together_count_too() {
        let budget = Budget::of(&size(1_000_000, &[("a", 1_000), ("b", 1_000)]));
        let findings = budget.findings(&size(1_000_000, &[("a", 1_000), ("b", 9_000)]));
        assert_eq!(findings, ["all others: 10000 bytes, 2000 agreed"]);
    }
}
