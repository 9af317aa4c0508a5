package app.noctule

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import java.io.File
import java.lang.management.ManagementFactory
import java.util.concurrent.TimeUnit
import java.util.jar.JarOutputStream
import java.util.zip.ZipEntry
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

        say("record of a screen of ${answer.items.size}, loss of power, facade",
            microseconds(1_000) {
                wait { noctule.record(answer.impressions(), Durability.POWER_LOSS) }
            })
    }

    @Test
    fun `record against the same in Rust`() {
        val noctule = ready()
        val screen = noctule.home().impressions()
        noctule.close()
        // Each its own copy of one profile, taken in turn, so that a busy moment hits all.
        val profile = File(scratch, "profile")
        val copies = listOf("bindings", "facade", "rust").map { File(scratch, it) }
        copies.forEach { profile.copyRecursively(it) }
        val recommender = Recommender.open(config(copies[0]).forBindings())
        val facade = open(config(copies[1]))
        val rounds = List(ROUNDS) {
            val call = microseconds(20_000) { recommender.consent() }.p50
            val bindings = microseconds(SCREENS) {
                recommender.record(screen, Durability.PROCESS_END)
            }
            val whole = microseconds(SCREENS) {
                wait { facade.record(screen, Durability.PROCESS_END) }
            }
            val rust = finish(
                ProcessBuilder(
                    peer("noctule-tests-first"), copies[2].path, World.APP, World.key, "0",
                    "${2 * SCREENS}",
                ).start(),
            ).split(" ").map { it.toDouble() }
            println("record of a screen of ${screen.size}, p50 and least in us:")
            println("bindings %.1f %.1f, facade %.1f %.1f, Rust %.1f %.1f, a call that does little %.2f"
                .format(bindings.p50, bindings.least, whole.p50, whole.least, rust[0], rust[1], call))
            (bindings.p50 - call) / rust[0] to (bindings.least - call) / rust[1]
        }
        val median = { ratios: List<Double> -> ratios.sorted()[ROUNDS / 2] }
        println("bindings less one call to Rust: median of p50 %.2f, of least %.2f".format(
            median(rounds.map { it.first }), median(rounds.map { it.second })))
        recommender.shut()
        recommender.close()
    }

    /** A program of Rust's, built for speed. */
    private fun peer(name: String) = File(System.getProperty("noctule.peers"), name).path

    @Test
    fun `start of a process to its first slate`() {
        val noctule = ready()
        noctule.close()
        val directory = File(scratch, "profile")
        // Classes come out of an archive, as Android has them compiled at the installation.
        val mains = listOf(First::class.java, FirstOfFixedZone::class.java, Bare::class.java)
        val archives = mains.associateWith { main ->
            val archive = File(scratch, main.simpleName + ".jsa")
            finish(process(main, directory, "-XX:ArchiveClassesAtExit=$archive").start())
            "-XX:SharedArchiveFile=$archive"
        }
        for (say in listOf("classes from jars", "classes from an archive")) {
            val option = { main: Class<*> ->
                if (say.endsWith("archive")) archives.getValue(main) else "-Xshare:auto"
            }
            // In turn, so that a busy moment hits all.
            val turns = List(STARTS) { mains.map { start(it, directory, option(it)) } }
            val (ours, fixed, bare) = mains.indices.map { at -> turns.map { it[at] }.sorted() }
            val print = { what: String, times: List<Double> ->
                println("%-48s p50 %6.1f ms, least %6.1f ms, above SQLite %5.1f, %5.1f".format(
                    "$what, $say", times[STARTS / 2], times[0],
                    times[STARTS / 2] - bare[STARTS / 2], times[0] - bare[0]))
            }
            print("start to first slate", ours)
            print("the same with a fixed zone", fixed)
            print("the same SQLite file over JNA", bare)
            mains.forEach { println(finish(process(it, directory, option(it)).start())) }
        }
    }

    @Test
    fun `start of a process of Rust to its first slate`() {
        ready().close()
        val directory = File(scratch, "profile")
        val first = listOf(peer("noctule-tests-first"), directory.path, World.APP, World.key)
        val bare = listOf(peer("noctule-tests-bare"), "$directory/noctule.sqlite")
        val times = List(10 * STARTS) { listOf(first, bare).map { time(ProcessBuilder(it)) } }
        val names = listOf("process start to first slate", "the same SQLite file opened")
        for ((at, say) in names.withIndex()) {
            val sorted = times.map { it[at] }.sorted()
            println("$say in Rust: p50 %.2f ms, least %.2f ms".format(
                sorted[sorted.size / 2], sorted.first()))
        }
    }

    private fun process(
        main: Class<*>,
        directory: File,
        option: String = "-Xshare:auto",
    ): ProcessBuilder = ProcessBuilder(
        File(System.getProperty("java.home"), "bin/java").path,
        option, "-Xlog:disable", "-XX:TieredStopAtLevel=1",
        "-Djna.library.path=${System.getProperty("jna.library.path")}",
        "-cp", jars, main.name, directory.path, World.key,
    ).redirectErrorStream(true)

    /** The class path with jars in the place of folders, which no archive of classes takes. */
    private val jars: String by lazy {
        val path = System.getProperty("surefire.test.class.path")
            ?: System.getProperty("java.class.path")
        path.split(File.pathSeparator).filter { it.isNotEmpty() }.joinToString(File.pathSeparator) {
            val entry = File(it)
            if (entry.isDirectory) jar(entry).path else it
        }
    }

    private fun jar(folder: File): File {
        val jar = File(scratch, "${folder.name}.jar")
        JarOutputStream(jar.outputStream()).use { out ->
            for (file in folder.walk().filter { it.isFile }) {
                out.putNextEntry(ZipEntry(file.relativeTo(folder).path))
                file.inputStream().use { it.copyTo(out) }
            }
        }
        return jar
    }

    private fun start(main: Class<*>, directory: File, option: String): Double =
        time(process(main, directory, option))

    private fun time(process: ProcessBuilder): Double {
        val begun = System.nanoTime()
        finish(process.start())
        return (System.nanoTime() - begun) / 1e6
    }

    private fun finish(process: Process): String {
        val said = process.inputStream.bufferedReader().readText().trim()
        check(process.waitFor(60, TimeUnit.SECONDS) && process.exitValue() == 0) { said }
        return said
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
        noctule.close()
        println(finish(process(Day::class.java, File(scratch, "profile")).start()))
    }

    private companion object {
        const val STARTS = 15
        const val ROUNDS = 5
        const val SCREENS = 1_000
    }
}

