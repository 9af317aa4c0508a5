//! A backend team and phones: from a trained model to all devices, and back.

use serde_json::Value;

use crate::runner::{Workplace, error_text};
use crate::static_server::serve;

const SIGNED: &str = "registry --at shelf --keys keys";
const KEY: &str = "--public-key release.key.pub";

/// A model, the keys of a repository, and a registry in `shelf` that devices can follow.
fn team() -> Workplace {
    let place = Workplace::new();
    place.text("simulate town town --restaurants 400 --residents 200");
    place.text("train town --output model --dimensions 16 --epochs 2");
    std::fs::create_dir(place.path("keys")).unwrap();
    for key in ["release.key", "ann.key", "bob.key", "keys/targets.key", "keys/online.key"] {
        place.text(&format!("pack --new-key {key}"));
    }
    place.text(
        "trust init ceremony --key root=ann.key.pub --key root=bob.key.pub --threshold root=2 \
         --key targets=keys/targets.key.pub --key snapshot=keys/online.key.pub \
         --key timestamp=keys/online.key.pub",
    );
    let root = "ceremony/metadata/1.root.json";
    place.text(&format!("trust sign {root} --key ann.key"));
    // One of two signatures is not enough for a device, and so not for the registry.
    place.failure(&format!("registry --at shelf init --root {root}"));
    place.text(&format!("trust sign {root} --key bob.key"));
    place.text(&format!("registry --at shelf init --root {root}"));
    place.text("pack model --app town --key release.key --output release-1");
    place
}

/// Changes the vectors of 4 of the 400 restaurants, and packs the next version.
fn pack_next(place: &Workplace) {
    let path = place.path("model/items.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let at = header["embedding"]["data_offsets"][0].as_u64().unwrap() as usize + 8 + length;
    for value in bytes[at..at + 4 * 16 * 4].chunks_exact_mut(4) {
        let new = f32::from_le_bytes(value.try_into().unwrap()) * 1.05;
        value.copy_from_slice(&new.to_le_bytes());
    }
    std::fs::write(path, bytes).unwrap();
    place.text("pack model --version 2 --key release.key --output release-2");
}

/// A phone of the app, and the repository that it looks at.
struct Phone<'a> {
    place: &'a Workplace,
    profile: String,
    repository: &'a str,
}

impl Phone<'_> {
    /// Looks for a release and lives through a night; gives the release and the bytes that came.
    fn update(&self, when: &str) -> (Option<String>, u64) {
        let (profile, repository) = (&self.profile, self.repository);
        let updated = self.place.json(&format!(
            "update {profile} --app town --line town --root ceremony/metadata/1.root.json \
             --repository {repository}"
        ));
        let bytes = updated["bytes"].as_u64().unwrap();
        eprintln!("{profile}, {when}: {}, {bytes} bytes", updated["release"]);
        let night = self.place.json(&format!("night {profile} --app town"));
        assert_eq!(night["outcome"], "finished");
        (updated["release"].as_str().map(str::to_owned), bytes)
    }

    /// The tier and the release of what it shows.
    fn shown(&self) -> (Value, Value) {
        let ask = format!("recommend {} --app town --surface home", self.profile);
        let shown = self.place.json(&format!("{ask} --context dinner-weekday"));
        (shown["tier"].clone(), shown["release"].clone())
    }
}

fn release(version: u64) -> Option<String> {
    Some(format!("town@{version}"))
}

#[test]
fn a_release_reaches_some_phones_then_all_by_a_delta_and_a_halt_takes_it_back() {
    let place = team();
    let publish = |release: &str| format!("{SIGNED} publish {release} {KEY}");
    place.text(&format!("{} --percent 100 --alias champion", publish("release-1")));
    let repository = serve(place.path("shelf"));
    pack_next(&place);
    let published = place.json(&format!("{} --percent 5 --alias challenger", publish("release-2")));
    let delta = &published["deltas"][0];
    eprintln!("delta: {delta}");
    assert_eq!((&delta["from"], &delta["kept"]), (&1.into(), &true.into()));

    // 19 of 20 phones are not among the 5 %; one of 20 phones in a row is not.
    let phones = (0..20).map(|number| Phone {
        place: &place,
        profile: format!("phone-{number}"),
        repository: &repository,
    });
    let mut others = phones.skip_while(|phone| phone.update("at 5 %").0 != release(1));
    let phone = others.next().unwrap();
    assert_eq!(phone.shown(), ("fresh".into(), "town@1".into()));

    place.text(&format!("{SIGNED} promote town@challenger --to champion"));
    let (found, by_delta) = phone.update("at 100 %, has 1");
    assert_eq!(found, release(2));
    assert_eq!(phone.shown(), ("fresh".into(), "town@2".into()));
    let new = Phone { place: &place, profile: "new-phone".into(), repository: &repository };
    let (found, whole) = new.update("at 100 %, has none");
    assert_eq!(found, release(2));
    assert!(by_delta * 2 < whole, "{by_delta} of {whole} bytes");

    place.text(&format!("{SIGNED} halt town@2"));
    let (found, halt) = phone.update("after the halt");
    assert_eq!(found, release(1));
    assert!(halt < by_delta, "only metadata came: {halt} bytes");
    assert_eq!(phone.shown(), ("fresh".into(), "town@1".into()));
}

#[test]
fn without_keys_devices_are_not_told_and_with_wrong_ones_nothing_is_done() {
    let place = team();
    let publish = format!("publish release-1 {KEY} --percent 100");
    let output = place.command(&format!("registry --at shelf {publish}")).output().unwrap();
    assert!(output.status.success(), "{}", error_text(&output));
    assert!(error_text(&output).contains("no metadata was written"), "{}", error_text(&output));
    assert!(!place.path("shelf/metadata/timestamp.json").exists());
    assert!(place.failure("registry --at shelf refresh").contains("--online-key"));
    let swapped = "--targets-key keys/online.key --online-key keys/targets.key";
    let told = place.failure(&format!("registry --at shelf {swapped} halt town@1"));
    assert!(told.contains("targets: root 1 asks for 1 keys of this role; 0 of the 1"), "{told}");
    assert_eq!(place.json("registry --at shelf list")[0]["halted"], false);
    place.text(&format!("{SIGNED} refresh"));
    assert!(place.path("shelf/metadata/timestamp.json").exists());
    let status = place.json("trust status shelf");
    assert_eq!((&status["problem"], &status["versions"]["targets"]), (&Value::Null, &2.into()));
    place.text("registry --at shelf --online-key keys/online.key refresh");
    let versions = &place.json("trust status shelf")["versions"];
    assert_eq!((&versions["targets"], &versions["timestamp"]), (&2.into(), &3.into()));
}

#[test]
fn a_release_that_fails_its_checks_is_not_published_unless_the_exam_is_left_out() {
    let place = team();
    let bad = "{\"id\":\"never\",\"level\":\"sanity\",\"must_show\":[\"nowhere\"]}\n";
    place.write("bad.jsonl", bad);
    place.text("pack model --version 2 --key release.key --checks bad.jsonl --output release-2");
    let publish = format!("{SIGNED} publish release-2 {KEY}");
    let output = place.command(&publish).output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", error_text(&output));
    assert!(error_text(&output).contains("town@2 failed 1 of 1 checks"));
    assert!(place.json("registry --at shelf list").as_array().unwrap().is_empty());
    place.text(&format!("{publish} --no-exam"));
    assert_eq!(place.json("registry --at shelf list").as_array().unwrap().len(), 1);
}
