//! S3-Rec's Beauty and LastFM: full ranking, last item, seen items removed.

use std::time::Instant;

use noctule_trainer::datasets::{Interactions, read_sequences};
use noctule_trainer::evaluation::{
    Evaluation, EvaluationSettings, FoldInScorer, PopularityScorer, evaluate,
};
use noctule_trainer::split::{Split, leave_last_out};
use noctule_trainer::training::{IalsSettings, Sparse, train_ials};

use crate::data::{assert_table, find, unpack};

fn known(split: &Split) -> Vec<u32> {
    [split.train.as_slice(), &split.validation].concat()
}

fn popularity(data: &Interactions, settings: &EvaluationSettings) -> Evaluation {
    let split = leave_last_out(data);
    let scorer = PopularityScorer::new(data, &known(&split));
    evaluate(&scorer, data, &split, settings).unwrap()
}

fn factorisation(data: &Interactions, ials: &IalsSettings, of: &EvaluationSettings) -> Evaluation {
    let split = leave_last_out(data);
    let matrix = Sparse::users_by_items(data, &known(&split));
    let begun = Instant::now();
    let factors = train_ials(&matrix, ials, &|_, _, _| {}).unwrap();
    let each = begun.elapsed().as_secs_f64() / ials.epochs as f64;
    let fold_in = factors.fold_in(ials).unwrap();
    let scorer = FoldInScorer { fold_in: &fold_in, items: &factors.items, context_weight: 1.0 };
    let found = evaluate(&scorer, data, &split, of).unwrap();
    eprintln!(
        "iALS d {}, {each:.2} s an epoch: HR@10 {:.4}, NDCG@10 {:.4}",
        ials.dimensions, found.hit_rate, found.ndcg
    );
    found
}

#[test]
fn popularity_on_lastfm_gives_the_table() {
    let Some(path) = find("s3rec/LastFM.txt") else { return };
    let data = read_sequences(&path).unwrap();
    assert_eq!((data.users.len(), data.items.len(), data.events.len()), (1_090, 3_646, 52_551));
    let found = popularity(&data, &EvaluationSettings::default());
    assert_table(&found, 0.0440, 0.0201, 0.000_05);
}

#[test]
fn popularity_on_beauty_gives_the_table() {
    let Some((_directory, path)) = unpack("s3rec/Beauty.txt.xz") else { return };
    let data = read_sequences(&path).unwrap();
    let sizes = (data.users.len(), data.items.len(), data.events.len());
    assert_eq!(sizes, (22_363, 12_101, 198_502));
    let found = popularity(&data, &EvaluationSettings::default());
    assert_table(&found, 0.0135, 0.0061, 0.000_05);
}

#[test]
fn factorisation_beats_popularity_on_beauty_by_far() {
    let Some((_directory, path)) = unpack("s3rec/Beauty.txt.xz") else { return };
    let data = read_sequences(&path).unwrap();
    let some = EvaluationSettings { users_max: Some(4_000), ..EvaluationSettings::default() };
    let ials = IalsSettings {
        dimensions: 32,
        epochs: 6,
        unobserved_weight: 0.03,
        ..IalsSettings::default()
    };
    let found = factorisation(&data, &ials, &some);
    let baseline = popularity(&data, &some);
    assert!(found.hit_rate > 2.0 * baseline.hit_rate, "{found:?} {baseline:?}");
    assert!(found.ndcg > 2.0 * baseline.ndcg, "{found:?} {baseline:?}");
}
