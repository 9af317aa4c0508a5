//! The whole training run on real data.

use noctule_core::release::Plan;
use noctule_trainer::datasets::{self, Interactions};
use noctule_trainer::training::{IalsSettings, Metrics, TrainSettings, train};

use crate::data::{find, unpack};

fn plan(consumed: &str) -> Plan {
    serde_json::from_value(serde_json::json!({
        "surfaces": [{"id": "home", "length": 10, "contexts": ["day", "evening"]}],
        "contexts": [
            {"id": "day", "when": {"days": "every", "from": 300, "until": 1020}},
            {"id": "evening", "when": {"days": "every", "from": 1020, "until": 300}}
        ],
        "consumed": consumed
    }))
    .unwrap()
}

fn measured(name: &str, data: &Interactions, dimensions: usize) -> Metrics {
    let unobserved_weight = 0.1;
    let ials = IalsSettings { dimensions, epochs: 8, unobserved_weight, ..IalsSettings::default() };
    let settings = TrainSettings { ials, ..TrainSettings::default() };
    let model = train(data, &plan("exclude"), &settings, &|_, _, _| {}).unwrap();
    let (metrics, ranker) = (model.metrics.unwrap(), model.ranker.unwrap());
    eprintln!("{name}: {:?}, {} choices", ranker.tensors(), model.ranker_positives);
    let rows = [Some(&metrics.popularity), metrics.fold_in.as_ref(), metrics.ranker.as_ref()];
    for found in rows.into_iter().flatten() {
        eprintln!("  HR@10 {:.4}, NDCG@10 {:.4}", found.hit_rate, found.ndcg);
    }
    metrics
}

#[test]
fn the_ranker_beats_popularity_on_movielens() {
    let Some((directory, _)) = unpack("ml-latest-small/ratings.csv.xz") else { return };
    let Some(movies) = find("ml-latest-small/movies.csv") else { return };
    std::fs::copy(movies, directory.path().join("movies.csv")).unwrap();
    let data = datasets::read(directory.path(), &plan("exclude")).unwrap();
    assert!(data.events.iter().all(|event| event.context.is_some()));
    let metrics = measured("MovieLens", &data, 64);
    let (ranker, popularity) = (metrics.ranker.unwrap(), metrics.popularity);
    assert!(ranker.ndcg > 1.2 * popularity.ndcg, "{ranker:?} {popularity:?}");
}

#[test]
fn restaurants_without_times_train_too() {
    let Some(directory) = find("uci-restaurant") else { return };
    let data = datasets::read(&directory, &plan("exclude")).unwrap();
    let metrics = measured("restaurants", &data, 16);
    // 130 restaurants of three cities, where distance says most: far above the 10 / 130 of chance.
    assert!(metrics.ranker.unwrap().hit_rate > 0.3);
}

#[test]
fn a_directory_in_no_known_layout_says_what_it_lacks() {
    let empty = tempfile::tempdir().unwrap();
    let error = datasets::read(empty.path(), &plan("keep")).unwrap_err();
    assert!(error.to_string().contains("movies.csv"), "{error}");
    let absent = empty.path().join("absent");
    let error = datasets::read(&absent, &plan("keep")).unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
}
