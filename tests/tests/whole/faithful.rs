//! Reasons are faithful: taking the top one away lowers an item's score more than taking away any
//! other item of the history.

use std::collections::HashMap;
use std::path::Path;

use noctule_core::base::digest::sha256_hex;
use noctule_core::base::{Day, HistoryItem, ItemId, Profile, Seed, SeededRandom};
use noctule_core::night::{LoadedRelease, SequenceParts, SlateMaker, Treatment, order_of_work};
use noctule_core::release::{MANIFEST_FILE, Policy};
use noctule_core::slates::{ReasonKind, Slot};
use noctule_releases::{Description, VectorForm, pack, pack_from_directory};
use noctule_simulator::world::BEGIN_MS;
use noctule_simulator::{Town as SimulatedTown, TownSettings, World};
use noctule_tests::Town;
use noctule_tests::models::{input, sasrec, sasrec_linear, two_tower};
use noctule_tests::town::NOW_MS;
use noctule_trainer::datasets::{Interaction, Interactions};
use noctule_trainer::export::train_to_directory;
use noctule_trainer::training::{IalsSettings, TrainSettings};

const SEED: u64 = 20_261_127;

/// By user: how much scores fell in the mean without the top reason, without the last one that is
/// named, and without any one item of the history.
#[derive(Debug, Default)]
struct Falls {
    top: Vec<f64>,
    last: Vec<f64>,
    random: Vec<f64>,
    slots: usize,
    /// Items of all histories.
    items: usize,
}

/// The mean of `values` and half of its 95 % interval.
fn interval(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, 1.96 * (squares / (count * (count - 1.0))).sqrt())
}

fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The history items that a slot names, the strongest first.
fn named(slot: &Slot) -> Vec<&ItemId> {
    let items = slot.reasons.iter().filter_map(|reason| match &reason.kind {
        ReasonKind::BecauseOf { item, .. } => Some(item),
        _ => None,
    });
    items.collect()
}

fn maker<'a>(loaded: &'a LoadedRelease, profile: &'a Profile, now_ms: i64) -> SlateMaker<'a> {
    SlateMaker {
        loaded,
        plan: &loaded.release.manifest().plan,
        profile,
        treatment: Treatment { policy: Policy::Model, arm: None },
        now_ms,
        day: 0,
        at_night: true,
        recorder: None,
        sequence: SequenceParts::default(),
    }
}

/// What taking away single items of the history does to the slots of each of `profiles`.
fn falls(loaded: &LoadedRelease, profiles: &[Profile], now_ms: i64) -> Falls {
    let (mut falls, mut random) = (Falls::default(), SeededRandom::new(Seed(SEED)));
    for profile in profiles {
        let maker_of_all = maker(loaded, profile, now_ms);
        let mut sums = [0.0; 3];
        let mut slots = 0;
        for work in order_of_work(maker_of_all.plan, &profile.openings, Day::at(now_ms, 0)) {
            let slate = maker_of_all.make(work.surface, work.context_index, work.context).unwrap();
            let index = |slot: &Slot| loaded.release.catalogue().index_of(slot.item.as_str());
            let items: Vec<u32> = slate.slots.iter().map(|slot| index(slot).unwrap()).collect();
            let mut known: HashMap<ItemId, Vec<f32>> = HashMap::new();
            let mut without = |item: &ItemId| {
                let scores = known.entry(item.clone()).or_insert_with(|| {
                    let mut less = profile.clone();
                    less.history.retain(|entry| entry.item != *item);
                    let maker = maker(loaded, &less, now_ms);
                    maker.scores(work.context_index, work.context, &items).unwrap()
                });
                scores.clone()
            };
            for (at, slot) in slate.slots.iter().enumerate() {
                let named = named(slot);
                let ([top, ..], [.., last]) = (&named[..], &named[..]) else { continue };
                let any = &profile.history[random.below(profile.history.len())].item;
                for (sum, item) in sums.iter_mut().zip([*top, *last, any]) {
                    *sum += f64::from(slot.score - without(item)[at]);
                }
                slots += 1;
            }
        }
        if slots > 0 {
            let mean = |sum: f64| sum / slots as f64;
            falls.top.push(mean(sums[0]));
            falls.last.push(mean(sums[1]));
            falls.random.push(mean(sums[2]));
            falls.slots += slots;
            falls.items += profile.history.len();
        }
    }
    falls
}

/// Panics unless the top reason is worth more than any item, and than the last one named.
fn check(name: &str, falls: &Falls) {
    let (top, last) = (interval(&falls.top), interval(&falls.last));
    let random = interval(&falls.random);
    let more = interval(&differences(&falls.top, &falls.random));
    let order = interval(&differences(&falls.top, &falls.last));
    eprintln!(
        "{name}: {} slots of {} users with {} items of history; the score falls by {:.4} \
         (+-{:.4}) without the top reason, \
         {:.4} (+-{:.4}) without the last one named, {:.4} (+-{:.4}) without any one item; \
         top less any {:.4} (+-{:.4})",
        falls.slots,
        falls.top.len(),
        falls.items,
        top.0,
        top.1,
        last.0,
        last.1,
        random.0,
        random.1,
        more.0,
        more.1
    );
    assert!(falls.top.len() >= 20, "{name}: {} users have a reason", falls.top.len());
    assert!(more.0 - more.1 > 0.0, "{name}: top less any {more:?}");
    assert!(order.0 - order.1 > 0.0, "{name}: top less last {order:?}");
}

