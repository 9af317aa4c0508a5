//! A slate is exported, and computed again on another machine.

use noctule_core::replay::Bundle;

use crate::runner::{Workplace, error_text};

const EXPORT: &str = "export-replay profile --app town --surface home --context dinner-weekday \
                      --output slate.replay";

/// A profile after its first night, its release in `release` and in a registry.
fn night() -> Workplace {
    let place = Workplace::new();
    place.text("simulate town town --restaurants 40 --residents 100");
    place.text("train town --output model --dimensions 8 --epochs 3");
    place.text("pack --new-key release.key");
    place.text("pack model --app town --key release.key --output release");
    place.text("night profile --app town --release release --public-key release.key.pub");
    place
}

#[test]
fn an_exported_slate_is_computed_again_and_told() {
    let place = night();
    let refused = place.failure(EXPORT);
    assert!(refused.contains("consent was not given"), "{refused}");
    assert!(!place.path("slate.replay").exists());
    place.text(&format!("{EXPORT} --with-consent"));
    let told = place.json("replay slate.replay --release release");
    assert_eq!((&told["equal"], &told["slate"]), (&true.into(), &"home/dinner-weekday".into()));
    let served = place.json("recommend profile --app town --surface home --context dinner-weekday");
    let (slots, candidates) = (served["items"].as_array().unwrap(), told["candidates"].as_array());
    for (item, candidate) in slots.iter().zip(candidates.unwrap()) {
        assert_eq!(item["item"], candidate["item"]);
        assert_eq!(item["propensity"], candidate["propensity"]);
        assert_eq!(item["sources"], candidate["sources"]);
        assert!(!candidate["sources"].as_array().unwrap().is_empty());
    }
    let text = place.text("replay slate.replay --release release");
    assert!(text.contains("equal, byte for byte"), "{text}");
    let all = place.text("replay slate.replay --release release --all");
    assert!(all.len() > text.len() && all.contains("not reached"));
}

#[test]
fn a_registry_lends_the_release_of_a_bundle() {
    let place = night();
    place.text(&format!("{EXPORT} --with-consent"));
    place.text("registry --at shelf init");
    place.text("registry --at shelf publish release --public-key release.key.pub");
    assert_eq!(place.json("replay slate.replay --registry shelf")["equal"], true);
}

#[test]
fn a_slate_that_differs_is_shown_as_a_difference_and_fails() {
    let place = night();
    place.text(&format!("{EXPORT} --with-consent"));
    let path = place.path("slate.replay");
    let mut bundle = Bundle::parse(&std::fs::read(&path).unwrap()).unwrap();
    let mut slate = bundle.slate.clone();
    slate.slots.swap(0, 1);
    bundle.published = noctule_core::slates::stored::encode(&slate).unwrap();
    std::fs::write(&path, bundle.to_bytes().unwrap()).unwrap();
    let output = place.command("replay slate.replay --release release").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(shown.contains("slot 1 item\n- ") && shown.contains("\n+ "), "{shown}");
    let error = error_text(&output);
    assert!(error.contains("the slate is not what was published"), "{error}");
}

#[test]
fn another_release_and_no_bundle_are_refused_in_one_line() {
    let place = night();
    place.text(&format!("{EXPORT} --with-consent"));
    place.text("pack model --app town --key release.key --version 2 --output second");
    let other = place.failure("replay slate.replay --release second");
    assert!(other.contains("the slate was made from town@1"), "{other}");
    place.write("text", "no bundle at all");
    let none = place.failure("replay text --release release");
    assert!(none.contains("no bundle for replay"), "{none}");
}
