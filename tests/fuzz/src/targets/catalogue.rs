//! The catalogue: columns in a safetensors file.

use noctule_core::base::WeekMinute;
use noctule_core::base::limits::TENSOR_HEADER_BYTES_MAX;
use noctule_core::catalogue::{Catalogue, Item, encode};
use serde_json::{Value, json};

use super::{Target, answer};
use crate::Shape;

const BYTES_MAX: usize = 256 * 1024;

pub(super) const TARGET: Target = Target {
    name: "catalogue",
    execute,
    seeds,
    shape: Shape::Headed { at: 0, width: 8 },
    tokens: &[
        "\"order\"",
        "\"id.lengths\"",
        "\"title.anchors\"",
        "\"attribute.0.codes\"",
        "\"attribute.3.lists\"",
        "\"dtype\":\"U16\"",
        "\"dtype\":\"U64\"",
        "\"shape\":[3]",
        "\"shape\":[0]",
        "\"data_offsets\":[0,0]",
        "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},",
        "\u{1}",
        "\u{0}\u{0}\u{0}\u{0}",
    ],
    bytes_max: BYTES_MAX,
    // The file, which the target hands over in memory, its header as parsed, and what `item` makes
    // of one row: 256 words of 1,000 bytes for each attribute at most.
    declared_bytes: 2 * TENSOR_HEADER_BYTES_MAX as usize,
};

fn execute(bytes: &[u8]) -> u64 {
    let catalogue = match Catalogue::from_bytes(bytes.to_vec(), "catalogue") {
        Ok(catalogue) => catalogue,
        Err(error) => return answer::<(), _>(&Err(error)),
    };
    let checked = catalogue.check();
    if checked.is_ok() {
        read(&catalogue);
    } else {
        // Whoever asks a damaged one, as after a bit flipped on the disk, gets no panic.
        let _ = (catalogue.item(0), catalogue.index_of("luna"), catalogue.words(1, "tags"));
    }
    answer(&checked).rotate_left(1)
}

/// Reads every row of one that passed, in every way there is.
fn read(catalogue: &Catalogue) {
    let mut eligible = catalogue.available();
    assert_eq!(eligible.len(), catalogue.len(), "another number of flags than of items");
    let available = eligible.clone();
    let moment = WeekMinute(1_000);
    catalogue.keep_open(moment, &mut eligible);
    for row in catalogue.indices() {
        let item = catalogue.item(row);
        assert!(item.is_some(), "a row passed, and is none");
        let Some(item) = item else { continue };
        let at = row as usize;
        assert_eq!(catalogue.index_of(item.id.as_str()), Some(row), "found elsewhere");
        assert_eq!(catalogue.title(row), Some(item.title.as_str()), "another title");
        assert_eq!(catalogue.place(row), item.place, "another place");
        assert_eq!(available[at], item.available, "another flag");
        assert_eq!(eligible[at], item.available && item.is_open(moment), "other hours");
        for name in item.attributes.keys() {
            assert!(catalogue.words(row, name).into_iter().eq(item.words(name)), "other words");
        }
    }
    assert!(catalogue.item(catalogue.len() as u32).is_none(), "a row behind the last");
    assert!(catalogue.index_of("\u{10ffff}").is_none_or(|row| (row as usize) < catalogue.len()));
}

fn seeds() -> Vec<Vec<u8>> {
    let full = json!({"id": "luna", "title": "La Luna",
        "attributes": {"kind": "cafe", "stars": 4.5, "open": true, "tags": ["a", "é"]},
        "place": {"latitude": 52.5, "longitude": 13.4},
        "hours": [{"days": "weekday", "from": 480, "until": 1080}]});
    let other = json!({"id": "sol", "title": "", "available": false,
        "attributes": {"kind": "bar", "tags": ["a"], "stars": 1}});
    let small = json!({"id": "a", "title": "x"});
    let lists: [&[&Value]; 4] = [&[&full, &other, &small], &[&full], &[&small, &other], &[]];
    let items = |list: &&[&Value]| -> Vec<Item> {
        list.iter().filter_map(|item| serde_json::from_value((*item).clone()).ok()).collect()
    };
    lists.iter().map(items).filter_map(|items| encode(&items).ok()).collect()
}
