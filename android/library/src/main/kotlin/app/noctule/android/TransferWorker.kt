package app.noctule.android

import android.content.Context
import android.os.SystemClock
import androidx.work.CoroutineWorker
import androidx.work.WorkerParameters
import app.noctule.NoctuleError
import app.noctule.Outcome
import kotlinx.coroutines.sync.withLock

/**
 * Sends feedback and fetches releases under WorkManager. [NoctuleWork] enqueues it.
 *
 * The core says what moves and when again; `Retry-After` and growing pauses are its own. What it
 * asks for beyond the period of this worker is a one-time work: at a time, or for Wi-Fi.
 */
open class TransferWorker(context: Context, parameters: WorkerParameters) :
    CoroutineWorker(context, parameters) {

    /** The device; a test has its own. */
    protected open val device: Device get() = AndroidDevice(applicationContext)

    /** What enqueues the next look; a test has its own. */
    protected open val work: NoctuleWork get() = NoctuleWork(applicationContext)

    /** Milliseconds of a clock that nobody can set. */
    protected open fun elapsedMs(): Long = SystemClock.elapsedRealtime()

    override suspend fun doWork(): Result {
        val begun = elapsedMs()
        val host = NoctuleHost.of(applicationContext)
            ?: return Result.failure(data("error" to "the Application is no NoctuleApp"))
        // An app that moves its bytes by itself has no work here.
        val transport = host.transport ?: return Result.success()
        val noctule = when (val opened = host.noctule()) {
            is Outcome.Ok -> opened.value
            is Outcome.Failed -> return of(opened.error)
        }
        val settings = host.settings
        val allowed = (settings.slice - settings.reserve).inWholeMilliseconds
        val loop = TransferLoop(noctule, transport, device, settings.uploadOverMetered) {
            allowed - (elapsedMs() - begun)
        }
        return when (val end = host.transferring.withLock { loop.run() }) {
            TransferEnd.Done -> Result.success(data("end" to "done"))
            is TransferEnd.WaitUntil -> {
                work.transferAt(end.ms)
                Result.success(data("end" to "wait", "until_ms" to end.ms))
            }
            is TransferEnd.WaitForUnmetered -> {
                work.transferOnWifi()
                Result.success(data("end" to "wait for Wi-Fi", "bytes" to end.bytes))
            }
            // The period comes again; an app that can free space does and calls `transferNow`.
            is TransferEnd.WaitForSpace ->
                Result.success(data("end" to "wait for space", "bytes" to end.bytes))
            TransferEnd.NoNetwork, TransferEnd.OutOfTime -> Result.retry()
            is TransferEnd.Failed -> of(end.error)
        }
    }

    private fun of(error: NoctuleError): Result = when (error) {
        is NoctuleError.Busy, is NoctuleError.StorageFull, NoctuleError.Suspended,
        NoctuleError.Closed,
        -> Result.retry()
        // The active release stays, and this one is not fetched again: nothing to try.
        is NoctuleError.ReleaseRefused ->
            Result.success(data("end" to "refused", "error" to error.toString()))
        is NoctuleError.Storage, is NoctuleError.Internal, is NoctuleError.InvalidInput ->
            Result.failure(data("error" to error.toString().take(ERROR_CHARACTERS_MAX)))
    }

    private companion object {
        const val ERROR_CHARACTERS_MAX = 500
    }
}
