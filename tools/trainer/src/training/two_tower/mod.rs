//! Two towers: one over the user's history, one over the items, whose product is the score
//! (Covington, Adams and Sargin, RecSys 2016; Yi et al., RecSys 2019).
//!
//! ```text
//! item: id vector + mean of its words' vectors -> layers -> item vector -----------+-> score
//! user: mean of the item vectors of the history, how many, context -> layers -> user vector
//! ```
//!
//! The user tower is that of the architecture `two_tower` of a release, weight for weight; the item
//! tower runs over the catalogue once, and its vectors are the release's. What phones record of
//! items passed over is in no file of choices, so its weights are zero and it changes nothing.

mod examples;
mod in_batch;
mod network;
mod settings;
mod softmax;
mod task;
#[cfg(test)]
mod tests;
mod treatment;

pub use examples::Examples;
pub use in_batch::{Correction, in_batch};
pub use network::Towers;
pub use settings::{TowerLoss, TwoTowerSettings};
pub use softmax::SoftmaxSettings;
pub use task::{TwoTowerTask, fit_two_tower};
