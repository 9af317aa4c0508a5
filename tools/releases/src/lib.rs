//! Releases, made and looked at: keys, packing, verification, inspection.
//!
//! A release is one directory; its format stands in `core/docs/formats/release.md`. [`pack`] makes
//! it of parts in memory, [`pack_from_directory`] of files that any framework can write; both sign
//! it with a [`SecretKey`] and verify the result as a device would before it appears. [`import()`]
//! makes such files of weights with other names. [`verify`] and [`inspect`] look at a release that
//! exists. [`registry`] keeps them for a team and for devices.

mod client;
mod delta;
mod describe;
mod error;
mod exam;
mod from_directory;
mod import;
mod inspect;
mod keys;
mod pack;
pub mod registry;
mod sample;
mod staging;
mod starter;
mod suggest;
mod tensors;
pub mod trust;
mod vectors;

pub use client::{Client, Updated};
pub use delta::{MadeDelta, MadeFile, make_delta};
pub use error::{Error, Result};
pub use exam::{Exam, examine, examine_with};
pub use from_directory::{Description, pack_from_directory};
pub use import::{ImportInput, Imported, ImportedTensor, NameMap, Piece, Recipe, import};
pub use inspect::{Inspection, SignatureState, inspect, verify};
pub use keys::{PublicKey, SecretKey};
pub use pack::{Embedding, PackInput, Packed, RankerWeights, pack};
pub use sample::{HealthSource, SAMPLE_FILE, SampleChoice, SampleUser};
pub use starter::{StarterSize, pack_starter};
pub use suggest::{PersonChoice, PersonHistory, SuggestSettings, suggest};
pub use vectors::{CodesForm, EmbeddingForm, VectorForm};
