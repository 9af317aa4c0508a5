package app.noctule.android

import android.content.Context
import android.content.ContextWrapper
import androidx.work.CoroutineWorker
import androidx.work.ExistingPeriodicWorkPolicy
import androidx.work.ExistingWorkPolicy
import androidx.work.ListenableWorker
import androidx.work.OneTimeWorkRequest
import androidx.work.PeriodicWorkRequest
import androidx.work.WorkManager
import androidx.work.WorkRequest
import androidx.work.WorkerParameters
import app.noctule.Conditions
import app.noctule.Network
import app.noctule.Thermal
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async

/** The context of an app whose `Application` has a host, or none. */
open class TestContext(override val noctuleHost: NoctuleHost, private val files: File) :
    ContextWrapper(null), NoctuleApp {
    override fun getApplicationContext(): Context = this
    override fun getNoBackupFilesDir(): File = files
    override fun getSystemService(name: String): Any? = null
}

/** The context of an app that is no [NoctuleApp]. */
class PlainContext(private val files: File) : ContextWrapper(null) {
    override fun getApplicationContext(): Context = this
    override fun getNoBackupFilesDir(): File = files
}

/** A phone at night on its charger, until a test says otherwise. */
class TestDevice : Device {
    @Volatile var charging = true

    @Volatile var idle = true

    @Volatile var battery = 80

    @Volatile var thermal = Thermal.NOMINAL

    @Volatile var powerSave = false

    @Volatile var free: Long? = null

    @Volatile var net: Network? = Network.UNMETERED

    @Volatile var asked: Long? = null

    override fun conditions(allowedMs: Long?): Conditions {
        asked = allowedMs
        return Conditions(
            batteryPercent = battery.toUByte(),
            charging = charging,
            idle = idle,
            foreground = false,
            thermal = thermal,
            powerSave = powerSave,
            freeStorageBytes = free?.toULong(),
            utcOffsetMinutes = 0,
            allowedMs = allowedMs?.toULong(),
        )
    }

    override fun network(): Network? = net

    override fun freeBytes(): Long? = free
}

/** [NightWorker] on a [TestDevice]. */
class TestNightWorker(context: Context, override val device: Device) :
    NightWorker(context, WorkerParameters()) {
    override fun elapsedMs(): Long = System.nanoTime() / 1_000_000
}

/** [TransferWorker] on a [TestDevice]. */
class TestTransferWorker(
    context: Context,
    override val device: Device,
    override val work: NoctuleWork,
) : TransferWorker(context, WorkerParameters()) {
    override fun elapsedMs(): Long = System.nanoTime() / 1_000_000
}

/** Runs [worker] as WorkManager does: on a thread of its own, to be stopped by [stop]. */
fun begin(worker: CoroutineWorker): Deferred<ListenableWorker.Result> =
    CoroutineScope(Dispatchers.Default).async { worker.doWork() }

/** What WorkManager does when a constraint no longer holds: tells the reason, then cancels. */
fun Deferred<ListenableWorker.Result>.stop(worker: ListenableWorker, reason: Int) {
    worker.stopFor(reason)
    cancel()
}

/** Keeps what was enqueued under which name and policy. */
class RecordingWorkManager : WorkManager() {
    data class Enqueued(val name: String, val policy: String, val request: WorkRequest)

    val all = mutableListOf<Enqueued>()
    val current: MutableMap<String, WorkRequest> = ConcurrentHashMap()

    override fun enqueueUniquePeriodicWork(
        uniqueWorkName: String,
        existingPeriodicWorkPolicy: ExistingPeriodicWorkPolicy,
        request: PeriodicWorkRequest,
    ): Any = keep(uniqueWorkName, existingPeriodicWorkPolicy.name, request)

    override fun enqueueUniqueWork(
        uniqueWorkName: String,
        existingWorkPolicy: ExistingWorkPolicy,
        request: OneTimeWorkRequest,
    ): Any = keep(uniqueWorkName, existingWorkPolicy.name, request)

    override fun cancelAllWorkByTag(tag: String): Any {
        current.entries.removeIf { tag in it.value.tags }
        return Unit
    }

    private fun keep(name: String, policy: String, request: WorkRequest): Any {
        all += Enqueued(name, policy, request)
        current[name] = request
        return Unit
    }
}
