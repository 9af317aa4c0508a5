//! `cargo dev align FILE...`: whether phones with memory pages of 16 kB can load a library.
//!
//! Reads the program headers of an ELF file and looks at the alignment of every `LOAD` segment.
//! Play refuses apps with a smaller one, and a phone with such pages does not start them.

use std::fs;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// What a segment has to be aligned to.
const PAGE: u64 = 0x4000;
/// Type of a segment that is loaded.
const LOAD: u32 = 1;

/// Looks at each file; false when one of them cannot be loaded everywhere.
pub(crate) fn run(files: &[&str]) -> Result<bool> {
    if files.is_empty() {
        return Err(Error::Usage("align: name at least one library".to_owned()));
    }
    let mut fine = true;
    for file in files {
        let path = PathBuf::from(file);
        let bytes = fs::read(&path).map_err(|source| Error::Read { path, source })?;
        match alignments(&bytes) {
            Ok(found) => {
                let least = found.iter().copied().min().unwrap_or(0);
                let verdict = if least >= PAGE { "fine" } else { "TOO SMALL" };
                println!("{file}: {} LOAD segments, aligned to {least:#x}: {verdict}", found.len());
                fine &= least >= PAGE;
            }
            Err(what) => {
                println!("{file}: {what}");
                fine = false;
            }
        }
    }
    Ok(fine)
}

/// The alignment of each `LOAD` segment of a little-endian ELF file of either width.
fn alignments(bytes: &[u8]) -> std::result::Result<Vec<u64>, &'static str> {
    const SHORT: &str = "the file ends in its headers";
    if bytes.get(..4) != Some(b"\x7fELF") {
        return Err("not an ELF file");
    }
    if bytes.get(5) != Some(&1) {
        return Err("not little-endian");
    }
    let wide = match bytes.get(4) {
        Some(1) => false,
        Some(2) => true,
        _ => return Err("neither 32 nor 64 bits wide"),
    };
    let number = |at: usize, length: usize| -> std::result::Result<u64, &'static str> {
        let field = at.checked_add(length).and_then(|end| bytes.get(at..end)).ok_or(SHORT)?;
        Ok(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    // Where the table is, how long an entry and how many, by the tables of the ELF specification.
    let (table, size, count) = match wide {
        true => (number(32, 8)?, number(54, 2)?, number(56, 2)?),
        false => (number(28, 4)?, number(42, 2)?, number(44, 2)?),
    };
    let mut found = Vec::new();
    for entry in 0..count {
        let at = entry.checked_mul(size).and_then(|offset| table.checked_add(offset));
        let at = usize::try_from(at.ok_or(SHORT)?).map_err(|_| SHORT)?;
        if number(at, 4)? == u64::from(LOAD) {
            let (offset, length) = if wide { (48, 8) } else { (28, 4) };
            found.push(number(at.checked_add(offset).ok_or(SHORT)?, length)?);
        }
    }
    if found.is_empty() { Err("no LOAD segment") } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one program header of 64 bits.
    fn elf(kind: u32, alignment: u64) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&1u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes[64 + 48..].copy_from_slice(&alignment.to_le_bytes());
        bytes
    }

    #[test]
    fn the_alignment_of_a_loaded_segment_is_read() {
        assert_eq!(alignments(&elf(LOAD, 0x4000)), Ok(vec![0x4000]));
        assert_eq!(alignments(&elf(LOAD, 0x1000)), Ok(vec![0x1000]));
        assert_eq!(alignments(&elf(6, 0x4000)), Err("no LOAD segment"));
    }

    #[test]
    fn what_is_no_elf_file_or_is_cut_is_said_to_be() {
        assert!(alignments(b"PK\x03\x04").is_err());
        let whole = elf(LOAD, 0x4000);
        for length in 0..whole.len() {
            assert!(alignments(&whole[..length]).is_err(), "{length}");
        }
        let mut far = whole;
        far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(alignments(&far).is_err());
    }

    #[test]
    fn this_programs_own_segments_are_found() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        if own.starts_with(b"\x7fELF") {
            assert!(alignments(&own).unwrap().len() > 1);
        }
    }
}
