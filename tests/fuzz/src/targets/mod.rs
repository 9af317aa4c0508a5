//! The parsers of foreign bytes. A new one is a file here and a line in [`TARGETS`].

mod catalogue;
mod checks;
mod delta;
mod manifest;
mod records;
mod replay;
mod tensors;
mod trust;
mod widget;

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Shape;

/// A parser of foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Hands bytes to the parser; gives a number that is the same for the same kind of answer.
    pub execute: fn(&[u8]) -> u64,
    /// Valid inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How the bytes are built.
    pub shape: Shape,
    /// Words of the format.
    pub tokens: &'static [&'static str],
    /// Bytes of the longest input.
    pub bytes_max: usize,
    /// Bytes that the parser may hold at once by its documentation; twice as many are a finding.
    pub declared_bytes: usize,
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    manifest::TARGET,
    tensors::TARGET,
    catalogue::TARGET,
    checks::TARGET,
    delta::TARGET,
    records::TARGET,
    trust::TARGET,
    widget::TARGET,
    replay::TARGET,
];

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// How serde's sentences begin that go on with a quotation.
const SERDE: [&str; 6] = [
    "unknown field ",
    "unknown variant ",
    "duplicate field ",
    "duplicate key ",
    "invalid type",
    "invalid value",
];

/// A number for what was answered: for a refusal that of its last words and of how deep the place
/// lies, up to what is quoted and without numbers, of which there are as many as inputs.
fn answer<T, E: Display>(result: &Result<T, E>) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Err(error) = result {
        let text = error.to_string();
        // serde quotes what stands in the document, which would be new every time.
        let begin = SERDE.iter().filter_map(|words| text.find(words)).min();
        let (place, words) = match begin {
            Some(begin) => text.split_at(begin),
            None => text.rsplit_once(": ").unwrap_or(("", &text)),
        };
        place.matches(['.', '[']).count().min(8).hash(&mut hasher);
        let kind = words.split(['"', '`']).next().unwrap_or_default();
        kind.chars().filter(|c| !c.is_ascii_digit()).for_each(|c| c.hash(&mut hasher));
    }
    hasher.finish()
}
