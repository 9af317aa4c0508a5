package app.noctule

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test

/** A process that says what opening a profile gave, and what a call gave that needs none. */
object Opening {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val token = outcomeOf { CancelToken() }
        val config = NoctuleConfig(File(arguments[0]), World.APP, DataConsent.FULL)
        println("token ${token.errorOrNull()}")
        println("profile ${Noctule.openBlocking(config).errorOrNull()}")
    }
}

class MismatchTest : ProfileTest() {
    private val library = File(System.getProperty("jna.library.path"), "libnoctule_ffi.so")

    private fun opening(library: File): List<String> {
        val process = jvm(
            Opening::class.java, File(scratch, "profile").path, libraries = library.parent,
        ).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val said = process.inputStream.bufferedReader().readLines()
        assertTrue(process.waitFor(60, TimeUnit.SECONDS))
        return said
    }

    @Test
    fun `a library of another version than its bindings is refused at the first call of any`() {
        // Elsewhere the number is not one piece of the machine code.
        assumeTrue(System.getProperty("os.arch") == "amd64")
        assertEquals(listOf("token null", "profile null"), opening(library))

        val other = File(scratch, library.name)
        other.writeBytes(library.readBytes().also { bytes -> bytes[placeOfNumber(bytes)]++ })
        val said = opening(other)
        assertEquals(2, said.size, "$said")
        // Java says no more the second time that a class cannot be used.
        assertTrue("another version than its bindings" in said[0], "$said")
        assertTrue("the native library cannot be used" in said[1], "$said")
    }

    /** Where the machine code has the number of the surface. */
    private fun placeOfNumber(bytes: ByteArray): Int {
        val words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
        val number = UniffiCalls.surface()
        return (0..bytes.size - Long.SIZE_BYTES).single { words.getLong(it) == number }
    }
}
