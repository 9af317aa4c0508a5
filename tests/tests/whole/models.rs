//! Releases with a user tower or a transformer, from the packer to the slate.

use noctule_core::base::{Budget, CancelToken, Error, NoProgress};
use noctule_core::release::{Architecture, Trust, verify_directory};
use noctule_core::serving::Tier;
use noctule_core::slates::ReasonKind;
use noctule_releases::{PackInput, pack};
use noctule_tests::models::{input, sasrec, sasrec_linear, two_tower};
use noctule_tests::phone::{check_whole, event};
use noctule_tests::town::{APP, NOW_MS};
use noctule_tests::{Phone, Town};

/// A phone on which the release of `input` is packed, verified and installed.
fn phone(input: &PackInput, scratch: &std::path::Path) -> Phone {
    let directory = scratch.join("release");
    pack(input, &Town::key(), &directory).unwrap();
    let keys = [Town::key().public().0];
    verify_directory(&directory, &Trust::signed_by(APP, &keys, NOW_MS)).unwrap();
    let phone = Phone::open(&scratch.join("profile"));
    phone.install_release(&directory).unwrap();
    phone
}

fn names(phone: &Phone) -> Vec<String> {
    phone.slate("home", 0).items.iter().map(|slot| slot.item.to_string()).collect()
}

/// The base takes what the parts leave, and is the score of the same background for each slot of a
/// slate.
fn check_bases(phone: &Phone, contexts: usize) {
    for slate in phone.slates(contexts) {
        let base = |kind: &ReasonKind| *kind == ReasonKind::Base;
        let reasons = slate.items.iter().flat_map(|slot| slot.reasons.iter());
        let bases: Vec<f32> =
            reasons.filter(|reason| base(&reason.kind)).map(|reason| reason.contribution).collect();
        assert_eq!(bases.len(), slate.items.len());
        assert!(bases.iter().all(|base| (base - bases[0]).abs() < 1e-4), "{bases:?}");
    }
}

#[test]
fn each_model_makes_whole_slates_that_follow_what_the_user_does() {
    for architecture in [two_tower(), sasrec(), sasrec_linear()] {
        let (scratch, name) = (tempfile::tempdir().unwrap(), architecture.name());
        let town = Town { epsilon: 0.0, ..Town::default() };
        let phone = phone(&input(&town, architecture, 1.0), scratch.path());
        phone.whole_night();
        let stranger = names(&phone);
        for slate in phone.slates(town.contexts) {
            assert_eq!(slate.tier, Tier::Fresh, "{name}");
            check_whole(&slate, slate.items.len());
        }
        // More items than the transformer has positions.
        let chosen = (0..7).map(|index| event("conversion", &Town::item(3 * index)));
        phone.record(&chosen.collect::<Vec<_>>()).unwrap();
        phone.whole_night();
        for slate in phone.slates(town.contexts) {
            check_whole(&slate, slate.items.len());
        }
        assert_ne!(names(&phone), stranger, "{name}");
        check_bases(&phone, town.contexts);
    }
}

#[test]
fn the_same_model_profile_and_time_give_the_same_slates() {
    for architecture in [two_tower(), sasrec()] {
        let run = || {
            let scratch = tempfile::tempdir().unwrap();
            let phone = phone(&input(&Town::default(), architecture.clone(), 1.0), scratch.path());
            phone.record(&[event("like", "item-4"), event("click", "item-9")]).unwrap();
            phone.whole_night();
            phone.slates(3)
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn a_model_that_gives_no_number_makes_no_slate_and_the_ones_before_stay() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.record(&[event("like", "item-1")]).unwrap();
    phone.whole_night();
    let before = phone.slates(3);
    let town = Town { version: 2, ..Town::default() };
    // Finite weights, whose products are not.
    let Architecture::TwoTower { dimensions, context_weight, ranker_features, ranker, .. } =
        two_tower()
    else {
        panic!("another architecture")
    };
    let deep = Architecture::TwoTower {
        dimensions,
        hidden: vec![16, 16, 16],
        activation: noctule_core::release::Nonlinearity::Relu,
        normalize: false,
        context_weight,
        ranker_features,
        ranker,
    };
    let directory = scratch.path().join("bad");
    pack(&input(&town, deep, 1e13), &Town::key(), &directory).unwrap();
    phone.install_release(&directory).unwrap();
    let night = phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
    let error = night.unwrap_err();
    assert!(matches!(&error, Error::Model { reason } if reason.contains("finite")), "{error}");
    assert_eq!(phone.slates(3), before);
}

#[test]
fn a_model_with_a_tensor_missing_or_too_many_is_not_packed() {
    let scratch = tempfile::tempdir().unwrap();
    let packed = |change: fn(&mut PackInput)| {
        let mut input = input(&Town::default(), sasrec(), 1.0);
        change(&mut input);
        pack(&input, &Town::key(), &scratch.path().join("release")).unwrap_err().to_string()
    };
    let missing = packed(|input| drop(input.tensors.remove("blocks.1.norm.0.bias")));
    assert!(missing.contains("blocks.1.norm.0.bias"), "{missing}");
    let more = packed(|input| drop(input.tensors.insert("blocks.2.norm.0.bias".into(), vec![])));
    assert!(more.contains("does not belong"), "{more}");
    let short = packed(|input| input.tensors.get_mut("position").unwrap().truncate(3));
    assert!(short.contains("position"), "{short}");
}
