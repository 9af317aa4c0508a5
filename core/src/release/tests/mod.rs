//! Every refusal of a release, on real files: one thing is wrong in each.

mod bad_input;
mod chunks;
mod containers;
pub(crate) mod fixture;
mod forms;
mod hostile;
mod installation;
mod manifests;
mod plan_rules;
mod verification;
