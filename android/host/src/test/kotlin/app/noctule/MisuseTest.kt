package app.noctule

import java.io.File
import java.lang.reflect.Modifier
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** Every public method, at every wrong moment and with everything that Kotlin lets through. */
class MisuseTest : ProfileTest() {
    private val conditions = Conditions(
        batteryPercent = 255u,
        charging = true,
        idle = true,
        foreground = false,
        thermal = Thermal.NOMINAL,
        powerSave = false,
        freeStorageBytes = ULong.MAX_VALUE,
        utcOffsetMinutes = Int.MIN_VALUE,
        allowedMs = ULong.MAX_VALUE,
    )

    /** By name every call that the interface has, with [text] wherever one takes a string. */
    private fun calls(text: String): Map<String, suspend (Noctule) -> Outcome<*>> = mapOf(
        "recommend" to { it.recommend(text, text, 3) },
        "slates" to { noctule ->
            try {
                Outcome.Ok(noctule.slates(text).first())
            } catch (thrown: NoctuleException) {
                Outcome.Failed(thrown.error)
            } catch (_: NoSuchElementException) {
                Outcome.Failed(NoctuleError.Closed)
            }
        },
        "record" to {
            it.record(listOf(FeedbackEvent(EventKind.Custom(text), text, text, text)))
        },
        "forgetItems" to { it.forgetItems(listOf(text)) },
        "forgetEvents" to { it.forgetEvents(listOf(1)) },
        "setPlace" to { it.setPlace(GeoPoint(Double.NaN, 1e300)) },
        "setConsent" to { it.setConsent(DataConsent.FULL) },
        "erase" to { it.erase() },
        "exportTo" to { it.exportTo(File(scratch, text)) },
        "exportReplay" to { it.exportReplay(text, text, Consent.GIVEN) },
        "installRelease" to { it.installRelease(File(scratch, text)) },
        "installStarter" to { it.installStarter(File(scratch, text)) },
        "rollback" to { it.rollback() },
        "releases" to { it.releases() },
        "schedule" to { it.schedule(conditions) },
        "runNight" to { it.runNight() },
        "journal" to { it.journal() },
        "doctor" to { it.doctor() },
        "status" to { it.status() },
        "nextTransfer" to { it.nextTransfer(Network.METERED, Long.MAX_VALUE) },
        "transferFinished" to { it.transferFinished(text, TransferOutcome.NoAnswer(text)) },
        "cancelDelivery" to { it.cancelDelivery() },
        "suspendFiles" to { it.suspendFiles() },
        "resume" to { it.resume() },
    )

    @Test
    fun `no method of the interface is left out here`() {
        val declared = Noctule::class.java.declaredMethods
            .filterNot { it.isSynthetic || Modifier.isStatic(it.modifiers) }
            .map { it.name }.toSet()
        assertEquals(declared, calls("x").keys + setOf("close", "isClosed", "getConsent"))
    }

    @TestFactory
    fun `after closing every call says so, and closing twice is closing once`() =
        calls("home").map { (name, call) ->
            DynamicTest.dynamicTest(name) {
                val noctule = open(config(File(scratch, name)))
                noctule.close()
                noctule.close()
                assertEquals(NoctuleError.Closed, wait { call(noctule) }.errorOrNull())
                assertTrue(noctule.isClosed)
                assertEquals(DataConsent.NOT_GIVEN, noctule.consent)
            }
        }

    @TestFactory
    fun `every call twice in a row does the same or says why not`() =
        calls("home").map { (name, call) ->
            DynamicTest.dynamicTest(name) {
                val noctule = open(config(File(scratch, name)))
                val first = wait { call(noctule) }
                val second = wait { call(noctule) }
                assertEquals(first is Outcome.Ok, second is Outcome.Ok, "$first, then $second")
                wait { noctule.resume() }
                assertTrue(wait { noctule.status() } is Outcome.Ok)
            }
        }

    @TestFactory
    fun `while suspended every call answers or says so`() = calls("home").map { (name, call) ->
        DynamicTest.dynamicTest(name) {
            val noctule = open(config(File(scratch, name)))
            wait { noctule.suspendFiles().getOrThrow() }
            val error = wait { call(noctule) }.errorOrNull()
            val fine = error == null || error == NoctuleError.Suspended ||
                error is NoctuleError.InvalidInput || error is NoctuleError.ReleaseRefused
            assertTrue(fine, "$error")
            wait { noctule.resume().getOrThrow() }
            assertTrue(wait { noctule.status() } is Outcome.Ok)
        }
    }

    @TestFactory
    fun `a string that is none is a typed error and the next call works`() = listOf(
        "empty" to "",
        "10 MB" to "x".repeat(10_000_000),
        "10 MB of four bytes each" to "\uD83C\uDF19".repeat(2_500_000),
        "an unpaired high surrogate" to "a\uD800b",
        "an unpaired low surrogate" to "\uDC00",
        "control characters" to "a\u0000\n\u202Eb",
        "a path" to "no/such/../folder",
    ).flatMap { (what, text) ->
        calls(text).map { (name, call) ->
            DynamicTest.dynamicTest("$name with $what") {
                val noctule = open(config(File(scratch, "profile")))
                val error = wait { call(noctule) }.errorOrNull()
                assertTrue(error !is NoctuleError.Internal, "$error")
                wait { noctule.resume() }
                assertTrue(wait { noctule.status() } is Outcome.Ok)
                noctule.close()
            }
        }
    }

