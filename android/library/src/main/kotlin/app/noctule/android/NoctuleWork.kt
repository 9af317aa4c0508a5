package app.noctule.android

import android.content.Context
import android.os.Build
import androidx.work.Constraints
import androidx.work.ExistingPeriodicWorkPolicy
import androidx.work.ExistingWorkPolicy
import androidx.work.ListenableWorker
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequest
import androidx.work.OutOfQuotaPolicy
import androidx.work.PeriodicWorkRequest
import androidx.work.WorkManager
import java.util.concurrent.TimeUnit

/**
 * Enqueues the workers, each under one name: enqueuing twice is enqueuing once. [sdk] is the version
 * of Android, which the two classes of workers can be replaced for in a test.
 */
class NoctuleWork(
    private val manager: WorkManager,
    private val settings: NoctuleSettings,
    private val sdk: Int = Build.VERSION.SDK_INT,
    private val night: Class<out ListenableWorker> = NightWorker::class.java,
    private val transfer: Class<out ListenableWorker> = TransferWorker::class.java,
) {
    /** For the app that [context] belongs to. */
    constructor(context: Context) : this(
        WorkManager.getInstance(context),
        NoctuleHost.of(context)?.settings ?: NoctuleSettings(),
    )

    /** Everything that comes again by itself. [NoctuleInitializer] calls it at each start. */
    fun schedule() {
        nightPeriodically()
        transferPeriodically()
    }

    private fun nightPeriodically() {
        val constraints = Constraints.Builder()
            .setRequiresCharging(true)
            .setRequiresDeviceIdle(true)
            .setRequiresStorageNotLow(true)
            .build()
        val every = settings.nightEvery.inWholeMinutes
        // No back-off criteria: WorkManager refuses them together with idle. What is retried waits
        // for the constraints, and the core has pauses of its own after failures.
        val request = PeriodicWorkRequest.Builder(night, every, TimeUnit.MINUTES)
            .setConstraints(constraints)
            .addTag(TAG)
            .build()
        // UPDATE keeps the time that is left: a start of the app must not push the night further
        // away, and settings of a new version come into force all the same.
        manager.enqueueUniquePeriodicWork(NIGHT, ExistingPeriodicWorkPolicy.UPDATE, request)
    }

    private fun transferPeriodically() {
        val constraints = Constraints.Builder()
            .setRequiredNetworkType(NetworkType.CONNECTED)
            .setRequiresBatteryNotLow(true)
            .build()
        val every = settings.transferEvery.inWholeMinutes
        val request = PeriodicWorkRequest.Builder(transfer, every, TimeUnit.MINUTES)
            .setConstraints(constraints)
            .addTag(TAG)
            .build()
        manager.enqueueUniquePeriodicWork(TRANSFER, ExistingPeriodicWorkPolicy.UPDATE, request)
    }

    /**
     * Asks once, at once: for the app that comes to the screen after a night that never was, for a
     * button, after an update. Expedited where that needs no notification (Android 12 and later).
     */
    fun nightNow() {
        val request = OneTimeWorkRequest.Builder(night).addTag(TAG)
        if (sdk >= Build.VERSION_CODES.S) {
            request.setExpedited(OutOfQuotaPolicy.RUN_AS_NON_EXPEDITED_WORK_REQUEST)
        }
        manager.enqueueUniqueWork(NIGHT_NOW, ExistingWorkPolicy.KEEP, request.build())
    }

    /** Moves what is to be moved as soon as there is a network: after feedback was recorded. */
    fun transferNow() = transferOnce(TRANSFER_NOW, NetworkType.CONNECTED, 0, ExistingWorkPolicy.KEEP)

    /** The same at [ms], Unix milliseconds, or later. */
    fun transferAt(ms: Long, nowMs: Long = System.currentTimeMillis()) =
        transferOnce(
            TRANSFER_LATER,
            NetworkType.CONNECTED,
            (ms - nowMs).coerceIn(0, DAY_MS),
            ExistingWorkPolicy.REPLACE,
        )

    /** The same on a network that costs nothing. */
    fun transferOnWifi() =
        transferOnce(TRANSFER_WIFI, NetworkType.UNMETERED, 0, ExistingWorkPolicy.REPLACE)

    private fun transferOnce(
        name: String,
        network: NetworkType,
        delayMs: Long,
        policy: ExistingWorkPolicy,
    ) {
        val constraints = Constraints.Builder().setRequiredNetworkType(network).build()
        val request = OneTimeWorkRequest.Builder(transfer)
            .setConstraints(constraints)
            .setInitialDelay(delayMs, TimeUnit.MILLISECONDS)
            .addTag(TAG)
            .build()
        // Of two for a later time the last one that asks knows best, also where it replaces the one
        // that asks, which is at its end. Appended ones would wait for one another.
        manager.enqueueUniqueWork(name, policy, request)
    }

    /** Takes everything back: for a logout without another profile, and for a withdrawal. */
    fun cancelAll() {
        manager.cancelAllWorkByTag(TAG)
    }

    companion object {
        /** Tag of all work of the library. */
        const val TAG = "noctule"

        /** Unique names of the works. */
        const val NIGHT = "noctule-night"
        const val NIGHT_NOW = "noctule-night-now"
        const val TRANSFER = "noctule-transfer"
        const val TRANSFER_NOW = "noctule-transfer-now"
        const val TRANSFER_LATER = "noctule-transfer-later"
        const val TRANSFER_WIFI = "noctule-transfer-wifi"

        private const val DAY_MS = 24 * 3_600_000L
    }
}
