package app.noctule

import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong
import java.util.concurrent.atomic.AtomicReference
import kotlin.concurrent.thread
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ConcurrencyTest : ProfileTest() {
    @Test
    fun `eight threads of mixed calls lose nothing and double nothing`() {
        val noctule = ready()
        val stored = AtomicLong()
        val served = AtomicLong()
        val nights = AtomicInteger()
        val failures = java.util.concurrent.ConcurrentLinkedQueue<String>()
        val end = System.nanoTime() + SECONDS * 1_000_000_000L
        val threads = (0 until THREADS).map { number ->
            thread {
                runBlocking {
                    var turn = number
                    while (System.nanoTime() < end) {
                        turn++
                        val outcome: Outcome<*> = when (turn % 6) {
                            0 -> noctule.status()
                            1 -> noctule.runNight(Budget(wallMs = 50uL)).also {
                                if (it is Outcome.Ok) nights.incrementAndGet()
                            }
                            2, 3 -> noctule.recommend(World.SURFACE).also {
                                if ((it.getOrNull()?.items?.size ?: 0) > 0) served.incrementAndGet()
                            }
                            4 -> noctule.schedule(idleAtNight)
                            else -> {
                                val events = List(3) { at -> click("item-$number-$at") }
                                noctule.record(events).also {
                                    if (it is Outcome.Ok) stored.addAndGet(3)
                                }
                            }
                        }
                        val error = outcome.errorOrNull()
                        if (error != null && error !is NoctuleError.Busy) failures += "$error"
                    }
                }
            }
        }
        threads.forEach { it.join() }
        assertEquals(emptyList<String>(), failures.toList())
        val status = wait { noctule.status().getOrThrow() }
        assertEquals(stored.get().toULong(), status.recorded)
        assertTrue(served.get() > 0 && nights.get() > 0 && stored.get() > 0)
        noctule.close()
        // Everything is on the disk, once.
        val again = open()
        assertEquals(stored.get().toULong(), wait { again.status().getOrThrow() }.recorded)
    }

    @Test
    fun `closing in the middle of everything ends every call`() {
        repeat(10) {
            val noctule = ready(night = false)
            val errors = java.util.concurrent.ConcurrentLinkedQueue<NoctuleError>()
            val threads = (0 until THREADS).map { number ->
                thread {
                    runBlocking {
                        while (true) {
                            val outcome: Outcome<*> = when (number % 4) {
                                0 -> noctule.runNight()
                                1 -> noctule.record(listOf(click("a")))
                                2 -> noctule.recommend(World.SURFACE)
                                else -> noctule.status()
                            }
                            val error = outcome.errorOrNull()
                            if (error == NoctuleError.Closed) break
                            if (error != null && error !is NoctuleError.Busy) errors += error
                        }
                    }
                }
            }
            Thread.sleep(30)
            noctule.close()
            threads.forEach { it.join(30_000) }
            assertTrue(threads.none { it.isAlive }, "a call hangs after closing")
            assertEquals(emptyList<NoctuleError>(), errors.toList())
            scratch.resolve("profile").deleteRecursively()
        }
    }

    @Test
    fun `a hundred thousand handles freed while they are called crash nothing`() {
        val shared = AtomicReference<CancelToken?>()
        val done = AtomicBoolean()
        val answered = AtomicInteger()
        val late = AtomicInteger()
        val wrong = AtomicInteger()
        val callers = List(2) {
            thread {
                while (!done.get()) {
                    val token = shared.get() ?: continue
                    try {
                        token.cancelBecause("a race")
                        if (token.isCancelled()) answered.incrementAndGet() else wrong.incrementAndGet()
                    } catch (_: IllegalStateException) {
                        // Freed in between, which the bindings see.
                        late.incrementAndGet()
                    }
                }
            }
        }
        repeat(100_000) {
            val token = CancelToken()
            shared.set(token)
            if (it % 2 == 0) Thread.onSpinWait()
            token.close()
            token.close()
        }
        done.set(true)
        callers.forEach { it.join(30_000) }
        assertTrue(callers.none { it.isAlive })
        assertEquals(0, wrong.get(), "a token that was cancelled said that it was not")
        assertTrue(late.get() > 0, "no race: $answered answered, $late late")
    }

    private val idleAtNight = Conditions(
        batteryPercent = 90u,
        charging = true,
        idle = true,
        foreground = false,
        thermal = Thermal.NOMINAL,
        powerSave = false,
        freeStorageBytes = null,
        utcOffsetMinutes = 0,
        allowedMs = 60_000uL,
    )

    private companion object {
        const val THREADS = 8
        const val SECONDS = 5
    }
}
