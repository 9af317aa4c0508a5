//! Ctrl-C: the first asks a command to stop at the next good moment, the second ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// What a process ends with that was stopped by Ctrl-C: 128 and the number of the signal.
pub(crate) const INTERRUPTED: u8 = 130;

/// Becomes true at the first Ctrl-C.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Waits for Ctrl-C on a thread of its own, from now on until the process ends.
    pub(crate) fn watch() -> Result<Self> {
        let failed = || Error::failed("wait for Ctrl-C");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed())?;
        let interrupt = Self::default();
        let asked = interrupt.clone();
        let wait = move || {
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if asked.0.swap(true, Ordering::Relaxed) {
                        std::process::exit(INTERRUPTED.into());
                    }
                }
            });
        };
        let thread = std::thread::Builder::new().name("interrupt".into()).spawn(wait);
        thread.map_err(failed())?;
        Ok(interrupt)
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
