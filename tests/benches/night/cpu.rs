//! Processor time of this process, in nanoseconds by the scheduler's own count.

use std::fs;

/// What all threads of this process have computed, milliseconds.
fn cpu_ms() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |task: std::io::Result<fs::DirEntry>| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(of_task).sum::<f64>() / 1e6
}

/// The median of what `runs` runs of `work` take, milliseconds; each run is `repeats` of it, since
/// the scheduler counts in steps of a few milliseconds.
pub(crate) fn median_ms(runs: usize, repeats: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let begun = cpu_ms();
            (0..repeats).for_each(|_| work());
            (cpu_ms() - begun) / repeats as f64
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times[runs / 2]
}
