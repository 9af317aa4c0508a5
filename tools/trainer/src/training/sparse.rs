//! The interactions as a sparse matrix, in compressed rows from both sides.

use crate::datasets::Interactions;

/// Confidences by row: the entries of row r are `offsets[r]..offsets[r + 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    offsets: Vec<usize>,
    columns: Vec<u32>,
    weights: Vec<f32>,
    width: usize,
}

impl Sparse {
    /// Users by items, from the events `indices` of `data`. Several events of one pair are one
    /// entry with the sum of their weights.
    #[must_use]
    pub fn users_by_items(data: &Interactions, indices: &[u32]) -> Self {
        let entry = |index: &u32| {
            let event = data.events[*index as usize];
            (event.user, event.item, event.weight)
        };
        let entries = indices.iter().map(entry).collect();
        Self::from_entries(entries, data.users.len(), data.items.len())
    }

    /// From (row, column, weight) in any order.
    #[must_use]
    pub fn from_entries(mut entries: Vec<(u32, u32, f32)>, rows: usize, width: usize) -> Self {
        // Stable: weights of a pair are summed in the order of the events.
        entries.sort_by_key(|(row, column, _)| (*row, *column));
        entries.dedup_by(|later, first| {
            let same = (later.0, later.1) == (first.0, first.1);
            first.2 += if same { later.2 } else { 0.0 };
            same
        });
        let mut offsets = vec![0; rows + 1];
        for (row, ..) in &entries {
            offsets[*row as usize + 1] += 1;
        }
        for row in 0..rows {
            offsets[row + 1] += offsets[row];
        }
        Self {
            offsets,
            columns: entries.iter().map(|(_, column, _)| *column).collect(),
            weights: entries.iter().map(|(_, _, weight)| *weight).collect(),
            width,
        }
    }

    /// Columns become rows.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let row = |row: usize| self.row(row).map(move |(column, w)| (column, row as u32, w));
        let entries = (0..self.rows()).flat_map(row).collect();
        Self::from_entries(entries, self.width, self.rows())
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is an entry at `row` and `column`.
    #[must_use]
    pub fn contains(&self, row: u32, column: u32) -> bool {
        let row = row as usize;
        self.columns[self.offsets[row]..self.offsets[row + 1]].binary_search(&column).is_ok()
    }

    /// The entries of `row`: column and weight, in the order of the columns.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (u32, f32)> {
        let range = self.offsets[row]..self.offsets[row + 1];
        self.columns[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_pairs_are_summed_and_transposing_twice_changes_nothing() {
        let entries = vec![(1, 2, 1.0), (0, 1, 2.0), (1, 2, 0.5), (1, 0, 1.0)];
        let matrix = Sparse::from_entries(entries, 3, 4);
        assert_eq!((matrix.rows(), matrix.width(), matrix.entries()), (3, 4, 3));
        assert_eq!(matrix.row(1).collect::<Vec<_>>(), [(0, 1.0), (2, 1.5)]);
        assert_eq!(matrix.row(2).len(), 0);
        assert_eq!(matrix.transposed().row(2).collect::<Vec<_>>(), [(1, 1.5)]);
        assert_eq!(matrix.transposed().transposed(), matrix);
    }
}
