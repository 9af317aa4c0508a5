package app.noctule.android

import androidx.work.ListenableWorker.Result
import app.noctule.Action
import app.noctule.Budget
import app.noctule.DataConsent
import app.noctule.NightOutcome
import app.noctule.NightReport
import app.noctule.NightStep
import app.noctule.Noctule
import app.noctule.NoctuleError
import app.noctule.NotYetReason
import app.noctule.Outcome
import app.noctule.ProfileTest
import app.noctule.Tier
import app.noctule.World
import app.noctule.home
import app.noctule.testing.FakeNoctule
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CancellationException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** A profile whose nights stand still at their first slate until a test lets them go on. */
internal class Halting(private val real: Noctule) : Noctule by real {
    val begun = CountDownLatch(1)
    val goOn = CountDownLatch(1)

    override suspend fun runNight(
        budget: Budget,
        progress: ((NightStep, Int, Int) -> Unit)?,
        stopReason: () -> String,
    ): Outcome<NightReport> = real.runNight(budget, { step, _, _ ->
        if (step == NightStep.SLATES) {
            begun.countDown()
            goOn.await(30, TimeUnit.SECONDS)
        }
    }, stopReason)
}

class NightWorkerTest : ProfileTest() {
    private val device = TestDevice()

    private fun host(noctule: Noctule) = NoctuleHost(open = { Outcome.Ok(noctule) }) { config() }

    private fun worker(noctule: Noctule) =
        TestNightWorker(TestContext(host(noctule), scratch), device)

    private fun run(noctule: Noctule): Result = wait { begin(worker(noctule)).await() }

    @Test
    fun `a new release has its night and the next look finds nothing to do`() {
        val noctule = ready(night = false)
        val first = run(noctule)
        assertTrue(first is Result.Success, "$first")
        assertTrue(first.outputData.getInt("published", 0) > 0)
        assertEquals(Tier.FRESH, noctule.home().tier)
        val second = run(noctule)
        assertTrue(second is Result.Success, "$second")
        assertEquals(NotYetReason.DONE.name, second.outputData.getString("not_yet"))
    }

    @Test
    fun `the core is told what is left of the slice and says no to a hot or an empty phone`() {
        val noctule = ready(night = false)
        device.thermal = app.noctule.Thermal.SERIOUS
        assertEquals(NotYetReason.HOT.name, run(noctule).outputData.getString("not_yet"))
        val slice = NoctuleSettings()
        val most = (slice.slice - slice.reserve).inWholeMilliseconds
        assertTrue(device.asked!! in (most - 5_000)..most, "${device.asked}")
        device.thermal = app.noctule.Thermal.NOMINAL
        device.charging = false
        device.battery = 10
        assertEquals(NotYetReason.BATTERY_LOW.name, run(noctule).outputData.getString("not_yet"))
        device.powerSave = true
        assertEquals(NotYetReason.POWER_SAVE.name, run(noctule).outputData.getString("not_yet"))
        device.charging = true
        device.free = 1_000
        assertEquals(NotYetReason.STORAGE_LOW.name, run(noctule).outputData.getString("not_yet"))
    }

    @Test
    fun `a worker stopped in the middle journals the system's reason and the next goes on`() {
        val noctule = ready(night = false)
        val halting = Halting(noctule)
        val worker = worker(halting)
        val work = begin(worker)
        assertTrue(halting.begun.await(30, TimeUnit.SECONDS))
        work.stop(worker, CHARGING)
        halting.goOn.countDown()
        assertThrows<CancellationException> { wait { work.await() } }
        val next = run(noctule)
        assertTrue(next is Result.Success, "$next")
        val runs = wait { noctule.journal().getOrThrow() }.runs
        assertEquals("stopped by the system: it does not charge any more", runs[1].stopTold)
        assertTrue(runs[1].remaining > 0u)
        assertEquals(Tier.FRESH, noctule.home().tier)
    }

