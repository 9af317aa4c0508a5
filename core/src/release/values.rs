//! A look at every value of a container, while its bytes go by in pieces of any length.

use std::path::Path;

use super::dtype::Dtype;
use super::pass::Pieces;
use super::ranges::Range;
use super::schema::Schema;
use super::tensors::{TensorInfo, TensorLayout};
use crate::base::limits::WEIGHT_MAX;
use crate::base::{Error, Refusal, Result, order};

/// Values looked at together: enough for vector instructions to pay, few beside a piece.
const BLOCK: usize = 1_024;
/// Bytes of the widest value.
const WIDEST: usize = 8;

/// Checks that every floating-point value of the container at `path` is finite.
///
/// F8 tensors are not looked at: no architecture has them. Reads the file once, in pieces.
///
/// # Errors
/// [`Error::ReleaseRefused`] for `file` with [`Refusal::NotFinite`]; [`Error::File`].
pub fn check_finite(path: &Path, file: &str, layout: &TensorLayout) -> Result<()> {
    let mut judge = Judge::finite(layout);
    let mut pieces = Pieces::open(path)?;
    while let Some((offset, piece)) = pieces.next()? {
        judge.take(offset, piece);
    }
    judge.finish().map_err(|refusal| Error::refused(file, refusal))
}

/// What is asked of the values of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Not NaN and not infinite.
    Finite,
    /// A value of a release, within its range.
    Within(Range),
}

/// A tensor that is looked at.
#[derive(Debug)]
struct Watched {
    name: String,
    info: TensorInfo,
    rule: Rule,
}

/// Looks at the values of one container; the bytes come in the order of the file.
#[derive(Debug)]
pub(super) struct Judge {
    /// In the order of the file.
    tensors: Vec<Watched>,
    current: usize,
    /// The begin of a value whose end comes with the next piece.
    split: [u8; WIDEST],
    split_bytes: usize,
    found: Option<Refusal>,
}

impl Judge {
    /// Every floating-point value is finite.
    fn finite(layout: &TensorLayout) -> Self {
        Self::new(layout.iter().map(|(name, info)| (name, info, Rule::Finite)))
    }

    /// Every value of a tensor that `schema` knows in `file` is in its range.
    pub(super) fn of_release(layout: &TensorLayout, schema: &Schema, file: &str) -> Self {
        let tensors = layout.iter().map(|(name, info)| {
            let needed = schema.of(file).find(|needed| needed.name == name);
            let within = |needed: &super::schema::Needed| Rule::Within(needed.range(info));
            (name, info, needed.map_or(Rule::Finite, within))
        });
        Self::new(tensors)
    }

    fn new<'a>(tensors: impl Iterator<Item = (&'a str, &'a TensorInfo, Rule)>) -> Self {
        let watched = |(name, info, rule): (&str, &TensorInfo, Rule)| Watched {
            name: name.to_owned(),
            info: info.clone(),
            rule,
        };
        let mut tensors: Vec<Watched> = tensors.map(watched).collect();
        order::sort_by_key(&mut tensors, |tensor| tensor.info.begin);
        Self { tensors, current: 0, split: [0; WIDEST], split_bytes: 0, found: None }
    }

    /// Looks at `piece`, which begins at byte `offset` of the file, where the one before ended.
    pub(super) fn take(&mut self, offset: u64, piece: &[u8]) {
        let end = offset + piece.len() as u64;
        while let Some(tensor) = self.tensors.get(self.current) {
            let TensorInfo { begin: from, end: until, .. } = tensor.info;
            if from >= end || self.found.is_some() {
                return;
            }
            // Both lie within the piece, so they fit its index.
            let inside = (from.max(offset) - offset) as usize;
            let bytes = &piece[inside..(until.min(end).max(from.max(offset)) - offset) as usize];
            self.values(from.max(offset) - from, bytes);
            if until > end {
                return;
            }
            self.current += 1;
            self.split_bytes = 0;
        }
    }

    /// Looks at `bytes` of the current tensor, from byte `at` of it.
    fn values(&mut self, at: u64, mut bytes: &[u8]) {
        let Some(Watched { name, info, rule }) = self.tensors.get(self.current) else { return };
        let width = info.dtype.bytes() as usize;
        let mut index = at / width as u64;
        if self.split_bytes > 0 {
            let (head, rest) = bytes.split_at(bytes.len().min(width - self.split_bytes));
            self.split[self.split_bytes..][..head.len()].copy_from_slice(head);
            self.split_bytes += head.len();
            bytes = rest;
            if self.split_bytes < width {
                return;
            }
            let value = &self.split[..width];
            if first_bad(info.dtype, *rule, index, value).is_some() {
                self.found = Some(refusal(name, info.dtype, *rule, index, value));
                return;
            }
            index += 1;
            self.split_bytes = 0;
        }
        let (whole, tail) = bytes.split_at(bytes.len() - bytes.len() % width);
        if let Some(place) = first_bad(info.dtype, *rule, index, whole) {
            let value = &whole[place * width..][..width];
            let index = index + place as u64;
            self.found = Some(refusal(name, info.dtype, *rule, index, value));
            return;
        }
        self.split[..tail.len()].copy_from_slice(tail);
        self.split_bytes = tail.len();
    }

    /// What was found: the first value of the file that breaks its rule.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        self.found.map_or(Ok(()), Err)
    }
}

