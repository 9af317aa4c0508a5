//! How much of the catalogue is shown, and how evenly.

use serde::Serialize;

/// What an arm has shown of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Distinct items with at least one impression.
    pub items_shown: u64,
    /// Items of the catalogue, when told.
    pub catalogue: Option<u64>,
    /// Share of the catalogue that was shown, when its size is known.
    pub share: Option<f64>,
    /// Gini coefficient of the impressions by item: 0 when all items are shown equally often, near
    /// 1 when a few get all. Items of the catalogue that were never shown count with zero.
    pub gini: Option<f64>,
}

/// Coverage of the impressions by item, one positive count an item shown.
#[must_use]
pub(crate) fn coverage(mut counts: Vec<u64>, catalogue: Option<u64>) -> Coverage {
    let items_shown = counts.len() as u64;
    // A catalogue smaller than what was shown is an older one: then what was shown is all we know.
    let size = catalogue.unwrap_or(items_shown).max(items_shown);
    counts.sort_unstable();
    let never = size - items_shown;
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    // Ranks of the items shown begin behind those never shown, which add nothing.
    let weighted: f64 =
        (1u64..).zip(&counts).map(|(rank, count)| (never + rank) as f64 * *count as f64).sum();
    let n = size as f64;
    let gini = (total > 0.0).then(|| (2.0 * weighted / (n * total) - (n + 1.0) / n).max(0.0));
    let share = catalogue.map(|_| if size == 0 { 0.0 } else { items_shown as f64 / n });
    Coverage { items_shown, catalogue, share, gini }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_have_no_inequality_and_one_winner_nearly_all() {
        assert_eq!(coverage(vec![5, 5, 5, 5], None).gini, Some(0.0));
        let one = coverage(vec![1_000], Some(100));
        assert!((one.gini.unwrap() - 0.99).abs() < 1e-12);
        assert_eq!(one.share, Some(0.01));
    }

    #[test]
    fn the_gini_coefficient_is_the_mean_difference_by_twice_the_mean() {
        // python3 -c "import numpy as np; x=np.array([0,0,1,2,7]);
        // print(abs(x[:,None]-x).mean()/(2*x.mean()))"
        let gini = coverage(vec![7, 1, 2], Some(5)).gini.unwrap();
        assert!((gini - 0.64).abs() < 1e-12, "{gini}");
    }

    #[test]
    fn nothing_shown_covers_nothing() {
        let none = coverage(Vec::new(), Some(0));
        assert_eq!((none.items_shown, none.share, none.gini), (0, Some(0.0), None));
    }
}
