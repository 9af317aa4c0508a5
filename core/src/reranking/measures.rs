//! How far the groups of a slate are from the shares they should have (Geyik, Ambler and
//! Kenthapadi, KDD 2019).

/// Skew of a group at `slots`: the logarithm of its share among the first slots over the share it
/// should have; 0 is as it should be, below 0 too little. `members` says of each slot whether it is
/// of the group.
///
/// Minus infinity when nothing of the group is there; NaN without a slot or a share to compare
/// with.
///
/// ```
/// use noctule_core::reranking::skew;
/// assert_eq!(skew(&[true, false, true, false], 4, 0.5), 0.0);
/// assert_eq!(skew(&[true, true, false, false], 2, 0.5), 2f64.ln());
/// ```
#[must_use]
pub fn skew(members: &[bool], slots: usize, wanted: f64) -> f64 {
    let slots = slots.min(members.len());
    if slots == 0 || wanted <= 0.0 {
        return f64::NAN;
    }
    let there = members[..slots].iter().filter(|member| **member).count();
    libm::log(there as f64 / slots as f64 / wanted)
}

/// Normalised discounted cumulative Kullback-Leibler divergence of a slate: the divergence of the
/// groups' shares in each prefix from the `wanted` ones, weighted by 1 / log2(k + 1), the weights
/// summing to 1. 0 is as it should be in every prefix, and there is no upper bound.
///
/// `groups` names the group of each slot by its place in `wanted`, whose shares sum to 1. Infinite
/// when a group is there that should have nothing; 0 for a slate without slots.
///
/// ```
/// let ndkl = noctule_core::reranking::ndkl(&[0], &[0.5, 0.5]);
/// assert!((ndkl - 2f64.ln()).abs() < 1e-12);
/// ```
#[must_use]
pub fn ndkl(groups: &[usize], wanted: &[f64]) -> f64 {
    let mut counts = vec![0usize; wanted.len()];
    let (mut sum, mut weights) = (0.0, 0.0);
    for (at, group) in groups.iter().enumerate() {
        let Some(count) = counts.get_mut(*group) else { return f64::INFINITY };
        *count += 1;
        let slots = (at + 1) as f64;
        let divergence: f64 = counts
            .iter()
            .zip(wanted)
            .filter(|(count, _)| **count > 0)
            .map(|(count, wanted)| {
                let share = *count as f64 / slots;
                share * libm::log(share / wanted)
            })
            .sum();
        let weight = 1.0 / libm::log2(slots + 1.0);
        sum += weight * divergence;
        weights += weight;
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_tells_too_little_from_too_much() {
        let members = [false, false, true, true];
        assert_eq!(skew(&members, 2, 0.5), f64::NEG_INFINITY);
        assert!(skew(&members, 3, 0.5) < 0.0);
        assert_eq!(skew(&members, 99, 0.5), 0.0);
        assert!(skew(&[], 3, 0.5).is_nan() && skew(&members, 4, 0.0).is_nan());
    }

    #[test]
    fn ndkl_equals_a_value_worked_out_by_hand() {
        // Prefixes: (1, 0), (1/2, 1/2), (2/3, 1/3) against (1/2, 1/2).
        let third = 2.0 / 3.0 * (4f64 / 3.0).ln() + 1.0 / 3.0 * (2f64 / 3.0).ln();
        let weights = [1.0, 1.0 / 3f64.log2(), 0.5];
        let expected = (weights[0] * 2f64.ln() + weights[2] * third) / weights.iter().sum::<f64>();
        assert!((ndkl(&[0, 1, 0], &[0.5, 0.5]) - expected).abs() < 1e-12);
    }

    #[test]
    fn alternating_groups_are_nearer_to_even_shares_than_one_after_the_other() {
        let even = [0.5, 0.5];
        assert!(ndkl(&[0, 1, 0, 1], &even) < ndkl(&[0, 0, 1, 1], &even));
        assert_eq!(ndkl(&[], &even), 0.0);
        assert_eq!(ndkl(&[1], &[1.0, 0.0]), f64::INFINITY);
    }
}
