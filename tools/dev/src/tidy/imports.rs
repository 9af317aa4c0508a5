//! The paths that a file of core names: what follows `crate::` and enough `super::`.

use super::source::{Source, Token, closing};

/// The first name behind the root of the crate, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) name: String,
    pub(super) line: usize,
}

/// What the code of a file imports from the root of its crate, test code left out.
///
/// `depth` is the number of modules between the file and the root: 1 for `night/mod.rs`, 2 for
/// `night/order.rs`. Modules written inside a file are not counted.
pub(super) fn imports(source: &Source, depth: usize) -> Vec<Import> {
    let tokens = source.tokens();
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        at += 1;
        let inside_a_path = start > 0 && tokens[start - 1].text == "::";
        if tokens[start].test || inside_a_path {
            continue;
        }
        let behind = match tokens[start].text.as_str() {
            "crate" if source.at(start + 1) == "::" => Some(start + 2),
            "super" => behind_supers(source, start, depth),
            _ => None,
        };
        if let Some(behind) = behind {
            found.extend(first_names(tokens, behind));
        }
    }
    found
}

/// Where a chain of `super::` that reaches the root goes on; `None` when it stays below it.
fn behind_supers(source: &Source, start: usize, depth: usize) -> Option<usize> {
    let mut at = start;
    for _ in 0..depth {
        if source.at(at) != "super" || source.at(at + 1) != "::" {
            return None;
        }
        at += 2;
    }
    Some(at)
}

/// `a` of `a::b`, or `a` and `c` of `{a::b, c}`.
fn first_names(tokens: &[Token], at: usize) -> Vec<Import> {
    let import = |token: &Token| Import { name: token.text.clone(), line: token.line };
    let Some(first) = tokens.get(at) else { return Vec::new() };
    if first.text != "{" {
        // `crate::name!` is a macro, which has no room.
        let is_macro = tokens.get(at + 1).is_some_and(|token| token.text == "!");
        return if is_macro { Vec::new() } else { vec![import(first)] };
    }
    let end = closing(tokens, at);
    let mut names = Vec::new();
    let mut inner = at + 1;
    while inner < end {
        names.push(import(&tokens[inner]));
        while inner < end && tokens[inner].text != "," {
            inner = if tokens[inner].text == "{" { closing(tokens, inner) + 1 } else { inner + 1 };
        }
        inner += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, depth: usize) -> Vec<String> {
        imports(&Source::new(text), depth).into_iter().map(|import| import.name).collect()
    }

    #[test]
    fn use_lines_and_inline_paths_are_found() {
        assert_eq!(
            names("use crate::base::Error; let a = crate::store::open();", 1),
            ["base", "store"]
        );
    }

    #[test]
    fn every_branch_of_a_grouped_import_is_found() {
        assert_eq!(
            names("use crate::{base::{A, B}, store::C, night};", 1),
            ["base", "store", "night"]
        );
    }

    #[test]
    fn supers_count_when_they_reach_the_root() {
        assert_eq!(names("use super::serving::A;", 1), ["serving"]);
        assert_eq!(names("use super::serving::A;", 2), Vec::<String>::new());
        assert_eq!(names("use super::super::serving::A;", 2), ["serving"]);
    }

    #[test]
    fn comments_strings_tests_and_macros_are_left_out() {
        let text = "// crate::a::b\nlet x = \"crate::c\"; crate::d!();\n\
                    #[cfg(test)] mod t { use crate::e::f; }";
        assert!(names(text, 1).is_empty());
    }

    #[test]
    fn an_import_knows_its_line() {
        assert_eq!(imports(&Source::new("\n\nuse crate::base::A;"), 1)[0].line, 3);
    }
}
