//! NDCG and reciprocal rank against those that LensKit for Java computed for the same lists.

use std::collections::BTreeMap;

use noctule_trainer::evaluation::{Discount, ndcg_graded, reciprocal_rank};

use crate::data::{find, unpack};

type Ratings = BTreeMap<String, f64>;

fn records(path: &std::path::Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn all_hundred_rows_of_lenskit_are_reproduced() {
    let Some((_directory, lists)) = unpack("golden-metrics/lenskit-java/topn-java-recs.csv.xz")
    else {
        return;
    };
    let Some(truth) = find("golden-metrics/lenskit-java/topn-java-truth.csv") else { return };
    let Some(golden) = find("golden-metrics/lenskit-java/topn-java-metrics.csv") else { return };
    let mut ratings: BTreeMap<String, Ratings> = BTreeMap::new();
    for row in records(&truth) {
        ratings.entry(row[0].clone()).or_default().insert(row[1].clone(), row[2].parse().unwrap());
    }
    let mut ranked: BTreeMap<(String, String), Vec<(usize, String)>> = BTreeMap::new();
    for row in records(&lists) {
        let list = ranked.entry((row[0].clone(), row[1].clone())).or_default();
        list.push((row[2].parse().unwrap(), row[3].clone()));
    }
    let golden = records(&golden);
    assert_eq!(golden.len(), 100);
    for row in golden {
        let mut list = ranked.remove(&(row[0].clone(), row[1].clone())).unwrap_or_default();
        list.sort();
        let truth = &ratings[&row[1]];
        let gain = |(_, item): &(usize, String)| truth.get(item).copied().unwrap_or(0.0);
        let gains: Vec<f64> = list.iter().map(gain).collect();
        let all: Vec<f64> = truth.values().copied().collect();
        let expected = |column: usize| row[column].parse::<f64>().unwrap();
        let ndcg = ndcg_graded(&gains, &all, Discount::LogRank);
        assert!((ndcg - expected(2)).abs() < 1e-9, "{row:?}: {ndcg}");
        let found = list.iter().filter(|(_, item)| truth.contains_key(item));
        let ranks: Vec<usize> = found.map(|(rank, _)| *rank).collect();
        assert!((reciprocal_rank(&ranks) - expected(3)).abs() < 1e-9, "{row:?}");
    }
}