/// Bits of the f32 infinity, above which all are NaN.
const INFINITY: u32 = 0x7f80_0000;
/// Bits of the f32 -0, which is not negative.
const NEGATIVE_ZERO: u32 = 0x8000_0000;
/// Bits of the greatest weight; those of greater magnitudes are greater (IEEE 754).
const GREATEST: u32 = WEIGHT_MAX.to_bits();

fn magnitude(bits: u32) -> u32 {
    bits & !NEGATIVE_ZERO
}

/// The bits of the f32 that a value of 32 or 16 bits stands for, as far as they matter here:
/// whether an F16 is finite and which sign it has.
fn f16_bits(two: [u8; 2]) -> u32 {
    let half = u32::from(u16::from_le_bytes(two));
    let sign = (half & 0x8000) << 16;
    let rest = half & 0x7fff;
    // All F16 that are finite lie below the greatest weight.
    sign | if rest >= 0x7c00 { INFINITY | (rest & 0x3ff) } else { rest }
}

fn bf16_bits(two: [u8; 2]) -> u32 {
    u32::from(u16::from_le_bytes(two)) << 16
}

/// Index of the first value in `bytes`, whole values of `dtype`, that breaks `rule`. The first of
/// them is number `index` of its tensor.
fn first_bad(dtype: Dtype, rule: Rule, index: u64, bytes: &[u8]) -> Option<usize> {
    match dtype {
        Dtype::F32 => first_of_bits(rule, bytes, u32::from_le_bytes),
        Dtype::F16 => first_of_bits(rule, bytes, f16_bits),
        Dtype::BF16 => first_of_bits(rule, bytes, bf16_bits),
        Dtype::F64 => first(bytes, |eight| {
            let value = f64::from_le_bytes(eight);
            match rule {
                Rule::Finite => !value.is_finite(),
                // A NaN is within nothing.
                Rule::Within(Range::NotNegative | Range::Scale) => {
                    !(0.0..=f64::from(WEIGHT_MAX)).contains(&value)
                }
                Rule::Within(_) => !(0.0..=f64::from(WEIGHT_MAX)).contains(&value.abs()),
            }
        }),
        Dtype::I8 if rule == Rule::Within(Range::Symmetric) => {
            first(bytes, |[code]| code == i8::MIN as u8)
        }
        Dtype::U8 => match rule {
            Rule::Within(range @ (Range::Int4 { .. } | Range::Halves { .. })) => {
                range.first_outside(index, bytes).map(|(at, _)| at)
            }
            _ => None,
        },
        _ => None,
    }
}

fn first_of_bits<const N: usize>(
    rule: Rule,
    bytes: &[u8],
    bits: impl Fn([u8; N]) -> u32,
) -> Option<usize> {
    match rule {
        Rule::Finite => first(bytes, |value| magnitude(bits(value)) >= INFINITY),
        // The bits of negative values are above those of all others.
        // The greatest weight is below the greatest scale.
        Rule::Within(Range::NotNegative | Range::Scale) => first(bytes, |value| {
            let bits = bits(value);
            bits > GREATEST && bits != NEGATIVE_ZERO
        }),
        Rule::Within(_) => first(bytes, |value| magnitude(bits(value)) > GREATEST),
    }
}

/// Index of the first bad value. A block is judged as a whole first, without a branch for each
/// value, which compiles to vector instructions.
fn first<const N: usize>(bytes: &[u8], bad: impl Fn([u8; N]) -> bool) -> Option<usize> {
    let values = bytes.as_chunks::<N>().0;
    let any = |block: &[[u8; N]]| block.iter().fold(false, |any, value| any | bad(*value));
    let block = values.chunks(BLOCK).position(any)? * BLOCK;
    values[block..].iter().position(|value| bad(*value)).map(|place| block + place)
}

