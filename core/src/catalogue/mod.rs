//! What can be recommended: items, their attributes, and whether they are eligible.
//!
//! ```text
//! catalogue.jsonl -> Vec<Item> -> encode -> catalogue.safetensors -> Catalogue -> Eligibility
//!         (when a release is packed)                    (on the device)
//! ```
//!
//! The file is one of columns and is mapped: opening it reads its header, and asking for an item
//! reads that item. The format stands in `core/docs/formats/release.md`.

mod attributes;
mod check;
mod columns;
mod container;
mod dictionary;
pub mod eligibility;
mod encode;
pub mod item;
pub mod items;
pub mod jsonl;
mod order;
mod part;
mod text;

#[cfg(test)]
mod tests;

pub use eligibility::Eligibility;
pub use encode::encode;
pub use item::{AttributeValue, Item};
pub use items::Catalogue;
pub use jsonl::{JSONL_FILE, read_jsonl};
