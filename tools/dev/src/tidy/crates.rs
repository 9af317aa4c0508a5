//! Which crates may be named where, so that each can be replaced in one place.

use super::Finding;
use super::source::Source;

/// A name and the places that may use it.
struct Home {
    names: &'static [&'static str],
    /// Paths, or the beginnings of paths.
    places: &'static [&'static str],
    /// Parts of a path that make a place anywhere in the repository.
    anywhere: &'static [&'static str],
}

/// `base/error.rs` wraps the errors of all of them.
const ERRORS: &str = "core/src/base/error.rs";

const HOMES: [Home; 4] = [
    Home { names: &["rusqlite"], places: &["core/src/store/", ERRORS], anywhere: &["/benches/"] },
    Home {
        names: &["candle_core", "candle_nn"],
        places: &["core/src/model/", "core/src/learning/", "tools/trainer/", ERRORS],
        anywhere: &["/benches/"],
    },
    Home {
        names: &["safetensors"],
        places: &[
            "core/src/model/",
            "core/src/release/",
            "core/src/scoring/",
            "tools/releases/",
            "tools/trainer/",
            "tests/",
            ERRORS,
        ],
        anywhere: &["/benches/"],
    },
    Home {
        names: &["uniffi", "uniffi_bindgen"],
        places: &["ffi/", "tests/races/", "tools/notebook/"],
        anywhere: &[],
    },
];

/// The only places with unsafe code: the kernels, the memory map, names of functions for Kotlin, an
/// allocator that counts, and calls of the library as a foreign language makes them.
const UNSAFE: [&str; 5] = [
    "core/kernels/src/",
    "core/src/base/map.rs",
    "ffi/src/boundary.rs",
    "tests/fuzz/src/memory.rs",
    "tests/races/src/boundary.rs",
];

/// Checks one Rust file.
pub(super) fn check(path: &str, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in source.tokens().iter().enumerate() {
        let name = token.text.as_str();
        if name == "unsafe" && !UNSAFE.iter().any(|place| path.starts_with(place)) {
            let what = format!("`unsafe` is allowed in {} only", UNSAFE.join(" and "));
            findings.push(Finding::new(path, token.line, "crate", what));
        }
        let home = HOMES.iter().find(|home| home.names.contains(&name));
        if let Some(home) = home.filter(|home| !is_place(home, path) && names_crate(source, at)) {
            let what =
                format!("`{name}` may not be named here, only in {}", home.places.join(", "));
            findings.push(Finding::new(path, token.line, "crate", what));
        }
    }
    findings
}

fn is_place(home: &Home, path: &str) -> bool {
    let rows = home.names.contains(&"rusqlite")
        && (path.starts_with("core/src/") || path.starts_with("tests/tests/"))
        && path.ends_with("/rows.rs");
    rows || home.places.iter().any(|place| path.starts_with(place))
        || home.anywhere.iter().any(|part| path.contains(part))
}

/// Tells the crate from a variable or module of the same name.
fn names_crate(source: &Source, at: usize) -> bool {
    let before = if at == 0 { "" } else { source.at(at - 1) };
    let module_of_ours = before == "::" && at >= 2 && is_name(source.at(at - 2));
    let starts_path = source.at(at + 1) == "::" && !module_of_ours && before != ".";
    starts_path || matches!(before, "use" | "crate")
}

fn is_name(text: &str) -> bool {
    let keyword = matches!(text, "use" | "pub" | "as" | "in" | "return");
    !keyword && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(path, &Source::new(text)).len()
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        assert_eq!(count("core/src/night/journal.rs", "use rusqlite::Row;"), 1);
        assert_eq!(count("core/src/night/journal.rs", "fn f(row: &rusqlite::Row) {}"), 1);
        assert_eq!(count("tools/cli/src/rows.rs", "use rusqlite::Row;"), 1);
    }

    #[test]
    fn sql_in_the_store_and_in_rows_is_fine() {
        for path in ["core/src/store/open.rs", "core/src/night/rows.rs", ERRORS] {
            assert_eq!(count(path, "use rusqlite::Row;"), 0, "{path}");
        }
    }

    #[test]
    fn candle_and_safetensors_outside_their_rooms_are_found() {
        assert_eq!(count("core/src/serving/mod.rs", "use candle_core::Tensor;"), 1);
        assert_eq!(count("core/src/serving/mod.rs", "use candle_nn::{Linear, Module};"), 1);
        assert_eq!(count("tools/cli/src/main.rs", "safetensors::SafeTensors::read()"), 1);
        assert_eq!(count("core/benches/top_k.rs", "use candle_core::Tensor;"), 0);
        assert_eq!(count("tools/trainer/src/export.rs", "use safetensors::Dtype;"), 0);
    }

    #[test]
    fn bindings_outside_ffi_are_found() {
        assert_eq!(count("core/src/runtime.rs", "#[derive(uniffi::Object)] struct A;"), 1);
        assert_eq!(count("ffi/src/lib.rs", "uniffi::setup_scaffolding!();"), 0);
    }

    #[test]
    fn unsafe_outside_scoring_is_found() {
        assert_eq!(count("core/src/store/mod.rs", "unsafe { f() }"), 1);
        assert_eq!(count("core/src/base/map.rs", "unsafe { f() }"), 0);
        assert_eq!(count("core/kernels/src/integer/x86.rs", "unsafe { f() }"), 0);
        assert_eq!(count("core/src/store/mod.rs", "// unsafe\nlet a = \"unsafe\";"), 0);
    }

    #[test]
    fn a_variable_or_module_of_the_same_name_is_fine() {
        assert_eq!(count("tools/cli/src/main.rs", "let safetensors = read(); safetensors"), 0);
        assert_eq!(count("tools/cli/src/main.rs", "use formats::safetensors::Header;"), 0);
        assert_eq!(count("tools/cli/src/main.rs", "use ::safetensors::Dtype;"), 1);
    }
}
