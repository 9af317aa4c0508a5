//! Makes the Kotlin bindings use the statuses of calls again.
//!
//! UniFFI 0.32 makes a new JNA structure with memory of its own for each call over the boundary,
//! and a `recommend` is four of them: making and freeing these took more than half of its time. So
//! a thread keeps those that it is not in the middle of using; a call in a callback takes another.

use std::path::Path;

/// What a call looks like as it is generated.
const NEW_EACH_TIME: &str = "
    var status = UniffiRustCallStatus()
    val return_value = callback(status)
    uniffiCheckCallStatus(errorHandler, status)
    return return_value
}
";

/// And as it is written instead.
const USED_AGAIN: &str = "
    val statuses = uniffiStatuses.get()!!
    val status = statuses.take()
    try {
        val return_value = callback(status)
        uniffiCheckCallStatus(errorHandler, status)
        return return_value
    } finally {
        statuses.give(status)
    }
}

/**
 * The statuses that this thread is not in the middle of using.
 *
 * @suppress
 */
internal class UniffiStatuses {
    private val free = java.util.ArrayDeque<UniffiRustCallStatus>()

    fun take(): UniffiRustCallStatus = free.pollLast() ?: UniffiRustCallStatus()

    fun give(status: UniffiRustCallStatus) {
        status.code = UNIFFI_CALL_SUCCESS
        status.error_buf.capacity = 0
        status.error_buf.len = 0
        status.error_buf.data = null
        free.addLast(status)
    }
}

private val uniffiStatuses: ThreadLocal<UniffiStatuses> =
    ThreadLocal.withInitial { UniffiStatuses() }
";

/// Rewrites every Kotlin file below `folder`.
///
/// # Errors
/// A file that cannot be read or written, and none that has the one place to change: another
/// version of the generator, whose output somebody has to look at.
pub(crate) fn statuses(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut changed = 0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "kt") {
                let text = std::fs::read_to_string(&path)?;
                if let Some(text) = rewritten(&text) {
                    std::fs::write(&path, text)?;
                    changed += 1;
                }
            }
        }
    }
    if changed == 1 { Ok(()) } else { Err("the generator writes calls differently".into()) }
}

fn rewritten(text: &str) -> Option<String> {
    (text.matches(NEW_EACH_TIME).count() == 1).then(|| text.replace(NEW_EACH_TIME, USED_AGAIN))
}
