package app.noctule.android

import android.content.Context
import androidx.work.Configuration
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequest
import androidx.work.PeriodicWorkRequest
import androidx.work.WorkManager
import app.noctule.NoctuleConfig
import app.noctule.ProfileTest
import app.noctule.World
import app.noctule.home
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

    /** The initializer of an app; the version of Android, not known on a JVM, is told. */
    private inner class Starting(private val host: NoctuleHost) : NoctuleInitializer() {
        val later = mutableListOf<() -> Unit>()

        override fun schedule(context: Context) =
            NoctuleWork(WorkManager.getInstance(context), host.settings, 34).schedule()

        override fun afterOnCreate(action: () -> Unit) {
            later += action
        }
    }

    private fun starting(test: (Starting, NoctuleHost, () -> Int) -> Unit) {
        var asked = 0
        val host = NoctuleHost {
            asked++
            config()
        }
        WorkManager.next = manager
        try {
            test(Starting(host), host) { asked }
        } finally {
            WorkManager.forget()
        }
    }

    @Test
    fun `the initializer enqueues for an app that has a host and opens nothing`() =
        starting { initializer, host, asked ->
            initializer.create(PlainContext(scratch))
            assertTrue(manager.all.isEmpty())
            initializer.create(TestContext(host, scratch))
            assertEquals(setOf(NoctuleWork.NIGHT, NoctuleWork.TRANSFER), manager.current.keys)
            assertEquals(0, asked())
        }

    @Test
    fun `an app that says how WorkManager is made is asked after its start and not before`() =
        starting { initializer, host, asked ->
            var injected = false
            val app = object : TestContext(host, scratch), Configuration.Provider {
                override val workManagerConfiguration: Configuration
                    get() {
                        check(injected) { "asked before onCreate" }
                        return Configuration.Builder().build()
                    }
            }
            initializer.create(app)
            assertTrue(manager.all.isEmpty())
            injected = true
            initializer.later.forEach { it() }
            assertEquals(setOf(NoctuleWork.NIGHT, NoctuleWork.TRANSFER), manager.current.keys)
            assertEquals(0, asked())
        }

    @Test
    fun `a host opens a profile anew that somebody else closed`() {
        ready().close()
        val host = NoctuleHost { config() }
        val first = wait { host.noctule().getOrThrow() }
        first.close()
        assertEquals(null, host.openedOrNull())
        val second = wait { host.noctule().getOrThrow() }
        assertEquals(World.SLOTS, second.home().items.size)
        wait { host.close() }
        assertTrue(second.isClosed)
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
