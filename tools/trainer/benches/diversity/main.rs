//! Diversity by marginal relevance against a determinantal point process: what each costs in
//! NDCG@10 for as much distance within the list, and in time.
//!
//! `cargo dev bench diversity`; the data are looked for where `NOCTULE_DATA` points, else in
//! `shared/data` beside the workspace. Each user's last event is the target. The 200 best items by
//! iALS (64 dimensions) are re-ranked to lists of 10 by marginal relevance, the re-ranking of the
//! product, and by greedy inference of a determinantal point process with the same cosines. The
//! distance within a list is the mean of 1 - cosine over its pairs. For each setting of the process
//! the last column is its NDCG@10 less that of marginal relevance at the same distance, by a line
//! between its neighbours, with the 95 % interval of 1,000 bootstrap samples of the users.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod dpp;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Exploration;
use noctule_core::reranking::{Constraints, Directions, Likeness, Ranked, Settings, rerank};
use noctule_trainer::datasets::{Interactions, read_sequences};
use noctule_trainer::split::leave_last_out;
use noctule_trainer::training::{IalsSettings, IalsSolver, Sparse, train_ials};

const D: usize = 64;
const CANDIDATES: usize = 200;
const LENGTH: usize = 10;
const WEIGHTS: [f32; 8] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7];
const SHARPNESS: [f32; 7] = [0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0];
const SAMPLES: usize = 1_000;
/// Slots of a long slate and its candidates, for the time.
const LONG: (usize, usize) = (100, 500);

fn main() -> ExitCode {
    for (name, file) in [("LastFM", "s3rec/LastFM.txt"), ("Beauty", "s3rec/Beauty.txt.xz")] {
        if let Some(data) = read(file) {
            measure(name, &data);
        }
    }
    ExitCode::SUCCESS
}

/// One user's candidates, best first.
struct Lists {
    ranked: Vec<Ranked>,
    relevance: Vec<f32>,
    rows: Vec<f32>,
    likeness: Likeness,
    target: u32,
}

/// NDCG@10 and distance within the list, by user.
type Outcome = Vec<(f64, f64)>;

fn measure(name: &str, data: &Interactions) {
    let lists = lists(data);
    let by_weight: Vec<Outcome> = WEIGHTS
        .iter()
        .map(|weight| all(&lists, &|one| by_relevance(one, *weight, LENGTH)))
        .collect();
    println!("{name}: {} users, {CANDIDATES} candidates, lists of {LENGTH}", lists.len());
    println!("{:<28} {:>8} {:>9}   beyond marginal relevance", "", "NDCG@10", "distance");
    for (weight, outcome) in WEIGHTS.iter().zip(&by_weight) {
        let (ndcg, distance) = means(outcome, None);
        println!("marginal relevance {weight:<9} {ndcg:>8.4} {distance:>9.4}");
    }
    let mut random = SeededRandom::new(Seed(11));
    let samples: Vec<Vec<usize>> = (0..SAMPLES)
        .map(|_| (0..lists.len()).map(|_| random.below(lists.len())).collect())
        .collect();
    for sharpness in SHARPNESS {
        let outcome = all(&lists, &|one| by_process(one, sharpness, LENGTH));
        let beyond = |sample: Option<&[usize]>| {
            let (ndcg, distance) = means(&outcome, sample);
            let curve: Vec<_> = by_weight.iter().map(|of| means(of, sample)).collect();
            Some(ndcg - at(&curve, distance)?)
        };
        let (ndcg, distance) = means(&outcome, None);
        let mut spread: Vec<f64> =
            samples.iter().filter_map(|sample| beyond(Some(sample))).collect();
        spread.sort_by(f64::total_cmp);
        let shown = match beyond(None) {
            Some(difference) if spread.len() > SAMPLES / 2 => {
                let end = |share: f64| spread[(share * (spread.len() - 1) as f64) as usize];
                format!("{difference:+.4} ({:+.4} to {:+.4})", end(0.025), end(0.975))
            }
            _ => "no such distance".to_owned(),
        };
        println!("process, sharpness {sharpness:<9} {ndcg:>8.4} {distance:>9.4}   {shown}");
    }
    time(&lists);
}

