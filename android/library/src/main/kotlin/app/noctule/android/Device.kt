package app.noctule.android

import android.app.ActivityManager
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import app.noctule.Conditions
import app.noctule.Network
import app.noctule.NoctuleConfig
import app.noctule.Thermal
import java.io.File
import java.util.TimeZone

/** What the platform knows of the device at this moment. */
interface Device {
    /** The conditions for a night; [allowedMs] is what the platform lets the work run. */
    fun conditions(allowedMs: Long?): Conditions

    /** The network; null without one. */
    fun network(): Network?

    /** Bytes that the app may still write; null when nobody knows. */
    fun freeBytes(): Long?
}

/** The device that [context] runs on. What a system does not tell counts as not known. */
class AndroidDevice(
    private val context: Context,
    private val directory: File = context.noBackupFilesDir,
) : Device {
    override fun conditions(allowedMs: Long?): Conditions {
        val battery = battery()
        val power = context.getSystemService(Context.POWER_SERVICE) as? PowerManager
        return Conditions(
            batteryPercent = battery?.percent?.toUByte(),
            charging = battery?.charging ?: false,
            idle = power?.isInteractive == false,
            foreground = isForeground(),
            thermal = power?.let(::thermal) ?: Thermal.NOMINAL,
            powerSave = power?.isPowerSaveMode ?: false,
            freeStorageBytes = freeBytes()?.toULong(),
            utcOffsetMinutes = NoctuleConfig.offsetMinutes(
                System.currentTimeMillis(),
                TimeZone.getDefault(),
            ),
            allowedMs = allowedMs?.coerceAtLeast(0)?.toULong(),
        )
    }

    override fun network(): Network? {
        val connectivity = context.getSystemService(Context.CONNECTIVITY_SERVICE)
            as? ConnectivityManager ?: return null
        // Without the permission nobody knows: the dearer answer does no harm.
        return try {
            val active = connectivity.activeNetwork ?: return null
            val can = connectivity.getNetworkCapabilities(active) ?: return null
            val free = can.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED)
            if (free) Network.UNMETERED else Network.METERED
        } catch (_: SecurityException) {
            Network.METERED
        }
    }

    /** What the file system says; what the system would clear away for the app comes on top. */
    override fun freeBytes(): Long? {
        val existing = generateSequence(directory) { it.parentFile }.firstOrNull { it.exists() }
        // 0 is also the answer for a volume that cannot be asked.
        return existing?.usableSpace?.takeIf { it > 0 }
    }

    private class Battery(val percent: Int?, val charging: Boolean)

    /** The sticky broadcast: no permission, no listener, the same on every version. */
    private fun battery(): Battery? {
        val filter = IntentFilter(Intent.ACTION_BATTERY_CHANGED)
        val state = context.registerReceiver(null, filter) ?: return null
        val level = state.getIntExtra(BatteryManager.EXTRA_LEVEL, -1)
        val scale = state.getIntExtra(BatteryManager.EXTRA_SCALE, -1)
        val percent = if (level < 0 || scale <= 0) null else level * PERCENT / scale
        val plugged = state.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0
        val status = state.getIntExtra(BatteryManager.EXTRA_STATUS, -1)
        val full = status == BatteryManager.BATTERY_STATUS_FULL
        val charges = status == BatteryManager.BATTERY_STATUS_CHARGING || full
        return Battery(percent?.coerceIn(0, PERCENT), plugged && charges)
    }

    private fun isForeground(): Boolean {
        val mine = ActivityManager.RunningAppProcessInfo()
        ActivityManager.getMyMemoryState(mine)
        return mine.importance <= ActivityManager.RunningAppProcessInfo.IMPORTANCE_FOREGROUND
    }

    private fun thermal(power: PowerManager): Thermal {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return Thermal.NOMINAL
        return thermalOf(power.currentThermalStatus)
    }

    internal companion object {
        private const val PERCENT = 100

        /** What Android calls it, in the library's four steps. */
        fun thermalOf(status: Int): Thermal = when {
            status >= PowerManager.THERMAL_STATUS_CRITICAL -> Thermal.CRITICAL
            status == PowerManager.THERMAL_STATUS_SEVERE -> Thermal.SERIOUS
            status == PowerManager.THERMAL_STATUS_MODERATE -> Thermal.FAIR
            else -> Thermal.NOMINAL
        }
    }
}
