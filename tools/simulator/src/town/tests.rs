use std::collections::{BTreeMap, BTreeSet};

use noctule_core::base::WeekMinute;

use super::*;

fn small(seed: u64) -> Town {
    let settings = TownSettings { seed, residents: 300, phones: 30, ..TownSettings::default() };
    Town::new(&settings).unwrap()
}

fn files(town: &Town) -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    town.write_directory(directory.path()).unwrap();
    ["catalogue.jsonl", "interactions.csv", "users.csv"]
        .map(|name| std::fs::read(directory.path().join(name)).unwrap())
        .to_vec()
}

#[test]
fn the_same_seed_gives_the_same_town_byte_for_byte_and_another_seed_another() {
    assert_eq!(small(5), small(5));
    let first = files(&small(5));
    assert_eq!(first, files(&small(5)));
    for (one, other) in first.iter().zip(files(&small(6))) {
        assert_ne!(*one, other);
    }
}

#[test]
fn every_visit_is_to_a_place_open_at_that_minute_within_its_context() {
    let town = small(1);
    assert!(town.training.len() > 300 * 29);
    for visit in town.training.iter().chain(town.histories.iter().flatten()) {
        let moment = WeekMinute::at(visit.at_ms, 0);
        assert!(town.items[visit.item as usize].is_open(moment), "{visit:?}");
        let context = usize::from(visit.context.unwrap());
        assert!(town.plan.contexts[context].when.holds(moment), "{visit:?}");
        assert!(visit.at_ms < crate::world::BEGIN_MS);
    }
}

#[test]
fn the_catalogue_is_written_as_the_core_reads_it_with_unique_ids_and_titles() {
    let town = small(2);
    let text = String::from_utf8(files(&town)[0].clone()).unwrap();
    let read: Vec<Item> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, town.items);
    let ids: BTreeSet<&str> = read.iter().map(|item| item.id.as_str()).collect();
    let titles: BTreeSet<&str> = read.iter().map(|item| item.title.as_str()).collect();
    assert_eq!((ids.len(), titles.len()), (400, 400));
    let cuisines: BTreeSet<&str> = read.iter().flat_map(|item| item.words("cuisine")).collect();
    assert!(cuisines.len() >= 12, "{cuisines:?}");
    for context in 0..CONTEXTS {
        let open = town.open_in(context).len();
        assert!(open >= 60, "{open} places are open in context {context}");
    }
}

#[test]
fn a_random_place_is_rarely_accepted_and_a_favourite_often() {
    for seed in 1..8 {
        let town = small(seed);
        let (mut random, mut favourite, mut count) = (0.0, 0.0, 0.0);
        for phone in 0..town.phones() {
            for context in 0..CONTEXTS {
                let mean = |items: &[usize]| {
                    let sum = items.iter().map(|item| town.acceptance(phone, *item, context));
                    sum.sum::<f64>() / items.len() as f64
                };
                random += mean(&town.open_in(context));
                favourite += mean(&town.favourites(phone, context, 5));
                count += 1.0;
            }
        }
        let (random, favourite) = (random / count, favourite / count);
        assert!((0.03..0.05).contains(&random), "{random}");
        assert!((0.3..0.6).contains(&favourite), "{favourite}");
    }
}

#[test]
fn tastes_change_with_the_daypart() {
    let town = small(3);
    let mut changed = 0;
    for phone in 0..town.phones() {
        let diners: Vec<usize> =
            town.open_in(0).into_iter().filter(|item| town.open_in(2).contains(item)).collect();
        let best = |context| {
            diners.iter().copied().max_by(|a, b| {
                let affinity = |item: &usize| town.affinity(phone, *item, context);
                affinity(a).total_cmp(&affinity(b))
            })
        };
        changed += usize::from(best(0) != best(2));
    }
    assert!(changed > town.phones() / 3, "{changed} of {} people", town.phones());
}

/// Neighbours by co-visitation (cosine over residents) have more in common than chance: what
/// matrix factorisation lives on.
#[test]
fn places_visited_by_the_same_people_share_their_cuisine_more_often_than_chance() {
    let settings = TownSettings { residents: 1_000, phones: 1, ..TownSettings::default() };
    let town = Town::new(&settings).unwrap();
    let n = town.items.len();
    let mut visited = vec![BTreeSet::new(); settings.residents];
    for visit in &town.training {
        visited[visit.user as usize].insert(visit.item as usize);
    }
    let (mut together, mut alone) = (vec![0f64; n * n], vec![0f64; n]);
    for items in &visited {
        for a in items {
            alone[*a] += 1.0;
            for b in items {
                together[a * n + b] += 1.0;
            }
        }
    }
    let cuisine = |item: usize| town.restaurants[item].cuisine;
    let (mut same, mut asked) = (0, 0);
    for a in (0..n).filter(|a| alone[*a] >= 20.0) {
        let cosine = |b: usize| together[a * n + b] / (alone[a] * alone[b]).sqrt();
        let mut others: Vec<usize> = (0..n).filter(|b| *b != a && alone[*b] >= 20.0).collect();
        others.sort_by(|x, y| cosine(*y).total_cmp(&cosine(*x)));
        same += others.iter().take(5).filter(|b| cuisine(**b) == cuisine(a)).count();
        asked += others.len().min(5);
    }
    let mut sizes = BTreeMap::new();
    for item in 0..n {
        *sizes.entry(cuisine(item)).or_insert(0.0) += 1.0 / n as f64;
    }
    let chance: f64 = sizes.values().map(|share| share * share).sum();
    let share = f64::from(same as u32) / f64::from(asked as u32);
    assert!(asked > 500 && share > 2.0 * chance, "{share} of {asked}, by chance {chance}");
}

#[test]
fn a_size_out_of_range_is_named() {
    let settings = TownSettings { restaurants: 0, ..TownSettings::default() };
    let error = Town::new(&settings).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "restaurants", .. }), "{error}");
}
