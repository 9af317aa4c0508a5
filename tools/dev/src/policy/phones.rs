//! Each crate that ships to phones is there for a reason: one that we name has its own, any other
//! comes through one that we name.

use std::collections::{BTreeMap, BTreeSet};

use super::agreement::Phones;
use super::graph::Graph;

/// Compares what ships with the list; the list must be complete and not stale.
pub(super) fn check(graph: &Graph, phones: &Phones) -> Vec<String> {
    let direct = graph.direct();
    let mut findings = Vec::new();
    for name in &direct {
        match phones.direct.get(*name) {
            None => findings.push(format!("{name} ships to phones and is not in the list")),
            Some(reason) if reason.trim().is_empty() => {
                findings.push(format!("{name} ships to phones: why?"));
            }
            Some(_) => {}
        }
    }
    for name in phones.direct.keys().filter(|name| !direct.contains(name.as_str())) {
        findings.push(format!("{name} is listed for phones and no crate of ours names it"));
    }
    let mut listed = BTreeSet::new();
    for (through, names) in &phones.through {
        let reach = graph.reach(through);
        for name in names {
            if direct.contains(name.as_str()) || !reach.contains_key(name.as_str()) {
                findings.push(format!("{name} does not come to phones through {through}"));
            }
            if !listed.insert(name.as_str()) {
                findings.push(format!("{name} is listed for phones twice"));
            }
        }
        if !direct.contains(through.as_str()) {
            findings.push(format!("{through} is no crate that ours name: nothing comes through"));
        }
    }
    for name in graph.foreign().filter(|name| !direct.contains(name) && !listed.contains(name)) {
        findings.push(format!("{name} ships to phones and is not in the list"));
    }
    findings
}

/// Lists what ships now. Reasons and attributions that still hold are kept, new reasons are empty.
pub(super) fn update(graph: &Graph, phones: &mut Phones) {
    let mut reasons = std::mem::take(&mut phones.direct);
    let old = std::mem::take(&mut phones.through);
    let direct = graph.direct();
    let reach: BTreeMap<&str, _> = direct.iter().map(|name| (*name, graph.reach(name))).collect();
    for name in graph.foreign().filter(|name| !direct.contains(name)) {
        let kept = old.iter().find(|(through, names)| {
            names.contains(name)
                && reach.get(through.as_str()).is_some_and(|reach| reach.contains_key(name))
        });
        let nearest = reach
            .iter()
            .filter_map(|(through, reach)| Some((*reach.get(name)?, *through)))
            .min()
            .map(|(_, through)| through);
        if let Some(through) = kept.map(|(through, _)| through.as_str()).or(nearest) {
            phones.through.entry(through.to_owned()).or_default().insert(name.to_owned());
        }
    }
    for name in direct {
        let reason = reasons.remove(name).unwrap_or_default();
        phones.direct.insert(name.to_owned(), reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let mut graph = Graph::default();
        graph.read(
            "0 ours v0.1.0 (/r/ours)\n1 flate2 v1.1.0\n2 adler2 v2.0.0\n2 crc v1.0.0\n\
             1 zip v1.0.0\n2 flate2 v1.1.0 (*)\n",
        );
        graph
    }

    fn agreed() -> Phones {
        let mut phones = Phones::default();
        update(&graph(), &mut phones);
        phones.direct.values_mut().for_each(|reason| "because".clone_into(reason));
        phones
    }

    #[test]
    fn an_update_attributes_to_the_nearest_and_leaves_reasons_empty() {
        let mut phones = Phones::default();
        update(&graph(), &mut phones);
        assert_eq!(phones.direct["flate2"], "");
        assert!(phones.through["flate2"].contains("adler2"));
        assert!(!phones.through.contains_key("zip"));
        let found = check(&graph(), &phones);
        assert_eq!(found, ["flate2 ships to phones: why?", "zip ships to phones: why?"]);
    }

    #[test]
    fn a_complete_list_with_reasons_is_fine_and_an_update_leaves_it_alone() {
        let mut phones = agreed();
        assert!(check(&graph(), &phones).is_empty());
        update(&graph(), &mut phones);
        assert_eq!(phones.direct["zip"], "because");
        assert!(check(&graph(), &phones).is_empty());
    }

    #[test]
    fn a_missing_crate_is_found() {
        let mut phones = agreed();
        phones.direct.remove("zip");
        phones.through.clear();
        assert_eq!(check(&graph(), &phones).len(), 3);
    }

    #[test]
    fn a_stale_crate_is_found() {
        let mut phones = agreed();
        phones.direct.insert("gone".to_owned(), "because".to_owned());
        phones.through.entry("flate2".to_owned()).or_default().insert("gone_too".to_owned());
        assert_eq!(check(&graph(), &phones).len(), 2);
    }

    #[test]
    fn a_wrong_or_double_attribution_is_found() {
        let mut phones = agreed();
        phones.through.entry("zip".to_owned()).or_default().insert("adler2".to_owned());
        assert_eq!(check(&graph(), &phones), ["adler2 is listed for phones twice"]);
    }
}
