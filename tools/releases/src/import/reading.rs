//! Other people's tensors, read as the map says.

use std::path::Path;

use noctule_core::base::limits::WEIGHT_MAX;
use noctule_core::release::{Dtype, TensorInfo, TensorLayout};

use super::map::{Piece, Recipe};
use crate::tensors::read_values;
use crate::{Error, Result};

/// Names of a file that an error repeats.
const NAMES_SHOWN: usize = 8;
/// Characters of each.
const CHARACTERS_SHOWN: usize = 64;

/// A container of any tensors.
pub(super) struct Weights<'a> {
    path: &'a Path,
    layout: TensorLayout,
}

impl<'a> Weights<'a> {
    /// Reads the header of the container at `path`, which errors call `file`.
    pub(super) fn open(path: &'a Path, file: &str) -> Result<Self> {
        Ok(Self { path, layout: TensorLayout::read_container(path, file)? })
    }

    /// Names of all its tensors.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.layout.iter().map(|(name, _)| name)
    }

    /// Dtype of the tensor `name`, if it is there.
    pub(super) fn dtype(&self, name: &str) -> Option<Dtype> {
        self.layout.get(name).map(|info| info.dtype)
    }

    /// Makes the tensor `target` of `shape`, row-major; nothing is read of what does not fit.
    pub(super) fn make(&self, recipe: &Recipe, target: &str, shape: &[u64]) -> Result<Vec<f32>> {
        let count: u64 = shape.iter().product();
        let pieces = match recipe {
            Recipe::Fill(value) => {
                check(&[*value]).map_err(|reason| Error::part(format!("map: {target}"), reason))?;
                return Ok(vec![*value; count as usize]);
            }
            Recipe::Pieces(pieces) => pieces,
        };
        let found: Vec<Found<'_>> =
            pieces.iter().map(|piece| self.find(piece, target)).collect::<Result<_>>()?;
        check_shape(&found, shape)?;
        let mut values = Vec::with_capacity(count as usize);
        for piece in &found {
            values.extend(piece.read(self.path)?);
        }
        Ok(values)
    }

    fn find<'p>(&'p self, piece: &'p Piece, target: &'p str) -> Result<Found<'p>> {
        let Some(info) = self.layout.get(&piece.from) else {
            return Err(Error::NoTensor {
                target: target.to_owned(),
                tensor: shortened(&piece.from),
                names: self.some_names(),
            });
        };
        Found::new(piece, info, target)
    }

    fn some_names(&self) -> String {
        let shown = |name: &str| shortened(name).escape_debug().to_string();
        let names: Vec<String> = self.names().take(NAMES_SHOWN).map(shown).collect();
        let more = self.layout.len() - names.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        names.join(", ") + &rest
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(CHARACTERS_SHOWN).collect()
}

/// A tensor that was found, with what is taken of it.
struct Found<'a> {
    piece: &'a Piece,
    info: &'a TensorInfo,
    target: &'a str,
    /// First byte and the one behind the last, in the file.
    bytes: [u64; 2],
    /// Shape of what is taken, before rows and columns change places.
    taken: Vec<u64>,
}

impl<'a> Found<'a> {
    fn new(piece: &'a Piece, info: &'a TensorInfo, target: &'a str) -> Result<Self> {
        let (bytes, taken) = ([info.begin, info.end], info.shape.clone());
        let mut found = Self { piece, info, target, bytes, taken };
        if !matches!(info.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            return Err(found.misfit("F16, BF16, F32 or F64 is needed".into()));
        }
        if piece.squeeze {
            found.taken.retain(|size| *size != 1);
        }
        found.take_rows()?;
        if piece.transpose && found.taken.len() != 2 {
            let reason = format!("{:?} has no two axes to transpose", found.taken);
            return Err(found.misfit(reason));
        }
        Ok(found)
    }

    fn take_rows(&mut self) -> Result<()> {
        let Some([from, until]) = self.piece.rows else { return Ok(()) };
        let rows = self.taken.first().copied().unwrap_or_default();
        if from >= until || until > rows {
            return Err(self.misfit(format!("rows {from} to {until} are not among {rows}")));
        }
        // Rows are there, and the shape's product was checked with the header.
        let row = (self.bytes[1] - self.bytes[0]) / rows;
        self.bytes = [self.bytes[0] + from * row, self.bytes[0] + until * row];
        self.taken[0] = until - from;
        Ok(())
    }

    /// The shape of what it gives.
    fn shape(&self) -> Vec<u64> {
        let mut shape = self.taken.clone();
        if self.piece.transpose {
            shape.reverse();
        }
        shape
    }

    fn misfit(&self, reason: String) -> Error {
        Error::Misfit {
            tensor: shortened(&self.piece.from),
            dtype: self.info.dtype.to_string(),
            shape: self.info.shape.clone(),
            target: self.target.to_owned(),
            reason,
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<f32>> {
        let [begin, end] = self.bytes;
        let values = read_values(path, self.info.dtype, begin, end)?;
        check(&values).map_err(|reason| self.misfit(reason))?;
        if !self.piece.transpose {
            return Ok(values);
        }
        let (rows, columns) = (self.taken[0] as usize, self.taken[1] as usize);
        let turned = (0..columns).flat_map(|column| (0..rows).map(move |row| (row, column)));
        Ok(turned.map(|(row, column)| values[row * columns + column]).collect())
    }
}

/// Checks that what `found` give, one behind the other, has `shape`.
fn check_shape(found: &[Found<'_>], shape: &[u64]) -> Result<()> {
    if let [only] = found {
        let own = only.shape();
        if own == shape {
            return Ok(());
        }
        let turned: Vec<u64> = own.iter().rev().copied().collect();
        let hint = if turned == shape { ": transpose it" } else { "" };
        return Err(only.misfit(format!("gives {own:?}, {shape:?} is needed{hint}")));
    }
    let mut rows = 0_u64;
    for piece in found {
        let own = piece.shape();
        if own.len() != shape.len() || own.get(1..) != shape.get(1..) {
            let reason = format!("gives {own:?} for a stack, which does not go into {shape:?}");
            return Err(piece.misfit(reason));
        }
        rows = rows.saturating_add(own[0]);
    }
    match found.last() {
        Some(last) if rows != shape[0] => {
            let reason = format!("the stack has {rows} rows, {} are needed", shape[0]);
            Err(last.misfit(reason))
        }
        _ => Ok(()),
    }
}

/// Checks that `values` are weights that a release may have.
fn check(values: &[f32]) -> std::result::Result<(), String> {
    let is_wrong = |value: &f32| value.is_nan() || value.abs() > WEIGHT_MAX;
    match values.iter().position(is_wrong) {
        None => Ok(()),
        Some(at) => {
            let value = values[at];
            Err(format!("value {at} is {value:e} as F32, at most {WEIGHT_MAX:e} is allowed"))
        }
    }
}
