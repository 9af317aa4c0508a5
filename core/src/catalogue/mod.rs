//! What can be recommended: items, their attributes, and whether they are eligible.

pub mod item;
pub mod items;

pub use item::{AttributeValue, Item};
pub use items::Catalogue;
