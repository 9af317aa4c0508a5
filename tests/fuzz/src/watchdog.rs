//! Watches for executions that do not end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Looks at the execution ten times a second.
const TICK: Duration = Duration::from_millis(100);
/// Ticks in the same execution after which it is looked at closely: a second.
const TICKS: u32 = 10;
/// Nanoseconds on a processor after which an execution hangs: a second, however busy the machine.
const HANGS_NS: u64 = 1_000_000_000;

/// What the runner and the watching thread share.
#[derive(Debug, Default)]
struct Shared {
    execution: AtomicU64,
    ended: AtomicBool,
    input: Mutex<Vec<u8>>,
}

/// A thread that ends the process, the input saved, when an execution of this thread hangs.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches the calling thread; saves what hangs as `path`.
    pub(crate) fn start(path: PathBuf) -> Self {
        let shared = Arc::<Shared>::default();
        let watched = Arc::clone(&shared);
        // Linux alone says what a thread took; elsewhere the clock has to do.
        let cpu = std::fs::read_link("/proc/thread-self").ok();
        let cpu = cpu.map(|thread| PathBuf::from("/proc").join(thread).join("schedstat"));
        let thread = std::thread::spawn(move || watch(&watched, cpu.as_deref(), &path));
        Self { shared, thread: Some(thread) }
    }

    /// The next execution begins, with this input.
    pub(crate) fn next(&self, input: &[u8]) {
        let mut held = self.shared.input.lock().unwrap_or_else(PoisonError::into_inner);
        held.clear();
        held.extend_from_slice(input);
        self.shared.execution.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A watchdog that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

fn watch(shared: &Shared, cpu: Option<&std::path::Path>, path: &std::path::Path) {
    let (mut execution, mut ticks, mut begin) = (0, 0, 0);
    while !shared.ended.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        let now = shared.execution.load(Ordering::Relaxed);
        if now != execution {
            (execution, ticks, begin) = (now, 0, cpu_ns(cpu));
            continue;
        }
        ticks += 1;
        let spent = cpu_ns(cpu).saturating_sub(begin);
        if ticks >= TICKS && execution > 0 && (cpu.is_none() || spent > HANGS_NS) {
            let input = shared.input.lock().unwrap_or_else(PoisonError::into_inner);
            let saved = std::fs::write(path, &*input);
            eprintln!("execution {execution} hangs; input in {} ({saved:?})", path.display());
            std::process::exit(3);
        }
    }
}

/// Nanoseconds that the watched thread has run.
fn cpu_ns(path: Option<&std::path::Path>) -> u64 {
    let text = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
