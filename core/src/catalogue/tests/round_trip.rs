//! Items written as columns and read again.

use proptest::prelude::*;

use crate::base::{Days, Error, GeoPoint, ItemId, Refusal, Span, WeekMinute};
use crate::catalogue::{AttributeValue, Catalogue, Eligibility, Item, encode};

pub(super) fn item(id: &str) -> Item {
    serde_json::from_value(serde_json::json!({"id": id, "title": format!("Title of {id}")}))
        .unwrap()
}

fn attribute() -> impl Strategy<Value = AttributeValue> {
    let word = "[a-cé]{0,3}";
    prop_oneof![
        any::<bool>().prop_map(AttributeValue::Flag),
        (-1e9..1e9).prop_map(AttributeValue::Number),
        word.prop_map(AttributeValue::Text),
        prop::collection::vec(word, 0..4).prop_map(AttributeValue::Words),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let days = prop_oneof![Just(Days::Every), Just(Days::Weekday), Just(Days::Weekend)];
    (days, 0u32..1440, 0u32..=1440).prop_map(|(days, from, until)| Span { days, from, until })
}

fn any_item() -> impl Strategy<Value = Item> {
    let place = prop::option::of((-90.0..=90.0, -180.0..=180.0));
    let attributes = prop::collection::btree_map("[a-d]", attribute(), 0..4);
    let hours = prop::collection::vec(span(), 0..3);
    ("[a-zé0-9]{1,12}", "[A-Za-z é]{0,40}", attributes, place, hours, any::<bool>()).prop_map(
        |(id, title, attributes, place, hours, available)| Item {
            id: ItemId::new(id).unwrap(),
            title,
            attributes,
            place: place.map(|(latitude, longitude)| GeoPoint { latitude, longitude }),
            hours,
            available,
        },
    )
}

proptest! {
    #[test]
    fn items_come_back_as_they_were(items in prop::collection::vec(any_item(), 0..200)) {
        let mut items = items;
        let mut seen = std::collections::HashSet::new();
        items.retain(|item| seen.insert(item.id.clone()));
        let catalogue = Catalogue::from_items(&items).unwrap();
        catalogue.check().unwrap();
        prop_assert_eq!(catalogue.len(), items.len());
        let moment = WeekMinute(3_000);
        let rules = Eligibility { open_at: Some(moment), ..Eligibility::default() };
        let eligible = rules.of(&catalogue);
        for (index, item) in (0u32..).zip(&items) {
            prop_assert_eq!(catalogue.item(index), Some(item.clone()));
            prop_assert_eq!(catalogue.index_of(item.id.as_str()), Some(index));
            prop_assert_eq!(catalogue.id(index), Some(item.id.as_str()));
            prop_assert_eq!(catalogue.title(index), Some(item.title.as_str()));
            prop_assert_eq!(catalogue.place(index), item.place);
            for name in ["a", "b", "c", "d", "e"] {
                let words: Vec<&str> = item.words(name).collect();
                prop_assert_eq!(catalogue.words(index, name), words);
            }
            let expected = item.available && item.is_open(moment);
            prop_assert_eq!(eligible[index as usize], expected);
        }
        prop_assert_eq!(catalogue.index_of("absent-"), None);
        prop_assert_eq!(catalogue.item(items.len() as u32), None);
    }
}

#[test]
fn no_items_are_a_catalogue_too() {
    let catalogue = Catalogue::from_items(&[]).unwrap();
    catalogue.check().unwrap();
    assert!(catalogue.is_empty() && catalogue.indices().next().is_none());
    assert_eq!((catalogue.index_of("a"), catalogue.item(0)), (None, None));
}

#[test]
fn an_id_that_is_there_twice_is_refused_with_both_lines() {
    match encode(&["b", "a", "c", "a", "a"].map(item)) {
        Err(Error::ReleaseRefused { file, refusal }) => {
            assert_eq!(file, "catalogue.jsonl:4");
            let needed = Refusal::DuplicateItem { id: "a".into(), first_line: 2, line: 4 };
            assert_eq!(refusal, needed);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_item_out_of_range_is_refused_with_its_line() {
    let mut bad = item("b");
    bad.attributes.insert("n".into(), AttributeValue::Number(f64::NAN));
    let refused = encode(&[item("a"), bad]);
    assert!(matches!(refused, Err(Error::ReleaseRefused { file, .. }) if file.ends_with(":2")));
}

#[test]
fn items_added_behind_leave_the_rows_and_codes_before_them() {
    let mut few: Vec<Item> = (0..100).map(|n| item(&format!("i{n:03}"))).collect();
    for (n, item) in few.iter_mut().enumerate() {
        let word = ["thai", "pizza", "ramen"][n % 3];
        item.attributes.insert("kind".into(), AttributeValue::Text(word.into()));
    }
    let mut more = few.clone();
    more.push(item("a"));
    more[100].attributes.insert("kind".into(), AttributeValue::Text("bao".into()));
    let codes = |items: &[Item]| {
        let bytes = encode(items).unwrap();
        let layout = crate::base::TensorLayout::of_bytes(&bytes).unwrap();
        let info = layout.get("attribute.0.codes").unwrap();
        bytes[info.begin as usize..info.end as usize].to_vec()
    };
    assert_eq!(codes(&more)[..100], codes(&few)[..]);
}
