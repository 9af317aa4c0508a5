//! In which form the item vectors of a release are stored, and what a form costs in quality.

use std::borrow::Cow;

use noctule_core::scoring::{
    Codes, ItemMatrix, Quantised, QuantisedInt4, Vectors, quantise, quantise_int4, top_k,
};
use serde::{Deserialize, Serialize};

use crate::pack::Embedding;
use crate::tensors::Tensor;
use crate::{Error, Result};

/// Item vectors that are asked for their nearest items when quality is measured.
const QUERIES: usize = 100;
/// Nearest items that are compared.
const NEAREST: usize = 10;

/// How item vectors are stored.
///
/// ```
/// use noctule_releases::{CodesForm, EmbeddingForm, VectorForm};
/// let form: VectorForm = serde_json::from_str(r#"{"embedding": "none", "codes": "int4"}"#)?;
/// assert_eq!((form.embedding, form.codes), (EmbeddingForm::None, CodesForm::Int4));
/// assert_eq!(serde_json::from_str::<VectorForm>("{}")?, VectorForm::default());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorForm {
    /// The vectors themselves.
    #[serde(default)]
    pub embedding: EmbeddingForm,
    /// The codes that are searched first.
    #[serde(default)]
    pub codes: CodesForm,
}

/// Form of the tensor `embedding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingForm {
    /// Single precision: 4 bytes a value, nothing is lost.
    #[default]
    F32,
    /// Half precision: 2 bytes a value, 11 significant bits, at most 65,504.
    F16,
    /// The upper half of an f32: 2 bytes a value, 8 significant bits, any magnitude.
    Bf16,
    /// Not stored: the vectors are codes * scale.
    None,
}

/// Form of the tensor `codes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodesForm {
    /// A byte a value.
    #[default]
    Int8,
    /// The same in two planes of half a byte: the search of a large catalogue reads one of them,
    /// and the other of a few rows.
    Planes,
    /// Half a byte a value.
    Int4,
}

/// Item vectors as a release stores them.
pub(crate) struct StoredVectors<'a> {
    source: &'a Embedding,
    /// Bits of the half precision values, where those are stored.
    halves: Vec<u16>,
    codes: StoredCodes,
}

enum StoredCodes {
    Int8(Quantised),
    /// Both planes, the high one first, and the scales.
    Planes(Vec<u8>, Vec<f32>),
    Int4(QuantisedInt4),
}

