package app.noctule.android

import android.annotation.SuppressLint
import androidx.work.ListenableWorker

/**
 * Why the system stopped [worker], in words for the journal. Android tells since version 12; before
 * that the journal has "stopped by the system".
 */
@SuppressLint("NewApi") // Before Android 12 it answers that nobody knows.
internal fun stopWords(worker: ListenableWorker): String = stopWords(worker.stopReason)

/** The names of `android.app.job.JobParameters.STOP_REASON_…`, which WorkManager passes on. */
internal fun stopWords(reason: Int): String = when (reason) {
    NOT_STOPPED -> "cancelled by the app"
    UNKNOWN -> "stopped by the system"
    else -> STOP_WORDS[reason]?.let { "stopped by the system: $it" }
        ?: "stopped by the system: reason $reason"
}

private const val NOT_STOPPED = -256
private const val UNKNOWN = -512

private val STOP_WORDS = mapOf(
    -128 to "no longer in the foreground",
    1 to "cancelled by the app",
    2 to "something more important runs",
    3 to "out of time",
    4 to "the state of the device",
    5 to "the battery is low",
    6 to "it does not charge any more",
    7 to "there is no network any more",
    8 to "somebody uses the device",
    9 to "storage is low",
    10 to "the quota is used up",
    11 to "the app is restricted in the background",
    12 to "the app is on standby",
    13 to "the user",
    14 to "another process of the system",
    15 to "the app is not expected to be used soon",
)
