//! How long files, functions and lines may be.

use super::Finding;
use super::source::{Source, closing};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARACTERS_MAX: usize = 100;

/// Files with code in them; prose, data and schemas are as long as they need to be.
const CODE: [&str; 7] = [".rs", ".py", ".sh", ".kt", ".swift", ".js", ".css"];

/// The length of a file of code and, in Rust, of its lines.
pub(super) fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if CODE.iter().any(|ending| path.ends_with(ending)) && lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX}");
        findings.push(Finding::new(path, lines, "file", what));
    }
    if path.ends_with(".rs") {
        for (index, line) in text.lines().enumerate() {
            let characters = line.chars().count();
            if characters > LINE_CHARACTERS_MAX {
                let what = format!("{characters} characters, at most {LINE_CHARACTERS_MAX}");
                findings.push(Finding::new(path, index + 1, "line", what));
            }
        }
    }
    findings
}

/// The length of every function with a body, from `fn` to the closing brace.
pub(super) fn check_functions(path: &str, source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let name = source.at(at + 1);
        // `fn(` is the type of a function pointer.
        if token.text != "fn" || name == "(" {
            continue;
        }
        if let Some(open) = body_of(source, at + 2) {
            let end = tokens[closing(tokens, open)].line;
            let lines = end - token.line + 1;
            if lines > FUNCTION_LINES_MAX {
                let what = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
                findings.push(Finding::new(path, token.line, "function", what));
            }
        }
    }
    findings
}

/// The brace that opens a function's body; `None` for a declaration.
fn body_of(source: &Source, start: usize) -> Option<usize> {
    let mut at = start;
    while at < source.tokens().len() {
        match source.at(at) {
            "{" => return Some(at),
            ";" => return None,
            "(" | "[" => at = closing(source.tokens(), at) + 1,
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(text: &str) -> Vec<Finding> {
        check_functions("a.rs", &Source::new(text))
    }

    fn function(lines: usize) -> String {
        format!("fn f(a: [u8; 2]) -> u8 {{\n{}}}\n", "a;\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_over_the_limit_is_found() {
        assert!(check_file("a.rs", &"\n".repeat(400)).is_empty());
        assert_eq!(check_file("a.rs", &"\n".repeat(401)).len(), 1);
        assert!(check_file("a.sql", &"\n".repeat(401)).is_empty());
    }

    #[test]
    fn a_line_over_the_limit_is_found_and_characters_count_not_bytes() {
        assert!(check_file("a.rs", &"\u{e9}".repeat(100)).is_empty());
        assert_eq!(check_file("a.rs", &"\u{e9}".repeat(101)).len(), 1);
        assert!(check_file("a.md", &"x".repeat(101)).is_empty());
    }

    #[test]
    fn a_function_over_the_limit_is_found_at_its_first_line() {
        assert!(functions(&function(70)).is_empty());
        let found = functions(&format!("\n{}", function(71)));
        assert_eq!((found.len(), found[0].line), (1, 2));
    }

    #[test]
    fn braces_in_strings_and_comments_do_not_count() {
        let text = format!("fn f() {{ a(\"}}\"); // }}\n{}}}", "b;\n".repeat(75));
        assert_eq!(functions(&text).len(), 1);
    }

    #[test]
    fn declarations_and_pointers_have_no_body() {
        let text = format!("trait T {{ fn f(&self); }}\ntype P = fn(u8);{}\n", "\n".repeat(99));
        assert!(functions(&format!("{text}struct S {{}}")).is_empty());
    }
}
