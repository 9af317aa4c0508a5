package app.noctule

import app.noctule.android.debugText
import app.noctule.testing.FakeNoctule
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class FakeTest : ProfileTest() {
    @Test
    fun `a fake serves what a test put in, without what was hidden`() = wait {
        val fake = FakeNoctule()
        assertEquals(EmptyReason.UNKNOWN_SURFACE, fake.home().emptyReason)
        fake.put(World.SURFACE, "a", "b", "c")
        val answer = fake.home()
        assertEquals(listOf(0u, 1u, 2u), answer.items.map { it.position })
        val hide = answer.hide(answer.items[1])
        fake.record(listOf(hide)).getOrThrow()
        assertEquals(listOf("a", "c"), fake.slates(World.SURFACE).first().items.map { it.item })
        fake.record(listOf(undo(hide))).getOrThrow()
        assertEquals(3, fake.home().items.size)
        assertEquals(listOf(EventKind.Hide, EventKind.Undo), fake.recorded.map { it.kind })
    }

    @Test
    fun `a fake keeps the rules of consent, failing and closing`() = wait {
        val fake = FakeNoctule(DataConsent.NOT_GIVEN)
        assertTrue(!fake.record(listOf(click("a"))).getOrThrow().stored)
        fake.failWith = NoctuleError.StorageFull("recording")
        assertEquals(Action.FREE_SPACE, fake.record(emptyList()).errorOrNull()?.action)
        fake.failWith = null
        fake.close()
        assertEquals(NoctuleError.Closed, fake.status().errorOrNull())
    }

    @Test
    fun `the debug screen says how a profile stands`() = wait {
        val noctule = ready()
        noctule.record(listOf(click("a-secret-place"))).getOrThrow()
        val text = debugText(noctule)
        for (expected in listOf("town@1", "finished", "1 recorded, 1 wait", "database")) {
            assertTrue(expected in text, "$expected in\n$text")
        }
        assertTrue("a-secret-place" !in text)
        noctule.close()
        assertTrue("open another" in debugText(noctule))
    }
}
