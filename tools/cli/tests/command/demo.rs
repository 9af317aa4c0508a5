//! The demonstration, small.

use crate::runner::Workplace;

const SMALL: &str = "demo --phones 12 --nights 2 --restaurants 60 --residents 120";

#[test]
fn a_small_demo_loses_nothing_and_leaves_a_page() {
    let place = Workplace::new();
    let result = place.json(SMALL);
    assert_eq!((&result["lost"], &result["repeated"]), (&0.into(), &0.into()), "{result:#}");
    assert_eq!(result["recorded"], result["stored"]);
    assert!(result["recorded"].as_u64().unwrap() > 12 * 2 * 3 * 2 * 10, "{result:#}");
    let arms: Vec<&str> = result["arms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arm| arm["name"].as_str().unwrap())
        .collect();
    assert_eq!(arms, ["model", "baseline"]);
    let page = std::fs::read_to_string(place.path("noctule-demo/report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("What one phone shows"));
    for name in ["report.json", "report.csv", "release/manifest.json", "data/plan.json"] {
        assert!(place.path("noctule-demo").join(name).exists(), "{name}");
    }
    assert!(!place.path("noctule-demo/phones/phone-00000").exists());
}

#[test]
fn the_same_seed_plays_the_same_story_and_replaces_the_last() {
    let place = Workplace::new();
    let play = |seed: u64| {
        let result = place.json(&format!("{SMALL} --seed {seed}"));
        (result["arms"].clone(), result["recorded"].clone())
    };
    let (first, again, other) = (play(5), play(5), play(6));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn a_directory_with_something_else_in_it_is_kept() {
    let place = Workplace::new();
    place.write("mine/notes.txt", "precious");
    let error = place.failure(&format!("{SMALL} --output mine"));
    assert!(error.contains("mine: is not empty"), "{error}");
    assert_eq!(std::fs::read_dir(place.path("mine")).unwrap().count(), 1);
}

#[test]
fn the_demo_plays_on_ones_own_data() {
    let place = Workplace::new();
    // Two circles of friends, each with films of its own.
    let mut films = String::from("movieId,title,genres\n");
    for film in 0..24 {
        let genre = if film < 12 { "Drama" } else { "Comedy" };
        films.push_str(&format!("{film},Film {film} (1999),{genre}\n"));
    }
    let mut ratings = String::from("userId,movieId,rating,timestamp\n");
    for user in 0..30 {
        for nth in 0..8 {
            let film = (user % 2) * 12 + (user * 5 + nth * 7) % 12;
            ratings.push_str(&format!("{user},{film},5.0,{}\n", 1_000_000 + user * 100 + nth));
        }
    }
    place.write("films/movies.csv", &films);
    place.write("films/ratings.csv", &ratings);
    let result = place.json("demo --data films --phones 10 --nights 2");
    assert_eq!((&result["lost"], &result["repeated"]), (&0.into(), &0.into()), "{result:#}");
    let page = std::fs::read_to_string(place.path("noctule-demo/report.html")).unwrap();
    assert!(page.contains("among 24 films"));
}
