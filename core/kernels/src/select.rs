//! One of the greatest of many values.

/// The `k`-th greatest of `values`, counted from 1, in the order of IEEE 754 (`f32::total_cmp`);
/// they are left in another order.
///
/// # Panics
/// When there are fewer than `k`, or `k` is 0, for no caller.
pub fn kth_greatest(values: &mut [f32], k: usize) -> f32 {
    let (_, found, _) = values.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    *found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_that_of_a_full_sort(
            scores in prop::collection::vec(-3i8..3, 1..60),
            at in any::<prop::sample::Index>(),
        ) {
            let mut values: Vec<f32> = scores.iter().map(|score| f32::from(*score)).collect();
            let mut all = values.clone();
            all.sort_by(|a, b| b.total_cmp(a));
            let k = at.index(all.len()) + 1;
            prop_assert_eq!(kth_greatest(&mut values, k), all[k - 1]);
        }
    }
}
