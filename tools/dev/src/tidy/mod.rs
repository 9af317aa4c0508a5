//! `cargo dev tidy`: the rules of the house that the compiler does not know.
//!
//! Every rule is a function from text to findings, so that its tests can show it firing. A finding
//! is one line, `path:line: rule: what`.

mod crates;
mod imports;
mod lengths;
mod paths;
mod rooms;
mod source;
mod tree;
mod words;
mod workspace;

use std::fmt;

use crate::cargo::Workspace;
use crate::error::Result;
use source::Source;
use tree::Tree;

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path relative to the root, with forward slashes.
    pub(crate) path: String,
    /// Counted from 1; 0 when the whole file is meant.
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, rule: &'static str, what: String) -> Self {
        Self { path: path.to_owned(), line, rule, what }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.what)
    }
}

/// Checks the whole repository and prints what it finds; false when there is anything.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let tree = Tree::read(workspace.root())?;
    let mut findings = check_tree(&tree);
    findings.extend(workspace::check(&workspace.metadata(true)?, &tree));
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    let count = findings.len();
    println!("tidy: {} files, {count} finding{}", tree.len(), if count == 1 { "" } else { "s" });
    Ok(findings.is_empty())
}

fn check_tree(tree: &Tree) -> Vec<Finding> {
    let mut findings = tree::check_top_level(tree);
    for (path, text) in tree.texts() {
        findings.extend(words::check(path, text));
        findings.extend(lengths::check_file(path, text));
        findings.extend(paths::check(path, text, &|wanted| tree.has(wanted)));
        if path.ends_with(".rs") {
            let source = Source::new(text);
            findings.extend(lengths::check_functions(path, &source));
            findings.extend(words::check_modules(path, &source));
            findings.extend(crates::check(path, &source));
            findings.extend(rooms::check(path, &source));
        }
    }
    for path in tree.paths() {
        findings.extend(words::check_path(path));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_an_editor_can_follow() {
        let finding = Finding::new("core/src/lib.rs", 7, "room", "no".to_owned());
        assert_eq!(finding.to_string(), "core/src/lib.rs:7: room: no");
    }

    #[test]
    fn every_rule_for_sources_is_wired_in() {
        let body = "let a = 1;\n".repeat(80);
        let text = format!("mod utils;\nuse crate::upload::A;\nunsafe fn f() {{\n{body}}}\n");
        let tree = Tree::of(&[("core/src/base/a.rs", &text), ("notes.txt", "")]);
        let mut rules: Vec<_> = check_tree(&tree).iter().map(|finding| finding.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        assert_eq!(rules, ["crate", "function", "name", "room", "top"]);
    }
}
