//! How well the health gate tells broken models from unusual users.

use std::path::{Path, PathBuf};

use noctule_core::base::{ContextId, ItemId, Seed, SeededRandom};
use noctule_core::feedback::FeedbackEvent;
use noctule_core::release::{Manifest, RevertReason};
use noctule_releases::{HealthSource, PackInput, SampleChoice, SampleUser, SecretKey, pack};
use noctule_tests::phone::event;
use noctule_tests::town::{DIMENSIONS, KEY_SEED};
use noctule_tests::{Phone, Town};

const CUISINES: usize = 5;
const SAMPLE: u64 = 200;
const HEALTHY: u64 = 80;
const BROKEN: u64 = 10;

fn town(version: u64) -> Town {
    Town { version, items: 150, ..Town::default() }
}

/// Choices of somebody with one or two favourite cuisines: none on a new phone, up to 40.
fn choices(number: u64) -> Vec<(usize, usize)> {
    let mut random = SeededRandom::new(Seed(number).derive(&["health"]));
    let count = (random.uniform() * 41_f64.ln()).exp() as usize - 1;
    let favourites = [random.below(CUISINES), random.below(CUISINES)];
    let one = |random: &mut SeededRandom| {
        let any = random.below(150);
        let cuisine = favourites[random.below(2)];
        let item = if random.chance(0.2) { any } else { any / CUISINES * CUISINES + cuisine };
        (item, random.below(3))
    };
    (0..count).map(|_| one(&mut random)).collect()
}

fn sample() -> Vec<SampleUser> {
    let choice = |(item, context): (usize, usize)| SampleChoice {
        item: ItemId::new(Town::item(item)).unwrap(),
        context: Some(ContextId::new(format!("part-{context}")).unwrap()),
        weight: 1.0,
    };
    let user = |number| {
        let history = choices(number).into_iter().map(choice).collect();
        SampleUser { place: None, history }
    };
    (0..SAMPLE).map(user).collect()
}

fn packed(input: &PackInput, out: &Path) -> Manifest {
    pack(input, &SecretKey::from_seed(&KEY_SEED), out).unwrap().manifest
}

/// Whether the phone of user `number` gives up the release in `release` in its first night.
fn gives_up(scratch: &Path, release: &Path, number: u64) -> bool {
    let directory = scratch.join("profile");
    let phone = Phone::open(&directory);
    let like = |(item, context): (usize, usize)| FeedbackEvent {
        context: Some(ContextId::new(format!("part-{context}")).unwrap()),
        ..event("conversion", &Town::item(item))
    };
    let likes: Vec<FeedbackEvent> = choices(number).into_iter().map(like).collect();
    phone.record(&likes).unwrap();
    phone.install_release(release).unwrap();
    phone.whole_night();
    let reverted = phone.status().unwrap().reverted;
    drop(phone);
    std::fs::remove_dir_all(&directory).unwrap();
    match reverted.map(|reverted| reverted.reason) {
        None => false,
        Some(RevertReason::Scores { .. }) => true,
        Some(other) => panic!("{other}"),
    }
}

fn count(scratch: &Path, release: &Path, numbers: std::ops::Range<u64>) -> u64 {
    numbers.filter(|number| gives_up(scratch, release, *number)).count() as u64
}

/// One thing wrong with the model, in a version that carries the references of a good one.
type Breakage = (&'static str, bool, fn(&mut PackInput));

const BREAKAGES: [Breakage; 8] = [
    ("ranker negated", false, |input| each_weight(input, |weight| -weight)),
    ("ranker x 100", true, |input| each_weight(input, |weight| weight * 100.0)),
    ("ranker 0", true, |input| {
        each_weight(input, |_| 0.0);
        input.ranker.as_mut().unwrap().bias = 0.0;
    }),
    ("ranker's weights 0, bias kept", false, |input| each_weight(input, |_| 0.0)),
    ("embedding 0", false, |input| each_value(input, |_| 0.0)),
    ("embedding x 10", false, |input| each_value(input, |value| value * 10.0)),
    ("embedding's rows shuffled", false, |input| {
        let mut random = SeededRandom::new(Seed(9));
        let values = &mut input.embedding.as_mut().unwrap().values;
        for row in (1..values.len() / DIMENSIONS).rev() {
            let other = random.below(row + 1);
            (0..DIMENSIONS)
                .for_each(|at| values.swap(row * DIMENSIONS + at, other * DIMENSIONS + at));
        }
    }),
    // x and y change their signs together: the same scores, nothing to notice.
    ("embedding negated", false, |input| each_value(input, |value| -value)),
];

fn each_weight(input: &mut PackInput, change: fn(f32) -> f32) {
    input.ranker.as_mut().unwrap().weight.iter_mut().for_each(|weight| *weight = change(*weight));
}

fn each_value(input: &mut PackInput, change: fn(f32) -> f32) {
    let values = &mut input.embedding.as_mut().unwrap().values;
    values.iter_mut().for_each(|value| *value = change(*value));
}

#[test]
fn healthy_phones_keep_a_release_and_broken_models_go() {
    let scratch = tempfile::tempdir().unwrap();
    let good = scratch.path().join("good");
    let input = PackInput { health: HealthSource::Sample(sample()), ..town(1).input() };
    let manifest = packed(&input, &good);
    let (reference, health) = (manifest.reference, manifest.health.unwrap());
    let users = SAMPLE..SAMPLE + HEALTHY;
    let false_alarms = count(scratch.path(), &good, users);
    eprintln!("limit {:.3}; {false_alarms} of {HEALTHY} healthy gave up", health.distance_max);
    assert!(false_alarms <= 1, "{false_alarms}");
    for (name, must, breakage) in BREAKAGES {
        let given = HealthSource::Given { reference: reference.clone(), health };
        let mut input = PackInput { health: given, ..town(1).input() };
        breakage(&mut input);
        let out: PathBuf = scratch.path().join(name);
        let _ = packed(&input, &out);
        let caught = count(scratch.path(), &out, SAMPLE..SAMPLE + BROKEN);
        eprintln!("{name}: {caught} of {BROKEN} gave up");
        assert!(!must || caught * 10 >= BROKEN * 9, "{name}: {caught}");
    }
}
