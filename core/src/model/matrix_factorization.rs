//! `model.safetensors` of the architecture `matrix_factorization`.
//!
//! | tensor | dtype, shape | what |
//! |---|---|---|
//! | `gram` | F32 `[d, d]` | sum of y yᵀ over all items |
//! | `ranker.weight` | F32 `[1, f]` | weights of the ranker, in the order of `ranker_features` |
//! | `ranker.bias` | F32 `[1]` | its bias |

use std::io::Read;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::{FoldIn, Ranker};
use crate::base::limits::{DIMENSIONS_MAX, TENSOR_HEADER_BYTES_MAX};
use crate::base::{Error, Refusal, Result};
use crate::release::Architecture;

/// Name of the file in a release.
const FILE: &str = "model.safetensors";

/// Bytes of the file: the largest gram, and as much again for ranker and header.
const FILE_BYTES_MAX: u64 =
    2 * 4 * (DIMENSIONS_MAX * DIMENSIONS_MAX) as u64 + TENSOR_HEADER_BYTES_MAX;

/// The model of a release, ready to fold a user in and to rank candidates.
#[derive(Debug, Clone)]
pub struct MatrixFactorization {
    /// Makes the user's vector.
    pub fold_in: FoldIn,
    /// Weighs the fold-in score against the other features.
    pub ranker: Ranker,
    /// Names of the ranker's features, in the order of its weights.
    pub ranker_features: Vec<String>,
    /// Factor on the confidence of feedback given in the context a slate is made for.
    pub context_weight: f32,
}

impl MatrixFactorization {
    /// Reads `model.safetensors` at `path` for a catalogue of `items_total` items; reads all of it
    /// (d² + f + 1 floats) into memory for the length of the call.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read, otherwise as [`Self::load`].
    pub fn read(path: &Path, architecture: &Architecture, items_total: usize) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(Error::file(path, "opening"))?;
        let mut bytes = Vec::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(Error::file(path, "reading"))?;
        Self::load(&bytes, architecture, items_total)
    }

    /// Checks and takes over the tensors in `bytes`, a whole `model.safetensors`.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when the container does not decode, a tensor is missing, has
    /// another dtype or shape than `architecture` needs, or holds a value that is not finite;
    /// [`Error::Model`] when a hyper-parameter is out of range or `architecture` is another.
    pub fn load(bytes: &[u8], architecture: &Architecture, items_total: usize) -> Result<Self> {
        let Architecture::MatrixFactorization {
            dimensions,
            unobserved_weight,
            regularization,
            regularization_exponent,
            context_weight,
            ranker_features,
        } = architecture
        else {
            let reason = "the architecture of the release is not matrix_factorization".into();
            return Err(Error::Model { reason });
        };
        let tensors = open(bytes)?;
        let (d, features) = (*dimensions, ranker_features.len());
        let gram = values(&tensors, "gram", &[d, d])?;
        let weight = values(&tensors, "ranker.weight", &[1, features])?;
        let bias = values(&tensors, "ranker.bias", &[1])?;
        if !(context_weight.is_finite() && *context_weight >= 0.0) {
            let reason = format!("context_weight is {context_weight}, at least 0 is needed");
            return Err(Error::Model { reason });
        }
        let (w0, lambda, nu) = (*unobserved_weight, *regularization, *regularization_exponent);
        Ok(Self {
            fold_in: FoldIn::new(&gram, d, w0, lambda, nu, items_total)?,
            ranker: Ranker::new(weight, bias[0])?,
            ranker_features: ranker_features.clone(),
            context_weight: *context_weight,
        })
    }
}

fn open(bytes: &[u8]) -> Result<SafeTensors<'_>> {
    let length = bytes.len() as u64;
    if length > FILE_BYTES_MAX {
        let refusal =
            Refusal::TooLarge { what: "length in bytes", found: length, limit: FILE_BYTES_MAX };
        return Err(Error::refused(FILE, refusal));
    }
    SafeTensors::deserialize(bytes).map_err(|error| {
        let reason = error.to_string();
        Error::refused(FILE, Refusal::UnknownFormat { expected: "safetensors", reason })
    })
}

