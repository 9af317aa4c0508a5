//! Amazon games in SASRec's protocol: last item against 100 uniform negatives, 10,000 users.

use noctule_trainer::datasets::read_pairs;
use noctule_trainer::evaluation::{EvaluationSettings, PopularityScorer, Protocol, evaluate};
use noctule_trainer::split::leave_last_out;

use crate::data::{assert_table, unpack};

#[test]
fn popularity_among_sampled_negatives_gives_the_table() {
    let Some((_directory, path)) = unpack("amazon-games-sasrec/Video.txt.xz") else { return };
    let data = read_pairs(&path).unwrap();
    let sizes = (data.users.len(), data.items.len(), data.events.len());
    assert_eq!(sizes, (31_013, 23_715, 287_107));
    let split = leave_last_out(&data);
    let settings = EvaluationSettings {
        protocol: Protocol::SampledNegatives(100),
        users_max: Some(10_000),
        ..EvaluationSettings::default()
    };
    let scorer = PopularityScorer::new(&data, &split.train);
    let found = evaluate(&scorer, &data, &split, &settings).unwrap();
    // The draw of 10,000 users has a standard error of .005 in HR and .003 in NDCG.
    assert_table(&found, 0.480, 0.282, 3.0 * found.hit_rate_error);
}
