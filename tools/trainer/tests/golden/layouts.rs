//! The layouts of `demo --data` on real files.

use noctule_trainer::datasets::{
    Interaction, Interactions, read_directory, read_movielens, read_restaurants, write_directory,
};

use crate::data::{find, unpack};

#[test]
fn movielens_small_is_read_whole() {
    let Some((directory, _)) = unpack("ml-latest-small/ratings.csv.xz") else { return };
    let Some(movies) = find("ml-latest-small/movies.csv") else { return };
    std::fs::copy(movies, directory.path().join("movies.csv")).unwrap();
    let data = read_movielens(directory.path()).unwrap();
    assert_eq!((data.users.len(), data.items.len()), (671, 9_125));
    let rows = data.events.len() as u64 + data.counts.not_positive + data.counts.duplicates;
    assert_eq!((rows, data.counts.duplicates), (100_004, 0));
    assert!(data.events.iter().all(|event| event.at_ms.is_some_and(|at| at > 700_000_000_000)));
    assert_eq!(data.items[0].words("genres").count(), 5);
}

#[test]
fn restaurants_are_read_whole_and_survive_noctules_own_layout() {
    let Some(directory) = find("uci-restaurant") else { return };
    let data = read_restaurants(&directory).unwrap();
    assert_eq!((data.users.len(), data.items.len()), (138, 130));
    assert_eq!(data.events.len() as u64 + data.counts.not_positive, 1_161);
    assert!(data.places.iter().all(Option::is_some));
    let with_hours = data.items.iter().filter(|item| !item.hours.is_empty()).count();
    let with_cuisine = data.items.iter().filter(|item| item.words("cuisine").count() > 0).count();
    assert!(with_hours > 100 && with_cuisine > 90, "{with_hours} {with_cuisine}");
    let copy = tempfile::tempdir().unwrap();
    write_directory(&data, &[], copy.path()).unwrap();
    let again = read_directory(copy.path(), &[]).unwrap();
    assert_eq!(again.items, data.items);
    let named = |data: &Interactions| -> Vec<_> {
        let name = |event: &Interaction| (data.users[event.user as usize].clone(), event.item);
        data.events.iter().map(|event| (name(event), event.weight.to_bits())).collect()
    };
    assert!(named(&again) == named(&data));
}
