//! What can be recommended: items, their attributes, and whether they are eligible.

pub mod item;

pub use item::{AttributeValue, Item};