    @Test
    fun `numbers out of every range are typed errors and nothing is stored`() = wait {
        val noctule = ready()
        fun event(change: FeedbackEvent.() -> FeedbackEvent) =
            FeedbackEvent(EventKind.Impression, "a", position = 0).change()
        val bad = listOf(
            event { copy(position = -1) },
            event { copy(position = Long.MAX_VALUE) },
            event { copy(propensity = Double.NaN) },
            event { copy(propensity = -0.1) },
            event { copy(propensity = Double.POSITIVE_INFINITY) },
            event { copy(generation = ULong.MAX_VALUE) },
            event { copy(kind = EventKind.Dwell, dwellMs = -5) },
            event { copy(visibleMs = Long.MIN_VALUE) },
        )
        for (one in bad) {
            noctule.record(listOf(click("good"), one)).failedWith<NoctuleError.InvalidInput>()
        }
        assertEquals(0uL, noctule.status().getOrThrow().recorded)
        assertTrue(noctule.recommend(World.SURFACE, null, -1).errorOrNull()
            is NoctuleError.InvalidInput)
        assertEquals(0, noctule.home(limit = 0).items.size)
        assertEquals(World.SLOTS, noctule.home(limit = Int.MAX_VALUE).items.size)
        noctule.forgetEvents(listOf(-1)).failedWith<NoctuleError.InvalidInput>()
        noctule.nextTransfer(Network.METERED, -1).failedWith<NoctuleError.InvalidInput>()
        val nowhere = GeoPoint(91.0, 0.0)
        noctule.setPlace(nowhere).failedWith<NoctuleError.InvalidInput>()
        noctule.runNight(Budget(threads = 0u)).failedWith<NoctuleError.InvalidInput>()
        noctule.runNight(Budget(wallMs = ULong.MAX_VALUE, memoryBytes = 0uL)).getOrThrow()
        Unit
    }

    @Test
    fun `times far away are recorded or refused, and never a crash`() = wait {
        val noctule = open()
        for (ms in listOf(Long.MIN_VALUE, -1L, 0L, Long.MAX_VALUE)) {
            val outcome = noctule.record(listOf(click("a").copy(atMs = ms)))
            assertTrue(outcome is Outcome.Ok || outcome.errorOrNull() is NoctuleError.InvalidInput)
        }
    }

    @Test
    fun `a configuration that cannot be is a typed error`() {
        val negative = Noctule.openBlocking(config { keepEventsDays = -1 })
        assertEquals("keep_events_days", negative.failedWith<NoctuleError.InvalidInput>().field)
        val key = Noctule.openBlocking(config { trustedKeys = listOf("nonsense") })
        assertEquals("trusted_keys[0]", key.failedWith<NoctuleError.InvalidInput>().field)
        val zone = Noctule.openBlocking(config { utcOffsetMinutes = 100_000 })
        assertEquals("utc_offset_minutes", zone.failedWith<NoctuleError.InvalidInput>().field)
        val plan = Noctule.openBlocking(config { plan = "{" })
        assertEquals("plan.document", plan.failedWith<NoctuleError.InvalidInput>().field)
        val surrogate = Noctule.openBlocking(config(File(scratch, "a\uD800")))
        assertEquals(Action.MEND_THE_CALL, surrogate.errorOrNull()?.action)
        val nowhere = Noctule.openBlocking(config(File(scratch, "no/such/place")))
        assertEquals("directory", nowhere.failedWith<NoctuleError.InvalidInput>().field)
    }

    @Test
    fun `a listener that throws ends its own reports and not the night`() = wait {
        val noctule = ready(night = false)
        var heard = 0
        val report = noctule.runNight(progress = { _, _, _ ->
            heard++
            error("the screen is gone")
        }).getOrThrow()
        assertEquals(NightOutcome.Finished, report.outcome)
        assertTrue("the screen is gone" in report.listenerFailure!!, report.listenerFailure)
        assertEquals(1, heard)
    }

    @Test
    fun `a listener that calls back in is answered and does not hang`() = wait {
        val noctule = ready(night = false)
        var answers = 0
        var recorded = 0
        val report = noctule.runNight(progress = { step, _, _ ->
            if (noctule.recommend(World.SURFACE, null, 5) is Outcome.Ok) answers++
            if (step == NightStep.SLATES) {
                wait { noctule.record(listOf(click("a"))).getOrThrow() }
                recorded++
            }
        }).getOrThrow()
        assertEquals(null, report.listenerFailure)
        assertTrue(answers > 0 && recorded > 0)
        assertEquals(recorded.toULong(), noctule.status().getOrThrow().recorded)
    }

    @Test
    fun `a directory that disappears is a typed error, and what is in memory is served`() = wait {
        val noctule = ready()
        File(scratch, "profile").deleteRecursively()
        assertEquals(World.SLOTS, noctule.home().items.size)
        val night = noctule.runNight().errorOrNull()
        assertTrue(night is NoctuleError.InvalidInput || night is NoctuleError.Storage ||
            night is NoctuleError.ReleaseRefused, "$night")
        for ((name, call) in calls("home")) {
            val error = call(noctule).errorOrNull()
            assertTrue(error !is NoctuleError.Internal, "$name: $error")
        }
    }

    @Test
    fun `a release that is none is refused with what is wrong with it`() = wait {
        val noctule = ready()
        val refused = noctule.installRelease(scratch).failedWith<NoctuleError.ReleaseRefused>()
        assertEquals(Action.TELL_THE_BACKEND, refused.action)
        assertEquals(World.SLOTS, noctule.home().items.size)
    }

    @Test
    fun `a flow that was begun before the closing ends`() = wait {
        val noctule = ready()
        noctule.close()
        assertEquals(emptyList<Recommendations>(), noctule.slates(World.SURFACE).toList())
    }
}
