//! What goes out: events under the pseudonym that they were recorded under, with a header.

mod gzip;
pub(crate) mod rows;