/// The values of tensor `name`, which must be F32 of `shape` and finite throughout.
fn values(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let refused = |refusal| Err(Error::refused(FILE, refusal));
    let tensor = name.to_owned();
    let Ok(view) = tensors.tensor(name) else {
        return refused(Refusal::MissingTensor { tensor });
    };
    if view.dtype() != Dtype::F32 {
        let (expected, found) = ("F32".to_owned(), format!("{:?}", view.dtype()));
        return refused(Refusal::WrongDtype { tensor, expected, found });
    }
    if view.shape() != shape {
        let wide = |shape: &[usize]| shape.iter().map(|size| *size as u64).collect();
        let (expected, found) = (wide(shape), wide(view.shape()));
        return refused(Refusal::WrongShape { tensor, expected, found });
    }
    let (fours, _) = view.data().as_chunks::<4>();
    let values: Vec<f32> = fours.iter().map(|four| f32::from_le_bytes(*four)).collect();
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return refused(Refusal::NotFinite { tensor, index: index as u64 });
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn architecture() -> Architecture {
        Architecture::MatrixFactorization {
            dimensions: 2,
            unobserved_weight: 0.1,
            regularization: 0.1,
            regularization_exponent: 1.0,
            context_weight: 2.0,
            ranker_features: vec!["fold_in".into(), "popularity".into()],
        }
    }

    /// A file with `gram` (of `rank`-many rows), `ranker.weight` and a bias named `bias_name`.
    fn file(gram: &[f32], gram_shape: [usize; 2], bias_name: &str) -> Vec<u8> {
        let bytes = |values: &[f32]| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let (gram, weight, bias) = (bytes(gram), bytes(&[2.0, -1.0]), bytes(&[0.5]));
        let view = |shape: Vec<usize>, data| TensorView::new(Dtype::F32, shape, data).unwrap();
        let tensors = [
            ("gram", view(gram_shape.to_vec(), &gram)),
            ("ranker.weight", view(vec![1, 2], &weight)),
            (bias_name, view(vec![1], &bias)),
        ];
        safetensors::serialize(tensors, None).unwrap()
    }

    fn refusal(bytes: &[u8]) -> Refusal {
        match MatrixFactorization::load(bytes, &architecture(), 3) {
            Err(Error::ReleaseRefused { file, refusal }) => {
                assert_eq!(file, FILE);
                refusal
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_from_disk_folds_in_and_ranks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        std::fs::write(&path, file(&[1.0, 0.0, 0.0, 1.0], [2, 2], "ranker.bias")).unwrap();
        let model = MatrixFactorization::read(&path, &architecture(), 3).unwrap();
        let user = model.fold_in.solve(&[(&[1.0, 0.0], 1.0, 1.0)]).unwrap();
        // A = 0.1 + 1 + 0.1 * (1 + 0.3) = 1.23 along the first axis, b = 1.
        assert!((user.vector[0] - 1.0 / 1.23).abs() < 1e-6);
        assert_eq!(model.ranker.score(&[1.0, 1.0], 2).unwrap(), [1.5]);
    }

    #[test]
    fn a_missing_a_misshaped_and_a_nan_tensor_are_named() {
        let square = [1.0, 0.0, 0.0, 1.0];
        assert_eq!(
            refusal(&file(&square, [2, 2], "bias")),
            Refusal::MissingTensor { tensor: "ranker.bias".into() }
        );
        assert!(matches!(
            refusal(&file(&square, [4, 1], "ranker.bias")),
            Refusal::WrongShape { tensor, found, .. } if tensor == "gram" && found == [4, 1]
        ));
        assert_eq!(
            refusal(&file(&[1.0, 0.0, f32::NAN, 1.0], [2, 2], "ranker.bias")),
            Refusal::NotFinite { tensor: "gram".into(), index: 2 }
        );
        assert!(matches!(refusal(b"not a container"), Refusal::UnknownFormat { .. }));
        assert!(matches!(refusal(&[]), Refusal::UnknownFormat { .. }));
    }

    #[test]
    fn another_architecture_and_a_missing_file_are_typed_errors() {
        let bytes = file(&[1.0, 0.0, 0.0, 1.0], [2, 2], "ranker.bias");
        let other = MatrixFactorization::load(&bytes, &Architecture::Popularity {}, 3);
        assert!(matches!(other, Err(Error::Model { .. })));
        let absent = MatrixFactorization::read(Path::new("absent"), &architecture(), 3);
        assert!(matches!(absent, Err(Error::File { .. })));
    }
}
