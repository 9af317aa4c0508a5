package app.noctule

import java.nio.charset.MalformedInputException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class NoctuleErrorTest {
    @Test
    fun `every error of the bindings has its own error and action`() {
        val all = listOf(
            RecommenderException.Suspended(),
            RecommenderException.AlreadyRunning("a night"),
            RecommenderException.InvalidInput("limit", "below 0"),
            RecommenderException.ReleaseRefused("manifest.json", "not signed"),
            RecommenderException.StorageFull("recording"),
            RecommenderException.Storage("not a database"),
            RecommenderException.Closed(),
            RecommenderException.Internal("panicked: a fault"),
        )
        val declared = RecommenderException::class.java.declaredClasses
            .filter { RecommenderException::class.java.isAssignableFrom(it) }
        assertEquals(declared.toSet(), all.map { it.javaClass }.toSet())
        val errors = all.map { NoctuleError.of(it)!! }
        assertEquals(Action.entries.toSet(), errors.map { it.action }.toSet())
        assertEquals(errors.size, errors.map { it.action }.distinct().size)
    }

    @Test
    fun `a panic that the bindings catch and a missing library are to be reported`() {
        val panic = NoctuleError.of(InternalException("index out of bounds"))
        assertEquals(Action.REPORT, panic?.action)
        val missing = NoctuleError.of(UnsatisfiedLinkError("no noctule_ffi"))
        assertTrue("noctule_ffi" in (missing as NoctuleError.Internal).reason)
        assertEquals(Action.MEND_THE_CALL, NoctuleError.of(MalformedInputException(1))?.action)
    }

    @Test
    fun `what nobody should catch goes on`() {
        assertEquals(null, NoctuleError.of(OutOfMemoryError()))
        assertThrows<OutOfMemoryError> { outcomeOf { throw OutOfMemoryError() } }
    }
}