    @Test
    fun `a worker started twice runs one night`() {
        val noctule = ready(night = false)
        val halting = Halting(noctule)
        val first = begin(worker(halting))
        assertTrue(halting.begun.await(30, TimeUnit.SECONDS))
        // The second waits behind the first or is told that one runs; it never runs beside it.
        val second = begin(worker(noctule))
        halting.goOn.countDown()
        val results = wait { listOf(first.await(), second.await()) }
        assertTrue(results[0] is Result.Success, "$results")
        assertTrue(results[1] is Result.Success || results[1] is Result.Retry, "$results")
        val runs = wait { noctule.journal().getOrThrow() }.runs
        assertEquals(1, runs.count { it.published > 0u }, "$runs")
    }

    @Test
    fun `a slice that is cut is tried again and the next slice goes on`() {
        val noctule = ready(night = false)
        val fake = FakeNoctule()
        fake.decision = app.noctule.Decision.Run(Budget(), app.noctule.RunReason.NIGHT)
        val stopped = NightOutcome.Stopped(app.noctule.StopReason.OUT_OF_TIME)
        fake.report = NightReport(stopped, 1u, 0u, 5u, 0uL, null)
        assertEquals(Result.retry(), run(fake))
        assertTrue(run(noctule) is Result.Success)
    }

    @Test
    fun `what comes again by itself is tried again and what a person has to mend is not`() {
        val fake = FakeNoctule()
        for (error in listOf(
            NoctuleError.Busy("a night"),
            NoctuleError.StorageFull("learning"),
            NoctuleError.Suspended,
        )) {
            fake.failWith = error
            assertEquals(Result.retry(), run(fake), "$error")
        }
        fake.failWith = NoctuleError.Storage("not a database")
        val failed = run(fake)
        assertTrue(failed is Result.Failure)
        assertTrue("not a database" in failed.outputData.getString("error")!!)
    }

    @Test
    fun `a profile that another process holds is tried again later`() {
        val other = open()
        val busy = NoctuleHost { config() }
        val worker = TestNightWorker(TestContext(busy, scratch), device)
        assertEquals(Result.retry(), wait { begin(worker).await() })
        other.close()
        val again = TestNightWorker(TestContext(busy, scratch), device)
        assertTrue(wait { begin(again).await() } is Result.Success)
        wait { busy.close() }
    }

    @Test
    fun `an application without a host fails with words`() {
        val worker = TestNightWorker(PlainContext(scratch), device)
        val failed = wait { begin(worker).await() }
        assertTrue("NoctuleApp" in failed.outputData.getString("error")!!)
    }

    @Test
    fun `a missed night is caught up on the screen within its small budget`() = wait {
        val noctule = ready(night = false)
        device.charging = false
        device.idle = false
        val end = host(noctule).catchUp(device)
        assertTrue(end is SliceEnd.Made || end is SliceEnd.Cut, "$end")
        assertEquals(null, NoctuleHost(NoctuleSettings(catchUp = false)) { config() }.catchUp(device))
    }

    @Test
    fun `a host opens once, closes, and opens again with what the user says then`() = wait {
        var consent = DataConsent.FULL
        val host = NoctuleHost { config(consent = consent) }
        val first = host.noctule().getOrThrow()
        assertTrue(first === host.noctule().getOrThrow())
        assertTrue(first === host.openedOrNull())
        host.close()
        assertEquals(NoctuleError.Closed, first.status().errorOrNull())
        consent = DataConsent.ON_DEVICE
        assertEquals(DataConsent.ON_DEVICE, host.noctule().getOrThrow().consent)
        host.close()
    }

    @Test
    fun `a configuration that throws is an error to be reported`() = wait {
        val host = NoctuleHost { error("no key in this build") }
        assertEquals(Action.REPORT, host.noctule().errorOrNull()?.action)
    }

    @Test
    fun `profiles lie beside each other in the folder that is never backed up`() {
        val context = PlainContext(scratch)
        val child = NoctuleHost.directory(context, "child-2")
        assertTrue(child.path.startsWith(scratch.path))
        assertTrue(child != NoctuleHost.directory(context))
        for (bad in listOf("", "..", "a/b", "a\u0000", "x".repeat(65))) {
            assertThrows<IllegalArgumentException> { NoctuleHost.directory(context, bad) }
        }
        assertTrue(World.release.isDirectory)
    }

    private companion object {
        /** `STOP_REASON_CONSTRAINT_CHARGING`. */
        const val CHARGING = 6
    }
}
