//! How far two histograms over the same bins are from each other.

/// The Jensen-Shannon distance to base 2: the square root of the divergence, a metric (Endres and
/// Schindelin, IEEE Transactions on Information Theory 49, 2003). 0 for equal shares, 1 when no bin
/// holds something of both; empty bins need no smoothing.
///
/// Gives 1 when exactly one side is empty or the numbers of bins differ, 0 when both are empty.
///
/// ```
/// use noctule_core::monitoring::jensen_shannon;
/// assert_eq!(jensen_shannon(&[1, 1, 0], &[5, 5, 0]), 0.0);
/// assert_eq!(jensen_shannon(&[0, 0, 9], &[5, 5, 0]), 1.0);
/// ```
#[must_use]
pub fn jensen_shannon(first: &[u64], second: &[u64]) -> f64 {
    let sum = |counts: &[u64]| counts.iter().map(|count| *count as f64).sum::<f64>();
    let (total_first, total_second) = (sum(first), sum(second));
    if total_first == 0.0 && total_second == 0.0 {
        return 0.0;
    }
    if total_first == 0.0 || total_second == 0.0 || first.len() != second.len() {
        return 1.0;
    }
    let part = |share: f64, middle: f64| {
        if share > 0.0 { share * libm::log2(share / middle) } else { 0.0 }
    };
    let divergence: f64 = first
        .iter()
        .zip(second)
        .map(|(one, other)| {
            let (p, q) = (*one as f64 / total_first, *other as f64 / total_second);
            let middle = f64::midpoint(p, q);
            f64::midpoint(part(p, middle), part(q, middle))
        })
        .sum();
    divergence.clamp(0.0, 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_bin_against_many_is_far_but_not_at_the_end() {
        // By hand: 0.5 * log2(2 / 1.1) + 0.5 * (0.1 * log2(0.2 / 1.1) + 0.9) = 0.758.
        let distance = jensen_shannon(&[7, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[1; 10]);
        assert!((distance - 0.758_276_f64.sqrt()).abs() < 1e-5, "{distance}");
    }

    #[test]
    fn nothing_against_something_is_as_far_as_can_be() {
        assert_eq!(jensen_shannon(&[0, 0], &[1, 2]), 1.0);
        assert_eq!(jensen_shannon(&[1, 2], &[1, 2, 3]), 1.0);
        assert_eq!(jensen_shannon(&[0, 0], &[0, 0]), 0.0);
    }

    fn counts() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(0..1_000_u64, 6)
    }

    proptest! {
        #[test]
        fn it_is_bounded_symmetric_and_keeps_the_triangle(
            a in counts(), b in counts(), c in counts()
        ) {
            let some = |counts: &[u64]| counts.iter().any(|count| *count > 0);
            prop_assume!(some(&a) && some(&b) && some(&c));
            let (ab, bc, ac) =
                (jensen_shannon(&a, &b), jensen_shannon(&b, &c), jensen_shannon(&a, &c));
            prop_assert!((0.0..=1.0).contains(&ab));
            prop_assert!((ab - jensen_shannon(&b, &a)).abs() < 1e-12);
            prop_assert!(ac <= ab + bc + 1e-6, "{ac} > {ab} + {bc}");
            prop_assert!(jensen_shannon(&a, &a) < 1e-6);
        }

        #[test]
        fn only_shares_matter(a in counts(), b in counts(), factor in 1..50_u64) {
            prop_assume!(a.iter().any(|count| *count > 0));
            let scaled: Vec<u64> = a.iter().map(|count| count * factor).collect();
            prop_assert!((jensen_shannon(&a, &b) - jensen_shannon(&scaled, &b)).abs() < 1e-7);
        }
    }
}
