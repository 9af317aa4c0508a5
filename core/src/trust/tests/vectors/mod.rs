//! The table of vectors: good metadata that must pass, and bad that must be refused with the
//! reason that is theirs.

mod envelope;
mod fields;
mod good;
mod root;

use std::collections::BTreeMap;

use super::workshop::{NOW_MS, Workshop, refresh};
use crate::base::Error;

/// What must happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Good,
    /// The name of the variant of the refusal.
    Refused(&'static str),
}

struct Vector {
    name: String,
    first_root: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
    expected: Expected,
}

impl Vector {
    fn new(name: impl Into<String>, workshop: &Workshop, expected: Expected) -> Self {
        let first_root = workshop.roots[0].clone();
        Self { name: name.into(), first_root, files: workshop.files(), expected }
    }

    fn run(&self) -> Result<(), Error> {
        let stored = crate::trust::TrustedSet::from_root(&self.first_root)?;
        let (set, outcome) = refresh(stored, &self.files, NOW_MS);
        outcome.and_then(|()| set.current(NOW_MS).map(drop))
    }
}

/// The variant of an error's refusal.
fn class(error: &Error) -> String {
    let Error::TrustRefused { refusal, .. } = error else { return format!("{error:?}") };
    let text = format!("{refusal:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

#[test]
fn every_vector_has_the_verdict_that_is_its_own() {
    let mut vectors = good::vectors();
    let good = vectors.len();
    vectors.extend(fields::vectors());
    vectors.extend(envelope::vectors());
    vectors.extend(root::vectors());
    let bad = vectors.len() - good;
    let mut wrong = Vec::new();
    for vector in &vectors {
        let found = vector.run();
        let right = match (&found, vector.expected) {
            (Ok(()), Expected::Good) => true,
            (Err(error), Expected::Refused(expected)) => class(error) == expected,
            _ => false,
        };
        if !right {
            wrong.push(format!("{}: {:?}, found {found:?}", vector.name, vector.expected));
        }
    }
    println!("{good} good and {bad} bad vectors");
    assert!(wrong.is_empty(), "{} wrong verdicts:\n{}", wrong.len(), wrong.join("\n"));
    assert!(good >= 25 && bad >= 125, "{good} good, {bad} bad");
}
