//! Every package has a licence that is allowed and comes from where packages may come from.

use std::collections::BTreeSet;

use super::agreement::Agreement;
use crate::cargo::Metadata;

/// Compares licences and sources of all packages, those for other systems too.
pub(super) fn check(metadata: &Metadata, agreement: &Agreement) -> Vec<String> {
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    for package in &metadata.packages {
        let id = format!("{} {}", package.name, package.version);
        if let Some(source) = &package.source
            && !agreement.sources.contains_key(source)
        {
            findings.push(format!("{id} comes from {source}, which is not allowed"));
        }
        let Some(licence) = &package.license else {
            findings.push(format!("{id} names no licence"));
            continue;
        };
        match Expression::parse(licence) {
            None => findings.push(format!("{id}: licence `{licence}` cannot be read")),
            Some(expression) => {
                expression.names(&mut named);
                if !expression.holds(&|name| agreement.licences.contains_key(name)) {
                    findings.push(format!("{id}: licence `{licence}` is not allowed"));
                }
            }
        }
    }
    for (name, reason) in &agreement.licences {
        if !named.contains(name) {
            findings.push(format!("licence {name} is allowed and no package has it: remove it"));
        }
        if reason.trim().is_empty() {
            findings.push(format!("licence {name} has no reason"));
        }
    }
    findings
}

/// An SPDX licence expression, with `/` read as `OR` as crates.io did before it knew SPDX.
#[derive(Debug, PartialEq, Eq)]
enum Expression {
    /// An identifier, or `identifier WITH exception`.
    Name(String),
    Any(Vec<Expression>),
    All(Vec<Expression>),
}

impl Expression {
    fn parse(text: &str) -> Option<Self> {
        let spaced = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        let expression = Self::any(&mut rest)?;
        rest.is_empty().then_some(expression)
    }

    fn any(words: &mut &[&str]) -> Option<Self> {
        let mut parts = vec![Self::all(words)?];
        while take(words, "OR") {
            parts.push(Self::all(words)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Self::Any(parts) })
    }

    fn all(words: &mut &[&str]) -> Option<Self> {
        let mut parts = vec![Self::one(words)?];
        while take(words, "AND") {
            parts.push(Self::one(words)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Self::All(parts) })
    }

    fn one(words: &mut &[&str]) -> Option<Self> {
        if take(words, "(") {
            let inner = Self::any(words)?;
            return take(words, ")").then_some(inner);
        }
        let name = name(words)?;
        if take(words, "WITH") {
            return Some(Self::Name(format!("{name} WITH {}", self::name(words)?)));
        }
        Some(Self::Name(name.to_owned()))
    }

    fn holds(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Name(name) => allowed(name),
            Self::Any(parts) => parts.iter().any(|part| part.holds(allowed)),
            Self::All(parts) => parts.iter().all(|part| part.holds(allowed)),
        }
    }

    fn names(&self, into: &mut BTreeSet<String>) {
        match self {
            Self::Name(name) => {
                into.insert(name.clone());
            }
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.names(into)),
        }
    }
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

fn name<'a>(words: &mut &[&'a str]) -> Option<&'a str> {
    let (first, rest) = words.split_first()?;
    if matches!(*first, "(" | ")" | "OR" | "AND" | "WITH") {
        return None;
    }
    *words = rest;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, allowed: &[&str]) -> bool {
        Expression::parse(text).unwrap().holds(&|name| allowed.contains(&name))
    }

    fn findings(licence: &str, source: &str, allowed: &[&str]) -> Vec<String> {
        let text = format!(
            r#"{{"workspace_root":"/r","target_directory":"/r/target","packages":[{{
                "name":"p","version":"1.0.0","license":{licence},"source":{source},
                "dependencies":[],"targets":[],"manifest_path":"/p/Cargo.toml"}}]}}"#
        );
        check(&Metadata::parse(&text).unwrap(), &Agreement::with_licences(allowed))
    }

    #[test]
    fn one_of_alternatives_is_enough_and_all_of_a_sum_are_needed() {
        assert!(holds("MIT OR GPL-3.0", &["MIT"]));
        assert!(holds("GPL-3.0/MIT", &["MIT"]));
        assert!(!holds("MIT AND GPL-3.0", &["MIT"]));
        assert!(holds("(MIT OR Apache-2.0) AND Unicode-3.0", &["MIT", "Unicode-3.0"]));
        assert!(!holds("(MIT OR Apache-2.0) AND Unicode-3.0", &["MIT"]));
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(holds("MIT OR A AND B", &["MIT"]));
        assert!(!holds("A AND B OR MIT", &["A"]));
    }

    #[test]
    fn an_exception_is_part_of_the_name() {
        assert!(!holds("Apache-2.0 WITH LLVM-exception", &["Apache-2.0"]));
        assert!(holds("A WITH E OR MIT", &["A WITH E"]));
    }

    #[test]
    fn broken_expressions_are_not_read() {
        for text in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT WITH", "MIT Apache-2.0"] {
            assert_eq!(Expression::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_package_without_an_allowed_licence_is_found() {
        assert!(findings(r#""MIT""#, r#""crates""#, &["MIT"]).is_empty());
        assert!(findings(r#""GPL-3.0""#, "null", &[])[0].contains("`GPL-3.0` is not allowed"));
        assert!(findings("null", "null", &[])[0].contains("no licence"));
        assert!(findings(r#""MIT OR""#, "null", &[])[0].contains("cannot be read"));
    }

    #[test]
    fn a_package_from_elsewhere_is_found() {
        let found = findings(r#""MIT""#, r#""git+https://example.org""#, &["MIT"]);
        assert!(found[0].contains("comes from git"), "{found:?}");
    }

    #[test]
    fn a_licence_that_nobody_has_is_found() {
        let found = findings(r#""MIT""#, "null", &["MIT", "ISC"]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("ISC"));
    }
}
