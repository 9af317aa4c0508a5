//! Which events are stored already: by app, installation and sequence number.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

/// A set of sequence numbers, kept as ranges: a device counts without gaps, so that one range
/// stands for all it has ever sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sequences {
    /// First number of a range to its last.
    ranges: BTreeMap<u64, u64>,
}

impl Sequences {
    pub(crate) fn contains(&self, sequence: u64) -> bool {
        let before = self.ranges.range(..=sequence).next_back();
        before.is_some_and(|(_, last)| sequence <= *last)
    }

    /// Adds a number; whether it was new.
    pub(crate) fn insert(&mut self, sequence: u64) -> bool {
        if self.contains(sequence) {
            return false;
        }
        let after = sequence.checked_add(1).and_then(|next| self.ranges.remove(&next));
        let last = after.unwrap_or(sequence);
        let before = self.ranges.range_mut(..sequence).next_back();
        match before {
            Some((_, end)) if end.checked_add(1) == Some(sequence) => *end = last,
            _ => {
                self.ranges.insert(sequence, last);
            }
        }
        true
    }
}

/// The stored events of all apps.
#[derive(Debug, Default)]
pub(crate) struct Index {
    apps: HashMap<String, HashMap<Uuid, Sequences>>,
}

impl Index {
    pub(crate) fn contains(&self, app: &str, installation: Uuid, sequence: u64) -> bool {
        let known = self.apps.get(app).and_then(|app| app.get(&installation));
        known.is_some_and(|sequences| sequences.contains(sequence))
    }

    /// Adds an event; whether it was new.
    pub(crate) fn insert(&mut self, app: &str, installation: Uuid, sequence: u64) -> bool {
        if !self.apps.contains_key(app) {
            self.apps.insert(app.to_owned(), HashMap::new());
        }
        let Some(installations) = self.apps.get_mut(app) else { return false };
        installations.entry(installation).or_default().insert(sequence)
    }

    /// Forgets all numbers of an installation.
    pub(crate) fn remove(&mut self, app: &str, installation: Uuid) {
        if let Some(installations) = self.apps.get_mut(app) {
            installations.remove(&installation);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ranges_behave_like_a_set_whatever_the_order() {
        // Multiplication by a unit modulo a prime walks through all residues in a wild order.
        let (mut ranges, mut set) = (Sequences::default(), BTreeSet::new());
        for step in 1..=400u64 {
            let sequence = step * 37 % 211;
            assert_eq!(ranges.contains(sequence), set.contains(&sequence));
            assert_eq!(ranges.insert(sequence), set.insert(sequence), "{sequence}");
        }
        for sequence in 0..300 {
            assert_eq!(ranges.contains(sequence), set.contains(&sequence), "{sequence}");
        }
        assert_eq!(ranges.ranges, BTreeMap::from([(0, 210)]), "the ranges have merged");
    }

    #[test]
    fn the_ends_of_the_numbers_are_numbers_too() {
        let mut ranges = Sequences::default();
        assert!(ranges.insert(u64::MAX) && ranges.insert(0) && ranges.insert(u64::MAX - 1));
        assert!(ranges.contains(u64::MAX) && !ranges.insert(0));
    }

    #[test]
    fn apps_and_installations_do_not_mix() {
        let mut index = Index::default();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(index.insert("a", one, 1));
        assert!(!index.contains("b", one, 1) && !index.contains("a", two, 1));
        assert!(index.contains("a", one, 1) && !index.insert("a", one, 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_million_events_in_any_order_take_less_than_64_bytes_each_at_their_peak() {
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
        };
        let (before, mut peak, mut most) = (resident(), 0, 0);
        let mut index = Index::default();
        for step in 1..=1_000_000u64 {
            // A walk through all residues of a prime: never two neighbours one after the other.
            let event = step * 618_034 % 1_000_003;
            let (installation, sequence) = (event % 1_000, event / 1_000);
            index.insert("town", Uuid::from_u128(installation.into()), sequence);
            if step % 50_000 == 0 {
                peak = peak.max(resident().saturating_sub(before));
                let ranges = |numbers: &Sequences| numbers.ranges.len();
                most = most.max(index.apps["town"].values().map(ranges).sum());
            }
        }
        println!("at most {most} ranges, {} bytes an event", peak as f64 / 1e6);
        assert!(most > 100_000, "the order was too easy: {most} ranges at most");
        assert!(peak < 64_000_000, "{peak} bytes");
    }
}