/// What a long slate takes by each.
fn time(lists: &[Lists]) {
    let (length, count) = LONG;
    let one = &lists[0];
    let repeat = |at: usize| at % one.ranked.len();
    let ranked: Vec<Ranked> = (0..count)
        .map(|at| Ranked { index: at as u32, score: 1.0 - at as f32 / count as f32 })
        .collect();
    let mut random = SeededRandom::new(Seed(3));
    let rows: Vec<f32> = (0..count)
        .flat_map(|at| one.rows[repeat(at) * D..(repeat(at) + 1) * D].to_vec())
        .map(|value| value + 0.1 * random.normal() as f32)
        .collect();
    let long = Lists {
        relevance: ranked.iter().map(|ranked| ranked.score).collect(),
        likeness: likeness(&rows),
        rows: unit(&rows),
        ranked,
        target: 0,
    };
    let clock = |work: &dyn Fn() -> Vec<usize>| {
        let mut times: Vec<f64> = (0..51)
            .map(|_| {
                let begun = Instant::now();
                std::hint::black_box(work());
                begun.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let marginal = clock(&|| by_relevance(&long, 0.2, length));
    let process = clock(&|| by_process(&long, 3.0, length));
    println!(
        "{length} of {count}: marginal relevance {marginal:.3} ms, process {process:.3} ms, {:.1} \
         times\n",
        process / marginal
    );
}

fn lists(data: &Interactions) -> Vec<Lists> {
    let split = leave_last_out(data);
    let known = [split.train.as_slice(), &split.validation].concat();
    let matrix = Sparse::users_by_items(data, &known);
    let settings = IalsSettings {
        dimensions: D,
        epochs: 15,
        unobserved_weight: 0.01,
        regularization: 0.3,
        regularization_exponent: 0.0,
        solver: IalsSolver::Blocks,
        ..IalsSettings::default()
    };
    let factors = train_ials(&matrix, &settings, &|_, _, _| {}).unwrap();
    let row = |item: u32| &factors.items[item as usize * D..(item as usize + 1) * D];
    let of = |event: &u32| {
        let event = &data.events[*event as usize];
        let user = &factors.users[event.user as usize * D..(event.user as usize + 1) * D];
        let mut scored: Vec<Ranked> = (0u32..)
            .zip(factors.items.chunks_exact(D))
            .map(|(index, item)| Ranked { index, score: dot(user, item) })
            .collect();
        for (item, _) in matrix.row(event.user as usize) {
            scored[item as usize].score = f32::NEG_INFINITY;
        }
        scored.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        scored.truncate(CANDIDATES);
        let rows: Vec<f32> = scored.iter().flat_map(|one| row(one.index).to_vec()).collect();
        let (most, least) = (scored[0].score, scored[scored.len() - 1].score);
        let relevance = scored.iter().map(|one| (one.score - least) / (most - least).max(1e-9));
        Lists {
            relevance: relevance.collect(),
            likeness: likeness(&rows),
            rows: unit(&rows),
            ranked: scored,
            target: event.item,
        }
    };
    split.test.iter().map(of).collect()
}

fn by_relevance(one: &Lists, weight: f32, length: usize) -> Vec<usize> {
    let settings = Settings {
        length,
        diversity: (weight > 0.0).then_some((weight, &one.likeness)),
        exploration: Exploration::OFF,
        constraints: &Constraints::default(),
    };
    // Nothing is drawn. The pool is what marginal relevance may choose from.
    let settings = Settings {
        exploration: Exploration { pool: one.ranked.len(), ..settings.exploration },
        ..settings
    };
    let slate = rerank(&one.ranked, &settings, &mut SeededRandom::new(Seed(0)));
    slate.slots.iter().map(|slot| slot.candidate).collect()
}

fn by_process(one: &Lists, sharpness: f32, length: usize) -> Vec<usize> {
    dpp::greedy(&one.relevance, &one.rows, D, sharpness, length)
}

fn all(lists: &[Lists], choose: &dyn Fn(&Lists) -> Vec<usize>) -> Outcome {
    let of = |one: &Lists| {
        let chosen = choose(one);
        let place = chosen.iter().position(|at| one.ranked[*at].index == one.target);
        let ndcg = place.map_or(0.0, |place| 1.0 / (place as f64 + 2.0).log2());
        let row = |at: usize| &one.rows[at * D..(at + 1) * D];
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (at, first) in chosen.iter().enumerate() {
            for second in &chosen[..at] {
                sum += 1.0 - f64::from(dot(row(*first), row(*second)));
                pairs += 1.0;
            }
        }
        (ndcg, sum / f64::max(pairs, 1.0))
    };
    lists.iter().map(of).collect()
}

/// The means over all users, or over those of a sample.
fn means(outcome: &Outcome, sample: Option<&[usize]>) -> (f64, f64) {
    let add = |sum: (f64, f64), one: &(f64, f64)| (sum.0 + one.0, sum.1 + one.1);
    let sum = match sample {
        None => outcome.iter().fold((0.0, 0.0), add),
        Some(some) => some.iter().map(|at| &outcome[*at]).fold((0.0, 0.0), add),
    };
    (sum.0 / outcome.len() as f64, sum.1 / outcome.len() as f64)
}

/// The NDCG of a curve at a distance within the list; none outside of it.
fn at(curve: &[(f64, f64)], distance: f64) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let [(from, near), (to, far)] = pair else { return None };
        let share = (distance - near) / (far - near).max(1e-12);
        (0.0..=1.0).contains(&share).then(|| from + share * (to - from))
    })
}

fn likeness(rows: &[f32]) -> Likeness {
    Likeness::Directions(Directions::new(rows.chunks_exact(D), D))
}

/// The rows, each of length 1.
fn unit(rows: &[f32]) -> Vec<f32> {
    let of = |row: &[f32]| {
        let length = dot(row, row).sqrt().max(1e-12);
        row.iter().map(|value| value / length).collect::<Vec<f32>>()
    };
    rows.chunks_exact(D).flat_map(of).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The data set in `file`, or none, said aloud.
fn read(file: &str) -> Option<Interactions> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("NOCTULE_DATA").map_or_else(beside, PathBuf::from).join(file);
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return None;
    }
    if !file.ends_with(".xz") {
        return Some(read_sequences(&path).unwrap());
    }
    let unpacked = Command::new("xz").arg("-dc").arg(&path).output().unwrap().stdout;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("data.txt");
    std::fs::write(&target, unpacked).unwrap();
    Some(read_sequences(&target).unwrap())
}
