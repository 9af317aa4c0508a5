//! Spoiling bytes.

use noctule_core::base::SeededRandom;

use crate::Target;

/// Words and numbers that parsers trip over, beside those of the target.
const TOKENS: [&str; 28] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e999",
    "-1e999",
    "1e-999",
    "NaN",
    "Infinity",
    "2.5",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "4294967296",
    "\"\"",
    "{}",
    "[]",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "../",
    "\"..\"",
    ",",
    "\u{feff}",
    "\\",
];
/// Integers at the borders of their widths and signs.
const BORDERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    i64::MAX as u64,
    u64::MAX,
];
/// One input of so many is blown up to the target's length.
const BLOWN_UP_ONE_IN: usize = 5_000;

/// A spoilt input, made of two of `corpus`.
pub(crate) fn mutate(target: &Target, corpus: &[Vec<u8>], random: &mut SeededRandom) -> Vec<u8> {
    let input = &corpus[random.below(corpus.len())];
    let other = &corpus[random.below(corpus.len())];
    // In its parts more often than not: otherwise no input gets past the lengths.
    if random.below(4) == 0 {
        let mut bytes = input.clone();
        spoil(&mut bytes, other, target, random);
        bytes.truncate(target.bytes_max);
        return bytes;
    }
    let (before, mut part, mut behind) = target.shape.split(input);
    if !behind.is_empty() && random.below(3) == 0 {
        let (_, _, other) = target.shape.split(other);
        spoil(&mut behind, &other, target, random);
    } else {
        let (_, other, _) = target.shape.split(other);
        spoil(&mut part, &other, target, random);
    }
    let mut bytes = target.shape.join(&before, &part, &behind);
    bytes.truncate(target.bytes_max);
    bytes
}

fn spoil(bytes: &mut Vec<u8>, other: &[u8], target: &Target, random: &mut SeededRandom) {
    if random.below(BLOWN_UP_ONE_IN) == 0 {
        blow_up(bytes, target.bytes_max, random);
        return;
    }
    // One change mostly, sometimes many.
    let changes = 1 + random.below(4) * random.below(4);
    for _ in 0..changes {
        change(bytes, other, target, random);
    }
}

fn change(bytes: &mut Vec<u8>, other: &[u8], target: &Target, random: &mut SeededRandom) {
    let at = random.below(bytes.len() + 1);
    let end = (at + 1 + random.below(8)).min(bytes.len());
    match random.below(11) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
        2 => bytes.insert(at, random.below(256) as u8),
        3 => drop(bytes.drain(at..end)),
        4 => write_number(bytes, at, random),
        5 => splice(bytes, at..end, token(target, random)),
        6 => {
            let (begin, end) = value_at(bytes, at);
            splice(bytes, begin..end, token(target, random));
        }
        7 => {
            // A stretch twice: keys, elements, records.
            let (begin, end) = element_at(bytes, at);
            let copied = bytes[begin..end].to_vec();
            splice(bytes, end..end, &copied);
        }
        8 => {
            let (begin, end) = element_at(bytes, at);
            bytes.drain(begin..end);
        }
        9 if !other.is_empty() => {
            let from = random.below(other.len());
            let to = (from + 1 + random.below(64)).min(other.len());
            splice(bytes, at..end, &other[from..to]);
        }
        10 if random.below(8) == 0 => bytes.truncate(at),
        _ => {}
    }
}

fn splice(bytes: &mut Vec<u8>, range: std::ops::Range<usize>, with: &[u8]) {
    bytes.splice(range, with.iter().copied());
}

fn token<'a>(target: &'a Target, random: &mut SeededRandom) -> &'a [u8] {
    let index = random.below(TOKENS.len() + target.tokens.len());
    match TOKENS.get(index) {
        Some(token) => token.as_bytes(),
        None => target.tokens[index - TOKENS.len()].as_bytes(),
    }
}

/// Writes an integer at a border over what is at `at`, in any width.
fn write_number(bytes: &mut [u8], at: usize, random: &mut SeededRandom) {
    let number = BORDERS[random.below(BORDERS.len())].wrapping_add(random.below(3) as u64);
    let width = [1, 2, 4, 8][random.below(4)];
    let room = width.min(bytes.len() - at);
    bytes[at..at + room].copy_from_slice(&number.wrapping_sub(1).to_le_bytes()[..room]);
}

/// Begin and end of the JSON number, word or string around `at`.
fn value_at(bytes: &[u8], at: usize) -> (usize, usize) {
    around(bytes, at, |byte| matches!(byte, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'\n'))
}

/// Begin of the JSON element around `at`, and its end with the comma behind it.
fn element_at(bytes: &[u8], at: usize) -> (usize, usize) {
    let (begin, end) = around(bytes, at, |byte| matches!(byte, b',' | b'{' | b'[' | b'\n'));
    (begin, (end + 1).min(bytes.len()))
}

/// The stretch around `at` up to a byte that `ends` it, at most 200 bytes to either side.
fn around(bytes: &[u8], at: usize, ends: impl Fn(u8) -> bool) -> (usize, usize) {
    let low = at.saturating_sub(200);
    let high = (at + 200).min(bytes.len());
    let begin = bytes[low..at].iter().rposition(|byte| ends(*byte)).map_or(low, |b| low + b + 1);
    let end = bytes[at..high].iter().position(|byte| ends(*byte)).map_or(high, |end| at + end);
    (begin, end)
}

/// Repeats a stretch until a length is reached, up to the target's: any order of magnitude is as
/// likely, and no limit of a part is passed by all of them.
fn blow_up(bytes: &mut Vec<u8>, bytes_max: usize, random: &mut SeededRandom) {
    let at = random.below(bytes.len() + 1);
    let (begin, end) = element_at(bytes, at);
    if begin == end {
        return;
    }
    let stretch = bytes[begin..end].to_vec();
    let halvings = random.below(8);
    let room =
        (bytes_max.saturating_sub(bytes.len()) >> halvings).saturating_sub(random.below(256));
    let times = room / stretch.len();
    splice(bytes, end..end, &stretch.repeat(times));
}
