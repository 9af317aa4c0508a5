package app.noctule.android

import android.content.Context
import android.os.SystemClock
import androidx.work.CoroutineWorker
import androidx.work.Data
import androidx.work.WorkerParameters
import app.noctule.NoctuleError
import app.noctule.Outcome

/**
 * One slice of the night under WorkManager. [NoctuleWork] enqueues it.
 *
 * WorkManager says when the device charges and is idle; the core says again whether a night runs,
 * with what it knows besides: temperature, power saving, the nights before, the learned window.
 * When the system stops the work the coroutine is cancelled, the night stops within a slate, and its
 * journal has the system's reason.
 */
open class NightWorker(context: Context, parameters: WorkerParameters) :
    CoroutineWorker(context, parameters) {

    /** The device; a test has its own. */
    protected open val device: Device get() = AndroidDevice(applicationContext)

    /** Milliseconds of a clock that nobody can set. */
    protected open fun elapsedMs(): Long = SystemClock.elapsedRealtime()

    override suspend fun doWork(): Result {
        val begun = elapsedMs()
        val host = NoctuleHost.of(applicationContext)
            ?: return failed("the Application is no NoctuleApp")
        val noctule = when (val opened = host.noctule()) {
            is Outcome.Ok -> opened.value
            is Outcome.Failed -> return of(opened.error)
        }
        val settings = host.settings
        val spent = elapsedMs() - begun
        val allowed = (settings.slice - settings.reserve).inWholeMilliseconds - spent
        val conditions = device.conditions(allowed)
        return when (val end = NightSlice(noctule).run(conditions) { stopWords(this) }) {
            is SliceEnd.Made -> succeeded(
                "published" to end.report.published.toInt(),
                "kept" to end.report.kept.toInt(),
            )
            // The core has noted what is left; the next slice goes on with it.
            is SliceEnd.Cut -> Result.retry()
            // Asked again with the next period, which is when the constraints hold again.
            is SliceEnd.NotYet -> succeeded("not_yet" to end.reason.name)
            is SliceEnd.Failed -> of(end.error)
        }
    }

    /** What comes again by itself is tried again; what a person has to mend is not. */
    private fun of(error: NoctuleError): Result = when (error) {
        is NoctuleError.Busy, is NoctuleError.StorageFull, NoctuleError.Suspended,
        NoctuleError.Closed,
        -> Result.retry()
        is NoctuleError.Storage, is NoctuleError.Internal, is NoctuleError.InvalidInput,
        is NoctuleError.ReleaseRefused,
        -> failed(error.toString())
    }

    private fun succeeded(vararg told: Pair<String, Any>): Result = Result.success(data(*told))

    private fun failed(reason: String): Result =
        Result.failure(data("error" to reason.take(ERROR_CHARACTERS_MAX)))

    private companion object {
        /** `Data` of WorkManager holds 10 KiB in all. */
        const val ERROR_CHARACTERS_MAX = 500
    }
}

internal fun data(vararg told: Pair<String, Any>): Data {
    val builder = Data.Builder()
    for ((key, value) in told) {
        when (value) {
            is Int -> builder.putInt(key, value)
            is Long -> builder.putLong(key, value)
            else -> builder.putString(key, value.toString())
        }
    }
    return builder.build()
}
