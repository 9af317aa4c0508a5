//! Medians of wall-clock times, taken in turn so that what else the machine does hits all alike.

use std::time::Instant;

use crate::Result;

/// Something that is timed: it does its work on one of the inputs.
pub(crate) type Work<'a> = Box<dyn FnMut(usize) -> Result<()> + 'a>;

/// The median time in milliseconds of each of `works`: all of them in turn, on each of the inputs
/// 0 to `inputs` in turn, `rounds` times over. Each works twice in a row and the second time
/// counts, so that each finds in the caches what it left there itself.
pub(crate) fn medians_ms(rounds: usize, inputs: usize, works: &mut [Work<'_>]) -> Result<Vec<f64>> {
    let mut times = vec![Vec::with_capacity(rounds * inputs); works.len()];
    for input in (0..rounds).flat_map(|_| 0..inputs) {
        for (work, times) in works.iter_mut().zip(&mut times) {
            work(input)?;
            let begun = Instant::now();
            work(input)?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(times.iter_mut().map(|times| median(times)).collect())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
