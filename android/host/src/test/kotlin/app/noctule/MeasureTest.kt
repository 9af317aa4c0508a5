package app.noctule

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import java.io.File
import java.lang.management.ManagementFactory
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test

/**
 * What calls over the boundary cost: `cargo dev kotlin measure`. Prints, and asserts nothing, since
 * no test may depend on how busy a machine is.
 */
@Tag("measure")
class MeasureTest : ProfileTest() {
    private interface C : Library {
        fun getpid(): Int
    }

    /** What single calls cost, in microseconds. */
    private class Cost(val p50: Double, val least: Double, val processor: Double)

    /** Each call by the clock, and all of them by the processor time of this thread. */
    private fun microseconds(calls: Int, call: () -> Unit): Cost {
        repeat(calls) { call() }
        val threads = ManagementFactory.getThreadMXBean()
        val spent = threads.currentThreadCpuTime
        val all = DoubleArray(calls) {
            val begun = System.nanoTime()
            call()
            (System.nanoTime() - begun) / 1_000.0
        }
        val processor = (threads.currentThreadCpuTime - spent) / 1_000.0 / calls
        all.sort()
        return Cost(all[calls / 2], all.first(), processor)
    }

    private fun say(what: String, cost: Cost) = println(
        "%-58s p50 %8.2f us, least %8.2f us, processor %8.2f us"
            .format(what, cost.p50, cost.least, cost.processor),
    )

    @Test
    fun `calls`() {
        val noctule = ready()
        val answer = noctule.home()
        val reasons = answer.items.sumOf { it.reasons.size }
        println("the answer: ${answer.items.size} items, $reasons reasons")
        val c = Native.load("c", C::class.java)
        say("one JNA call that does nothing (getpid)", microseconds(20_000) { c.getpid() })
        say("one call of the bindings that does little (consent)",
            microseconds(20_000) { noctule.consent })
        say("recommend, ${answer.items.size} slots, through the facade",
            microseconds(20_000) { noctule.home() })
        say("recommend, 1 slot", microseconds(20_000) { noctule.home(1) })

        val recommender = recommender(File(scratch, "bare"))
        val screen = answer.impressions()
        say("record of a screen of ${screen.size}, end of the process, bindings",
            microseconds(1_000) { recommender.record(screen, Durability.PROCESS_END) })
        say("record of a screen of ${screen.size}, loss of power, bindings",
            microseconds(1_000) { recommender.record(screen, Durability.POWER_LOSS) })
        say("record of a screen of ${screen.size}, end of the process, facade",
            microseconds(1_000) { wait { noctule.record(screen, Durability.PROCESS_END) } })
        recommender.shut()
        recommender.close()
    }

    private fun recommender(directory: File) = Recommender.open(config(directory).forBindings())

    @Test
    fun `start of a process to its first slate`() {
        val noctule = ready()
        noctule.close()
        val directory = File(scratch, "profile")
        // In turn, so that a busy moment hits both.
        val ours = mutableListOf<Double>()
        val bare = mutableListOf<Double>()
        repeat(STARTS) {
            ours += start(First::class.java, directory)
            bare += start(Bare::class.java, directory)
        }
        ours.sort()
        bare.sort()
        println("process start to first slate: p50 %.1f ms, least %.1f ms".format(
            ours[STARTS / 2], ours.first()))
        println("process start to the same SQLite file open over JNA: p50 %.1f ms, least %.1f ms"
            .format(bare[STARTS / 2], bare.first()))
        println("inside: ${startInside(First::class.java, directory)}")
        println("inside: ${startInside(Bare::class.java, directory)}")
    }

    private fun process(main: Class<*>, directory: File): Process = ProcessBuilder(
        File(System.getProperty("java.home"), "bin/java").path,
        "-Xshare:auto", "-XX:TieredStopAtLevel=1",
        "-Djna.library.path=${System.getProperty("jna.library.path")}",
        "-cp", System.getProperty("surefire.test.class.path")
            ?: System.getProperty("java.class.path"),
        main.name, directory.path, World.key,
    ).redirectErrorStream(true).start()

