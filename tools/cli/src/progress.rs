//! Progress on standard error: bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two plain lines about the same stage.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// One stage of a command, from its begin to its end. It may be told of from several threads.
pub(crate) struct Stage {
    label: String,
    begun: Instant,
    bar: Option<ProgressBar>,
    /// When the last plain line was written.
    told: Mutex<Instant>,
}

impl Stage {
    /// Begins a stage of an unknown number of steps.
    pub(crate) fn begin(label: impl Into<String>) -> Self {
        let (label, begun) = (label.into(), Instant::now());
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner().with_message(label.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { label, begun, bar, told: Mutex::new(begun) }
    }

    /// Tells that `done` of `total` steps are done.
    pub(crate) fn at(&self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total as u64) {
                bar.set_length(total as u64);
                if let Ok(style) =
                    ProgressStyle::with_template("{msg:24} {bar:32} {pos}/{len} {eta} left")
                {
                    bar.set_style(style);
                }
            }
            bar.set_position(done as u64);
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.elapsed() >= LINE_EVERY {
            *told = Instant::now();
            let left = self.begun.elapsed().as_secs_f64() / done.max(1) as f64;
            let left = left * total.saturating_sub(done) as f64;
            line(&format!("{}: {done} of {total}, at most {left:.0} s left", self.label));
        }
    }

    /// Writes a line about the stage while it goes on.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => line(text),
        }
    }

    /// Writes what came of the stage, with its time, and gives that time.
    pub(crate) fn end(self, result: &str) -> Duration {
        let took = self.begun.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        line(&format!("{:<10} {result} ({:.1} s)", self.label, took.as_secs_f64()));
        took
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // After an error: the bar makes room for the message.
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes one line; that nobody reads it is no reason to stop.
pub(crate) fn line(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
