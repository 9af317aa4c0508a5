//! Recommendations that are made on the phone, at night, while it charges.
#![doc = ""]

pub mod base;

pub mod catalogue;
pub mod feedback;
pub mod release;
pub mod slates;
pub mod upload;
