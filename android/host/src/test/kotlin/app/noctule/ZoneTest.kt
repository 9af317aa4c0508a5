package app.noctule

import java.io.File
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A process that says which context holds, in the zone of its environment. */
object Zoned {
    @JvmStatic
    fun main(arguments: Array<String>) = runBlocking {
        val noctule = Noctule.openBlocking(
            NoctuleConfig(File(arguments[0]), World.APP, DataConsent.FULL) {
                trustedKeys = listOf(World.key)
            },
        ).getOrThrow()
        val answer = noctule.home()
        noctule.record(answer.impressions()).getOrThrow()
        println("context: ${answer.context}")
        noctule.close()
    }
}

class ZoneTest : ProfileTest() {
    /** What a process in the zone [zone] says; rules instead of a name need no files of zones. */
    private fun said(zone: String, vararg options: String): List<String> {
        val profile = File(scratch, "profile").path
        val builder = jvm(Zoned::class.java, profile, options = options.asList())
            .redirectErrorStream(true)
        builder.environment()["TZ"] = zone
        val process = builder.start()
        val lines = process.inputStream.bufferedReader().readLines()
        assertTrue(process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0, "$lines")
        return lines
    }

    private fun context(zone: String): String =
        said(zone).single { it.startsWith("context: ") }.removePrefix("context: ")

    /** The context that holds at an offset that the app tells. */
    private fun told(minutes: Int): String {
        val noctule = open(config { utcOffsetMinutes = minutes })
        return noctule.home().context.toString().also { noctule.close() }
    }

    @Test
    fun `the context is that of the local time of the process`() {
        ready().close()
        val zones = mapOf("XYZ12" to -720, "XYZ6" to -360, "XYZ0" to 0, "XYZ-6:30" to 390,
            "XYZ-12" to 720)
        val served = zones.map { (zone, minutes) ->
            // One may end between two questions.
            val before = told(minutes)
            val context = context(zone)
            assertTrue(context in listOf(before, told(minutes)), "$zone: $context, not $before")
            context
        }
        assertTrue(served.distinct().size > 1, "$served")
    }

    /** They take longer to load than a profile takes to open. */
    @Test
    fun `a process that opens, reads and records loads no tables of zones`() {
        ready().close()
        val loaded = said("XYZ-6:30", "-Xlog:class+load:stdout:none")
        assertTrue(loaded.any { it.startsWith("app.noctule.Noctule ") }, "${loaded.size} lines")
        val tables = loaded.filter { it.startsWith("sun.util.calendar.ZoneInfoFile") }
        assertEquals(emptyList<String>(), tables)
    }
}
