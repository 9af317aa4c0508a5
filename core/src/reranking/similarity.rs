//! How alike two candidates are.

use std::collections::HashMap;

use noctule_kernels::product::dot_products;

use crate::base::Result;
use crate::catalogue::Catalogue;

/// Likeness of candidates, by their places.
#[derive(Debug, Clone)]
pub enum Likeness {
    /// By the words they share.
    Words(WordSets),
    /// By the direction of their vectors.
    Directions(Directions),
}

impl Likeness {
    /// How alike two candidates are, 0 to 1; 0 for one that is not known.
    #[must_use]
    pub fn between(&self, one: usize, other: usize) -> f32 {
        match self {
            Self::Words(words) => words.jaccard(one, other),
            Self::Directions(directions) => directions.cosine(one, other),
        }
    }
}

/// The words of one attribute, a set for each candidate.
#[derive(Debug, Clone, Default)]
pub struct WordSets {
    /// Numbers of words, ascending within each set.
    words: Vec<u32>,
    /// Where each set ends in `words`.
    ends: Vec<usize>,
}

impl WordSets {
    /// The words of `attribute` of the items with the indices `of`.
    #[must_use]
    pub fn new(catalogue: &Catalogue, attribute: &str, of: &[u32]) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let (mut words, mut ends) = (Vec::with_capacity(of.len()), Vec::with_capacity(of.len()));
        for index in of {
            let mut set: Vec<u32> = catalogue
                .words(*index, attribute)
                .into_iter()
                .map(|word| {
                    let next = numbers.len() as u32;
                    *numbers.entry(word).or_insert(next)
                })
                .collect();
            set.sort_unstable();
            set.dedup();
            words.extend(set);
            ends.push(words.len());
        }
        Self { words, ends }
    }

    fn of(&self, candidate: usize) -> &[u32] {
        let begin = candidate.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before));
        let range = begin.zip(self.ends.get(candidate)).map(|(begin, end)| *begin..*end);
        range.and_then(|range| self.words.get(range)).unwrap_or_default()
    }

    /// Jaccard index of the two candidates' words: shared words by all words, 0 when both have
    /// none.
    #[must_use]
    pub fn jaccard(&self, one: usize, other: usize) -> f32 {
        let (a, b) = (self.of(one), self.of(other));
        let (mut shared, mut at, mut beside) = (0usize, 0, 0);
        while let (Some(x), Some(y)) = (a.get(at), b.get(beside)) {
            shared += usize::from(x == y);
            at += usize::from(x <= y);
            beside += usize::from(y <= x);
        }
        let all = a.len() + b.len() - shared;
        if all == 0 { 0.0 } else { shared as f32 / all as f32 }
    }
}

/// Vectors of length 1, one for each candidate; of length 0 for a vector of zeros.
#[derive(Debug, Clone, Default)]
pub struct Directions {
    values: Vec<f32>,
    dimensions: usize,
}

impl Directions {
    /// The directions of `vectors`, each of so many `dimensions`; a vector of another length has
    /// none.
    #[must_use]
    pub fn new<V: AsRef<[f32]>>(vectors: impl Iterator<Item = V>, dimensions: usize) -> Self {
        let mut values = Vec::new();
        for vector in vectors {
            let vector = vector.as_ref();
            let square = square(vector);
            if vector.len() == dimensions && square > 0.0 {
                let share = 1.0 / square.sqrt();
                values.extend(vector.iter().map(|value| (f64::from(*value) * share) as f32));
            } else {
                values.extend(std::iter::repeat_n(0.0, dimensions));
            }
        }
        Self { values, dimensions }
    }

    /// [`Self::cosine`] of each two of these candidates, a row for each, by a product of matrices.
    /// Sums run in another order here, so that a value may differ by their rounding; it is the same
    /// on every machine.
    ///
    /// # Errors
    /// [`crate::base::Error::Model`] when vectors have no dimension.
    pub fn among(&self, candidates: &[usize]) -> Result<Vec<f32>> {
        let d = self.dimensions;
        let mut rows = Vec::with_capacity(candidates.len() * d);
        for (at, candidate) in candidates.iter().enumerate() {
            let row = self.values.get(candidate * d..(candidate + 1) * d);
            rows.extend_from_slice(row.unwrap_or_default());
            rows.resize((at + 1) * d, 0.0);
        }
        let mut cosines = dot_products(&rows, &rows, d)?;
        cosines.iter_mut().for_each(|cosine| *cosine = cosine.clamp(0.0, 1.0));
        Ok(cosines)
    }

    /// Cosine of the angle between two candidates' vectors, 0 when it is negative or one of them
    /// has no direction.
    #[must_use]
    pub fn cosine(&self, one: usize, other: usize) -> f32 {
        let of = |candidate: usize| {
            let begin = candidate * self.dimensions;
            self.values.get(begin..begin + self.dimensions).unwrap_or_default()
        };
        // Eight sums side by side, in a fixed order: the same on every machine.
        let (a, b) = (of(one).chunks(8), of(other).chunks(8));
        let mut sums = [0f32; 8];
        for (a, b) in a.zip(b) {
            for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += x * y;
            }
        }
        sums.iter().sum::<f32>().clamp(0.0, 1.0)
    }
}

/// The sum of squares, in eight lanes.
fn square(vector: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    for eight in vector.chunks(8) {
        for (lane, value) in lanes.iter_mut().zip(eight) {
            *lane += f64::from(*value) * f64::from(*value);
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Item;

    #[test]
    fn shared_words_by_all_words() {
        let item = |(id, words): (&str, &str)| -> Item {
            let text = format!(r#"{{"id": "{id}", "title": "", "attributes": {{"k": {words}}}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let items =
            [("a", r#"["x", "y"]"#), ("b", r#"["y", "z", "x"]"#), ("c", "\"q\""), ("d", "1")];
        let catalogue = Catalogue::from_items(&items.map(item)).unwrap();
        let words = WordSets::new(&catalogue, "k", &[3, 0, 1, 2]);
        assert_eq!(words.jaccard(1, 2), 2.0 / 3.0);
        assert_eq!((words.jaccard(1, 1), words.jaccard(1, 3)), (1.0, 0.0));
        assert_eq!((words.jaccard(0, 0), words.jaccard(1, 9)), (0.0, 0.0));
    }

    #[test]
    fn the_cosine_looks_at_directions_only_and_is_never_negative() {
        let vectors = [vec![3.0, 0.0], vec![1.0, 1.0], vec![-1.0, 0.0], vec![0.0, 0.0], vec![1.0]];
        let directions = Directions::new(vectors.iter(), 2);
        assert!((directions.cosine(0, 1) - 0.5f32.sqrt()).abs() < 1e-6);
        assert_eq!(directions.cosine(0, 0), 1.0);
        let among = directions.among(&[1, 0, 2]).unwrap();
        for (at, one) in [1, 0, 2].into_iter().enumerate() {
            for (to, other) in [1, 0, 2].into_iter().enumerate() {
                assert!((among[at * 3 + to] - directions.cosine(one, other)).abs() < 1e-6);
            }
        }
        for other in [2, 3, 4, 5] {
            assert_eq!(directions.cosine(0, other), 0.0);
        }
    }
}
