//! Which crates of the workspace depend on which, and that each takes the workspace's lints.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::Tree;
use crate::cargo::Metadata;

/// What a crate is to the others, by the folder it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Kernels,
    Core,
    Ffi,
    Cli,
    Pages,
    Tool,
    Tests,
}

impl Part {
    fn of(folder: &str) -> Option<Self> {
        let mut parts = folder.split('/');
        match (parts.next()?, parts.next()) {
            ("core", Some("kernels")) => Some(Self::Kernels),
            ("core", _) => Some(Self::Core),
            ("ffi", _) => Some(Self::Ffi),
            ("tools", Some("cli")) => Some(Self::Cli),
            ("tools", Some("pages")) => Some(Self::Pages),
            ("tools", Some(_)) => Some(Self::Tool),
            ("tests", _) => Some(Self::Tests),
            _ => None,
        }
    }

    /// Core stands on its kernels alone, tools stand side by side on core and on what their pages
    /// share, the command stands on all tools, and only tests reach everything.
    fn may_use(self, other: Self) -> bool {
        match self {
            Self::Kernels | Self::Pages => false,
            Self::Core => other == Self::Kernels,
            Self::Ffi => matches!(other, Self::Core | Self::Ffi),
            Self::Tool => matches!(other, Self::Core | Self::Pages),
            Self::Cli => matches!(other, Self::Core | Self::Tool),
            Self::Tests => true,
        }
    }
}

/// Checks the graph of our own crates, dependencies of every kind, and their manifests.
pub(super) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let own: BTreeMap<&str, String> =
        metadata.own().map(|(folder, package)| (package.name.as_str(), folder)).collect();
    let mut findings = Vec::new();
    for (folder, package) in metadata.own() {
        let manifest = format!("{folder}/Cargo.toml");
        let Some(part) = Part::of(&folder) else {
            let what = format!("`{}` lies in no folder for crates", package.name);
            findings.push(Finding::new(&manifest, 0, "depends", what));
            continue;
        };
        let text = tree.text(&manifest).unwrap_or_default();
        for dependency in &package.dependencies {
            let other = own.get(dependency.name.as_str()).and_then(|folder| Part::of(folder));
            if other.is_some_and(|other| !part.may_use(other)) {
                let line = line_with(text, &dependency.name);
                let what = format!("`{}` may not depend on `{}`", package.name, dependency.name);
                findings.push(Finding::new(&manifest, line, "depends", what));
            }
        }
        if !takes_lints(text) {
            let what = "the manifest does not say `workspace = true` under `[lints]`".to_owned();
            findings.push(Finding::new(&manifest, 0, "lints", what));
        }
    }
    findings
}

fn line_with(text: &str, name: &str) -> usize {
    text.lines().position(|line| line.starts_with(name)).map_or(0, |index| index + 1)
}

fn takes_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines.next().is_some_and(|line| line == "workspace = true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATES: [(&str, &str); 8] = [
        ("core", "core"),
        ("ffi", "ffi"),
        ("bindgen", "ffi/bindgen"),
        ("cli", "tools/cli"),
        ("trainer", "tools/trainer"),
        ("reports", "tools/reports"),
        ("pages", "tools/pages"),
        ("tests", "tests"),
    ];

    /// The findings when the crate `from` depends on the crate `to` and nothing else does.
    fn findings(from: &str, to: &str) -> Vec<Finding> {
        let packages = CRATES.map(|(name, folder)| {
            let dependency = format!(r#"{{"name":"{to}","req":"*"}}"#);
            let dependencies = if name == from { dependency } else { String::new() };
            format!(
                r#"{{"name":"{name}","version":"0.1.0","license":null,"source":null,
                    "dependencies":[{dependencies}],"targets":[],
                    "manifest_path":"/r/{folder}/Cargo.toml"}}"#
            )
        });
        let text = format!(
            r#"{{"workspace_root":"/r","target_directory":"/r/target","packages":[{}]}}"#,
            packages.join(",")
        );
        let manifests = CRATES.map(|(_, folder)| format!("{folder}/Cargo.toml"));
        let lints = format!("[lints]\nworkspace = true\n{to} = 1\n");
        let files: Vec<_> = manifests.iter().map(|path| (path.as_str(), lints.as_str())).collect();
        check(&Metadata::parse(&text).unwrap(), &Tree::of(&files))
    }

    #[test]
    fn forbidden_dependencies_are_found_with_their_line() {
        let forbidden = [
            ("core", "trainer"),
            ("trainer", "reports"),
            ("trainer", "cli"),
            ("cli", "ffi"),
            ("cli", "tests"),
            ("ffi", "reports"),
            ("pages", "core"),
            ("core", "pages"),
        ];
        for (from, to) in forbidden {
            let found = findings(from, to);
            assert_eq!(found.len(), 1, "{from} on {to}");
            assert_eq!(found[0].line, 3, "{from} on {to}");
        }
    }

    #[test]
    fn allowed_dependencies_are_fine() {
        let allowed = [
            ("ffi", "core"),
            ("bindgen", "ffi"),
            ("trainer", "core"),
            ("reports", "pages"),
            ("cli", "trainer"),
            ("tests", "ffi"),
            ("tests", "cli"),
            ("core", "serde"),
        ];
        for (from, to) in allowed {
            assert_eq!(findings(from, to), [], "{from} on {to}");
        }
    }

    #[test]
    fn a_manifest_without_the_lints_is_found() {
        assert!(takes_lints("[package]\n[lints]\nworkspace = true\n"));
        assert!(!takes_lints("[package]\n[lints]\nworkspace = false\n"));
        assert!(!takes_lints("[package]\nworkspace = true\n"));
    }
}
