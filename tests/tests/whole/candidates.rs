//! The candidates that the trainer teaches a ranker with are those that a night ranks: the same
//! items, brought by the same generators.

use std::collections::BTreeMap;
use std::path::Path;

use noctule_core::base::{ContextId, GeoPoint, LabelWeights, Seed, SeededRandom};
use noctule_core::candidates::Generator;
use noctule_core::catalogue::Item;
use noctule_core::feedback::{EventKind, FeedbackEvent};
use noctule_core::release::{Candidates, Plan};
use noctule_core::replay::{Bundle, Consent, open_release, replay};
use noctule_core::slates::SlateKey;
use noctule_releases::{Description, VectorForm, pack_from_directory};
use noctule_tests::town::{APP, DAY_MS, NOW_MS};
use noctule_tests::{Phone, Town};
use noctule_trainer::datasets::{Interaction, Interactions};
use noctule_trainer::evaluation::FoldInScorer;
use noctule_trainer::evaluation::scorers::Case;
use noctule_trainer::export::write_model;
use noctule_trainer::training::candidates::CandidateFinder;
use noctule_trainer::training::examples::Fitted;
use noctule_trainer::training::{Factors, IalsSettings, TrainSettings, TrainedModel, train};
use serde_json::json;

const ITEMS: usize = 300;
const USERS: u32 = 60;
const CONTEXTS: [(&str, u16, u16); 3] =
    [("morning", 360, 720), ("noon", 720, 1_020), ("evening", 1_020, 1_440)];
const BEGIN_MS: i64 = NOW_MS - 20 * DAY_MS;

/// Each item with the bits of who brought it.
type Brought = BTreeMap<String, u8>;

fn plan(budgets: Candidates) -> Plan {
    let contexts = CONTEXTS.map(|(id, from, until)| {
        json!({"id": id, "when": {"days": "every", "from": from, "until": until}})
    });
    serde_json::from_value(json!({
        "contexts": contexts,
        "surfaces": [
            {"id": "home", "length": 8, "contexts": ["morning", "noon", "evening"]},
            {"id": "lunch", "length": 4, "contexts": ["noon"]},
        ],
        "candidates": budgets,
        "consumed": {"cooldown-days": 7},
        "radius_km": 12.0,
        "rules": [
            {"id": "ours", "select": {"item": "item-5"}, "do": {"pin": {"top": 3}}},
            {"id": "tea", "select": {"group": {"attribute": "kind", "word": "tea"}},
                "do": {"pin": {"top": 2}}, "surfaces": ["lunch"]},
        ],
        "exposure": [{"id": "meze", "group": {"attribute": "kind", "word": "meze"}, "floor": 0.25}],
    }))
    .unwrap()
}

fn point(random: &mut SeededRandom) -> GeoPoint {
    GeoPoint::new(22.0 + 0.2 * random.uniform(), -100.0 + 0.2 * random.uniform()).unwrap()
}

/// Some closed at noon, some withdrawn, some without a place or far away, some new.
fn item(index: usize, random: &mut SeededRandom) -> Item {
    let kind = ["thai", "pizza", "tea", "tacos", "meze"][index % 5];
    let added = NOW_MS - DAY_MS - random.below(60) as i64 * DAY_MS / 2;
    let text = json!({
        "id": format!("item-{index}"), "title": "", "available": index % 11 != 3,
        "attributes": {"kind": kind, "added_ms": added as f64},
        "hours": if index % 4 == 1 {
            json!([{"days": "every", "from": 1_000, "until": 1_439}])
        } else {
            json!([])
        },
    });
    let item: Item = serde_json::from_value(text).unwrap();
    Item { place: (!index.is_multiple_of(6)).then(|| point(random)), ..item }
}

/// Who chose what in which context, the last three weeks; nobody twice.
fn data(seed: u64) -> Interactions {
    let mut random = SeededRandom::new(Seed(seed));
    let items = (0..ITEMS).map(|index| item(index, &mut random)).collect();
    let mut data = Interactions { items, ..Interactions::default() };
    for user in 0..USERS {
        data.users.push(format!("user-{user}"));
        data.places.push((user % 5 != 4).then(|| point(&mut random)));
        let mut own: Vec<u32> = (0..ITEMS as u32).filter(|item| item % 4 == user % 4).collect();
        random.shuffle(&mut own);
        // Somebody of whom nothing is known, and some who chose two at the same time.
        own.truncate(if user == 7 { 0 } else { 15 });
        let mut times: Vec<i64> = own.iter().map(|_| random.below(20 * 24) as i64).collect();
        times.sort_unstable();
        for (item, hours) in own.into_iter().zip(times) {
            let context = Some(random.below(CONTEXTS.len()) as u16);
            let at_ms = Some(BEGIN_MS + hours * DAY_MS / 24);
            let weight = LabelWeights::default().conversion;
            data.events.push(Interaction { user, item, at_ms, context, weight });
        }
    }
    data
}

fn settings() -> TrainSettings {
    let ials = IalsSettings { dimensions: 12, epochs: 6, ..IalsSettings::default() };
    TrainSettings { ials, threads: 1, ..TrainSettings::default() }
}

/// The release of `model`, packed as a backend would.
fn pack(
    model: &TrainedModel,
    data: &Interactions,
    plan: &Plan,
    scratch: &Path,
) -> std::path::PathBuf {
    let directory = scratch.join("model");
    write_model(model, data, &settings(), &directory).unwrap();
    let description = Description {
        app: APP.into(),
        name: "town".into(),
        version: 1,
        created_ms: Some(BEGIN_MS - DAY_MS),
        valid_days: 90,
        minimum_runtime: None,
        architecture: None,
        plan: plan.clone(),
        experiment: None,
        vectors: VectorForm::default(),
        lineage: BTreeMap::new(),
    };
    std::fs::write(directory.join("pack.json"), serde_json::to_vec(&description).unwrap()).unwrap();
    let release = scratch.join("release");
    pack_from_directory(&directory, &Town::key(), &release, BEGIN_MS).unwrap();
    release
}

