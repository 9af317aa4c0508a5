package androidx.work

import android.content.Context
import java.util.concurrent.TimeUnit

// Stand-ins for what the library uses of androidx.work 2.10, which is not on Maven Central: the same
// names and signatures, so that the workers compile as they are and can be run on a JVM.

/** What a worker is told and tells. */
class Data internal constructor(private val values: Map<String, Any>) {
    fun getString(key: String): String? = values[key] as? String
    fun getInt(key: String, defaultValue: Int): Int = values[key] as? Int ?: defaultValue
    fun getLong(key: String, defaultValue: Long): Long = values[key] as? Long ?: defaultValue

    class Builder {
        private val values = HashMap<String, Any>()
        fun putString(key: String, value: String?): Builder = put(key, value)
        fun putInt(key: String, value: Int): Builder = put(key, value)
        fun putLong(key: String, value: Long): Builder = put(key, value)
        fun build(): Data = Data(HashMap(values))

        private fun put(key: String, value: Any?) = apply { if (value != null) values[key] = value }
    }

    companion object {
        @JvmField val EMPTY = Data(emptyMap())
    }
}

class WorkerParameters(val inputData: Data = Data.EMPTY, val runAttemptCount: Int = 0)

abstract class ListenableWorker(
    private val context: Context,
    private val parameters: WorkerParameters,
) {
    @Volatile
    private var reason = STOP_REASON_NOT_STOPPED

    val applicationContext: Context get() = context.applicationContext
    val inputData: Data get() = parameters.inputData
    val runAttemptCount: Int get() = parameters.runAttemptCount
    val stopReason: Int get() = reason
    val isStopped: Boolean get() = reason != STOP_REASON_NOT_STOPPED

    /** What WorkManager does before it cancels the work. */
    internal fun stopFor(reason: Int) {
        this.reason = reason
    }

    sealed class Result {
        abstract val outputData: Data

        data class Success(override val outputData: Data) : Result()
        data class Failure(override val outputData: Data) : Result()
        data object Retry : Result() {
            override val outputData: Data get() = Data.EMPTY
        }

        companion object {
            fun success(): Result = Success(Data.EMPTY)
            fun success(outputData: Data): Result = Success(outputData)
            fun failure(): Result = Failure(Data.EMPTY)
            fun failure(outputData: Data): Result = Failure(outputData)
            fun retry(): Result = Retry
        }
    }

    private companion object {
        const val STOP_REASON_NOT_STOPPED = -256
    }
}

abstract class CoroutineWorker(appContext: Context, params: WorkerParameters) :
    ListenableWorker(appContext, params) {
    abstract suspend fun doWork(): Result
}

enum class NetworkType { NOT_REQUIRED, CONNECTED, UNMETERED, NOT_ROAMING, METERED }

data class Constraints(
    val requiredNetworkType: NetworkType,
    private val charging: Boolean,
    private val idle: Boolean,
    private val batteryNotLow: Boolean,
    private val storageNotLow: Boolean,
) {
    fun requiresCharging() = charging
    fun requiresDeviceIdle() = idle
    fun requiresBatteryNotLow() = batteryNotLow
    fun requiresStorageNotLow() = storageNotLow

    class Builder {
        private var network = NetworkType.NOT_REQUIRED
        private var charging = false
        private var idle = false
        private var battery = false
        private var storage = false

        fun setRequiredNetworkType(networkType: NetworkType) = apply { network = networkType }
        fun setRequiresCharging(requiresCharging: Boolean) = apply { charging = requiresCharging }
        fun setRequiresDeviceIdle(requiresDeviceIdle: Boolean) = apply { idle = requiresDeviceIdle }
        fun setRequiresBatteryNotLow(requiresBatteryNotLow: Boolean) =
            apply { battery = requiresBatteryNotLow }
        fun setRequiresStorageNotLow(requiresStorageNotLow: Boolean) =
            apply { storage = requiresStorageNotLow }
        fun build() = Constraints(network, charging, idle, battery, storage)
    }
}

enum class OutOfQuotaPolicy { RUN_AS_NON_EXPEDITED_WORK_REQUEST, DROP_WORK_REQUEST }

