//! Formats with lengths in them: spoilt in their parts, their lengths mended.

/// How the bytes of a target are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Bytes without lengths, or text.
    Plain,
    /// A part whose length stands before it as a little-endian integer, then anything.
    Headed {
        /// Offset of the length.
        at: usize,
        /// Bytes of the length: 4 or 8.
        width: usize,
    },
}

impl Shape {
    /// Splits `bytes` into what stands before the headed part, the part, and what is behind it.
    pub(crate) fn split(self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let Self::Headed { at, width } = self else {
            return (Vec::new(), bytes.to_vec(), Vec::new());
        };
        let begin = (at + width).min(bytes.len());
        let (before, rest) = bytes.split_at(begin);
        let mut number = [0; 8];
        let digits = before.get(at..).unwrap_or_default();
        number[..digits.len()].copy_from_slice(digits);
        let length = usize::try_from(u64::from_le_bytes(number)).unwrap_or(usize::MAX);
        let (part, behind) = rest.split_at(length.min(rest.len()));
        (before.to_vec(), part.to_vec(), behind.to_vec())
    }

    /// Puts the parts together again, with the length that the part has.
    pub(crate) fn join(self, before: &[u8], part: &[u8], behind: &[u8]) -> Vec<u8> {
        let mut bytes = before.to_vec();
        if let Self::Headed { at, width } = self
            && let Some(place) = bytes.get_mut(at..at + width)
        {
            place.copy_from_slice(&(part.len() as u64).to_le_bytes()[..width]);
        }
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(behind);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_part_is_joined_again_and_its_length_follows_it() {
        let shape = Shape::Headed { at: 1, width: 4 };
        let bytes = [9, 2, 0, 0, 0, 7, 7, 5];
        let (before, part, behind) = shape.split(&bytes);
        assert_eq!((part.as_slice(), behind.as_slice()), (&[7, 7][..], &[5][..]));
        assert_eq!(shape.join(&before, &part, &behind), bytes);
        assert_eq!(shape.join(&before, &[1], &behind), [9, 1, 0, 0, 0, 1, 5]);
    }
}
