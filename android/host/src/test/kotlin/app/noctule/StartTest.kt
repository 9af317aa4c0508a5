package app.noctule

import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import java.io.File
import java.util.concurrent.TimeUnit
import java.util.jar.JarOutputStream
import java.util.zip.ZipEntry
import kotlin.math.ceil
import kotlin.math.sqrt
import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/**
 * What a process takes from its start to its first slate, beside one that opens the same SQLite
 * file: `cargo dev kotlin measure`. Prints, and asserts nothing.
 */
@Tag("measure")
@Timeout(value = 600, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StartTest : ProfileTest() {
    @Test
    fun `start of a process to its first slate`() {
        ready().close()
        val directory = File(scratch, "profile")
        // Classes come out of an archive, as Android has them compiled at the installation.
        val mains = listOf(First::class.java, FirstOfFixedZone::class.java, Bare::class.java)
        val archives = mains.associateWith { main ->
            val archive = File(scratch, main.simpleName + ".jsa")
            finish(process(main, directory, "-XX:ArchiveClassesAtExit=$archive").start())
            "-XX:SharedArchiveFile=$archive"
        }
        val names = listOf("start to first slate", "the same, a fixed zone", "the same file by SQLite")
        for (archived in listOf(false, true)) {
            val option = { main: Class<*> ->
                if (archived) archives.getValue(main) else "-Xshare:auto"
            }
            println(if (archived) "classes from an archive:" else "classes from jars:")
            inTurn(if (archived) 301 else 25, names, mains.map { process(it, directory, option(it)) })
        }
    }

    @Test
    fun `start of a process of Rust to its first slate`() {
        ready().close()
        val directory = File(scratch, "profile")
        println("in Rust:")
        inTurn(
            301,
            listOf("start to first slate", "the same file by SQLite"),
            listOf(
                ProcessBuilder(peer("noctule-tests-first"), directory.path, World.APP, World.key),
                ProcessBuilder(peer("noctule-tests-bare"), "$directory/noctule.sqlite"),
            ),
        )
    }

    /**
     * Milliseconds of one process, by the clock and by the processor; and by the clock what its
     * main function says of itself, where it does.
     */
    private class Spent(val clock: Double, val processor: Double, val said: Double?)

    /**
     * Starts all in turn, so that a busy moment hits all, and compares each with the last of its
     * own turn.
     */
    private fun inTurn(turns: Int, names: List<String>, processes: List<ProcessBuilder>) {
        processes.forEach { spent(it) }
        val all = List(turns) { processes.map { spent(it) } }
        for ((at, name) in names.withIndex()) {
            val clock = all.map { it[at].clock }.sorted()
            val more = Median(all.map { it[at].clock - it.last().clock })
            val work = Median(all.map { it[at].processor - it.last().processor })
            val said = all.map { it[at].said to it.last().said }
            val own = said.mapNotNull { (own, bare) -> bare?.let { own?.minus(it) } }
            println("%-24s p50 %6.2f ms, least %6.2f".format(name, clock[turns / 2], clock[0]))
            if (at == names.lastIndex) continue
            println("    above SQLite: clock $more, processor $work")
            if (own.isNotEmpty()) println("    above SQLite, clock behind the start of JNA: ${Median(own)}")
        }
    }

    /** The median with its interval of 95 %, which the ranks of a binomial give. */
    private class Median(values: List<Double>) {
        private val sorted = values.sorted()
        private val half = ceil(0.98 * sqrt(values.size.toDouble())).toInt()

        override fun toString(): String {
            val middle = sorted.size / 2
            return "%.2f (%.2f to %.2f)".format(
                sorted[middle], sorted[middle - half], sorted[middle + half])
        }
    }

    private interface C : Library {
        fun getrusage(who: Int, usage: Pointer): Int
    }

    private val c = Native.load("c", C::class.java)
    private val usage = Memory(256)

    /** Processor time of all children that ended, in milliseconds. */
    private fun children(): Double {
        check(c.getrusage(-1, usage) == 0)
        val (seconds, micros) = List(4) { usage.getLong(8L * it) }
            .withIndex().partition { it.index % 2 == 0 }
        return seconds.sumOf { it.value } * 1e3 + micros.sumOf { it.value } / 1e3
    }

    private fun spent(process: ProcessBuilder): Spent {
        val before = children()
        val begun = System.nanoTime()
        val said = finish(process.start())
        val clock = (System.nanoTime() - begun) / 1e6
        return Spent(clock, children() - before, said.toDoubleOrNull())
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
}

/** What every process starts with that calls a library over JNA. */
private object Jna {
    interface Nothing : Library

    fun start() {
        Native.load("c", Nothing::class.java)
    }
}

/** A process that opens a profile, reads its first slate, and says how long it took behind JNA. */
object First {
    @JvmStatic
    fun main(arguments: Array<String>) = read(arguments) { }

    fun read(arguments: Array<String>, say: NoctuleConfig.Builder.() -> Unit) {
        Jna.start()
        val begun = System.nanoTime()
        val noctule = Noctule.openBlocking(
            NoctuleConfig(File(arguments[0]), World.APP, DataConsent.FULL) {
                trustedKeys = listOf(arguments[1])
                say()
            },
        ).getOrThrow()
        check(noctule.recommend(World.SURFACE).getOrThrow().items.size == World.SLOTS)
        println((System.nanoTime() - begun) / 1e6)
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
        Jna.start()
        val begun = System.nanoTime()
        val sqlite = Native.load("sqlite3", Sqlite::class.java)
        val database = PointerByReference()
        check(sqlite.sqlite3_open("${arguments[0]}/noctule.sqlite", database) == 0)
        val sql = "SELECT count(*) FROM slates"
        check(sqlite.sqlite3_exec(database.value, sql, null, null, null) == 0)
        println((System.nanoTime() - begun) / 1e6)
    }
}

