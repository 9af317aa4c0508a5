//! How fast this machine reads memory: a plain sum over four streams side by side.

/// Streams: what the scan is measured against should not be held up by one prefetcher.
const STREAMS: usize = 4;
/// Words taken from a stream in turn: 256 bytes.
const STEP: usize = 32;

/// About `bytes` bytes, none of them on a page that was never written.
pub(crate) fn words(bytes: usize) -> Vec<u64> {
    (0..bytes.div_ceil(size_of::<u64>()) as u64).collect()
}

/// The sum of `words`, all of which are read once.
pub(crate) fn read(words: &[u64]) -> u64 {
    let quarter = words.len() / STREAMS;
    let mut streams: [_; STREAMS] =
        std::array::from_fn(|i| words[i * quarter..(i + 1) * quarter].chunks_exact(STEP));
    let mut lanes = [0u64; STEP];
    for _ in 0..quarter / STEP {
        for stream in &mut streams {
            let Some(chunk) = stream.next() else { continue };
            for (lane, word) in lanes.iter_mut().zip(chunk) {
                *lane = lane.wrapping_add(*word);
            }
        }
    }
    let rest = streams.iter().flat_map(std::slice::ChunksExact::remainder);
    let rest = rest.chain(&words[STREAMS * quarter..]);
    lanes.iter().chain(rest).fold(0, |sum, word| sum.wrapping_add(*word))
}
