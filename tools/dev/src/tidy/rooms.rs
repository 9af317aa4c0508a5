//! Import direction between the rooms of core: `base` and the rooms to the left, never to the
//! right. The circle closes in time, not in imports.

use super::Finding;
use super::imports::imports;
use super::source::Source;

/// The rooms in the order in which data flows; each may import those before it.
const ROOMS: &[&str] = &[
    "base",
    "store",
    "catalogue",
    "trust",
    "release",
    "model",
    "scoring",
    "candidates",
    "ranking",
    "reranking",
    "reasons",
    "slates",
    "night",
    "exam",
    "serving",
    "widget",
    "feedback",
    "learning",
    "replay",
    "experiments",
    "monitoring",
    "consent",
    "upload",
    "delivery",
    "export",
    "runtime",
];

/// Rooms that stay pure and seeded, so that a night can be replayed byte for byte.
const PURE: [&str; 4] = ["candidates", "ranking", "reranking", "reasons"];

/// What a pure room does not name: standard library paths that reach outside its arguments.
const IMPURE: [[&str; 2]; 4] = [["std", "fs"], ["std", "net"], ["std", "process"], ["std", "time"]];

const FOLDER: &str = "core/src/";

/// Checks one file; a file outside the rooms of core has nothing to keep.
pub(super) fn check(path: &str, source: &Source) -> Vec<Finding> {
    let Some(inner) = path.strip_prefix(FOLDER) else { return Vec::new() };
    // The face of the crate names every room; a file called `tests.rs` is declared under
    // `#[cfg(test)]` by its room.
    if inner == "lib.rs" || inner.ends_with("/tests.rs") || inner.contains("/tests/") {
        return Vec::new();
    }
    let room = inner.split('/').next().unwrap_or(inner);
    let room = room.strip_suffix(".rs").unwrap_or(room);
    let Some(place) = position(room) else {
        return vec![Finding::new(path, 0, "room", format!("core has no room `{room}`"))];
    };
    let mut findings = Vec::new();
    for import in imports(source, depth_of(inner)) {
        let what = match position(&import.name) {
            Some(other) if other > place => {
                format!("`{room}` imports `{}`, which comes after it", import.name)
            }
            Some(_) if PURE.contains(&room) && import.name == "store" => {
                format!("`{room}` is pure and may not import `store`")
            }
            Some(_) if room == "serving" && import.name == "model" => {
                "`serving` answers without a model and may not import `model`".to_owned()
            }
            Some(_) => continue,
            None if source_is_local(&import.name) => continue,
            None => format!("`crate::{}` is no room: import from the room itself", import.name),
        };
        findings.push(Finding::new(path, import.line, "room", what));
    }
    if PURE.contains(&room) {
        findings.extend(impure_paths(path, room, source));
    }
    findings
}

fn position(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

/// How many modules stand between a file and the root of its crate.
fn depth_of(inner: &str) -> usize {
    let parts = inner.split('/').count();
    if inner.ends_with("/mod.rs") { parts - 1 } else { parts }
}

/// Marks that follow `super::` or `crate::` without naming a room: `crate::*` has its own lint.
fn source_is_local(name: &str) -> bool {
    matches!(name, "*" | "self" | "super")
}

fn impure_paths(path: &str, room: &str, source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| !token.test) {
        for [first, second] in IMPURE {
            if token.text == first && source.at(at + 1) == "::" && source.at(at + 2) == second {
                let what = format!("`{room}` is pure and may not use `{first}::{second}`");
                findings.push(Finding::new(path, token.line, "room", what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(path, &Source::new(text)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn an_import_to_the_right_is_found() {
        let found = found("core/src/candidates/mod.rs", "use crate::ranking::Row;");
        assert_eq!(found, ["`candidates` imports `ranking`, which comes after it"]);
    }

    #[test]
    fn imports_to_the_left_and_of_the_own_room_are_fine() {
        let text = "use crate::base::Error; use crate::night::X; use crate::slates::Y;";
        assert!(found("core/src/night/order.rs", text).is_empty());
    }

    #[test]
    fn base_imports_no_room() {
        assert_eq!(found("core/src/base/error.rs", "use crate::store::Db;").len(), 1);
    }

    #[test]
    fn a_detour_through_super_is_found() {
        assert_eq!(found("core/src/night/mod.rs", "use super::upload::X;").len(), 1);
        assert_eq!(found("core/src/night/order.rs", "super::super::upload::f()").len(), 1);
    }

    #[test]
    fn test_code_imports_what_it_likes() {
        let text = "#[cfg(test)] mod tests { use crate::upload::X; }";
        assert!(found("core/src/base/ids.rs", text).is_empty());
        assert!(found("core/src/base/tests.rs", "use crate::upload::X;").is_empty());
    }

    #[test]
    fn a_shortcut_through_the_root_is_found() {
        assert_eq!(found("core/src/night/mod.rs", "use crate::Noctule;").len(), 1);
    }

    #[test]
    fn an_unknown_room_is_found() {
        assert_eq!(found("core/src/attic/mod.rs", ""), ["core has no room `attic`"]);
    }

    #[test]
    fn a_pure_room_that_reaches_outside_is_found() {
        assert_eq!(found("core/src/ranking/mod.rs", "use crate::store::Db;").len(), 1);
        assert_eq!(found("core/src/reasons/mod.rs", "use std::time::Instant;").len(), 1);
        assert!(found("core/src/night/mod.rs", "use std::time::Instant;").is_empty());
    }

    #[test]
    fn serving_does_not_know_the_model() {
        assert_eq!(found("core/src/serving/mod.rs", "use crate::model::M;").len(), 1);
    }

    #[test]
    fn other_crates_have_no_rooms() {
        assert!(found("tools/cli/src/main.rs", "use crate::demo::run;").is_empty());
    }
}
