//! The kernels of a night, alone.

use std::fmt;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;

use noctule_core::base::digest::sha256_hex;
use noctule_core::base::{Seed, SeededRandom};
use noctule_core::model::Observation;
use noctule_core::night::LoadedRelease;
use noctule_core::reasons::coalitions::{Members, SlotGame};
use noctule_core::scoring::TopK;
use sha2::{Digest, Sha256};

use crate::NIGHTS;
use crate::cpu::median_ms;
use crate::world::{CONTEXTS, DIMENSIONS, NEAREST, POPULAR, SLOTS, World};

/// Items that the user is folded in from.
const HISTORY: usize = 44;

/// Repeats of one run: a hundred milliseconds and more.
const REPEATS: usize = 20;

/// What each of them takes for a whole night, milliseconds.
pub(crate) struct Kernels {
    hashing: f64,
    fold_in: f64,
    search: f64,
    candidates: f64,
    reasons: f64,
}

impl Kernels {
    pub(crate) fn sum(&self) -> f64 {
        self.hashing + self.fold_in + self.search + self.candidates + self.reasons
    }
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hashing, fold_in, search, candidates, reasons } = self;
        write!(
            f,
            "hashing {hashing:.1}, fold-in {fold_in:.1}, search {search:.1}, ranker over \
             candidates {candidates:.1}, over reasons {reasons:.1}"
        )
    }
}

/// Rows through the ranker that the reasons of one slot ask for: three groups of features that
/// differ between the slots (the history, popularity in the context and over all), the first split
/// over the three named items and the rest, by three pairs of orders.
pub(crate) fn rows_of_a_slot() -> usize {
    game().rows()
}

fn game() -> SlotGame {
    let members = Members { group: 0, named: 3, ways: 1 };
    SlotGame::new(3, Some(members), 3, &mut SeededRandom::new(Seed(1)))
}

/// Reads a file in pieces and hashes it, as plainly as can be.
fn hash(path: &Path) {
    let mut file = std::fs::File::open(path).unwrap();
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
    }
    black_box(hasher.finalize());
}

/// What this takes once for each context.
fn each_context(work: &mut dyn FnMut() -> Vec<f32>) -> f64 {
    median_ms(NIGHTS, REPEATS, || {
        for _ in 0..CONTEXTS {
            black_box(work());
        }
    })
}

pub(crate) fn measure(world: &World) -> Kernels {
    let manifest = std::fs::read(world.release.join("manifest.json")).unwrap();
    let digest = sha256_hex(&manifest);
    let loaded = LoadedRelease::open(&world.release, &digest).unwrap();
    let matrix = loaded.items.matrix().unwrap().unwrap();
    let (model, _) = loaded.model().unwrap();
    let hashing = median_ms(NIGHTS, REPEATS, || {
        for file in std::fs::read_dir(&world.release).unwrap() {
            hash(&file.unwrap().path());
        }
    });
    let history: Vec<_> = (0..HISTORY as u32).map(|at| matrix.row(at * 17).unwrap()).collect();
    let seen: Vec<Observation<'_>> =
        history.iter().map(|vector| Observation { vector, weight: 1.0, target: 1.0 }).collect();
    let fold_in = median_ms(NIGHTS, REPEATS, || {
        for context in 0..CONTEXTS {
            black_box(model.encoder.encode(&seen, context).unwrap());
        }
    });
    let mut random = SeededRandom::new(Seed(5));
    let users: Vec<Vec<f32>> =
        (0..CONTEXTS).map(|_| (0..DIMENSIONS).map(|_| random.normal() as f32).collect()).collect();
    let queries: Vec<&[f32]> = users.iter().map(Vec::as_slice).collect();
    let search = median_ms(NIGHTS, REPEATS, || {
        black_box(TopK::new(NEAREST).search(&matrix, &queries).unwrap());
    });
    let width = model.ranker.features();
    let mut rows =
        |count: usize| -> Vec<f32> { (0..count).map(|_| random.normal() as f32).collect() };
    let of_candidates = rows((NEAREST + POPULAR) * width);
    let candidates = each_context(&mut || model.ranker.score(&of_candidates, width).unwrap());
    let mut lifted = rows(SLOTS * rows_of_a_slot() * model.ranker.lifted_width());
    let mut differences = rows(SLOTS * game().added() * width);
    // Of the groups, two are of one feature.
    for slot in differences.chunks_exact_mut(game().added() * width) {
        slot[1..width].fill(0.0);
        slot[width + 1..2 * width].fill(0.0);
    }
    let reasons = each_context(&mut || model.ranker.lift_differences(&differences).unwrap())
        + each_context(&mut || model.ranker.score_lifted(&mut lifted).unwrap());
    Kernels { hashing, fold_in, search, candidates, reasons }
}
