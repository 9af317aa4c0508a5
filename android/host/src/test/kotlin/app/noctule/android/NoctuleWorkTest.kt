package app.noctule.android

import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequest
import androidx.work.PeriodicWorkRequest
import androidx.work.WorkManager
import app.noctule.NoctuleConfig
import app.noctule.ProfileTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class NoctuleWorkTest : ProfileTest() {
    private val manager = RecordingWorkManager()

    private fun work(sdk: Int = 34) = NoctuleWork(manager, NoctuleSettings(), sdk)

    @Test
    fun `the night is periodic, unique, and for a phone that charges unused with room to spare`() {
        work().schedule()
        val night = manager.current.getValue(NoctuleWork.NIGHT) as PeriodicWorkRequest
        assertEquals(3_600_000L, night.everyMs)
        assertEquals(NightWorker::class.java, night.worker)
        assertTrue(night.constraints.requiresCharging())
        assertTrue(night.constraints.requiresDeviceIdle())
        assertTrue(night.constraints.requiresStorageNotLow())
        assertEquals(NetworkType.NOT_REQUIRED, night.constraints.requiredNetworkType)
    }

    @Test
    fun `scheduling at every start keeps one of each and the time that is left`() {
        repeat(3) { work().schedule() }
        assertEquals(setOf(NoctuleWork.NIGHT, NoctuleWork.TRANSFER), manager.current.keys)
        assertTrue(manager.all.all { it.policy == "UPDATE" })
    }

    @Test
    fun `a night now is expedited where that needs no notification`() {
        work(sdk = 34).nightNow()
        assertTrue(manager.current.getValue(NoctuleWork.NIGHT_NOW).expedited)
        work(sdk = 30).nightNow()
        assertFalse(manager.current.getValue(NoctuleWork.NIGHT_NOW).expedited)
        assertTrue(manager.all.all { it.policy == "KEEP" })
    }

    @Test
    fun `transfers wait for what the core asks for`() {
        work().transferAt(ms = 10_000, nowMs = 4_000)
        val later = manager.current.getValue(NoctuleWork.TRANSFER_LATER) as OneTimeWorkRequest
        assertEquals(6_000, later.delayMs)
        work().transferAt(ms = 1, nowMs = 4_000)
        assertEquals(0, manager.current.getValue(NoctuleWork.TRANSFER_LATER).delayMs)
        work().transferAt(ms = Long.MAX_VALUE, nowMs = -5)
        val most = manager.current.getValue(NoctuleWork.TRANSFER_LATER).delayMs
        assertTrue(most in 0..24 * 3_600_000L, "$most")
        work().transferOnWifi()
        val wifi = manager.current.getValue(NoctuleWork.TRANSFER_WIFI)
        assertEquals(NetworkType.UNMETERED, wifi.constraints.requiredNetworkType)
        work().transferNow()
        // Appended ones would wait for one another, each for its own delay.
        val policies = manager.all.map { it.policy }
        assertEquals(listOf("REPLACE", "REPLACE", "REPLACE", "REPLACE", "KEEP"), policies)
    }

    @Test
    fun `everything can be taken back`() {
        work().schedule()
        work().nightNow()
        work().cancelAll()
        assertTrue(manager.current.isEmpty())
    }

    @Test
    fun `the initializer enqueues for an app that has a host and opens nothing`() {
        WorkManager.instance = manager
        try {
            NoctuleInitializer().create(PlainContext(scratch))
            assertTrue(manager.all.isEmpty())
            var asked = 0
            val host = NoctuleHost {
                asked++
                config()
            }
            // The version of Android is not known on a JVM: the same work, told one.
            NoctuleWork(manager, host.settings, 34).schedule()
            assertEquals(2, manager.all.size)
            assertEquals(0, asked)
        } finally {
            WorkManager.instance = null
        }
    }

    @Test
    fun `words for the reasons that the system gives`() {
        assertEquals("stopped by the system: out of time", stopWords(3))
        assertEquals("stopped by the system: reason 99", stopWords(99))
        assertEquals("stopped by the system", stopWords(-512))
    }

    @Test
    fun `the names of the temperatures`() {
        val named = (0..6).map { AndroidDevice.thermalOf(it).name }
        assertEquals(
            listOf("NOMINAL", "NOMINAL", "FAIR", "SERIOUS", "CRITICAL", "CRITICAL", "CRITICAL"),
            named,
        )
    }

    @Test
    fun `a device that tells nothing is a device of which nothing is known`() {
        val device = AndroidDevice(TestContext(NoctuleHost { config() }, scratch))
        assertEquals(null, device.network())
        assertTrue(device.freeBytes()!! > 0)
        assertTrue(NoctuleConfig.offsetMinutes(0, java.util.TimeZone.getTimeZone("GMT+2")) == 120)
    }
}
