//! Vectors in every form, through packing, verification and a device's eyes.

use noctule_core::night::LoadedRelease;
use noctule_releases::{CodesForm, EmbeddingForm, PackInput, Packed, VectorForm, inspect, pack};

use crate::parts::{input, key};

fn packed(input: &PackInput, form: VectorForm) -> (tempfile::TempDir, Packed) {
    let mut input = input.clone();
    input.embedding.as_mut().unwrap().form = form;
    let scratch = tempfile::tempdir().unwrap();
    let packed = pack(&input, &key(), &scratch.path().join("release")).unwrap();
    (scratch, packed)
}

fn forms() -> impl Iterator<Item = VectorForm> {
    use EmbeddingForm::{Bf16, F16, F32, None};
    let embeddings = [F32, F16, Bf16, None].into_iter();
    embeddings.flat_map(|embedding| {
        let codes = [CodesForm::Int8, CodesForm::Planes, CodesForm::Int4];
        codes.map(|codes| VectorForm { embedding, codes })
    })
}

#[test]
fn every_form_is_verified_and_read_back_within_its_precision() {
    let input = input(60, 7);
    let values = &input.embedding.as_ref().unwrap().values;
    for form in forms() {
        let (_scratch, packed) = packed(&input, form);
        noctule_releases::verify(&packed.directory, &[key().public()], input.created_ms).unwrap();
        let loaded = LoadedRelease::open(&packed.directory, &packed.manifest_sha256).unwrap();
        loaded.verify_codes().unwrap();
        let matrix = loaded.items.matrix().unwrap().unwrap();
        // Values are at most 1: the step of the codes, or the bits of the mantissa.
        let off = match (form.embedding, form.codes) {
            (EmbeddingForm::F32, _) => 0.0,
            (EmbeddingForm::F16, _) => 2f32.powi(-11),
            (EmbeddingForm::Bf16, _) => 2f32.powi(-8),
            (EmbeddingForm::None, CodesForm::Int8 | CodesForm::Planes) => 0.51 / 127.0,
            (EmbeddingForm::None, CodesForm::Int4) => 0.51 / 7.0,
        };
        for (row, index) in values.chunks_exact(7).zip(0u32..) {
            for (found, value) in matrix.row(index).unwrap().iter().zip(row) {
                assert!((found - value).abs() <= off, "{form:?}: {found} for {value}");
            }
        }
    }
}

#[test]
fn the_gram_is_that_of_the_vectors_as_they_are_stored() {
    let mut input = input(20, 3);
    input.gram = Some(vec![100.0; 9]);
    for form in forms() {
        let (_scratch, packed) = packed(&input, form);
        let bytes = std::fs::read(packed.directory.join("model.safetensors")).unwrap();
        let model = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let gram = model.tensor("gram").unwrap().data()[..4].try_into().unwrap();
        let found = f32::from_le_bytes(gram);
        if form.embedding == EmbeddingForm::F32 {
            assert_eq!(found, 100.0, "the given one is kept");
            continue;
        }
        let loaded = LoadedRelease::open(&packed.directory, &packed.manifest_sha256).unwrap();
        let matrix = loaded.items.matrix().unwrap().unwrap();
        let first = (0..20).map(|index| f64::from(matrix.row(index).unwrap()[0]));
        let sum: f64 = first.map(|value| value * value).sum();
        assert_eq!(found, sum as f32, "{form:?}");
    }
}

#[test]
fn fewer_bits_make_fewer_bytes_and_the_loss_is_said() {
    let input = input(200, 16);
    let sizes: Vec<(u64, Option<f64>)> = forms()
        .map(|form| {
            let (_scratch, packed) = packed(&input, form);
            (packed.bytes, packed.overlap)
        })
        .collect();
    let [(whole, exact), .., (least, lost)] = sizes[..] else { panic!("{sizes:?}") };
    assert_eq!(exact, None);
    assert!(lost.is_some_and(|kept| (0.3..1.0).contains(&kept)), "{sizes:?}");
    let half = sizes[3].1.unwrap();
    assert!(half > 0.95 && half >= lost.unwrap(), "{sizes:?}");
    // 64 bytes of embedding and 8 of codes less for each item.
    assert!(whole - least > 200 * 70, "{sizes:?}");
    let bytes: Vec<u64> = sizes.iter().map(|(bytes, _)| *bytes).collect();
    assert!(bytes[0] > bytes[2] && bytes[2] > bytes[5] && bytes[5] > bytes[9], "{bytes:?}");
    // Planes are the same codes in another order.
    assert!(bytes[1].abs_diff(bytes[0]) < 100 && sizes[9].1 == sizes[10].1, "{sizes:?}");
}

#[test]
fn a_value_beyond_half_precision_is_named() {
    let mut input = input(5, 2);
    let embedding = input.embedding.as_mut().unwrap();
    embedding.values[7] = -7e4;
    embedding.form.embedding = EmbeddingForm::F16;
    let scratch = tempfile::tempdir().unwrap();
    let error = pack(&input, &key(), &scratch.path().join("release")).unwrap_err().to_string();
    assert!(error.contains("embedding[7]") && error.contains("-70000"), "{error}");
    input.embedding.as_mut().unwrap().form.embedding = EmbeddingForm::Bf16;
    pack(&input, &key(), &scratch.path().join("release")).unwrap();
}

#[test]
fn an_inspection_tells_the_forms_and_the_bytes_of_an_item() {
    let form = VectorForm { embedding: EmbeddingForm::Bf16, codes: CodesForm::Int4 };
    let (_scratch, packed) = packed(&input(5, 3), form);
    let inspection = inspect(&packed.directory, &[]).unwrap();
    let row = |name: &str| {
        let tensor = inspection.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        (tensor.dtype.as_str(), tensor.row_bytes)
    };
    assert_eq!(row("embedding"), ("BF16", Some(6)));
    assert_eq!(row("codes"), ("U8", Some(2)));
    let text = inspection.to_string();
    assert!(text.contains("BF16, int4 codes: 12 B an item"), "{text}");
    let form = VectorForm { codes: CodesForm::Planes, ..form };
    let (_scratch, packed) = self::packed(&input(5, 3), form);
    let text = inspect(&packed.directory, &[]).unwrap().to_string();
    assert!(text.contains("BF16, int8 (planes) codes: 14 B an item"), "{text}");
}
