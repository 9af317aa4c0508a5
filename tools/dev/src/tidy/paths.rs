//! Paths that documents and comments name exist.

use super::Finding;

/// A path in backticks is meant from the root when it starts with one of these.
const ROOTS: [&str; 7] = ["core/", "ffi/", "android/", "ios/", "tools/", "tests/", ".ci/"];

/// Checks the comments of Rust and the whole of Markdown; `exists` knows the paths from the root.
pub(super) fn check(path: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let markdown = path.ends_with(".md");
    if !markdown && !path.ends_with(".rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut in_fence = false;
    for (index, line) in text.lines().enumerate() {
        let Some(prose) = (if markdown { Some(line) } else { comment(line) }) else { continue };
        if prose.trim_start().starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        let mut missing: Vec<String> = backticked(prose)
            .filter_map(named_path)
            .filter(|wanted| !exists(wanted))
            .map(str::to_owned)
            .collect();
        if markdown {
            missing.extend(links(prose).filter(|link| !link_exists(path, link, exists)));
        }
        for wanted in missing {
            let what = format!("`{wanted}` does not exist");
            findings.push(Finding::new(path, index + 1, "path", what));
        }
    }
    findings
}

fn comment(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("//")?;
    Some(rest.trim_start_matches(['/', '!']))
}

fn backticked(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The path that a span of code names, without what points into the file; `None` for a command,
/// a pattern or a path that does not start at the root.
fn named_path(span: &str) -> Option<&str> {
    let root = ROOTS.iter().find(|root| span.starts_with(**root))?;
    let pattern = span.contains(['*', '{', '<', '$', ' ', '\u{2026}']) || span.contains("...");
    if pattern || span.len() == root.len() {
        return None;
    }
    let path = span.split([':', '#']).next().unwrap_or(span);
    Some(path.trim_end_matches('/'))
}

/// The targets of Markdown links that stay in the repository.
fn links(line: &str) -> impl Iterator<Item = String> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', '#', ' ']).next()?;
        let local = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
        local.then(|| target.to_owned())
    })
}

fn link_exists(from: &str, link: &str, exists: &dyn Fn(&str) -> bool) -> bool {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.is_empty() || exists(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(path: &str, text: &str) -> Vec<usize> {
        let known = ["core/src/lib.rs", "core/docs", "tools/docs/a.md"];
        let found = check(path, text, &|wanted| known.contains(&wanted));
        found.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_path_that_does_not_exist_is_found_in_prose_and_comments() {
        assert_eq!(missing("README.md", "see `core/src/gone.rs`"), [1]);
        assert_eq!(missing("a.rs", "\n/// see `core/docs/gone.md`\n"), [2]);
        assert_eq!(missing("a.rs", "// kept in `tools/gone`"), [1]);
    }

    #[test]
    fn a_path_that_exists_is_fine_with_a_line_a_slash_or_an_anchor() {
        let text = "`core/src/lib.rs:12` `core/docs/` `core/src/lib.rs#top` `core/`";
        assert!(missing("README.md", text).is_empty());
    }

    #[test]
    fn patterns_commands_and_code_are_left_alone() {
        assert!(missing("README.md", "`core/**/rows.rs` `core/<room>` `tests/run it`").is_empty());
        assert!(missing("README.md", "```\n`core/gone`\n```").is_empty());
        assert!(missing("a.rs", "let a = \"`core/gone`\";").is_empty());
        assert!(missing("README.md", "`application/json`").is_empty());
    }

    #[test]
    fn a_link_into_nowhere_is_found_from_the_folder_of_its_page() {
        assert_eq!(missing("tools/docs/b.md", "[a](gone.md)"), [1]);
        assert!(missing("tools/docs/b.md", "[a](a.md#part) [b](../../core/docs)").is_empty());
        assert!(missing("README.md", "[a](https://example.org/x) [b](#top)").is_empty());
    }
}