/// The reason to refuse `value`, number `index` of the tensor `name`, which breaks `rule`.
fn refusal(name: &str, dtype: Dtype, rule: Rule, index: u64, value: &[u8]) -> Refusal {
    let finite = first_bad(dtype, Rule::Finite, index, value).is_none();
    let range = match rule {
        Rule::Within(range) if finite => range,
        _ => return Refusal::NotFinite { tensor: name.to_owned(), index },
    };
    let large = first_bad(dtype, Rule::Within(Range::Finite), index, value).is_some();
    let reason = if large && range != Range::Scale {
        format!("lies outside of {:e} to {WEIGHT_MAX:e}", -WEIGHT_MAX)
    } else {
        let outside = range.first_outside(index, value);
        outside.map_or("is out of range", |(_, reason)| reason).to_owned()
    };
    Refusal::Field { field: format!("tensor {name}[{index}]"), reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DTYPES: [Dtype; 5] = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64, Dtype::I8];

    fn rules() -> impl Strategy<Value = Rule> {
        prop_oneof![
            Just(Rule::Finite),
            Just(Rule::Within(Range::Finite)),
            Just(Rule::Within(Range::NotNegative)),
            Just(Rule::Within(Range::Symmetric)),
        ]
    }

    /// Whether a value breaks a rule, said in arithmetic.
    fn is_bad(dtype: Dtype, rule: Rule, value: &[u8]) -> bool {
        let two = || [value[0], value[1]];
        let value = match dtype {
            Dtype::F32 => f64::from(f32::from_le_bytes(value.try_into().unwrap())),
            Dtype::BF16 => f64::from(f32::from_bits(bf16_bits(two()))),
            Dtype::F16 => {
                let half = u16::from_le_bytes(two());
                let (sign, exponent) = (half >> 15, i32::from(half >> 10 & 31));
                let fraction = f64::from(half & 1023);
                let value = match exponent {
                    31 if fraction == 0.0 => f64::INFINITY,
                    31 => f64::NAN,
                    0 => fraction * 2f64.powi(-24),
                    _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
                };
                if sign == 1 { -value } else { value }
            }
            Dtype::F64 => f64::from_le_bytes(value.try_into().unwrap()),
            _ => return rule == Rule::Within(Range::Symmetric) && value[0] == 0x80,
        };
        match rule {
            Rule::Finite => !value.is_finite(),
            Rule::Within(Range::NotNegative) => !(value >= 0.0 && value <= f64::from(WEIGHT_MAX)),
            Rule::Within(_) => !(0.0..=f64::from(WEIGHT_MAX)).contains(&value.abs()),
        }
    }

    /// Bytes that are often special values.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => Just(0_u8), 2 => Just(0x7f), 1 => Just(0x80), 1 => Just(0xff), 1 => any::<u8>(),
            1 => Just(0x7c), 1 => Just(0xfc), 1 => Just(0x58)
        ];
        prop::collection::vec(byte, 0..400)
    }

    proptest! {
        #[test]
        fn the_first_bad_value_is_found_wherever_the_pieces_are_cut(
            data in bytes(),
            begin in 0_usize..40,
            dtype in 0_usize..5,
            rule in rules(),
            cuts in prop::collection::vec(1_usize..60, 1..20),
        ) {
            let dtype = DTYPES[dtype];
            let width = dtype.bytes() as usize;
            let begin = begin.min(data.len());
            let end = begin + (data.len() - begin) / width * width;
            let info = TensorInfo {
                dtype,
                shape: vec![],
                begin: begin as u64,
                end: end as u64,
            };
            let mut judge = Judge::new([("x", &info, rule)].into_iter());
            let (mut offset, mut rest) = (0_u64, &data[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, later) = rest.split_at(rest.len().min(*cut));
                judge.take(offset, piece);
                offset += piece.len() as u64;
                rest = later;
            }
            let values = data[begin..end].chunks_exact(width);
            let expected = values.enumerate().find(|(_, value)| is_bad(dtype, rule, value));
            let expected = expected
                .map(|(index, value)| refusal("x", dtype, rule, index as u64, value));
            prop_assert_eq!(judge.finish().err(), expected);
        }
    }

    #[test]
    fn the_smallest_numbers_and_minus_nought_are_values_like_any_other() {
        let values = [f32::from_bits(1), -0.0, 0.0, f32::MIN_POSITIVE, WEIGHT_MAX];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(first_bad(Dtype::F32, Rule::Within(Range::NotNegative), 0, &bytes), None);
    }

    #[test]
    fn what_is_too_large_is_told_from_what_is_not_finite() {
        let rule = Rule::Within(Range::Finite);
        let large = refusal("x", Dtype::F32, rule, 7, &1e30_f32.to_le_bytes());
        assert_eq!(large.to_string(), "tensor x[7]: lies outside of -1e15 to 1e15");
        let nan = refusal("x", Dtype::F32, rule, 7, &f32::NAN.to_le_bytes());
        assert_eq!(nan, Refusal::NotFinite { tensor: "x".into(), index: 7 });
    }
}
