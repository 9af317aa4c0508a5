//! What is packed, and what is not.

use std::path::Path;

use noctule_core::base::Refusal;
use noctule_core::release::{Architecture, OpenRelease, Trust, stage};
use noctule_releases::{Error, PackInput, SecretKey, SignatureState, inspect, pack, verify};

use crate::parts::{NOW_MS, YEAR_MS, input, key};

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_packed_release_verifies_installs_and_opens() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("deep/town-3");
    let packed = pack(&input(20, 4), &key(), &out).unwrap();
    let verified = verify(&out, &[key().public()], NOW_MS).unwrap();
    assert_eq!((verified.items, &verified.manifest), (20, &packed.manifest));
    assert_eq!(verified.manifest_sha256, packed.manifest_sha256);
    assert_eq!(names(home.path().join("deep").as_path()), ["town-3"]);
    let on_disk: u64 = names(&out).iter().map(|f| out.join(f).metadata().unwrap().len()).sum();
    assert_eq!(packed.bytes, on_disk);

    let keys = [key().public().0];
    let trust = Trust::signed_by("town", &keys, NOW_MS);
    let staged = stage(&out, &home.path().join("installed"), &trust).unwrap();
    let open = OpenRelease::open(&staged.directory, &staged.manifest_sha256).unwrap();
    assert_eq!(open.catalogue().index_of("item-19"), Some(19));
}

#[test]
fn tensors_are_read_back_by_the_crate_of_the_format() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("r");
    let input = input(5, 3);
    pack(&input, &key(), &out).unwrap();
    let bytes = std::fs::read(out.join("items.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let f32s = |name: &str| -> Vec<f32> {
        let data = tensors.tensor(name).unwrap().data().as_chunks::<4>().0.to_vec();
        data.into_iter().map(f32::from_le_bytes).collect()
    };
    let embedding = &input.embedding.unwrap().values;
    assert_eq!(&f32s("embedding"), embedding);
    assert_eq!(f32s("popularity"), input.popularity);
    assert_eq!(f32s("context_popularity"), input.context_popularity.concat());
    let (codes, scale) = (tensors.tensor("codes").unwrap(), f32s("scale"));
    for (index, value) in embedding.iter().enumerate() {
        let (code, scale) = (f32::from(codes.data()[index] as i8), scale[index / 3]);
        assert!((code * scale - value).abs() <= 0.501 * scale, "{value}: {code} * {scale}");
    }
    let model = std::fs::read(out.join("model.safetensors")).unwrap();
    let model = safetensors::SafeTensors::deserialize(&model).unwrap();
    let gram = model.tensor("gram").unwrap().data().as_chunks::<4>().0.to_vec();
    let first: f32 = embedding.chunks(3).map(|row| row[0] * row[0]).sum();
    assert!((f32::from_le_bytes(gram[0]) - first).abs() < 1e-5);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let (a, b) = (home.path().join("a"), home.path().join("b"));
    pack(&input(7, 3), &key(), &a).unwrap();
    pack(&input(7, 3), &key(), &b).unwrap();
    for name in names(&a) {
        assert_eq!(std::fs::read(a.join(&name)).unwrap(), std::fs::read(b.join(&name)).unwrap());
    }
}

#[test]
fn a_catalogue_of_no_items_and_of_one_item_are_packed() {
    let home = tempfile::tempdir().unwrap();
    for items in [0, 1] {
        let out = home.path().join(items.to_string());
        pack(&input(items, 2), &key(), &out).unwrap();
        assert_eq!(verify(&out, &[key().public()], NOW_MS).unwrap().items, items);
    }
}

#[test]
fn a_directory_that_holds_anything_is_refused_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("r");
    std::fs::create_dir(&out).unwrap();
    pack(&input(2, 2), &key(), &out).unwrap();
    let before = names(&out);
    let again = pack(&input(3, 2), &key(), &out);
    assert!(matches!(again, Err(Error::Exists { path }) if path == out));
    assert_eq!(names(&out), before);
    let file = home.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(matches!(pack(&input(2, 2), &key(), &file), Err(Error::Exists { .. })));
    assert_eq!(names(home.path()), ["file", "r"]);
}

/// The error of packing `input`, after which nothing is left.
fn refused(input: &PackInput) -> Error {
    let home = tempfile::tempdir().unwrap();
    let error = pack(input, &key(), &home.path().join("r")).unwrap_err();
    assert!(names(home.path()).is_empty(), "something was left behind");
    error
}

