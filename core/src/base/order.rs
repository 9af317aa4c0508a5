//! Stable sorting with one copy of the algorithm in the library.
//!
//! `slice::sort_by` is compiled anew for each type and comparison, at some 5 kB each, and phones
//! download every one of them. These compare through a reference instead and move the items
//! afterwards: right for lists of a few thousand, of which a night sorts a handful. What is sorted
//! for every item of a catalogue keeps the sort of the standard library.

use std::cmp::Ordering;

/// Sorts `items` by `compare`; equal ones stay in their order.
///
/// ```
/// let mut words = ["pear", "fig", "apple", "nut"];
/// noctule_core::base::order::sort_by(&mut words, |a, b| a.len().cmp(&b.len()));
/// assert_eq!(words, ["fig", "nut", "pear", "apple"]);
/// ```
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut order = order_of(items.len(), &|a, b| compare(&items[a], &items[b]));
    for place in 0..order.len() {
        // What belongs here may have been moved away by an earlier swap: follow it.
        let mut from = order[place];
        while from < place {
            from = order[from];
        }
        order[place] = from;
        items.swap(place, from);
    }
}

/// Sorts `items` by the key of each; equal ones stay in their order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

#[inline(never)]
fn order_of(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_are_sorted_as_the_standard_library_does(
            items in prop::collection::vec((0u8..12, 0u32..1_000), 0..200),
        ) {
            let (mut ours, mut theirs) = (items.clone(), items);
            sort_by(&mut ours, |a, b| b.0.cmp(&a.0));
            theirs.sort_by_key(|item| std::cmp::Reverse(item.0));
            prop_assert_eq!(&ours, &theirs);
            sort_by_key(&mut ours, |item| item.1);
            theirs.sort_by_key(|item| item.1);
            prop_assert_eq!(ours, theirs);
        }
    }
}
