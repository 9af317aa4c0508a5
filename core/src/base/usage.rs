//! What this process has used so far, where the system tells: Linux and Android, by proc(5).

use std::time::Duration;

/// Processor time of this process, user and system, to 10 ms; zero where it cannot be told.
///
/// The unit in `/proc/self/stat` is `USER_HZ`, fixed at 100 on Linux and Android.
pub(super) fn cpu_time() -> Duration {
    const TICK_MS: u64 = 10;
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return Duration::ZERO };
    // The command name, in parentheses, may hold spaces: count the fields behind it.
    let Some((_, fields)) = stat.rsplit_once(')') else { return Duration::ZERO };
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks.saturating_mul(TICK_MS))
}

/// Bytes of memory of this process that are in use and belong to no file; 0 where it cannot be
/// told. What is swapped out, also to compressed memory, counts.
pub(super) fn private_bytes() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let kilobytes = |line: &str| {
        let value = line.strip_prefix("RssAnon:").or_else(|| line.strip_prefix("VmSwap:"))?;
        value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    status.lines().filter_map(kilobytes).sum::<u64>().saturating_mul(1_024)
}
