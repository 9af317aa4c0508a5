//! The commands, one a file.

pub(crate) mod answers;
pub(crate) mod audit;
pub(crate) mod checks;
pub(crate) mod collect;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod delta;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod feedback;
pub(crate) mod forget;
pub(crate) mod inspect;
pub(crate) mod night;
pub(crate) mod pack;
pub(crate) mod profile;
pub(crate) mod recommend;
pub(crate) mod record;
pub(crate) mod registry;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod retrain_study;
pub(crate) mod simulate;
pub(crate) mod train;
pub(crate) mod trust;
pub(crate) mod update;
pub(crate) mod verify;
