//! Names that say nothing, words that promise later work, and places that exist on one machine.

use super::Finding;
use super::source::Source;

/// Files, folders and modules are named after what is in them.
const NAMES: [&str; 7] = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];

/// Work that is not done belongs in an issue. In two halves, so that this file stays clean.
const PROMISES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Absolute paths of the machine somebody works on.
const MACHINES: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/tmp/", "bash_jobs"), concat!("/ro", "ot/")];

/// The words of one text file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    // Checksums may spell anything.
    if path == "Cargo.lock" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in PROMISES.iter().filter(|word| has_word(line, word)) {
            let what = format!("`{word}`: open an issue instead");
            findings.push(Finding::new(path, index + 1, "word", what));
        }
        for place in MACHINES.iter().filter(|place| has_place(line, place)) {
            let what = format!("`{place}` exists on one machine only");
            findings.push(Finding::new(path, index + 1, "word", what));
        }
    }
    findings
}

/// Modules declared in a Rust file, and macros left over from debugging.
pub(super) fn check_modules(path: &str, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in source.tokens().iter().enumerate() {
        let next = source.at(at + 1);
        if token.text == "mod" && NAMES.contains(&next) {
            let what = format!("module `{next}`: name it after what is in it");
            findings.push(Finding::new(path, token.line, "name", what));
        }
        if matches!(token.text.as_str(), "dbg" | "todo") && next == "!" {
            let what = format!("`{}!` is left over", token.text);
            findings.push(Finding::new(path, token.line, "word", what));
        }
    }
    findings
}

/// The name of a file and of the folders it lies in.
pub(super) fn check_path(path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in path.split('/') {
        let stem = part.split('.').next().unwrap_or(part).to_lowercase();
        if NAMES.contains(&stem.as_str()) {
            let what = format!("`{part}`: name it after what is in it");
            findings.push(Finding::new(path, 0, "name", what));
        }
    }
    findings
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word_character) && !after.is_some_and(is_word_character)
    })
}

/// An absolute path: no name runs into its first slash, as one would in a relative path or URL.
fn has_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| is_word_character(c) || matches!(c, '.' | '-' | '/' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_found_in_code_and_prose() {
        for word in PROMISES {
            assert_eq!(check("a.rs", &format!("// {word}: later")).len(), 1, "{word}");
            assert_eq!(check("a.md", &format!("\n{word}")).len(), 1, "{word}");
        }
        assert!(check("a.rs", &format!("let A{} = 1;", PROMISES[0])).is_empty());
    }

    #[test]
    fn absolute_paths_of_one_machine_are_found() {
        for place in MACHINES {
            assert_eq!(check("a.sh", &format!("cd {place}x")).len(), 1, "{place}");
        }
        assert!(check("a.md", &format!("https://example.org{}", MACHINES[0])).is_empty());
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        assert_eq!(check_path("core/src/utils.rs").len(), 1);
        assert_eq!(check_path("core/src/common/ids.rs").len(), 1);
        assert!(check_path("core/src/commons_licence.rs").is_empty());
        assert_eq!(check_modules("a.rs", &Source::new("mod helpers { }")).len(), 1);
    }

    #[test]
    fn macros_left_over_from_debugging_are_found() {
        assert_eq!(check_modules("a.rs", &Source::new("dbg!(1); todo!()")).len(), 2);
        assert!(check_modules("a.rs", &Source::new("// dbg!(1)")).is_empty());
    }
}
