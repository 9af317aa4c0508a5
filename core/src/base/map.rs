//! Files mapped into memory, and checked views of the tensors in them.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

#[cfg(not(miri))]
use memmap2::Mmap;
#[cfg(miri)]
use whole::Mmap;

use super::limits::RELEASE_BYTES_MAX;
use super::{Error, Refusal, Result};

/// Pages are given back in multiples of this: the largest page of the systems that phones have.
const PAGE: usize = 16 * 1024;

/// A file mapped read-only: its pages are read when they are touched and given back when memory
/// is short, so that a catalogue of any size costs no heap.
///
/// # Contract
/// Whoever opens a file here sees to it that nobody writes or shortens it while it is mapped.
/// Installed releases are such files: they stand in the library's own directory, appear there by
/// rename after verification, and are only ever deleted (which leaves a mapping whole).
///
/// ```
/// use noctule_core::base::MappedFile;
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("values");
/// std::fs::write(&path, [0, 0, 128, 63, 255]).unwrap();
/// let file = MappedFile::open(&path)?;
/// assert_eq!(file.f32_values("one", 0..4, 1)?, [1.0]);
/// assert_eq!(file.i8_values("two", 4..5, 1)?, [-1]);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug)]
pub struct MappedFile {
    path: PathBuf,
    map: Mmap,
}

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be opened or mapped, [`Error::ReleaseRefused`] when it is
    /// longer than any release may be.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path, "opening"))?;
        let length = file.metadata().map_err(Error::file(path, "reading"))?.len();
        if length > RELEASE_BYTES_MAX {
            let (what, limit) = ("length of the file", RELEASE_BYTES_MAX);
            let refusal = Refusal::TooLarge { what, found: length, limit };
            return Err(Error::refused(name_of(path), refusal));
        }
        // SAFETY: the mapping is read-only and private to this struct, and the contract above
        // keeps the file as it is for as long as the mapping lives.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::file(path, "mapping"))?;
        Ok(Self { path: path.to_path_buf(), map })
    }

    /// All bytes of the file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.map
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether the file is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Gives the pages that hold nothing but `part`, a piece of this file, back to the system: they
    /// count for this process no longer, and are read again when they are touched. Does nothing
    /// for what is not a piece of this file, and where the system offers no such thing.
    pub fn give_back<T>(&self, part: &[T]) {
        let bytes = part.as_ptr_range();
        let map = self.map.as_ptr_range();
        let (begin, end) = (bytes.start.addr(), bytes.end.addr());
        if begin < map.start.addr() || end > map.end.addr() {
            return;
        }
        let base = map.start.addr();
        let (begin, end) = ((begin - base).next_multiple_of(PAGE), (end - base) / PAGE * PAGE);
        #[cfg(unix)]
        if begin < end {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: the mapping is of a file, shared and read-only, so a page that is dropped
            // comes back with the same bytes: the file does not change (the contract above).
            let given = unsafe { self.map.unchecked_advise_range(advice, begin, end - begin) };
            // Advice that is not taken costs memory and nothing else.
            drop(given);
        }
        #[cfg(not(unix))]
        let _ = (begin, end);
    }

    /// The `count` f32 values of `tensor` in the bytes `range` of the file.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when the range leaves the file, does not hold exactly `count`
    /// values or does not begin at a multiple of 4, or when this machine is big-endian (the file
    /// is little-endian, and a view cannot swap bytes).
    pub fn f32_values(&self, tensor: &str, range: Range<u64>, count: usize) -> Result<&[f32]> {
        // SAFETY: every bit pattern is an f32.
        unsafe { self.wide_values(tensor, range, count) }
    }

    /// The `count` two-byte values of `tensor` in the bytes `range` of the file, as their bits.
    ///
    /// # Errors
    /// As [`Self::f32_values`], with a multiple of 2.
    pub fn u16_values(&self, tensor: &str, range: Range<u64>, count: usize) -> Result<&[u16]> {
        // SAFETY: every bit pattern is a u16.
        unsafe { self.wide_values(tensor, range, count) }
    }

    /// The `count` values of several bytes of `tensor`.
    ///
    /// # Safety
    /// Every pattern of `size_of::<T>()` bytes is a T.
    unsafe fn wide_values<T: Copy>(
        &self,
        tensor: &str,
        range: Range<u64>,
        count: usize,
    ) -> Result<&[T]> {
        let bytes = self.bytes(tensor, range, count, size_of::<T>())?;
        if cfg!(target_endian = "big") {
            let (expected, found) = ("little-endian".to_owned(), "big-endian".to_owned());
            return Err(self.refused(Refusal::Incompatible {
                what: "byte order",
                expected,
                found,
            }));
        }
        if !bytes.as_ptr().cast::<T>().is_aligned() {
            let size = size_of::<T>();
            let reason = format!("tensor {tensor} does not begin at a multiple of {size} bytes");
            let expected = "a safetensors file with aligned tensors";
            return Err(self.refused(Refusal::UnknownFormat { expected, reason }));
        }
        // SAFETY: `bytes` lives as long as `self` and holds `count` times the size of T, the
        // pointer is aligned, and the caller promises that every bit pattern is a T. The length
        // fits: it is a part of the map's.
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<T>(), count) })
    }

    /// The `count` bytes of `tensor` in the bytes `range` of the file.
    ///
    /// # Errors
    /// As [`Self::i8_values`].
    pub fn u8_values(&self, tensor: &str, range: Range<u64>, count: usize) -> Result<&[u8]> {
        self.bytes(tensor, range, count, size_of::<u8>())
    }

    /// The `count` i8 values of `tensor` in the bytes `range` of the file.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when the range leaves the file or does not hold exactly `count`
    /// values.
    pub fn i8_values(&self, tensor: &str, range: Range<u64>, count: usize) -> Result<&[i8]> {
        let bytes = self.bytes(tensor, range, count, size_of::<i8>())?;
        // SAFETY: `bytes` lives as long as `self` and holds `count` bytes; i8 has the size and
        // alignment of u8, and every bit pattern is an i8.
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<i8>(), count) })
    }

    /// The bytes `range`, when they are there and hold `count` values of `size` bytes.
    fn bytes(&self, tensor: &str, range: Range<u64>, count: usize, size: usize) -> Result<&[u8]> {
        let begin = usize::try_from(range.start).ok();
        let end = usize::try_from(range.end).ok();
        let bytes = begin.zip(end).and_then(|(begin, end)| self.map.get(begin..end));
        let bytes = bytes.filter(|bytes| count.checked_mul(size) == Some(bytes.len()));
        bytes.ok_or_else(|| {
            let (tensor, begin, end) = (tensor.to_owned(), range.start, range.end);
            self.refused(Refusal::Layout { tensor, begin, end })
        })
    }

    fn refused(&self, refusal: Refusal) -> Error {
        Error::refused(name_of(&self.path), refusal)
    }
}

