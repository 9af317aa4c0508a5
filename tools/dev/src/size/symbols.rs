//! Whose symbols a library has.

use std::collections::BTreeMap;

use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

/// What belongs to no crate that a name tells.
pub(super) const UNNAMED: &str = "unnamed";

/// Bytes of code and data by crate; C code of SQLite counts as `sqlite`.
pub(super) fn by_crate(library: &[u8]) -> Result<BTreeMap<String, u64>, String> {
    let file = object::File::parse(library).map_err(|error| error.to_string())?;
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for symbol in file.symbols() {
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        // What is zero at the start takes no room in the file.
        let takes_room =
            section.is_some_and(|section| section.kind() != SectionKind::UninitializedData);
        if symbol.size() > 0 && takes_room {
            let owner = owner(symbol.name().unwrap_or_default());
            *bytes.entry(owner).or_default() += symbol.size();
        }
    }
    Ok(bytes)
}

/// The crate in the name of a symbol.
fn owner(name: &str) -> String {
    if name.starts_with("sqlite3") {
        return "sqlite".to_owned();
    }
    let Ok(demangled) = rustc_demangle::try_demangle(name) else { return UNNAMED.to_owned() };
    // `{:#}` leaves the hash out. `<noctule_core::X as core::fmt::Debug>::fmt` is the crate's of X.
    let path = format!("{demangled:#}");
    let start = path.trim_start_matches(['<', '&', '*', '[', '(', ' ']);
    let start = ["mut ", "const ", "dyn "]
        .iter()
        .fold(start, |text, word| text.strip_prefix(word).unwrap_or(text));
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = start.chars().take_while(|c| letter(*c)).collect();
    match start.get(name.len()..) {
        Some(rest) if !name.is_empty() && rest.starts_with("::") => match name.as_str() {
            "core" | "alloc" | "std" | "hashbrown" | "gimli" | "addr2line" | "miniz_oxide"
            | "rustc_demangle" | "object" | "compiler_builtins" => "std".to_owned(),
            _ => name,
        },
        // A type of the language itself.
        _ => "std".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_is_read_from_old_and_new_names() {
        for (symbol, expected) in [
            ("_ZN12noctule_core5store4open17h0123456789abcdefE", "noctule_core"),
            (
                "_ZN56_$LT$noctule_ffi..Config$u20$as$u20$core..fmt..Debug$GT$3fmt\
                 17h0123456789abcdefE",
                "noctule_ffi",
            ),
            ("_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "std"),
            ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate"),
            ("sqlite3VdbeExec", "sqlite"),
            ("fts5Parser", UNNAMED),
        ] {
            assert_eq!(owner(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn a_file_that_is_no_library_is_an_error() {
        assert!(by_crate(b"PK\x03\x04").is_err());
    }

    #[test]
    fn this_programs_own_symbols_are_found() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        if own.starts_with(b"\x7fELF") {
            let crates = by_crate(&own).unwrap();
            assert!(crates["noctule_dev"] > 1_000 && crates["std"] > 1_000, "{crates:?}");
        }
    }
}
