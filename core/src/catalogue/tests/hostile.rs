//! Files that someone means harm with.

use proptest::prelude::*;

use super::round_trip::item;
use crate::base::limits::ITEMS_MAX;
use crate::base::{Error, Refusal, TensorLayout};
use crate::catalogue::{Catalogue, Item, encode};

const NAME: &str = "catalogue.safetensors";

/// Seventy items that use every kind of column.
fn items() -> Vec<Item> {
    let attributes = |n: usize| {
        serde_json::json!({"flag": n.is_multiple_of(2), "number": n, "text": format!("t{}", n % 5),
            "words": [format!("w{}", n % 3), "é"]})
    };
    let mut items: Vec<Item> = (0..70).map(|n| item(&format!("item-{n:02}"))).collect();
    for (n, item) in items.iter_mut().enumerate() {
        item.attributes = serde_json::from_value(attributes(n)).unwrap();
        item.place = crate::base::GeoPoint::new(22.0, -100.0 + n as f64 / 1e3).ok();
        let hours = serde_json::json!([{"days": "weekday", "from": 60 * (n % 7), "until": 1440}]);
        item.hours = serde_json::from_value(hours).unwrap();
    }
    items
}

/// The refusal after `bytes` were put at `at` of the tensor `name`.
#[track_caller]
fn refusal(name: &str, at: usize, bytes: &[u8]) -> Refusal {
    let mut file = encode(&items()).unwrap();
    let layout = TensorLayout::of_bytes(&file).unwrap();
    let begin = layout.get(name).unwrap_or_else(|| panic!("no {name}")).begin as usize + at;
    file[begin..begin + bytes.len()].copy_from_slice(bytes);
    let checked = Catalogue::from_bytes(file, NAME).and_then(|catalogue| catalogue.check());
    match checked {
        Err(Error::ReleaseRefused { file, refusal }) if file == NAME => refusal,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn names(tensor: &str, at: usize, bytes: &[u8], expected: &str) {
    match refusal(tensor, at, bytes) {
        Refusal::Field { field, .. } => assert_eq!(field, format!("tensor {expected}")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn text_that_is_not_text_is_named() {
    for (tensor, at, bytes) in [
        ("title.bytes", 3, &[0x07][..]),
        ("title.bytes", 3, &[0x7f]),
        ("title.bytes", 4, &[0xc2, 0x85]),
        ("attribute.names.bytes", 0, b"\n"),
    ] {
        match refusal(tensor, at, bytes) {
            Refusal::ControlCharacter { field, .. } => {
                assert_eq!(field, format!("tensor {tensor}[{at}]"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(refusal("title.bytes", 3, &[0xff]),
        Refusal::NotUtf8 { field, .. } if field == "tensor title.bytes[3]"));
    names("id.bytes", 6, "é".as_bytes(), "id.lengths[1]");
}

#[test]
fn lengths_and_anchors_that_do_not_agree_are_named() {
    names("id.lengths", 2, &[0], "id.lengths[2]");
    names("id.lengths", 2, &[200], "id.lengths[2]");
    names("title.lengths", 2, &[0], "title.anchors[1]");
    names("title.lengths", 69, &[0], "title.anchors[2]");
    names("title.anchors", 0, &[1], "title.anchors[0]");
    names("title.anchors", 8, &[0xff; 8], "title.anchors[1]");
}

#[test]
fn an_order_that_is_none_is_named() {
    names("order", 4, &[0xff; 4], "order[1]");
    names("order", 4, &[0, 0, 0, 0], "order[1]");
    names("order", 0, &[1, 0, 0, 0, 0], "order[1]");
    let twice = refusal("id.bytes", 7 + 5, b"00");
    assert_eq!(twice, Refusal::DuplicateItem { id: "item-00".into(), first_line: 1, line: 2 });
}

#[test]
fn values_out_of_range_are_named() {
    names("available", 7, &[2], "available[7]");
    names("place.present", 7, &[2], "place.present[7]");
    names("place.latitude", 8, &91f64.to_le_bytes(), "place.latitude[1]");
    names("place.longitude", 8, &(-181f64).to_le_bytes(), "place.longitude[1]");
    names("hours.codes", 7, &[8], "hours.codes[7]");
    names("hours.spans", 0, &[3], "hours.spans[0]");
    names("hours.spans", 8, &1440u16.to_le_bytes(), "hours.spans[1]");
    names("hours.ends", 4, &[0], "hours.ends[1]");
    names("hours.ends", 24, &[6], "hours.ends");
    names("attribute.kinds", 0, &[4], "attribute.kinds[0]");
    names("attribute.0.flags", 9, &[3], "attribute.0.flags[9]");
    names("attribute.1.present", 9, &[2], "attribute.1.present[9]");
    names("attribute.2.codes", 9, &[6], "attribute.2.codes[9]");
    names("attribute.3.codes", 9, &[4], "attribute.3.codes[9]");
    names("attribute.3.lists", 0, &[4], "attribute.3.lists[0]");
    for value in [f64::NAN, f64::INFINITY] {
        for tensor in ["place.latitude", "attribute.1.numbers"] {
            let needed = Refusal::NotFinite { tensor: tensor.into(), index: 2 };
            assert_eq!(refusal(tensor, 16, &value.to_le_bytes()), needed);
        }
    }
}

#[test]
fn a_tensor_that_is_missing_unknown_or_of_another_type_is_named() {
    let edit = |from: &str, to: &str| {
        let file = encode(&items()).unwrap();
        let (length, rest) = file.split_first_chunk::<8>().unwrap();
        let (header, values) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let mut header = str::from_utf8(header).unwrap().trim_end().replacen(from, to, 1);
        while header.len() % 8 != 0 {
            header.push(' ');
        }
        let length = (header.len() as u64).to_le_bytes();
        let file = [&length[..], header.as_bytes(), values].concat();
        match Catalogue::from_bytes(file, NAME) {
            Err(Error::ReleaseRefused { refusal, .. }) => refusal,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(
        edit("\"title.bytes\"", "\"title.bytez\""),
        Refusal::MissingTensor { tensor } if tensor == "title.bytes"
    ));
    assert!(matches!(edit("\"place.present\"", "\"place.presenz\""), Refusal::TensorName { .. }));
    let order = "\"order\":{\"dtype\":\"U32\"";
    assert!(matches!(
        edit(order, "\"order\":{\"dtype\":\"I32\""),
        Refusal::WrongDtype { tensor, .. } if tensor == "order"
    ));
    assert!(matches!(edit("\"shape\":[70]", "\"shape\":[7,10]"), Refusal::WrongShape { .. }));
}

#[test]
fn more_items_than_any_release_are_refused_before_anything_is_read() {
    let header = r#"{"order":{"dtype":"U32","shape":[4294967296],"data_offsets":[0,17179869184]}}"#;
    let of = |header: &str, values: usize| {
        let length = (header.len() as u64).to_le_bytes();
        let file = [&length[..], header.as_bytes(), &vec![0; values]].concat();
        match Catalogue::from_bytes(file, NAME) {
            Err(Error::ReleaseRefused { refusal, .. }) => refusal,
            other => panic!("{other:?}"),
        }
    };
    // The bytes are not there.
    assert!(matches!(of(header, 0), Refusal::Layout { .. }));
    // They are there, and one item too many.
    let (rows, end) = (ITEMS_MAX + 1, 4 * (ITEMS_MAX + 1));
    let header =
        format!(r#"{{"order":{{"dtype":"U32","shape":[{rows}],"data_offsets":[0,{end}]}}}}"#);
    let padded = header.len().next_multiple_of(8);
    let refusal = of(&format!("{header:padded$}"), end);
    let (what, found, limit) = ("number of items", rows as u64, ITEMS_MAX as u64);
    assert_eq!(refusal, Refusal::TooLarge { what, found, limit });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Bytes that changed after the check give no panic and no endless work, whoever asks.
    #[test]
    fn changed_bytes_are_refused_or_read_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = encode(&items()[..9]).unwrap();
        for (index, value) in changes {
            let at = index.index(file.len());
            file[at] = value;
        }
        if let Ok(catalogue) = Catalogue::from_bytes(file, NAME) {
            let _ = catalogue.check();
            let moment = crate::base::WeekMinute(100);
            let mut eligible = catalogue.available();
            catalogue.keep_open(moment, &mut eligible);
            for index in 0..12 {
                let _ = (catalogue.item(index), catalogue.words(index, "words"));
            }
            let _ = catalogue.index_of("item-03");
        }
    }
}