fn open(directory: &Path) -> LoadedRelease {
    let manifest = std::fs::read(directory.join(MANIFEST_FILE)).unwrap();
    LoadedRelease::open(directory, &sha256_hex(&manifest)).unwrap()
}

fn chosen(item: ItemId, context: Option<&str>, at_ms: i64) -> HistoryItem {
    let context = context.map(|id| noctule_core::base::ContextId::new(id).unwrap());
    HistoryItem {
        item,
        weight_by_context: [(context, 1.0)].into(),
        negative: 0.0,
        last_chosen_ms: Some(at_ms),
    }
}

/// A profile of `entries`, each item once.
fn profile(entries: impl IntoIterator<Item = HistoryItem>, seed: u64) -> Profile {
    let by_item: std::collections::BTreeMap<ItemId, HistoryItem> =
        entries.into_iter().map(|entry| (entry.item.clone(), entry)).collect();
    Profile { history: by_item.into_values().collect(), seed, ..Profile::default() }
}

/// A release trained on the visits of `town`.
fn trained(town: &SimulatedTown, scratch: &Path) -> LoadedRelease {
    let past = town.training();
    let users = past.iter().map(|choice| choice.user as usize + 1).max().unwrap();
    let events = past.iter().map(|choice| Interaction {
        user: choice.user,
        item: choice.item,
        at_ms: Some(choice.at_ms),
        context: choice.context,
        weight: choice.weight,
    });
    let data = Interactions {
        users: (0..users).map(|user| format!("u{user:05}")).collect(),
        places: town.training_places(),
        items: town.items().to_vec(),
        events: events.collect(),
        ..Interactions::default()
    };
    let ials = IalsSettings { dimensions: 16, epochs: 8, ..IalsSettings::default() };
    let settings = TrainSettings { ials, seed: SEED, threads: 1, ..TrainSettings::default() };
    let model = scratch.join("model");
    train_to_directory(&data, town.plan(), &settings, &model, &|_, _, _| {}).unwrap();
    let description = Description {
        app: "town".into(),
        name: "town".into(),
        version: 1,
        created_ms: Some(BEGIN_MS),
        valid_days: 400,
        architecture: None,
        plan: town.plan().clone(),
        experiment: None,
        vectors: VectorForm::default(),
        minimum_runtime: None,
        lineage: std::collections::BTreeMap::new(),
    };
    std::fs::write(model.join("pack.json"), serde_json::to_vec(&description).unwrap()).unwrap();
    let release = scratch.join("release");
    pack_from_directory(&model, &Town::key(), &release, BEGIN_MS).unwrap();
    open(&release)
}

#[test]
fn without_its_top_reason_an_item_of_a_trained_release_falls_further_than_without_any_other() {
    let scratch = tempfile::tempdir().unwrap();
    let phones = 40;
    let (restaurants, residents, weeks) = (200, 600, 8);
    let settings = TownSettings { seed: SEED, restaurants, residents, phones, weeks };
    let town = SimulatedTown::new(&settings).unwrap();
    let loaded = trained(&town, scratch.path());
    let contexts = &town.plan().contexts;
    let profiles = (0..phones).map(|phone| {
        // What they chose before the first day, and what they would choose in the weeks behind it.
        let past = town
            .history(phone)
            .iter()
            .map(|choice| (choice.item as usize, choice.context.map(usize::from), choice.at_ms));
        let later = (0..contexts.len()).flat_map(|context| {
            let best = town.favourites(phone, context, 3);
            best.into_iter().map(move |item| (item, Some(context), BEGIN_MS))
        });
        let entries = past.chain(later).map(|(item, context, at_ms)| {
            let context = context.map(|at| contexts[at].id.as_str());
            chosen(town.items()[item].id.clone(), context, at_ms)
        });
        Profile { place: town.place(phone), ..profile(entries, phone as u64) }
    });
    let profiles: Vec<Profile> = profiles.collect();
    check("trained factorisation", &falls(&loaded, &profiles, BEGIN_MS));
}

#[test]
fn the_same_holds_for_encoders_and_rankers_whose_reasons_are_sampled() {
    for architecture in [two_tower(), sasrec_linear(), sasrec()] {
        let (scratch, name) = (tempfile::tempdir().unwrap(), architecture.name());
        let town = Town { epsilon: 0.0, ..Town::default() };
        let name = format!("{name}, {:?}", architecture.ranker().unwrap().kind);
        let release = scratch.path().join("release");
        pack(&input(&town, architecture, 1.0), &Town::key(), &release).unwrap();
        let mut random = SeededRandom::new(Seed(SEED));
        let profiles: Vec<Profile> = (0..60)
            .map(|user| {
                let entries = (0..8).map(|at| {
                    let item = Town::item(random.below(town.items));
                    chosen(ItemId::new(item).unwrap(), None, NOW_MS - 1_000 * (9 - at))
                });
                profile(entries.collect::<Vec<_>>(), user)
            })
            .collect();
        check(&name, &falls(&open(&release), &profiles, NOW_MS));
    }
}