impl<'a> StoredVectors<'a> {
    pub(crate) fn new(source: &'a Embedding) -> Result<Self> {
        let Embedding { values, dimensions, form } = source;
        check_finite(values)?;
        let halves: Vec<u16> = match form.embedding {
            EmbeddingForm::F16 => {
                values.iter().map(|v| half::f16::from_f32(*v).to_bits()).collect()
            }
            EmbeddingForm::Bf16 => {
                values.iter().map(|v| half::bf16::from_f32(*v).to_bits()).collect()
            }
            EmbeddingForm::F32 | EmbeddingForm::None => Vec::new(),
        };
        // What the codes stand for are the values that are stored.
        let rounded: Cow<'_, [f32]> = match form.embedding {
            EmbeddingForm::F16 => widened(&halves, noctule_core::scoring::f16_to_f32),
            EmbeddingForm::Bf16 => widened(&halves, noctule_core::scoring::bf16_to_f32),
            EmbeddingForm::F32 | EmbeddingForm::None => Cow::Borrowed(values),
        };
        if let Some(index) = rounded.iter().position(|value| !value.is_finite()) {
            let (value, name) = (values[index], form.embedding.name());
            let reason = format!("is {value}, too large for {name}: store F32");
            return Err(Error::part(format!("embedding[{index}]"), reason));
        }
        let codes = match form.codes {
            CodesForm::Int8 => StoredCodes::Int8(quantise(&rounded, *dimensions)?),
            CodesForm::Planes => {
                let int8 = quantise(&rounded, *dimensions)?;
                StoredCodes::Planes(int8.planes(*dimensions).concat(), int8.scales)
            }
            CodesForm::Int4 => StoredCodes::Int4(quantise_int4(&rounded, *dimensions)?),
        };
        Ok(Self { source, halves, codes })
    }

    /// The tensors of `items.safetensors` that hold them, for `n` items.
    pub(crate) fn tensors(&self, n: usize) -> Vec<Tensor<'_>> {
        let d = self.source.dimensions;
        let (codes, scales) = match &self.codes {
            StoredCodes::Int8(Quantised { codes, scales }) => {
                (Tensor::i8("codes", &[n, d], codes), scales)
            }
            StoredCodes::Planes(codes, scales) => {
                (Tensor::u8("codes", &[2, n, d.div_ceil(2)], codes), scales)
            }
            StoredCodes::Int4(QuantisedInt4 { codes, scales }) => {
                (Tensor::u8("codes", &[n, d.div_ceil(2)], codes), scales)
            }
        };
        let mut tensors = vec![codes, Tensor::f32("scale", &[n], scales)];
        match self.source.form.embedding {
            EmbeddingForm::F32 => {
                tensors.push(Tensor::f32("embedding", &[n, d], &self.source.values));
            }
            EmbeddingForm::F16 => tensors.push(Tensor::f16("embedding", &[n, d], &self.halves)),
            EmbeddingForm::Bf16 => tensors.push(Tensor::bf16("embedding", &[n, d], &self.halves)),
            EmbeddingForm::None => {}
        }
        tensors
    }

    /// The matrix that a device makes of them.
    fn matrix(&self) -> Result<ItemMatrix<'_>> {
        let (codes, scales) = match &self.codes {
            StoredCodes::Int8(int8) => (Codes::Int8(&int8.codes), &int8.scales),
            StoredCodes::Planes(codes, scales) => {
                let (high, low) = codes.split_at(codes.len() / 2);
                (Codes::Planes { high, low }, scales)
            }
            StoredCodes::Int4(int4) => (Codes::Int4(&int4.codes), &int4.scales),
        };
        let vectors = match self.source.form.embedding {
            EmbeddingForm::F32 => Vectors::F32(&self.source.values),
            EmbeddingForm::F16 => Vectors::F16(&self.halves),
            EmbeddingForm::Bf16 => Vectors::Bf16(&self.halves),
            EmbeddingForm::None => Vectors::Coded,
        };
        Ok(ItemMatrix::stored(codes, scales, vectors, self.source.dimensions)?)
    }

    /// Whether the stored vectors are the given ones.
    pub(crate) fn are_exact(&self) -> bool {
        self.source.form.embedding == EmbeddingForm::F32
    }

    /// All values as a device reads them.
    pub(crate) fn values(&self) -> Result<Cow<'a, [f32]>> {
        if self.are_exact() {
            return Ok(Cow::Borrowed(&self.source.values));
        }
        let (matrix, mut values) = (self.matrix()?, self.source.values.clone());
        for (row, index) in values.chunks_exact_mut(self.source.dimensions).zip(0u32..) {
            matrix.read_row(index, row);
        }
        Ok(Cow::Owned(values))
    }

    /// The mean share of the 10 items nearest to an item's vector that are still among them when
    /// the vectors are as stored, over up to 100 items; none when nothing is lost or to compare.
    pub(crate) fn overlap(&self) -> Result<Option<f64>> {
        let Embedding { values, dimensions, .. } = self.source;
        let items = values.len() / (*dimensions).max(1);
        if self.are_exact() || items == 0 {
            return Ok(None);
        }
        let int8 = quantise(values, *dimensions)?;
        let exact = ItemMatrix::new(&int8.codes, &int8.scales, values, *dimensions)?;
        let stored = self.matrix()?;
        let (mut kept, mut all) = (0, 0);
        for query in values.chunks_exact(*dimensions).step_by(items.div_ceil(QUERIES)) {
            let before = top_k(&exact, query, NEAREST, None)?;
            let after = top_k(&stored, query, NEAREST, None)?;
            let stays = |index| after.iter().any(|scored| scored.index == index);
            kept += before.iter().filter(|scored| stays(scored.index)).count();
            all += before.len();
        }
        Ok(Some(kept as f64 / all as f64))
    }
}

impl EmbeddingForm {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::None => "codes",
        }
    }
}

fn widened<'a>(halves: &[u16], one: fn(u16) -> f32) -> Cow<'a, [f32]> {
    Cow::Owned(halves.iter().map(|bits| one(*bits)).collect())
}

fn check_finite(embedding: &[f32]) -> Result<()> {
    match embedding.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let value = embedding[index];
            Err(Error::part(format!("embedding[{index}]"), format!("is {value}, not finite")))
        }
        None => Ok(()),
    }
}