#[test]
fn parts_that_do_not_fit_each_other_are_named() {
    let part = |change: fn(&mut PackInput)| {
        let mut input = input(4, 2);
        change(&mut input);
        match refused(&input) {
            Error::Part { field, .. } => field,
            other => panic!("{other}"),
        }
    };
    assert_eq!(part(|i| i.popularity.truncate(1)), "popularity");
    assert_eq!(part(|i| i.context_popularity.truncate(1)), "context_popularity");
    assert_eq!(part(|i| i.context_popularity[1].clear()), "context_popularity[1]");
    assert_eq!(part(|i| i.embedding = None), "embedding");
    assert_eq!(part(|i| i.embedding.as_mut().unwrap().dimensions = 1), "embedding.dimensions");
    assert_eq!(part(|i| i.embedding.as_mut().unwrap().values.push(0.0)), "embedding");
    assert_eq!(part(|i| i.embedding.as_mut().unwrap().values[5] = f32::NAN), "embedding[5]");
    assert_eq!(part(|i| i.ranker = None), "ranker");
    assert_eq!(part(|i| i.ranker.as_mut().unwrap().weight.clear()), "ranker");
    assert_eq!(part(|i| i.gram = Some(vec![0.0])), "gram");
    assert_eq!(part(|i| i.architecture = Architecture::Popularity {}), "embedding");
}

#[test]
fn what_a_device_would_refuse_is_refused_when_it_is_packed() {
    let refusal = |change: fn(&mut PackInput)| {
        let mut input = input(4, 2);
        change(&mut input);
        match refused(&input) {
            Error::Core(noctule_core::base::Error::ReleaseRefused { file, refusal }) => {
                (file, refusal)
            }
            other => panic!("{other}"),
        }
    };
    let (file, found) = refusal(|i| i.catalogue[3] = i.catalogue[1].clone());
    assert_eq!(file, "catalogue.jsonl:4");
    assert!(matches!(found, Refusal::DuplicateItem { first_line: 2, line: 4, .. }));
    let (file, found) = refusal(|i| i.catalogue[2].title = "a\nb".into());
    assert_eq!(file, "catalogue.jsonl:3");
    assert!(matches!(found, Refusal::ControlCharacter { field, .. } if field == "title"));
    let (file, found) = refusal(|i| i.plan.surfaces[0].length = 0);
    assert_eq!(file, "manifest.json");
    assert!(matches!(found, Refusal::Field { field, .. } if field == "plan.surfaces[0].length"));
    let (_, found) = refusal(|i| i.popularity[0] = -0.5);
    assert!(matches!(found, Refusal::Field { field, .. } if field == "tensor popularity[0]"));
    let (_, found) = refusal(|i| i.name = "Town".into());
    assert!(matches!(found, Refusal::Field { field, .. } if field == "release.name"));
}

#[test]
fn another_key_another_time_and_no_key_do_not_verify() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("r");
    pack(&input(2, 2), &key(), &out).unwrap();
    let other = SecretKey::from_seed(&[8; 32]).public();
    assert!(verify(&out, &[other], NOW_MS).is_err());
    assert!(verify(&out, &[], NOW_MS).is_err());
    assert!(verify(&out, &[other, key().public()], NOW_MS).is_ok());
    assert!(verify(&out, &[key().public()], NOW_MS + YEAR_MS).is_err());
    assert!(verify(&home.path().join("absent"), &[other], NOW_MS).is_err());
}

#[test]
fn an_inspection_tells_what_a_release_consists_of() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("r");
    pack(&input(9, 2), &key(), &out).unwrap();
    let public = key().public();
    let found = inspect(&out, &[public]).unwrap();
    assert_eq!((found.release.as_str(), found.items, found.files.len()), ("town@3", 9, 3));
    assert_eq!(found.signature, SignatureState::Good { key: public.to_string() });
    let text = found.to_string();
    for part in [
        "release     town@3 for town",
        "valid       2026-09-21 to 2027-09-21",
        "model       matrix_factorization, 2 dimensions",
        "items/codes                      I8    [9, 2]",
        "surface     home: 10 slots in noon, night",
        "baseline                  50.0 %  baseline",
        "lineage     data: a test",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["signature"]["state"], "good");
    assert_eq!(json["architecture"]["dimensions"], 2);

    assert_eq!(inspect(&out, &[]).unwrap().signature, SignatureState::Unchecked);
    let other = SecretKey::from_seed(&[8; 32]).public();
    assert_eq!(inspect(&out, &[other]).unwrap().signature, SignatureState::Wrong);
    std::fs::remove_file(out.join("manifest.sig")).unwrap();
    std::fs::remove_file(out.join("catalogue.safetensors")).unwrap();
    let found = inspect(&out, &[public]).unwrap();
    assert_eq!(found.signature, SignatureState::Missing);
    assert!(found.to_string().contains("MISSING"));
    std::fs::write(out.join("manifest.json"), "{").unwrap();
    assert!(inspect(&out, &[]).is_err());
}
