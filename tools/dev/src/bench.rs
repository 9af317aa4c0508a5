//! `cargo dev bench`: the benchmarks of the workspace, one after another on a quiet machine.

use std::fs;

use crate::cargo::{Metadata, Workspace, succeeds};
use crate::error::{Error, Result};

/// A benchmark: where it is and what it shows, in the words of its own first line.
#[derive(Debug, PartialEq, Eq)]
struct Bench {
    package: String,
    name: String,
    shows: String,
}

/// Runs the benchmarks whose name contains one of `names`, or all; false when one failed.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<bool> {
    let all = find(&workspace.metadata(true)?);
    let known: Vec<String> = all.iter().map(|bench| bench.name.clone()).collect();
    let benches = select(all, names);
    if benches.is_empty() {
        let (names, known) = (names.join(" or "), known.join(", "));
        return Err(Error::Usage(format!("no benchmark called `{names}`; there are: {known}")));
    }
    let mut fine = true;
    for bench in &benches {
        println!("\n==> {} of {}: {}", bench.name, bench.package, bench.shows);
        let arguments = ["bench", "--locked", "-p", &bench.package, "--bench", &bench.name];
        fine &= succeeds(&mut workspace.cargo(&arguments))?;
    }
    Ok(fine)
}

fn find(metadata: &Metadata) -> Vec<Bench> {
    let mut benches = Vec::new();
    for (_, package) in metadata.own() {
        for target in &package.targets {
            if target.kind.iter().any(|kind| kind == "bench") {
                let source = fs::read_to_string(&target.src_path).unwrap_or_default();
                benches.push(Bench {
                    package: package.name.clone(),
                    name: target.name.clone(),
                    shows: first_sentence(&source),
                });
            }
        }
    }
    benches.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    benches
}

fn select(mut benches: Vec<Bench>, names: &[&str]) -> Vec<Bench> {
    benches.retain(|bench| names.is_empty() || names.iter().any(|name| bench.name.contains(name)));
    benches
}

/// The first paragraph of the crate documentation, on one line.
fn first_sentence(source: &str) -> String {
    let lines = source.lines().skip_while(|line| !line.starts_with("//!"));
    let lines = lines.map_while(|line| line.strip_prefix("//!")).map(str::trim);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(name: &str) -> Bench {
        Bench { package: "p".to_owned(), name: name.to_owned(), shows: String::new() }
    }

    #[test]
    fn what_a_bench_shows_is_its_first_paragraph() {
        let source =
            "#![allow(x)]\n//! Top-k over\n//! a million items.\n//!\n//! More.\nfn a() {}";
        assert_eq!(first_sentence(source), "Top-k over a million items.");
        assert_eq!(first_sentence("fn a() {}"), "");
    }

    #[test]
    fn a_name_selects_the_benches_that_contain_it() {
        let chosen = select(vec![bench("top_k"), bench("record")], &["top"]);
        assert_eq!(chosen, vec![bench("top_k")]);
        assert_eq!(select(vec![bench("top_k"), bench("record")], &[]).len(), 2);
    }
}
