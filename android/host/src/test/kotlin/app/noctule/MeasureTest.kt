package app.noctule

import com.sun.jna.Library
import com.sun.jna.Native
import java.io.File
import java.lang.management.ManagementFactory
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
        // The JVM's other collector takes memory by the megabyte, whatever the library asks for.
        val options = listOf("-XX:+UseSerialGC")
        val profile = File(scratch, "profile").path
        val day = jvm(Day::class.java, profile, World.key, options = options)
        val more = List(DAYS) { finish(day.redirectErrorStream(true).start()).toLong() }.sorted()
        println("processes that serve a day, KiB more than before opening: median " +
            "${more[DAYS / 2]}, from ${more.first()} to ${more.last()}")
    }

    private companion object {
        const val ROUNDS = 5
        const val SCREENS = 1_000
        const val DAYS = 21
    }
}

/** Resident memory of this process that no file backs, in KiB. */
internal fun residentKiB(): Long = File("/proc/self/status").readLines()
    .first { it.startsWith("RssAnon") }.filter { it.isDigit() }.toLong()

/** A process that serves a day, and says by how many KiB its own resident memory grew. */
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
        println(residentKiB() - before)
    }
}
