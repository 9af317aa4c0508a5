//! Probation, confirmation and what is remembered.

use super::*;

fn reverted(release: &str, reason: RevertReason) -> Reverted {
    Reverted { release: release.to_owned(), reason, at_ms: 5 }
}

#[test]
fn a_release_is_on_probation_until_it_is_confirmed() {
    let mut activation = Activation::default();
    activation.activated(Some("a"), None);
    activation.probation.as_mut().unwrap().opens = 2;
    activation.activated(Some("a"), None);
    assert_eq!(activation.probation.as_ref().unwrap().opens, 2, "the same once more");
    activation.confirm();
    assert!(activation.is_confirmed("a") && activation.probation.is_none());
    activation.activated(Some("b"), Some("a"));
    assert_eq!(activation.probation.as_ref().unwrap().manifest_sha256, "b");
    assert!(activation.is_confirmed("a"));
    activation.activated(Some("a"), None);
    assert!(activation.probation.is_none(), "back at what was confirmed");
    activation.activated(Some("c"), None);
    assert!(!activation.is_confirmed("a"), "no longer installed");
}

#[test]
fn what_misbehaved_is_refused_and_what_was_damaged_or_halted_is_not() {
    let cases = [
        (RevertReason::CrashLoop { opens: 3 }, true),
        (RevertReason::CutNights { nights: 3 }, true),
        (RevertReason::FailedNights { nights: 2, error: "model".into() }, true),
        (RevertReason::Scores { distance: 1.0, limit: 0.9 }, true),
        (RevertReason::Requested, true),
        (RevertReason::Damaged { what: "items.safetensors".into() }, false),
        (RevertReason::Halted { reason: "ticket 7".into() }, false),
    ];
    for (reason, refused) in cases {
        let mut activation = Activation::default();
        activation.gave_up("a", reverted("town@2", reason.clone()));
        assert_eq!(activation.check("a").is_err(), refused, "{reason}");
        assert_eq!(activation.reverted.unwrap().reason, reason);
    }
}

#[test]
fn the_list_of_refused_releases_is_bounded_and_forgets_the_oldest() {
    let mut activation = Activation::default();
    for number in 0..REFUSED_MAX + 3 {
        let release = reverted("town@2", RevertReason::Requested);
        activation.gave_up(&number.to_string(), release.clone());
        activation.gave_up(&number.to_string(), release);
    }
    assert_eq!(activation.refused.len(), REFUSED_MAX);
    assert!(activation.check("2").is_ok() && activation.check("3").is_err());
}

#[test]
fn a_long_text_is_cut_between_characters() {
    assert_eq!(shortened("short"), "short");
    let long = "\u{e9}".repeat(400);
    assert_eq!(shortened(&format!("x{long}")).len(), 499);
}