    private fun start(main: Class<*>, directory: File): Double {
        val begun = System.nanoTime()
        val process = process(main, directory)
        val said = process.inputStream.bufferedReader().readText()
        check(process.waitFor(60, TimeUnit.SECONDS) && process.exitValue() == 0) { said }
        return (System.nanoTime() - begun) / 1e6
    }

    private fun startInside(main: Class<*>, directory: File): String {
        val process = process(main, directory)
        return process.inputStream.bufferedReader().readText().trim()
    }

    @Test
    fun `memory of a served day`() {
        val bare = residentKiB()
        val noctule = ready()
        System.gc()
        val open = residentKiB()
        repeat(300) {
            val answer = noctule.home()
            wait { noctule.record(answer.impressions(5)) }
        }
        System.gc()
        println("resident: $bare KiB before, $open KiB after a night, ${residentKiB()} KiB after a day")
        println("heap: ${ManagementFactory.getMemoryMXBean().heapMemoryUsage.used / 1024} KiB")
        val served = process(Day::class.java, File(scratch, "profile")
            .also { noctule.close() }).inputStream.bufferedReader().readText().trim()
        println(served)
    }

    private companion object {
        const val STARTS = 15
    }
}

/** Resident memory of this process that no file backs, in KiB. */
internal fun residentKiB(): Long = File("/proc/self/status").readLines()
    .first { it.startsWith("RssAnon") }.filter { it.isDigit() }.toLong()

/** A process that opens a profile and reads its first slate. */
object First {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val begun = System.nanoTime()
        val noctule = Noctule.openBlocking(
            NoctuleConfig(File(arguments[0]), World.APP, DataConsent.FULL) {
                trustedKeys = listOf(arguments[1])
            },
        ).getOrThrow()
        val opened = System.nanoTime()
        check(noctule.recommend(World.SURFACE).getOrThrow().items.size == World.SLOTS)
        val read = System.nanoTime()
        println("first slate: open %.1f ms, recommend %.1f ms".format(
            (opened - begun) / 1e6, (read - opened) / 1e6))
        Runtime.getRuntime().halt(0)
    }
}

/** A process that opens the same SQLite file over JNA, with the system's SQLite, and reads a page. */
object Bare {
    private interface Sqlite : Library {
        fun sqlite3_open(path: String, database: PointerByReference): Int
        fun sqlite3_exec(db: Pointer, sql: String, a: Pointer?, b: Pointer?, c: Pointer?): Int
    }

    @JvmStatic
    fun main(arguments: Array<String>) {
        val begun = System.nanoTime()
        val sqlite = Native.load("sqlite3", Sqlite::class.java)
        val database = PointerByReference()
        check(sqlite.sqlite3_open("${arguments[0]}/noctule.sqlite", database) == 0)
        val sql = "SELECT count(*) FROM slates"
        check(sqlite.sqlite3_exec(database.value, sql, null, null, null) == 0)
        println("bare SQLite over JNA: %.1f ms".format((System.nanoTime() - begun) / 1e6))
        Runtime.getRuntime().halt(0)
    }
}

/** A process that serves a day, and one's own resident memory before and behind it. */
object Day {
    @JvmStatic
    fun main(arguments: Array<String>) {
        // The classes of JNA and Kotlin are the bare process's too.
        Native.load("c", Library::class.java)
        System.gc()
        val before = residentKiB()
        val noctule = Noctule.openBlocking(
            NoctuleConfig(File(arguments[0]), World.APP, DataConsent.FULL) {
                trustedKeys = listOf(arguments[1])
            },
        ).getOrThrow()
        repeat(300) { noctule.recommend(World.SURFACE).getOrThrow() }
        System.gc()
        println("a process that serves a day: $before KiB before opening, ${residentKiB()} behind")
        Runtime.getRuntime().halt(0)
    }
}
