//! The attacks of the specification, each by its name, and a table of vectors.

mod attacks;
mod golden;
mod storage;
mod vectors;
mod workshop;
