use super::*;
use crate::base::{ItemId, Seed, SeededRandom};
use crate::feedback::{FieldSchema, KindSchema};

/// Uniform integers from a seed.
fn integers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut random = SeededRandom::new(Seed(seed));
    move |bound| random.below(bound as usize) as u64
}

#[test]
fn the_ratio_of_the_probabilities_of_an_answer_is_at_most_e_to_the_epsilon() {
    for values in [2, 10, 1_000, 65_536] {
        for epsilon in [0.01, 0.5, 1.0, 2.0, 4.0, 16.0] {
            let (p, q) = RandomisedResponse::new(values, epsilon).unwrap().probabilities();
            // Two units of 2^-32 below e^epsilon, and no more.
            assert!(p / q <= epsilon.exp(), "{values} {epsilon}");
            assert!(p / q >= epsilon.exp() - 1e-7, "{values} {epsilon}");
            assert!((p + f64::from(values - 1) * q - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn drawn_answers_keep_the_ratio_for_every_pair_of_values() {
    // 500 pairs of values and 20,000 answers of each, as R-46 asks: an answer must not be likelier
    // from one value than e^epsilon times from the other, at the 99.9 % bound of the ratio.
    let draws = 20_000u32;
    for epsilon in [0.5, 1.0, 2.0, 4.0f64] {
        let response = RandomisedResponse::new(8, epsilon).unwrap();
        let mut below = integers(epsilon.to_bits());
        let mut answers = |value| {
            let mut counts = [0u32; 8];
            (0..draws)
                .for_each(|_| counts[response.respond(value, &mut below).unwrap() as usize] += 1);
            counts
        };
        let mut exceeded = 0;
        for pair in 0..125 {
            let (one, other) = (pair % 8, (pair * 3 + 1) % 8);
            if one == other {
                continue;
            }
            let (first, second) = (answers(one), answers(other));
            for (a, b) in first.iter().zip(second) {
                let log_ratio = (f64::from(*a) / f64::from(b)).ln();
                let error = (1.0 / f64::from(*a) + 1.0 / f64::from(b)).sqrt();
                exceeded += u32::from(log_ratio - 3.29 * error > epsilon);
            }
        }
        // Some 900 ratios, of which a sixteenth lie at the bound and one in 2,000 beyond it.
        assert!(exceeded <= 1, "{epsilon}: {exceeded}");
    }
}

#[test]
fn impossible_settings_and_values_are_refused() {
    for (values, epsilon) in [(1, 1.0), (70_000, 1.0), (4, 0.005), (4, f64::NAN), (4, 17.0)] {
        assert!(RandomisedResponse::new(values, epsilon).is_err(), "{values} {epsilon}");
    }
    let response = RandomisedResponse::new(4, 1.0).unwrap();
    assert!(response.respond(4, &mut integers(1)).is_err());
}

#[test]
fn the_noise_of_a_secret_is_uniform_and_the_same_again() {
    let secret = Secret([7; 32]);
    let draw = |about: &[&str]| {
        let mut noise = Noise::new(&secret, about);
        (0..20_000).map(|_| noise.below(10)).collect::<Vec<_>>()
    };
    let one = draw(&["rated", "why", "luna", "taste"]);
    assert_eq!(one, draw(&["rated", "why", "luna", "taste"]));
    for other in [["rated", "why", "luna", "price"], ["rated", "wh", "yluna", "taste"]] {
        let same = one.iter().zip(draw(&other)).filter(|(a, b)| *a == b).count();
        // 2,000 of 20,000 by chance, with a standard deviation of 42.
        assert!((1_800..2_200).contains(&same), "{other:?}: {same}");
    }
    let mut counts = [0.0f64; 10];
    one.iter().for_each(|value| counts[*value as usize] += 1.0);
    let chi_square: f64 = counts.iter().map(|count| (count - 2_000.0).powi(2) / 2_000.0).sum();
    // 99.9 % point of the chi-square distribution with 9 degrees of freedom.
    assert!(chi_square < 27.9, "{counts:?}");
}

fn kinds() -> KindSchemas {
    let field = |name: &str, holds| FieldSchema { name: name.into(), holds, required: false };
    let words = ["price", "taste", "place"].map(str::to_owned).to_vec();
    let fields = vec![
        field("why", FieldType::Word(words)),
        field("again", FieldType::Flag),
        field("stars", FieldType::Number { min: 1.0, max: 5.0 }),
    ];
    KindSchemas::new(vec![KindSchema { name: "rated".into(), fields }]).unwrap()
}

fn answers() -> Vec<PrivateAnswer> {
    let of = |field: &str| PrivateAnswer {
        kind: "rated".into(),
        field: Some(field.into()),
        edges: vec![],
        epsilon: 1.0,
    };
    let like = PrivateAnswer { kind: "like".into(), field: None, edges: vec![], epsilon: 1.0 };
    vec![like, of("why"), of("stars")]
}

fn rated(item: &str) -> FeedbackEvent {
    let kind = EventKind::try_from("rated".to_owned()).unwrap();
    let details = [
        ("why".to_owned(), Detail::Word("taste".into())),
        ("again".to_owned(), Detail::Flag(true)),
        ("stars".to_owned(), Detail::Number(4.0)),
    ];
    FeedbackEvent { details: details.into(), ..FeedbackEvent::new(kind, item_of(item)) }
}

fn item_of(item: &str) -> ItemId {
    ItemId::new(item).unwrap()
}

#[test]
fn an_answer_that_is_given_again_is_told_again_as_it_was() {
    let (answers, kinds) = (answers(), kinds());
    let private = PrivateAnswers { answers: &answers, budget: None, kinds: &kinds };
    let secret = Secret::generate();
    for number in 0..50 {
        let event = rated(&format!("item-{number}"));
        assert_eq!(
            private.told(&event, &secret, None).unwrap(),
            private.told(&event, &secret, None).unwrap()
        );
    }
}

#[test]
fn values_are_told_as_often_as_the_mechanism_says() {
    let (answers, kinds) = (answers(), kinds());
    let private = PrivateAnswers { answers: &answers, budget: None, kinds: &kinds };
    let secret = Secret([3; 32]);
    let rounds = 3_000;
    let (mut truths, mut likes) = (0.0, 0.0);
    for number in 0..rounds {
        let item = format!("item-{number}");
        let told = private.told(&rated(&item), &secret, None).unwrap();
        truths += f64::from(u8::from(told.details["why"] == Detail::Word("taste".into())));
        assert_eq!(told.details["again"], Detail::Flag(true), "nobody asked for noise on it");
        let like =
            private.told(&FeedbackEvent::new(EventKind::Like, item_of(&item)), &secret, None);
        likes += f64::from(u8::from(like.unwrap().kind == EventKind::Like));
    }
    for (told, values) in [(truths, 3), (likes, 2)] {
        let (p, _) = RandomisedResponse::new(values, 1.0).unwrap().probabilities();
        let (share, error) = (told / f64::from(rounds), (p * (1.0 - p) / f64::from(rounds)).sqrt());
        assert!((share - p).abs() < 4.0 * error, "{values}: {share} against {p}");
    }
}

#[test]
fn a_like_and_its_undo_are_told_alike() {
    let (answers, kinds) = (answers(), kinds());
    let private = PrivateAnswers { answers: &answers, budget: None, kinds: &kinds };
    let secret = Secret::generate();
    for number in 0..50 {
        let item = item_of(&format!("item-{number}"));
        let like = FeedbackEvent::new(EventKind::Like, item.clone());
        let undone = Some(EventKind::Like);
        let undo = FeedbackEvent { undoes: undone, ..FeedbackEvent::new(EventKind::Undo, item) };
        assert!(private.concern(&like) && private.concern(&undo));
        let (like, undo) = (
            private.told(&like, &secret, None).unwrap(),
            private.told(&undo, &secret, None).unwrap(),
        );
        assert_eq!(undo.kind, EventKind::Undo);
        assert_eq!(undo.undoes, Some(like.kind));
        assert_eq!(undo.randomised, like.randomised);
    }
}

#[test]
fn what_cannot_be_drawn_with_noise_is_not_told() {
    let (answers, kinds) = (answers(), kinds());
    let secret = Secret::generate();
    let private = PrivateAnswers { answers: &answers, budget: None, kinds: &kinds };
    let told = private.told(&rated("luna"), &secret, None).unwrap();
    assert!(!told.details.contains_key("stars"), "a number has no list of values");
    assert_eq!(told.randomised.keys().collect::<Vec<_>>(), ["details.why"]);
    // The app forgot to declare the kind.
    let undeclared = KindSchemas::default();
    let private = PrivateAnswers { answers: &answers, budget: None, kinds: &undeclared };
    let told = private.told(&rated("luna"), &secret, None).unwrap();
    assert!(!told.details.contains_key("why") && told.randomised.is_empty());
}

#[test]
fn events_of_other_kinds_are_not_concerned() {
    let (answers, kinds) = (answers(), kinds());
    let private = PrivateAnswers { answers: &answers, budget: None, kinds: &kinds };
    let mut click = FeedbackEvent::new(EventKind::Click, item_of("luna"));
    assert!(!private.concern(&click));
    click.kind = EventKind::Undo;
    click.undoes = Some(EventKind::Hide);
    assert!(!private.concern(&click));
}