/// Miri maps no files: there a file is read whole into memory as aligned as a page, so that it can
/// check what is done with the bytes.
#[cfg(miri)]
mod whole {
    use std::fs::File;
    use std::io::{Read, Result};
    use std::ops::Deref;

    use super::PAGE;

    #[repr(align(4096))]
    #[derive(Debug, Clone, Copy)]
    struct Page([u8; 4096]);

    #[derive(Debug)]
    pub(super) struct Mmap {
        pages: Vec<Page>,
        length: usize,
    }

    impl Mmap {
        /// # Safety
        /// None is asked for: it is that of the mapping.
        pub(super) unsafe fn map(mut file: &File) -> Result<Self> {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let mut pages = vec![Page([0; 4096]); bytes.len().next_multiple_of(PAGE) / 4096];
            for (page, part) in pages.iter_mut().zip(bytes.chunks(4096)) {
                page.0[..part.len()].copy_from_slice(part);
            }
            Ok(Self { pages, length: bytes.len() })
        }

        /// # Safety
        /// As [`Self::map`].
        pub(super) unsafe fn unchecked_advise_range(
            &self,
            _: memmap2::UncheckedAdvice,
            begin: usize,
            length: usize,
        ) -> Result<()> {
            assert!(begin.is_multiple_of(PAGE) && begin + length <= self.length);
            Ok(())
        }
    }

