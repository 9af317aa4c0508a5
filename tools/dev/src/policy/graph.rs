//! What is linked into an app: the graph that `cargo tree` prints for the mobile targets.
//!
//! `cargo tree` resolves features for one package and target, as the build does; the graph in
//! `cargo metadata` unites the features of the whole workspace and would show too much.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::agreement::Phones;
use crate::cargo::{Workspace, output_of};
use crate::error::Result;

/// Which crate needs which, by name.
#[derive(Debug, Default)]
pub(super) struct Graph {
    needs: BTreeMap<String, BTreeSet<String>>,
    ours: BTreeSet<String>,
}

impl Graph {
    /// The union of the graphs of all targets.
    pub(super) fn of_phones(workspace: &Workspace, phones: &Phones) -> Result<Self> {
        let mut graph = Self::default();
        for target in &phones.targets {
            let arguments = [
                "tree",
                "--locked",
                "--edges",
                "normal",
                "--prefix",
                "depth",
                "--format",
                " {p}",
                "--package",
                &phones.package,
                "--target",
                target,
            ];
            graph.read(&output_of(&mut workspace.cargo(&arguments))?);
        }
        Ok(graph)
    }

    /// Adds lines of the form `depth name vVERSION [(folder)] [(proc-macro)] [(*)]`.
    ///
    /// A procedural macro runs on the machine that builds, so it and what it needs is left out.
    pub(super) fn read(&mut self, text: &str) {
        let mut path: Vec<String> = Vec::new();
        let mut macro_depth = None;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(depth), Some(name)) = (words.next(), words.next()) else { continue };
            let Ok(depth) = depth.parse::<usize>() else { continue };
            if macro_depth.is_some_and(|limit| depth > limit) {
                continue;
            }
            macro_depth = line.contains(" (proc-macro)").then_some(depth);
            path.truncate(depth);
            if macro_depth.is_some() {
                continue;
            }
            if line.contains(" (/") {
                self.ours.insert(name.to_owned());
            }
            self.needs.entry(name.to_owned()).or_default();
            if let Some(parent) = path.last() {
                self.needs.entry(parent.clone()).or_default().insert(name.to_owned());
            }
            path.push(name.to_owned());
        }
    }

    /// Every crate that is not ours.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &str> {
        self.needs.keys().map(String::as_str).filter(|name| !self.ours.contains(*name))
    }

    /// The crates that one of ours names.
    pub(super) fn direct(&self) -> BTreeSet<&str> {
        let named = self.ours.iter().filter_map(|name| self.needs.get(name)).flatten();
        named.map(String::as_str).filter(|name| !self.ours.contains(*name)).collect()
    }

    /// What `from` needs, directly or not, with the number of steps to it; `from` itself is 0.
    pub(super) fn reach(&self, from: &str) -> BTreeMap<&str, usize> {
        let mut steps = BTreeMap::new();
        let mut queue = VecDeque::new();
        if let Some((name, _)) = self.needs.get_key_value(from) {
            steps.insert(name.as_str(), 0);
            queue.push_back((name.as_str(), 0));
        }
        while let Some((name, far)) = queue.pop_front() {
            for next in self.needs.get(name).into_iter().flatten() {
                if !steps.contains_key(next.as_str()) {
                    steps.insert(next, far + 1);
                    queue.push_back((next, far + 1));
                }
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0 ours v0.1.0 (/r/ours)
1 core v0.1.0 (/r/core)
2 serde v1.0.0
3 serde_derive v1.0.0 (proc-macro)
4 syn v2.0.0
3 serde_core v1.0.0
2 flate2 v1.1.0
3 adler2 v2.0.0
1 serde v1.0.0 (*)
";

    fn graph() -> Graph {
        let mut graph = Graph::default();
        graph.read(TREE);
        graph
    }

    #[test]
    fn macros_and_what_they_need_do_not_ship() {
        assert_eq!(
            graph().foreign().collect::<Vec<_>>(),
            ["adler2", "flate2", "serde", "serde_core"]
        );
    }

    #[test]
    fn direct_is_what_our_own_crates_name() {
        assert_eq!(graph().direct().into_iter().collect::<Vec<_>>(), ["flate2", "serde"]);
    }

    #[test]
    fn reach_counts_the_steps() {
        let graph = graph();
        assert_eq!(graph.reach("ours").get("serde"), Some(&1));
        assert_eq!(graph.reach("core").get("adler2"), Some(&2));
        assert_eq!(graph.reach("serde").get("adler2"), None);
        assert!(graph.reach("nobody").is_empty());
    }
}
