//! What makes a user's vector, by architecture.

use super::tensors::ModelTensors;
use super::{FoldIn, Sasrec, TwoTower, UserVector};
use crate::base::{Error, Result};
use crate::release::Architecture;

/// An item of a history, as an encoder reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a> {
    /// The item's vector.
    pub vector: &'a [f32],
    /// Confidence, at least 0.
    pub weight: f32,
    /// 1 where it was chosen, 0 where it was passed over.
    pub target: f32,
}

/// Makes a user's vector from a history; the user's score for an item is the product with its
/// vector.
#[derive(Debug, Clone)]
pub enum UserEncoder {
    /// Folds the user in, exactly.
    FoldIn(FoldIn),
    /// Reads means of the history.
    TwoTower(TwoTower),
    /// Reads the sequence of what was chosen.
    Sasrec(Sasrec),
}

impl UserEncoder {
    pub(super) fn read(
        tensors: &mut ModelTensors,
        architecture: &Architecture,
        items_total: usize,
        contexts: usize,
    ) -> Result<Self> {
        match architecture {
            Architecture::Popularity {} => {
                Err(Error::Model { reason: "the architecture popularity has no model".into() })
            }
            Architecture::MatrixFactorization {
                dimensions,
                unobserved_weight: w0,
                regularization: lambda,
                regularization_exponent: nu,
                ..
            } => {
                let gram = tensors.values("gram")?;
                FoldIn::new(&gram, *dimensions, *w0, *lambda, *nu, items_total).map(Self::FoldIn)
            }
            Architecture::TwoTower { .. } => {
                TwoTower::read(tensors, architecture, contexts).map(Self::TwoTower)
            }
            Architecture::Sasrec { .. } => Sasrec::read(tensors, architecture).map(Self::Sasrec),
        }
    }

    /// The user's vector for `history` in the context of the plan with this index, and for a
    /// fold-in what explains its scores exactly. The order of the history matters to a sequence
    /// model only, which reads the chosen items in it, oldest first, and of more than its positions
    /// the newest; with part of a history this tells what the other part was worth.
    ///
    /// # Errors
    /// [`Error::Model`] when a vector has another length, or the user's is not finite.
    pub fn encode(&self, history: &[Observation<'_>], context: usize) -> Result<UserVector> {
        let vector = match self {
            Self::FoldIn(fold_in) => return fold(fold_in, history),
            Self::TwoTower(tower) => tower.encode(history, context)?,
            Self::Sasrec(sasrec) => {
                let chosen: Vec<&[f32]> = history
                    .iter()
                    .filter(|seen| seen.target > 0.0)
                    .map(|seen| seen.vector)
                    .collect();
                let newest = chosen.len().saturating_sub(sasrec.positions());
                sasrec.encode(&chosen[newest..].concat())?
            }
        };
        if vector.iter().any(|value| !value.is_finite()) {
            return Err(Error::Model { reason: "a user vector is not finite".into() });
        }
        Ok(UserVector::unexplained(vector))
    }
}

/// A history without anything chosen is folded in as an empty one: its vector is zero either way.
fn fold(fold_in: &FoldIn, history: &[Observation<'_>]) -> Result<UserVector> {
    if !history.iter().any(|seen| seen.target > 0.0) {
        return fold_in.solve(&[]);
    }
    let triples = history.iter().map(|seen| (seen.vector, seen.weight, seen.target));
    fold_in.solve(&triples.collect::<Vec<_>>())
}
