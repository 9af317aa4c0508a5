//! Everything that seeded nights with every model publish, as text that is compared.

use std::path::Path;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Architecture;
use noctule_releases::{CodesForm, Embedding, EmbeddingForm, PackInput, VectorForm, pack};
use serde_json::json;

use crate::models::{input, sasrec, two_tower};
use crate::phone::event;
use crate::town::{DAY_MS, NOW_MS};
use crate::{Phone, Town};

/// Length of the item vectors: more than one register of every kernel, and part of another.
const DIMENSIONS: usize = 72;
/// Rows for several blocks of every stream, and some in none.
const ITEMS: usize = 1_203;

/// The releases, named: each model, each form of the item vectors.
fn releases() -> Vec<(&'static str, PackInput)> {
    let town = Town { items: ITEMS, ..Town::default() };
    let plain = VectorForm::default();
    let coded = VectorForm { embedding: EmbeddingForm::None, ..plain };
    let int4 = VectorForm { codes: CodesForm::Int4, ..plain };
    let planes = VectorForm { codes: CodesForm::Planes, ..plain };
    let factors = || PackInput { architecture: town.input().architecture, ..town.input() };
    vec![
        ("matrix_factorization", wide(factors(), plain)),
        ("matrix_factorization in int4", wide(factors(), int4)),
        ("matrix_factorization in planes", wide(factors(), planes)),
        ("two_tower as codes", wide(input(&town, wider(two_tower()), 1.0), coded)),
        ("sasrec", wide(input(&town, wider(sasrec()), 1.0), plain)),
    ]
}

/// `architecture` with longer vectors.
fn wider(architecture: Architecture) -> Architecture {
    let mut text = serde_json::to_value(architecture).unwrap();
    text["dimensions"] = json!(DIMENSIONS);
    serde_json::from_value(text).unwrap()
}

fn wide(input: PackInput, form: VectorForm) -> PackInput {
    let mut random = SeededRandom::new(Seed(5));
    let values = (0..ITEMS * DIMENSIONS).map(|_| random.normal() as f32).collect();
    let embedding = Some(Embedding { values, dimensions: DIMENSIONS, form });
    PackInput { architecture: wider(input.architecture), embedding, ..input }
}

/// A line for each slate of two nights with each release, the second after some feedback: every
/// digit of every score, propensity and reason.
#[must_use]
pub fn published(scratch: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, (name, input)) in releases().into_iter().enumerate() {
        let directory = scratch.join(number.to_string());
        pack(&input, &Town::key(), &directory.join("release")).unwrap();
        let phone = Phone::open(&directory.join("profile"));
        phone.install_release(&directory.join("release")).unwrap();
        for night in 0..2 {
            phone.clock.set(NOW_MS + night * DAY_MS);
            phone.whole_night();
            let slates = phone.slates(Town::default().contexts);
            lines.extend(slates.iter().map(|slate| format!("{name}, night {night}: {slate:?}")));
            let kinds = ["like", "conversion", "click", "dislike"].into_iter().cycle();
            let events = kinds.zip(0..9).map(|(kind, i)| event(kind, &Town::item(37 * i)));
            phone.record(&events.collect::<Vec<_>>()).unwrap();
        }
    }
    lines
}
