//! Figures in a release's lineage, as metrics of MLflow.

use std::collections::BTreeMap;

/// The key of a release's lineage that holds figures.
const METRICS: &str = "metrics";
/// Prefix of keys of the lineage that hold one figure each.
const METRIC: &str = "metric.";
/// Characters of a name at MLflow.
const NAME_CHARACTERS_MAX: usize = 250;

/// The finite figures of `lineage`: those under `metrics`, as a JSON object or as `name=value`
/// with commas, semicolons or white space between, and those under `metric.<name>`.
pub(super) fn metrics(lineage: &BTreeMap<String, String>) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let mut keep = |name: &str, value: Option<f64>| {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            found.insert(named(name), value);
        }
    };
    if let Some(text) = lineage.get(METRICS) {
        match serde_json::from_str::<BTreeMap<String, serde_json::Value>>(text) {
            Ok(object) => object.iter().for_each(|(name, value)| keep(name, value.as_f64())),
            Err(_) => text
                .split([',', ';', ' ', '\n', '\t'])
                .filter_map(|pair| pair.split_once('='))
                .for_each(|(name, value)| keep(name, value.parse().ok())),
        }
    }
    for (key, value) in lineage {
        if let Some(name) = key.strip_prefix(METRIC) {
            keep(name, value.parse().ok());
        }
    }
    found
}

/// `name` in the characters that MLflow allows: `ndcg@10` becomes `ndcg_at_10`.
pub(super) fn named(name: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-./ ".contains(c);
    let name = name.replace('@', "_at_");
    let name = name.chars().map(|c| if fine(c) { c } else { '_' });
    name.take(NAME_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, value: &str) -> Vec<(String, f64)> {
        metrics(&BTreeMap::from([(key.to_owned(), value.to_owned())])).into_iter().collect()
    }

    #[test]
    fn figures_are_found_in_json_in_pairs_and_under_their_own_keys() {
        let expected = vec![("hr_at_10".to_owned(), 0.5), ("ndcg_at_10".to_owned(), 0.31)];
        assert_eq!(of("metrics", "{\"ndcg@10\": 0.31, \"hr@10\": 0.5, \"by\": \"me\"}"), expected);
        assert_eq!(of("metrics", "ndcg@10=0.31, hr@10=0.5"), expected);
        assert_eq!(of("metric.loss", "1e-3"), [("loss".to_owned(), 0.001)]);
    }

    #[test]
    fn what_is_no_finite_figure_is_left_out() {
        assert!(of("metrics", "good").is_empty());
        assert!(of("metrics", "loss=NaN hr=inf").is_empty());
        assert!(of("data", "rows=3").is_empty());
    }
}
