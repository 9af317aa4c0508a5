//! The greatest of many values.

/// The `k`-th greatest of `values`, counted from 1, in the order of IEEE 754 (`f32::total_cmp`);
/// they are left in another order.
///
/// # Panics
/// When there are fewer than `k`, or `k` is 0, for no caller.
pub fn kth_greatest(values: &mut [f32], k: usize) -> f32 {
    let (_, found, _) = values.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    *found
}

/// Brings the `k` best of `found`, rows by number with their scores, to its front, best first: by
/// score in that order, and at equal scores the lower number.
pub fn best_first(found: &mut [(u32, f32)], k: usize) {
    let by_score = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let front = if k > 0 && k < found.len() {
        found.select_nth_unstable_by(k - 1, by_score);
        &mut found[..k]
    } else {
        found
    };
    front.sort_unstable_by(by_score);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_a_full_sort(
            scores in prop::collection::vec(-3i8..3, 1..60),
            k in 0usize..70,
        ) {
            let mut found: Vec<(u32, f32)> =
                scores.iter().map(|score| f32::from(*score)).enumerate()
                    .map(|(at, score)| (at as u32, score)).collect();
            let mut all = found.clone();
            all.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
            best_first(&mut found, k);
            let k = k.min(all.len());
            prop_assert_eq!(&found[..k], &all[..k]);
            if k > 0 {
                let mut values: Vec<f32> = scores.iter().map(|score| f32::from(*score)).collect();
                prop_assert_eq!(kth_greatest(&mut values, k), all[k - 1].1);
            }
        }
    }
}
