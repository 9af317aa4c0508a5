//! What can be wrong with what a kernel is given.

/// An error of this crate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// Sizes do not fit each other, or the values end before the matrix.
    #[error("a matrix of {rows} x {columns} does not fit its values")]
    Misfit {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// A matrix is not positive definite to working precision.
    #[error("the normal equations are ill-conditioned (pivot {index} is {pivot})")]
    IllConditioned {
        /// Which pivot it is.
        index: usize,
        /// The pivot.
        pivot: f64,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
