//! What can be recommended: items, their attributes, and whether they are eligible.

pub mod eligibility;
pub mod item;
pub mod items;

pub use eligibility::Eligibility;
pub use item::{AttributeValue, Item};
pub use items::Catalogue;
