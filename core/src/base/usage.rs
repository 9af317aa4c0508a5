//! What this process has used so far, where the system tells.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process, user and system, by the clock that POSIX has for it.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Bytes of memory of this process that are in use and belong to no file, by proc(5) on Linux and
/// Android; 0 where it cannot be told. What is swapped out, also to compressed memory, counts.
pub(super) fn private_bytes() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let kilobytes = |line: &str| {
        let value = line.strip_prefix("RssAnon:").or_else(|| line.strip_prefix("VmSwap:"))?;
        value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    status.lines().filter_map(kilobytes).sum::<u64>().saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_grows_with_work_and_no_faster_than_all_processors_can() {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (begun, before) = (std::time::Instant::now(), cpu_time());
        let mut sum = 0_u64;
        let spent = loop {
            sum = std::hint::black_box(sum.wrapping_mul(3).wrapping_add(1));
            let spent = cpu_time().saturating_sub(before);
            if spent >= Duration::from_millis(100) {
                break spent;
            }
            // Other processes may want the processor, but not for so long.
            assert!(begun.elapsed() < Duration::from_secs(60), "{spent:?}");
        };
        // The scheduler books what other threads have computed with a delay of a tick or two.
        let most = (begun.elapsed() + Duration::from_millis(10)) * processors as u32;
        assert!(spent <= most, "{spent:?} of {most:?}");
    }
}
