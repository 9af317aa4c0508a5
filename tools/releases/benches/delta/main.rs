//! Bytes of a delta between two releases of 100,000 items in 64 dimensions, beside zstd
//! --patch-from and xz where the machine has them.
//!
//! `cargo bench -p noctule-releases --bench delta`; behind `--`, `--items N` takes another number.
//! The bound: of rows and ranker, at most 2 % of the full bytes plus the model's file.

mod others;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use noctule_core::base::{CancelToken, Seed, SeededRandom};
use noctule_core::catalogue::Item;
use noctule_core::release::{MODEL_FILE, Manifest, delta};
use noctule_releases::{
    Embedding, HealthSource, PackInput, RankerWeights, SecretKey, VectorForm, make_delta, pack,
};
use serde_json::json;

const DIMENSIONS: usize = 64;

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Change = fn(&mut PackInput, &mut SeededRandom) -> Result<()>;

/// What changes between the two releases of each row of the table.
const CHANGES: [(&str, Change); 5] = [
    ("1 % of rows, ranker", rows),
    ("1 % of titles", titles),
    ("1 % appended", appended),
    ("all reordered", reordered),
    ("all retrained", retrained),
];

fn main() -> ExitCode {
    match run(&std::env::args().collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("delta: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<bool> {
    let at = arguments.iter().position(|argument| argument == "--items");
    let items = at.and_then(|at| arguments.get(at + 1)).map_or(Ok(100_000), |text| text.parse())?;
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let key = SecretKey::from_seed(&[7; 32]);
    let old = release(items)?;
    pack(&old, &key, &path("old"))?;
    println!(
        "{:<20} {:>11} {:>11} {:>7} {:>11} {:>11} {:>8} {:>8}",
        "change", "full", "delta", "share", "zstd patch", "xz", "make s", "apply s"
    );
    let mut holds = true;
    for (name, change) in CHANGES {
        let mut new = old.clone();
        new.version += 1;
        change(&mut new, &mut SeededRandom::new(Seed(8)))?;
        let (new_dir, out) = (path(&format!("{name} new")), path(&format!("{name} delta")));
        let manifest = pack(&new, &key, &new_dir)?.manifest;
        let begin = Instant::now();
        let made = make_delta(&path("old"), &new_dir, &out)?;
        let make_s = begin.elapsed().as_secs_f64();
        let apply_s = apply(&out, &path("old"), &manifest, &path(&format!("{name} out")))?;
        let patch = others::zstd_patch(&path("old"), &new_dir, &made)?;
        let xz = others::xz(&new_dir, &made)?;
        println!(
            "{name:<20} {:>11} {:>11} {:>6.2}% {:>11} {:>11} {make_s:>8.2} {apply_s:>8.2}",
            made.full_bytes,
            made.bytes,
            100.0 * made.bytes as f64 / made.full_bytes as f64,
            others::shown(patch),
            others::shown(xz),
        );
        if name == CHANGES[0].0 {
            let ranker = made.files.iter().find(|file| file.name == MODEL_FILE);
            let rows = made.bytes - ranker.map_or(0, |file| file.bytes);
            holds = rows * 50 <= made.full_bytes;
        }
        std::fs::remove_dir_all(&new_dir)?;
    }
    Ok(holds)
}

/// Seconds in which a device makes the newer release.
fn apply(delta: &Path, old: &Path, manifest: &Manifest, out: &Path) -> Result<f64> {
    std::fs::create_dir(out)?;
    let begin = Instant::now();
    delta::apply(delta, old, manifest, out, &CancelToken::new())?;
    let seconds = begin.elapsed().as_secs_f64();
    std::fs::remove_dir_all(out)?;
    Ok(seconds)
}

fn release(items: usize) -> Result<PackInput> {
    let mut random = SeededRandom::new(Seed(7));
    let shares = |random: &mut SeededRandom| -> Vec<f32> {
        (0..items).map(|_| random.uniform() as f32 / items as f32).collect()
    };
    let catalogue: Result<Vec<Item>> = (0..items).map(|item| self::item(item, 0)).collect();
    Ok(PackInput {
        app: "town".into(),
        name: "town".into(),
        version: 1,
        created_ms: 1_790_000_000_000,
        expires_ms: 1_799_000_000_000,
        minimum_runtime: None,
        architecture: serde_json::from_value(json!({
            "name": "matrix_factorization", "dimensions": DIMENSIONS, "unobserved_weight": 0.1,
            "regularization": 0.05, "regularization_exponent": 1.0, "context_weight": 2.0,
            "ranker_features": ["fold_in", "popularity"]
        }))?,
        plan: serde_json::from_value(json!({
            "surfaces": [{"id": "home", "length": 10, "contexts": ["noon"]}],
            "contexts": [{"id": "noon", "when": {"days": "every", "from": 660, "until": 900}}]
        }))?,
        experiment: None,
        catalogue: catalogue?,
        popularity: shares(&mut random),
        context_popularity: vec![shares(&mut random)],
        embedding: Some(Embedding {
            values: (0..items * DIMENSIONS).map(|_| random.normal() as f32).collect(),
            dimensions: DIMENSIONS,
            form: VectorForm::default(),
        }),
        gram: None,
        ranker: Some(RankerWeights { weight: vec![1.5, -0.5], bias: 0.25 }),
        tensors: std::collections::BTreeMap::new(),
        checks: None,
        health: HealthSource::None,
        lineage: [].into(),
    })
}

fn item(number: usize, edition: usize) -> Result<Item> {
    let mixed = number.wrapping_mul(0x9e37_79b9) % 1_000_003;
    let kind = ["bar", "cafe", "museum", "park"][mixed % 4];
    Ok(serde_json::from_value(json!({
        "id": format!("item-{number}-{mixed}"), "title": format!("Place {mixed} of {edition}"),
        "attributes": {"kind": kind, "year": mixed % 60}
    }))?)
}

fn values(input: &mut PackInput) -> &mut Vec<f32> {
    // Every release of this bench has vectors.
    let none = Embedding { values: vec![], dimensions: DIMENSIONS, form: VectorForm::default() };
    &mut input.embedding.get_or_insert(none).values
}

/// One number of a hundred, each once, in no order.
fn hundredth(items: usize, random: &mut SeededRandom) -> Vec<usize> {
    let mut all: Vec<usize> = (0..items).collect();
    random.shuffle(&mut all);
    all.truncate(items / 100);
    all
}

fn rows(input: &mut PackInput, random: &mut SeededRandom) -> Result<()> {
    let chosen = hundredth(input.catalogue.len(), random);
    let values = values(input);
    for row in chosen {
        for value in &mut values[row * DIMENSIONS..(row + 1) * DIMENSIONS] {
            *value = random.normal() as f32;
        }
    }
    input.ranker = Some(RankerWeights { weight: vec![1.25, -0.75], bias: 0.5 });
    Ok(())
}

fn titles(input: &mut PackInput, random: &mut SeededRandom) -> Result<()> {
    for number in hundredth(input.catalogue.len(), random) {
        input.catalogue[number] = item(number, 1)?;
    }
    Ok(())
}

fn appended(input: &mut PackInput, random: &mut SeededRandom) -> Result<()> {
    let items = input.catalogue.len();
    let more = items / 100;
    for number in items..items + more {
        input.catalogue.push(item(number, 0)?);
    }
    values(input).extend((0..more * DIMENSIONS).map(|_| random.normal() as f32));
    input.popularity.extend(vec![0.0; more]);
    input.context_popularity[0].extend(vec![0.0; more]);
    Ok(())
}

fn reordered(input: &mut PackInput, random: &mut SeededRandom) -> Result<()> {
    let mut order: Vec<usize> = (0..input.catalogue.len()).collect();
    random.shuffle(&mut order);
    let old = values(input).clone();
    let rows = order.iter().flat_map(|row| &old[row * DIMENSIONS..(row + 1) * DIMENSIONS]);
    *values(input) = rows.copied().collect();
    input.catalogue = order.iter().map(|row| input.catalogue[*row].clone()).collect();
    let shuffled = |shares: &[f32]| order.iter().map(|row| shares[*row]).collect::<Vec<f32>>();
    input.popularity = shuffled(&input.popularity);
    input.context_popularity[0] = shuffled(&input.context_popularity[0]);
    Ok(())
}

fn retrained(input: &mut PackInput, random: &mut SeededRandom) -> Result<()> {
    values(input).iter_mut().for_each(|value| *value += random.normal() as f32 * 0.01);
    Ok(())
}
