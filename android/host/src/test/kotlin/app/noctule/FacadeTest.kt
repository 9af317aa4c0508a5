package app.noctule

import java.io.File
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class FacadeTest : ProfileTest() {
    @Test
    fun `a profile without a release answers that it has none`() {
        val answer = open().home()
        assertEquals(Tier.EMPTY, answer.tier)
        assertEquals(EmptyReason.NO_RELEASE, answer.emptyReason)
    }

    @Test
    fun `a night makes the slates and the first read has them`() = wait {
        val noctule = open()
        val name = noctule.installRelease(World.release).getOrThrow()
        assertEquals(Tier.BASELINE, noctule.home().tier)
        val report = noctule.runNight().getOrThrow()
        assertEquals(NightOutcome.Finished, report.outcome)
        assertTrue(report.published > 0u)
        val answer = noctule.home()
        assertEquals(Tier.FRESH, answer.tier)
        assertEquals(World.SLOTS, answer.items.size)
        assertEquals("${name.name}@${name.version}", answer.release)
        for (item in answer.items) {
            val sum = item.reasons.sumOf { it.contribution.toDouble() }
            assertEquals(item.score.toDouble(), sum, 1e-4)
        }
        assertEquals(3, noctule.home(limit = 3).items.size)
    }

    @Test
    fun `what is hidden is gone at the next read and an undo brings it back`() = wait {
        val noctule = ready()
        val answer = noctule.home()
        val first = answer.items.first()
        val hide = answer.hide(first)
        noctule.record(listOf(hide)).getOrThrow()
        assertFalse(noctule.home().items.any { it.item == first.item })
        noctule.record(listOf(undo(hide))).getOrThrow()
        assertTrue(noctule.home().items.any { it.item == first.item })
    }

    @Test
    fun `events made of an answer carry its position, generation and propensity`() = wait {
        val noctule = ready()
        val answer = noctule.home()
        val events = answer.impressions(shown = 5)
        assertEquals(5, events.size)
        assertEquals(listOf(0L, 1L, 2L, 3L, 4L), events.map { it.position })
        assertTrue(events.all { it.generation == answer.generation && it.propensity != null })
        val receipt = noctule.record(events + answer.click(answer.items[2])).getOrThrow()
        assertEquals(1uL, receipt.firstSequence)
        assertEquals(6uL, receipt.lastSequence)
        assertTrue(receipt.stored)
    }

    @Test
    fun `slates flow at first, after feedback, after a night, and end with the profile`() = wait {
        val noctule = ready(night = false)
        val seen = Channel<Recommendations>(Channel.UNLIMITED)
        coroutineScope {
            val flow = launch {
                noctule.slates(World.SURFACE).collect { seen.send(it) }
                seen.close()
            }
            val first = seen.receive()
            assertEquals(Tier.BASELINE, first.tier)
            noctule.record(listOf(first.hide(first.items[0]))).getOrThrow()
            val hidden = seen.receive()
            assertFalse(hidden.items.any { it.item == first.items[0].item })
            noctule.runNight().getOrThrow()
            var fresh = seen.receive()
            while (fresh.tier != Tier.FRESH) fresh = seen.receive()
            noctule.close()
            flow.join()
            assertTrue(seen.receiveCatching().let { it.isClosed || it.getOrNull() != null })
        }
    }

    @Test
    fun `a flow of a name that is none throws what is wrong with it`() = wait {
        val thrown = assertThrows<NoctuleException> { wait { open().slates("").toList() } }
        assertTrue(thrown.error is NoctuleError.InvalidInput)
    }

    @Test
    fun `cancelling a night stops it for real and its journal says why`() = wait {
        val noctule = ready(night = false)
        val begun = CountDownLatch(1)
        val goOn = CountDownLatch(1)
        coroutineScope {
            val night = async {
                noctule.runNight(
                    progress = { step, _, _ ->
                        if (step == NightStep.SLATES) {
                            begun.countDown()
                            goOn.await(30, TimeUnit.SECONDS)
                        }
                    },
                    stopReason = { "the phone was picked up" },
                )
            }
            launch(kotlinx.coroutines.Dispatchers.IO) {
                begun.await(30, TimeUnit.SECONDS)
                night.cancel()
                goOn.countDown()
            }
            assertThrows<CancellationException> { night.await() }
        }
        // The night lets go within a slate; the next call waits behind it on the same thread.
        val next = noctule.runNight().getOrThrow()
        assertEquals(NightOutcome.Finished, next.outcome)
        val runs = noctule.journal().getOrThrow().runs
        assertEquals("the phone was picked up", runs[1].stopTold)
        assertTrue(runs[1].remaining > 0u)
        assertEquals(runs[1].remaining, next.published)
    }

    @Test
    fun `without consent nothing is stored and withdrawing removes what was`() = wait {
        val noctule = ready()
        noctule.record(listOf(click("anything"))).getOrThrow()
        assertEquals(1uL, noctule.status().getOrThrow().recorded)
        noctule.setConsent(DataConsent.NOT_GIVEN).getOrThrow()
        assertEquals(DataConsent.NOT_GIVEN, noctule.consent)
        assertEquals(0uL, noctule.status().getOrThrow().recorded)
        assertFalse(noctule.record(listOf(click("anything"))).getOrThrow().stored)
        assertFalse(noctule.home().personalised)
    }

    @Test
    fun `a suspended profile serves, refuses to write, and goes on`() = wait {
        val noctule = ready()
        noctule.suspendFiles().getOrThrow()
        assertEquals(World.SLOTS, noctule.home().items.size)
        val error = noctule.record(listOf(click("a"))).failedWith<NoctuleError.Suspended>()
        assertEquals(Action.RESUME, error.action)
        noctule.resume().getOrThrow()
        assertTrue(noctule.record(listOf(click("a"))).getOrThrow().stored)
    }

    @Test
    fun `a second opening is busy until the first is closed`() = wait {
        val first = open()
        val refused = Noctule.open(config())
        assertEquals(Action.TRY_LATER, refused.failedWith<NoctuleError.Busy>().action)
        first.close()
        Noctule.open(config()).getOrThrow().close()
    }

    @Test
    fun `erasing forgets the user and keeps the release`() = wait {
        val noctule = ready()
        noctule.record(listOf(click("a"))).getOrThrow()
        val before = noctule.status().getOrThrow()
        noctule.erase().getOrThrow()
        val after = noctule.status().getOrThrow()
        assertEquals(0uL, after.recorded)
        assertEquals(before.release, after.release)
        assertNotEquals(before.installation, after.installation)
    }

    @Test
    fun `everything known of the user goes into one file`() = wait {
        val noctule = ready()
        noctule.record(listOf(click("a-place-of-mine"))).getOrThrow()
        val file = File(scratch, "export.json")
        noctule.exportTo(file).getOrThrow()
        assertTrue("a-place-of-mine" in file.readText())
        val consentless = noctule.exportReplay(World.SURFACE, "lunch-weekday", Consent.NOT_GIVEN)
        assertEquals("replay", consentless.failedWith<NoctuleError.InvalidInput>().field)
    }

    @Test
    fun `a widget reads the slates while the app has the profile`() = wait {
        val noctule = open(config { widget { surfaces = listOf(World.SURFACE); slotsMax = 4 } })
        val file = File(scratch, "profile/${WidgetSlates.FILE}")
        assertNull(WidgetSlates.read(file, World.SURFACE).getOrThrow())
        noctule.installRelease(World.release).getOrThrow()
        noctule.runNight().getOrThrow()
        val shown = WidgetSlates.read(file, World.SURFACE).getOrThrow()!!
        val answer = noctule.home(limit = 4)
        assertEquals(answer.items.map { it.item to it.title }, shown.slots.map { it.item to it.title })
        assertEquals(answer.generation, shown.generation)
        assertTrue(WidgetSlates.readAll(file).getOrThrow().size > 1)
        file.writeBytes(byteArrayOf(1, 2, 3))
        assertTrue(WidgetSlates.readAll(file).errorOrNull() is NoctuleError.Storage)
    }

    @Test
    fun `an own kind of event is checked against its declaration`() = wait {
        val noctule = open(
            config { eventKind("rated") { number("stars", 1.0, 5.0, required = true) } },
        )
        fun rated(stars: Double) = FeedbackEvent(
            kind = EventKind.Custom("rated"),
            item = "a",
            details = listOf(EventDetail("stars", Detail.Number(stars))),
        )
        assertTrue(noctule.record(listOf(rated(4.0))).getOrThrow().stored)
        for (stars in listOf(6.0, Double.NaN, Double.NEGATIVE_INFINITY)) {
            val error = noctule.record(listOf(rated(stars))).errorOrNull()
            assertTrue(error is NoctuleError.InvalidInput, "$stars: $error")
        }
    }
}
