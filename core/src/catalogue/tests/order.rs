//! The order of the ids, held against a comparison of whole ids.

use proptest::prelude::*;
use proptest::sample::Index;

use super::round_trip::item;
use crate::base::TensorLayout;
use crate::catalogue::{Catalogue, Item, encode};

const NAME: &str = "catalogue.safetensors";

/// Ids that often begin alike for longer than what is compared first, of which some are the begin
/// of others, and of which some are as long as an id may be.
fn ids() -> impl Strategy<Value = Vec<String>> {
    let begin = prop_oneof![
        Just(""),
        Just("place-"),
        Just("fourteen-bytes"),
        Just("exactly-16-bytes"),
        Just("more-than-sixteen-bytes-é")
    ];
    let id = (begin, "[ab]{1,4}|[a-c0-9é]{1,20}|z{80}")
        .prop_map(|(begin, rest)| format!("{begin}{rest}"));
    prop::collection::btree_set(id, 1..200).prop_map(|ids| ids.into_iter().collect())
}

proptest! {
    #[test]
    fn any_order_is_accepted_exactly_when_whole_ids_strictly_ascend(
        (ids, shuffled) in ids().prop_flat_map(|ids| (Just(ids.clone()), Just(ids).prop_shuffle())),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), 0_u32..3), 0..3),
    ) {
        let items: Vec<Item> = shuffled.iter().map(|id| item(id)).collect();
        let mut file = encode(&items).unwrap();
        let mut order: Vec<u32> = ids
            .iter()
            .map(|id| shuffled.iter().position(|other| other == id).unwrap() as u32)
            .collect();
        for (one, other, kind) in changes {
            let (one, other) = (one.index(order.len()), other.index(order.len()));
            match kind {
                0 => order.swap(one, other),
                1 => order[one] = order[other],
                _ => order[one] += (order.len() * (1 + other)) as u32,
            }
        }
        let begin = TensorLayout::of_bytes(&file).unwrap().get("order").unwrap().begin as usize;
        for (place, row) in order.iter().enumerate() {
            file[begin + 4 * place..][..4].copy_from_slice(&row.to_le_bytes());
        }
        let named: Vec<_> = order.iter().map(|row| shuffled.get(*row as usize)).collect();
        let ascends = named.iter().all(Option::is_some)
            && named.windows(2).all(|pair| pair[0] < pair[1]);
        let checked = Catalogue::from_bytes(file, NAME).unwrap().check();
        prop_assert_eq!(checked.is_ok(), ascends, "{:?}", checked);
    }
}
