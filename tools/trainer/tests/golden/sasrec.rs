//! A few epochs of SASRec on LastFM: short, and clearly better than what is popular.

use noctule_trainer::datasets::read_sequences;
use noctule_trainer::evaluation::{EvaluationSettings, PopularityScorer, evaluate};
use noctule_trainer::split::leave_last_out;
use noctule_trainer::training::network::Job;
use noctule_trainer::training::sasrec::fit_sasrec;
use noctule_trainer::training::{SasrecSettings, Session};

use crate::data::find;

#[test]
fn a_few_epochs_on_lastfm_beat_popularity_clearly() {
    let Some(path) = find("s3rec/LastFM.txt") else { return };
    let data = read_sequences(&path).unwrap();
    let split = leave_last_out(&data);
    let settings = SasrecSettings {
        dimensions: 32,
        positions: 30,
        batch: 16,
        learning_rate: 2e-3,
        epochs: 10,
        patience: 0,
        ..SasrecSettings::default()
    };
    let session = Session::of(&|_, _, _| {});
    let (train, held_out) = (&split.train, &split.validation);
    let trained = fit_sasrec(&Job::first(&data, train, held_out), &settings, &session).unwrap();
    let of = EvaluationSettings::default();
    let found = evaluate(&trained.scorer().unwrap(), &data, &split, &of).unwrap();
    let known = [train.as_slice(), held_out].concat();
    let popular = evaluate(&PopularityScorer::new(&data, &known), &data, &split, &of).unwrap();
    eprintln!("SASRec: HR@10 {:.4}, NDCG@10 {:.4}", found.hit_rate, found.ndcg);
    assert!(found.ndcg > popular.ndcg + 2.0 * found.ndcg_error, "{found:?} {popular:?}");
}