    impl Deref for Mmap {
        type Target = [u8];

        fn deref(&self) -> &[u8] {
            // SAFETY: the pages lie side by side without gaps and hold at least `length` bytes.
            unsafe { std::slice::from_raw_parts(self.pages.as_ptr().cast(), self.length) }
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_were_given_back_are_read_again() {
        let bytes: Vec<u8> = (0..5 * PAGE + 77).map(|i| (i % 251) as u8).collect();
        let file = mapped(&bytes);
        for part in [0..bytes.len(), 100..3 * PAGE + 5, 7..9, 0..0] {
            file.give_back(&file.as_bytes()[part]);
            assert!(file.as_bytes() == bytes);
        }
        file.give_back(&bytes);
        assert!(file.as_bytes() == bytes);
    }

    fn mapped(bytes: &[u8]) -> MappedFile {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("items.safetensors");
        std::fs::write(&path, bytes).unwrap();
        // On Unix the mapping outlives the directory: that is part of what is tested here.
        MappedFile::open(&path).unwrap()
    }

    fn refusal(result: Result<&[f32]>) -> Refusal {
        match result {
            Err(Error::ReleaseRefused { file, refusal }) if file == "items.safetensors" => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_come_back_as_they_were_written() {
        let values = [1.5f32, -0.0, f32::MAX, f32::MIN_POSITIVE];
        let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes.extend([0x80, 0x7f, 0xff]);
        let file = mapped(&bytes);
        assert_eq!(file.f32_values("a", 0..16, 4).unwrap(), values);
        assert_eq!(file.f32_values("a", 4..12, 2).unwrap(), &values[1..3]);
        assert_eq!(file.i8_values("b", 16..19, 3).unwrap(), [-128, 127, -1]);
        assert!(file.i8_values("b", 19..19, 0).unwrap().is_empty());
        assert_eq!(file.u8_values("b", 16..19, 3).unwrap(), [0x80, 0x7f, 0xff]);
        assert_eq!(file.u16_values("a", 2..6, 2).unwrap(), [0x3fc0, 0]);
        assert!(file.u16_values("a", 1..5, 2).is_err() && file.u16_values("a", 0..5, 2).is_err());
        assert_eq!((file.len(), file.is_empty()), (19, false));
    }

    #[test]
    fn ranges_that_leave_the_file_or_hold_another_count_are_refused() {
        let file = mapped(&[0; 16]);
        for (range, count) in [(0..20, 5), (0..16, 3), (0..15, 4), (20..24, 1), (0..u64::MAX, 4)] {
            let refused = refusal(file.f32_values("a", range.clone(), count));
            assert!(matches!(refused, Refusal::Layout { .. }), "{range:?}: {refused:?}");
        }
        let backwards = Range { start: 8, end: 4 };
        assert!(matches!(refusal(file.f32_values("a", backwards, 1)), Refusal::Layout { .. }));
        assert!(file.f32_values("a", 0..16, usize::MAX / 2).is_err());
        assert!(file.i8_values("a", 0..17, 17).is_err());
    }

    #[test]
    fn f32_values_that_are_not_aligned_are_refused() {
        let refused = refusal(mapped(&[0; 16]).f32_values("a", 2..6, 1));
        assert!(matches!(refused, Refusal::UnknownFormat { .. }), "{refused:?}");
    }

    #[test]
    fn an_empty_file_maps_and_a_missing_one_is_a_file_error() {
        assert!(mapped(&[]).is_empty());
        let directory = tempfile::tempdir().unwrap();
        let missing = MappedFile::open(&directory.path().join("absent"));
        assert!(matches!(missing, Err(Error::File { .. })));
    }
}
