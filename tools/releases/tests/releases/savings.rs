//! What a delta saves between two releases of 100,000 items.

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::{MODEL_FILE, delta};
use noctule_releases::{PackInput, make_delta, pack};

use crate::parts::{input, key};

const ITEMS: usize = 100_000;
const DIMENSIONS: usize = 64;

/// Vectors that do not compress better than those of a trained model.
fn release() -> PackInput {
    let mut input = input(ITEMS, DIMENSIONS);
    let mut random = SeededRandom::new(Seed(7));
    let values = &mut input.embedding.as_mut().unwrap().values;
    values.iter_mut().for_each(|value| *value = random.normal() as f32);
    input
}

#[test]
fn one_row_in_a_hundred_and_the_ranker_move_at_most_two_per_cent_and_the_ranker() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut input = release();
    pack(&input, &key(), &path("old")).unwrap();
    let mut random = SeededRandom::new(Seed(8));
    let values = &mut input.embedding.as_mut().unwrap().values;
    let mut rows: Vec<usize> = (0..ITEMS).collect();
    random.shuffle(&mut rows);
    for row in &rows[..ITEMS / 100] {
        let row = &mut values[row * DIMENSIONS..(row + 1) * DIMENSIONS];
        row.iter_mut().for_each(|value| *value = random.normal() as f32);
    }
    input.version += 1;
    input.ranker.as_mut().unwrap().weight = vec![1.25, -0.75];
    let new = pack(&input, &key(), &path("new")).unwrap();
    let made = make_delta(&path("old"), &path("new"), &path("delta")).unwrap();
    let ranker = made.files.iter().find(|file| file.name == MODEL_FILE).unwrap();
    let rows = made.bytes - ranker.bytes;
    eprintln!(
        "{} of {} bytes move, of them {} for the ranker",
        made.bytes, made.full_bytes, ranker.bytes
    );
    assert!(ranker.bytes > 0 && rows > 0);
    assert!(rows * 50 <= made.full_bytes, "{rows} of {}", made.full_bytes);
    std::fs::create_dir(path("out")).unwrap();
    let (old, out) = (path("old"), path("out"));
    let cancel = noctule_core::base::CancelToken::new();
    delta::apply(&path("delta"), &old, &new.manifest, &out, &cancel).unwrap();
}
