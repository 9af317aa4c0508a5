//! One version of each crate, but for named exceptions, and exact versions where they are pinned.

use std::collections::{BTreeMap, BTreeSet};

use super::agreement::{Agreement, Duplicate};
use crate::cargo::Metadata;

/// Compares duplicates and pins with the graph.
pub(super) fn check(metadata: &Metadata, agreement: &Agreement) -> Vec<String> {
    let mut findings = duplicates(metadata, agreement);
    findings.extend(pins(metadata, agreement));
    findings
}

/// Writes the duplicates of the graph into the agreement; reasons that stand there are kept.
pub(super) fn update(metadata: &Metadata, agreement: &mut Agreement) {
    let mut old = std::mem::take(&mut agreement.duplicates);
    for (name, series) in several(metadata) {
        let reason = old.remove(name).unwrap_or_default().reason;
        agreement.duplicates.insert(name.to_owned(), Duplicate { series, reason });
    }
}

/// The crates that are there more than once, with their series. Two patches of one series would
/// never be resolved side by side.
fn several(metadata: &Metadata) -> BTreeMap<&str, BTreeSet<String>> {
    let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in &metadata.packages {
        all.entry(&package.name).or_default().insert(series_of(&package.version));
    }
    all.retain(|_, series| series.len() > 1);
    all
}

/// What stays the same while versions are compatible: `1` of 1.2.3, `0.16` of 0.16.1.
fn series_of(version: &str) -> String {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if major == "0" { format!("0.{minor}") } else { major.to_owned() }
}

fn duplicates(metadata: &Metadata, agreement: &Agreement) -> Vec<String> {
    let found = several(metadata);
    let mut findings = Vec::new();
    let list = |series: &BTreeSet<String>| series.iter().cloned().collect::<Vec<_>>().join(", ");
    for (name, series) in &found {
        match agreement.duplicates.get(*name) {
            None => findings.push(format!("{name} is there in versions {}", list(series))),
            Some(agreed) if agreed.series != *series => findings.push(format!(
                "{name} is there in versions {}, agreed are {}",
                list(series),
                list(&agreed.series)
            )),
            Some(agreed) if agreed.reason.trim().is_empty() => {
                findings.push(format!("{name} is there in versions {}: why?", list(series)));
            }
            Some(_) => {}
        }
    }
    for name in agreement.duplicates.keys().filter(|name| !found.contains_key(name.as_str())) {
        findings.push(format!("{name} is there in one version: remove it from duplicates"));
    }
    findings
}

fn pins(metadata: &Metadata, agreement: &Agreement) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, pin) in &agreement.pins {
        let wanted = pin.requirement.trim_start_matches('=');
        let mut there = false;
        for package in metadata.packages.iter().filter(|package| package.name == *name) {
            there = true;
            if package.version != wanted {
                findings.push(format!("{name} is {}, pinned is {wanted}", package.version));
            }
        }
        if !there {
            findings.push(format!("{name} is pinned and not there: remove it from pins"));
        }
        for (folder, package) in metadata.own() {
            for dependency in package.dependencies.iter().filter(|other| other.name == *name) {
                if dependency.req != pin.requirement {
                    findings.push(format!(
                        "{folder}/Cargo.toml asks for {name} {}, pinned is {}",
                        dependency.req, pin.requirement
                    ));
                }
            }
        }
        if pin.reason.trim().is_empty() {
            findings.push(format!("{name} is pinned: why?"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::agreement::Pin;
    use super::*;

    /// A graph of packages from elsewhere, and one of ours that asks for `bincode` so.
    fn metadata(packages: &[(&str, &str)], requirement: &str) -> Metadata {
        let foreign = packages.iter().map(|(name, version)| {
            format!(
                r#"{{"name":"{name}","version":"{version}","license":"MIT","source":"crates",
                    "dependencies":[],"targets":[],"manifest_path":"/c/Cargo.toml"}}"#
            )
        });
        let ours = format!(
            r#"{{"name":"core","version":"0.1.0","license":"MIT","source":null,
                "dependencies":[{{"name":"bincode","req":"{requirement}"}}],"targets":[],
                "manifest_path":"/r/core/Cargo.toml"}}"#
        );
        let packages: Vec<String> = foreign.chain([ours]).collect();
        let text = format!(
            r#"{{"workspace_root":"/r","target_directory":"/r/target","packages":[{}]}}"#,
            packages.join(",")
        );
        Metadata::parse(&text).unwrap()
    }

    fn agreement(pinned: &str, series: &[&str], reason: &str) -> Agreement {
        let mut agreement = Agreement::with_licences(&[]);
        let pin = Pin { requirement: pinned.to_owned(), reason: "because".to_owned() };
        agreement.pins.insert("bincode".to_owned(), pin);
        if !series.is_empty() {
            let series = series.iter().map(|part| (*part).to_owned()).collect();
            let duplicate = Duplicate { series, reason: reason.to_owned() };
            agreement.duplicates.insert("syn".to_owned(), duplicate);
        }
        agreement
    }

    const TWO: [(&str, &str); 3] = [("bincode", "2.0.1"), ("syn", "1.0.9"), ("syn", "2.0.4")];

    #[test]
    fn a_second_version_is_found_until_it_is_agreed_with_a_reason() {
        let graph = metadata(&TWO, "=2.0.1");
        assert_eq!(check(&graph, &agreement("=2.0.1", &[], "")).len(), 1);
        assert_eq!(check(&graph, &agreement("=2.0.1", &["1", "2"], "")).len(), 1);
        assert_eq!(check(&graph, &agreement("=2.0.1", &["1", "3"], "old")).len(), 1);
        assert!(check(&graph, &agreement("=2.0.1", &["1", "2"], "old")).is_empty());
    }

    #[test]
    fn an_exception_that_is_no_longer_needed_is_found() {
        let found = check(&metadata(&TWO[..2], "=2.0.1"), &agreement("=2.0.1", &["1", "2"], "old"));
        assert!(found[0].contains("one version"), "{found:?}");
    }

    #[test]
    fn a_loose_requirement_and_another_version_break_a_pin() {
        let pinned = agreement("=2.0.1", &[], "");
        let loose = check(&metadata(&TWO[..1], "^2.0.1"), &pinned);
        assert!(loose[0].contains("core/Cargo.toml asks for bincode ^2.0.1"), "{loose:?}");
        let other = check(&metadata(&[("bincode", "2.0.2")], "=2.0.1"), &pinned);
        assert!(other[0].contains("bincode is 2.0.2"), "{other:?}");
        assert!(check(&metadata(&[], "=2.0.1"), &pinned)[0].contains("not there"));
    }

    #[test]
    fn an_update_keeps_reasons_and_invents_none() {
        let mut old = agreement("=2.0.1", &["1"], "old");
        let mut packages = TWO.to_vec();
        packages.extend([("rand", "0.9.1"), ("rand", "0.10.1")]);
        update(&metadata(&packages, "=2.0.1"), &mut old);
        assert_eq!(old.duplicates["syn"].reason, "old");
        assert_eq!(old.duplicates["syn"].series.len(), 2);
        assert_eq!(old.duplicates["rand"].reason, "");
    }
}