abstract class WorkRequest internal constructor(
    val worker: Class<out ListenableWorker>,
    val constraints: Constraints,
    val delayMs: Long,
    val tags: Set<String>,
    val expedited: Boolean,
) {
    abstract class Builder<B : Builder<B, W>, W : WorkRequest> internal constructor(
        protected val worker: Class<out ListenableWorker>,
    ) {
        protected var constraints = Constraints.Builder().build()
        protected var delayMs = 0L
        protected val tags = HashSet<String>()
        protected var expedited = false

        fun setConstraints(constraints: Constraints): B = me { this.constraints = constraints }
        fun addTag(tag: String): B = me { tags += tag }
        fun setInitialDelay(duration: Long, timeUnit: TimeUnit): B =
            me { delayMs = timeUnit.toMillis(duration) }
        fun setExpedited(policy: OutOfQuotaPolicy): B = me { expedited = true }
        abstract fun build(): W

        @Suppress("UNCHECKED_CAST")
        private fun me(change: () -> Unit): B {
            change()
            return this as B
        }

        protected fun check() {
            // What the real one refuses, which nobody would notice otherwise.
            require(!(expedited && delayMs > 0)) { "Expedited jobs cannot be delayed" }
            require(!(expedited && (constraints.requiresCharging() || constraints.requiresDeviceIdle()))) {
                "Expedited jobs only support network and storage constraints"
            }
        }
    }
}

class OneTimeWorkRequest private constructor(
    worker: Class<out ListenableWorker>,
    constraints: Constraints,
    delayMs: Long,
    tags: Set<String>,
    expedited: Boolean,
) : WorkRequest(worker, constraints, delayMs, tags, expedited) {
    class Builder(worker: Class<out ListenableWorker>) :
        WorkRequest.Builder<Builder, OneTimeWorkRequest>(worker) {
        override fun build(): OneTimeWorkRequest {
            check()
            return OneTimeWorkRequest(worker, constraints, delayMs, tags.toSet(), expedited)
        }
    }
}

class PeriodicWorkRequest private constructor(
    worker: Class<out ListenableWorker>,
    constraints: Constraints,
    delayMs: Long,
    tags: Set<String>,
    val everyMs: Long,
) : WorkRequest(worker, constraints, delayMs, tags, false) {
    class Builder(
        worker: Class<out ListenableWorker>,
        private val every: Long,
        private val unit: TimeUnit,
    ) : WorkRequest.Builder<Builder, PeriodicWorkRequest>(worker) {
        override fun build(): PeriodicWorkRequest {
            require(!expedited) { "PeriodicWorkRequests cannot be expedited" }
            // The real one takes the least instead, and says so in the log.
            val everyMs = maxOf(unit.toMillis(every), LEAST_MS)
            return PeriodicWorkRequest(worker, constraints, delayMs, tags.toSet(), everyMs)
        }
    }

    private companion object {
        const val LEAST_MS = 15 * 60_000L
    }
}

class Configuration private constructor() {
    class Builder {
        fun build(): Configuration = Configuration()
    }

    /** An `Application` that says how WorkManager is to be made, when it is asked for first. */
    interface Provider {
        val workManagerConfiguration: Configuration
    }
}

enum class ExistingWorkPolicy { REPLACE, KEEP, APPEND, APPEND_OR_REPLACE }

enum class ExistingPeriodicWorkPolicy { KEEP, UPDATE, CANCEL_AND_REENQUEUE }

/** Keeps what is enqueued by name; runs nothing by itself. */
abstract class WorkManager {
    abstract fun enqueueUniquePeriodicWork(
        uniqueWorkName: String,
        existingPeriodicWorkPolicy: ExistingPeriodicWorkPolicy,
        request: PeriodicWorkRequest,
    ): Any

    abstract fun enqueueUniqueWork(
        uniqueWorkName: String,
        existingWorkPolicy: ExistingWorkPolicy,
        request: OneTimeWorkRequest,
    ): Any

    abstract fun cancelAllWorkByTag(tag: String): Any

    companion object {
        /** What [initialize] makes; a test sets it. */
        @Volatile
        var next: WorkManager? = null

        @Volatile
        private var instance: WorkManager? = null

        fun getInstance(context: Context): WorkManager {
            // The real one is made on demand only for an app that says how.
            (context.applicationContext as? Configuration.Provider)
                ?.takeIf { instance == null }
                ?.let { initialize(context, it.workManagerConfiguration) }
            return checkNotNull(instance) { "WorkManager is not initialized properly" }
        }

        fun initialize(context: Context, configuration: Configuration) {
            check(instance == null) { "WorkManager is already initialized" }
            instance = next
        }

        /** As in a new process. */
        fun forget() {
            instance = null
            next = null
        }
    }
}