/** Resident memory of this process that no file backs, in KiB. */
internal fun residentKiB(): Long = File("/proc/self/status").readLines()
    .first { it.startsWith("RssAnon") }.filter { it.isDigit() }.toLong()

/** A process that opens a profile and reads its first slate. */
object First {
    @JvmStatic
    fun main(arguments: Array<String>) = read(arguments) { }

    fun read(arguments: Array<String>, say: NoctuleConfig.Builder.() -> Unit) {
        val begun = System.nanoTime()
        val noctule = Noctule.openBlocking(
            NoctuleConfig(File(arguments[0]), World.APP, DataConsent.FULL) {
                trustedKeys = listOf(arguments[1])
                say()
            },
        ).getOrThrow()
        val opened = System.nanoTime()
        check(noctule.recommend(World.SURFACE).getOrThrow().items.size == World.SLOTS)
        val read = System.nanoTime()
        println("first slate: open %.1f ms, recommend %.1f ms".format(
            (opened - begun) / 1e6, (read - opened) / 1e6))
    }
}

/** The same where the app tells its offset from UTC, and the system is not asked. */
object FirstOfFixedZone {
    @JvmStatic
    fun main(arguments: Array<String>) = First.read(arguments) { utcOffsetMinutes = 60 }
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
    }
}