fn history(data: &Interactions, user: u32) -> Vec<Interaction> {
    data.events.iter().filter(|event| event.user == user).copied().collect()
}

/// A phone that has recorded what `user` chose when it was chosen, after a night at [`NOW_MS`].
fn phone(data: &Interactions, user: u32, release: &Path, directory: &Path) -> Phone {
    let phone = Phone::open_at(directory, BEGIN_MS - DAY_MS / 2).unwrap();
    phone.install_release(release).unwrap();
    phone.set_place(data.places[user as usize]).unwrap();
    for event in history(data, user) {
        phone.clock.set(event.at_ms.unwrap());
        let context = CONTEXTS[usize::from(event.context.unwrap())].0;
        let item = data.items[event.item as usize].id.clone();
        let context = Some(ContextId::new(context).unwrap());
        let chosen = FeedbackEvent::new(EventKind::Conversion, item);
        phone.record(&[FeedbackEvent { context, ..chosen }]).unwrap();
    }
    phone.clock.set(NOW_MS);
    phone.whole_night();
    phone
}

/// What the night of `phone` ranked in context number `context`, over all its surfaces.
fn ranked_at_night(phone: &Phone, plan: &Plan, context: usize, release: &Path) -> Brought {
    let context = ContextId::new(CONTEXTS[context].0).unwrap();
    let mut brought = Brought::new();
    for surface in plan.surfaces.iter().filter(|surface| surface.contexts.contains(&context)) {
        let key = SlateKey { surface: surface.id.clone(), context: context.clone() };
        let bundle = phone.export_replay(&key, Consent::Given).unwrap();
        let bundle = Bundle::parse(&bundle).unwrap();
        let replayed = replay(&bundle, &open_release(release, &bundle).unwrap()).unwrap();
        assert_eq!(replayed.differences, []);
        for candidate in replayed.trace.candidates {
            *brought.entry(candidate.item).or_default() |= candidate.sources.bits();
        }
    }
    brought
}

/// The same found by the trainer.
fn found_by_trainer(finder: &CandidateFinder<'_>, data: &Interactions, case: &Case<'_>) -> Brought {
    let profile = finder.profile(case.user, case.history);
    let found = finder.find(case, &profile, Some(NOW_MS)).unwrap().found;
    let id = |item: u32| data.items[item as usize].id.to_string();
    found.indices.iter().zip(found.sources).map(|(item, by)| (id(*item), by.bits())).collect()
}

fn with_finder(
    model: &TrainedModel,
    data: &Interactions,
    plan: &Plan,
    use_it: impl FnOnce(&CandidateFinder<'_>),
) {
    let factors = Factors {
        dimensions: model.dimensions,
        users: Vec::new(),
        items: model.embedding.clone(),
        gram: model.gram.clone(),
        losses: Vec::new(),
    };
    let solver = factors.fold_in(&settings().ials()).unwrap();
    let context_weight = settings().context_weight;
    let fold_in = FoldInScorer { fold_in: &solver, items: &factors.items, context_weight };
    let fitted = Fitted { data, plan, popularity: &model.popularity, fold_in };
    use_it(&CandidateFinder::new(&fitted).unwrap());
}

/// Compares for some users, and gives how many candidates each generator brought.
fn compare(budgets: Candidates, seed: u64, users: &[u32]) -> [usize; 5] {
    let (data, plan, scratch) = (data(seed), plan(budgets), tempfile::tempdir().unwrap());
    let model = train(&data, &plan, &settings(), &|_, _, _| {}).unwrap();
    let release = pack(&model, &data, &plan, scratch.path());
    let mut by_generator = [0; 5];
    with_finder(&model, &data, &plan, |finder| {
        for user in users {
            let phone = phone(&data, *user, &release, &scratch.path().join(format!("{user}")));
            for context in 0..CONTEXTS.len() {
                let of_night = ranked_at_night(&phone, &plan, context, &release);
                let history = history(&data, *user);
                let case = Case { user: *user, history: &history, context: Some(context as u16) };
                let of_trainer = found_by_trainer(finder, &data, &case);
                assert_eq!(of_trainer, of_night, "user {user}, context {context}");
                for (count, generator) in by_generator.iter_mut().zip(Generator::ALL) {
                    let bit = 1 << generator as u8;
                    *count += of_night.values().filter(|bits| **bits & bit != 0).count();
                }
            }
        }
    });
    by_generator
}

#[test]
fn the_trainer_finds_what_a_night_ranks_from_all_generators() {
    let budgets =
        Candidates { nearest: 20, similar: 12, similar_to: 3, popular: 10, new: 8, new_days: 12 };
    let found = compare(budgets, 5, &[0, 1, 4, 7, 22]);
    assert!(found.iter().all(|count| *count > 0), "{found:?}");
}

#[test]
fn a_generator_without_a_budget_brings_nothing_to_either() {
    let budgets = Candidates { nearest: 15, popular: 10, ..Candidates::default() };
    let [nearest, similar, popular, new, rule] = compare(budgets, 6, &[2, 3]);
    assert!(nearest > 0 && popular > 0 && rule > 0);
    assert_eq!((similar, new), (0, 0));
}
