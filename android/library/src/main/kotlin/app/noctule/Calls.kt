package app.noctule

import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import kotlin.coroutines.resume
import kotlinx.coroutines.suspendCancellableCoroutine

private const val IDLE_SECONDS = 5L

/**
 * A thread of our own for calls that block: never one of the app's dispatchers, which have as many
 * threads as the phone has cores and which other code waits for.
 *
 * Calls run in the order in which they came. The thread ends when nothing was asked of it for some
 * seconds.
 */
internal class Calls(private val name: String, private val priority: Int) : AutoCloseable {
    /**
     * Made with the first call: an app that shows its first slate has made none yet. Not by `lazy`,
     * whose classes that app would load.
     */
    private var made: ThreadPoolExecutor? = null

    private fun executor(): ThreadPoolExecutor = synchronized(this) {
        made ?: newExecutor().also { made = it }
    }

    private fun newExecutor() =
        ThreadPoolExecutor(1, 1, IDLE_SECONDS, TimeUnit.SECONDS, LinkedBlockingQueue()) { task ->
            Thread(task, name).apply {
                isDaemon = true
                this.priority = this@Calls.priority
            }
        }.apply { allowCoreThreadTimeOut(true) }

    /**
     * Runs [call] on the thread. A coroutine that is cancelled goes on at once: a call that has not
     * begun never does, and [onCancel] asks one that runs to stop.
     */
    suspend fun <T> run(onCancel: (Throwable?) -> Unit = {}, call: () -> T): Outcome<T> =
        suspendCancellableCoroutine { continuation ->
            val task = try {
                executor().submit {
                    // What nobody should catch ends the call too: a coroutine must not hang.
                    val outcome = runCatching { outcomeOf(call) }
                        .getOrElse { Outcome.Failed(NoctuleError.Internal(it.toString())) }
                    continuation.resume(outcome)
                }
            } catch (_: RejectedExecutionException) {
                continuation.resume(Outcome.Failed(NoctuleError.Closed))
                return@suspendCancellableCoroutine
            }
            continuation.invokeOnCancellation { cause ->
                task.cancel(false)
                onCancel(cause)
            }
        }

    /** Takes no more calls; those that wait are run, and each finds the profile closed. */
    override fun close() = executor().shutdown()
}
