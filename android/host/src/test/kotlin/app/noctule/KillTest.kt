package app.noctule

import java.io.File
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A process that works on a profile and says what it was promised, until it is killed. */
object Child {
    @JvmStatic
    fun main(arguments: Array<String>) = runBlocking {
        val config = NoctuleConfig(File(arguments[0]), World.APP, DataConsent.FULL) {
            trustedKeys = listOf(World.key)
        }
        val noctule = Noctule.open(config).getOrThrow()
        if (noctule.releases().getOrThrow().active == null) {
            noctule.installRelease(World.release).getOrThrow()
        }
        Thread {
            runBlocking { while (true) noctule.runNight() }
        }.apply { isDaemon = true }.start()
        var turn = 0
        while (true) {
            val receipt = noctule.record(List(3) { click("item-${turn++}") }).getOrThrow()
            println("promised ${receipt.lastSequence}")
            System.out.flush()
        }
    }
}

class KillTest : ProfileTest() {
    private fun child(directory: File): Process =
        jvm(Child::class.java, directory.path, options = listOf("-Xmx256m"))
            .redirectError(ProcessBuilder.Redirect.INHERIT).start()

    @Test
    fun `a process that is killed loses nothing that it was promised and the next goes on`() {
        val directory = File(scratch, "profile")
        var promised = 0uL
        for (delay in listOf(40L, 150L, 15L)) {
            val child = child(directory)
            val lines = child.inputStream.bufferedReader()
            fun next() = lines.readLine().removePrefix("promised ").toULong()
            promised = maxOf(promised, next())
            Thread.sleep(delay)
            // Not `child.destroyForcibly()`, which closes what is still to be read.
            child.toHandle().destroyForcibly()
            for (line in generateSequence { lines.readLine() }) {
                // The last line may have been cut with the process.
                line.removePrefix("promised ").toULongOrNull()?.let { promised = maxOf(promised, it) }
            }
            assertTrue(child.waitFor(30, TimeUnit.SECONDS))
            val noctule = open()
            val recorded = wait { noctule.status().getOrThrow() }.recorded
            // One call may have been committed and not told.
            assertTrue(recorded in promised..promised + 3uL, "$recorded of $promised")
            assertEquals(0uL, recorded % 3uL)
            val answer = noctule.home()
            assertTrue(answer.items.isNotEmpty())
            val report = wait { noctule.runNight().getOrThrow() }
            assertEquals(NightOutcome.Finished, report.outcome)
            noctule.close()
        }
        assertTrue(promised > 0uL)
    }
}
