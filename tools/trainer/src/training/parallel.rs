//! Threads that share a queue of blocks. Results come back in the order of the queue, and a block
//! never depends on who computes it, so the number of threads changes nothing.

use std::sync::{Mutex, PoisonError};

use crate::Result;

/// Threads that this machine runs at once.
#[must_use]
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Threads at once, whatever is asked for: systems refuse many more.
const THREADS_MAX: usize = 1_024;

/// Applies `work` to each part of `queue`, on `threads` threads (1 to 1,024), and gives the results
/// in the order of the queue.
///
/// # Errors
/// The error of the earliest part that failed; parts that had not begun are then skipped.
pub fn map<T: Send, R: Send>(
    queue: impl Iterator<Item = T> + Send,
    threads: usize,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let queue = Mutex::new((queue.enumerate(), false));
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.1 { None } else { queue.0.next() }
    };
    let stop = || queue.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
    let worker = || {
        let mut done = Vec::new();
        while let Some((index, part)) = next() {
            let result = work(part);
            if result.is_err() {
                stop();
            }
            done.push((index, result));
        }
        done
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(THREADS_MAX)).map(|_| scope.spawn(worker)).collect();
        let mut all = worker();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

/// Applies `work` to blocks of `size` values and gives all results behind one another.
///
/// # Errors
/// As [`map`].
pub fn map_blocks<T: Sync, R: Send>(
    values: &[T],
    size: usize,
    threads: usize,
    work: impl Fn(&[T]) -> Result<Vec<R>> + Sync,
) -> Result<Vec<R>> {
    Ok(map(values.chunks(size.max(1)), threads, work)?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn results_come_in_the_order_of_the_queue_for_any_number_of_threads() {
        let values: Vec<u32> = (0..1_000).collect();
        for threads in [0, 1, 2, 7] {
            let squares = map_blocks(&values, 3, threads, |block| {
                Ok(block.iter().map(|value| value * value).collect())
            });
            assert!(squares.unwrap().into_iter().eq(values.iter().map(|value| value * value)));
        }
    }

    #[test]
    fn an_error_stops_the_queue_and_is_given_back() {
        let result =
            map(
                0..1_000_000_000u64,
                2,
                |value| {
                    if value == 10 { Err(Error::data("ten")) } else { Ok(()) }
                },
            );
        assert_eq!(result.unwrap_err().to_string(), "data: ten");
    }
}
