package app.noctule.android

import androidx.work.ListenableWorker.Result
import app.noctule.Collector
import app.noctule.FetchRequest
import app.noctule.FileServer
import app.noctule.Network
import app.noctule.Noctule
import app.noctule.NoctuleConfig
import app.noctule.NoctuleError
import app.noctule.Outcome
import app.noctule.ProfileTest
import app.noctule.Tier
import app.noctule.TransferOutcome
import app.noctule.UploadRequest
import app.noctule.World
import app.noctule.click
import app.noctule.home
import app.noctule.http.Transport
import app.noctule.http.UrlConnectionTransport
import app.noctule.impressions
import app.noctule.testing.FakeNoctule
import java.io.File
import java.net.ServerSocket
import java.net.SocketException
import java.net.SocketTimeoutException
import java.net.URL
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class TransferWorkerTest : ProfileTest() {
    private val device = TestDevice()
    private val manager = RecordingWorkManager()

    private fun worker(
        noctule: Noctule,
        transport: Transport?,
        settings: NoctuleSettings = NoctuleSettings(),
    ): TestTransferWorker {
        val host = NoctuleHost(settings, transport, { Outcome.Ok(noctule) }) { config() }
        val work = NoctuleWork(manager, settings, sdk = 34)
        return TestTransferWorker(TestContext(host, scratch), device, work)
    }

    private fun run(noctule: Noctule, transport: Transport?): Result =
        wait { begin(worker(noctule, transport)).await() }

    private fun end(result: Result): String? = result.outputData.getString("end")

    private fun following(): NoctuleConfig = config {
        trustedKeys = emptyList()
        trustedRoot = World.root
        follow("town")
    }

    @Test
    fun `feedback reaches the real collector once and only then leaves the phone`() {
        val noctule = ready()
        val answer = noctule.home()
        wait { noctule.record(answer.impressions() + click(answer.items[0].item)).getOrThrow() }
        val audit = Collector(File(scratch, "feedback")).use { collector ->
            val transport = UrlConnectionTransport(collector.address)
            assertEquals("done", end(run(noctule, transport)))
            assertEquals("done", end(run(noctule, transport)))
            collector
        }.audit()
        assertEquals(0uL, wait { noctule.status().getOrThrow() }.pendingEvents)
        assertTrue(Regex("\"events\"\\s*:\\s*${World.SLOTS + 1}\\b").containsMatchIn(audit), audit)
    }

    @Test
    fun `a refused connection waits as long as the core says and keeps everything`() {
        val noctule = ready()
        wait { noctule.record(listOf(click("a"))).getOrThrow() }
        val nobody = ServerSocket(0).use { it.localPort }
        val result = run(noctule, UrlConnectionTransport(URL("http://127.0.0.1:$nobody")))
        assertEquals("wait", end(result))
        val later = manager.current.getValue(NoctuleWork.TRANSFER_LATER)
        assertTrue(later.delayMs > 0)
        assertEquals(1uL, wait { noctule.status().getOrThrow() }.pendingEvents)
    }

    @Test
    fun `a busy collector is asked again when it says`() {
        val noctule = ready()
        wait { noctule.record(listOf(click("a"))).getOrThrow() }
        FileServer(scratch).use { server ->
            server.refuse = { 503 }
            server.headers = mapOf("Retry-After" to "900")
            val result = run(noctule, UrlConnectionTransport(server.address))
            assertEquals("wait", end(result))
            val wait = result.outputData.getLong("until_ms", 0) - System.currentTimeMillis()
            assertTrue(wait in 880_000..930_000, "$wait")
        }
    }

    @Test
    fun `a transfer that hangs ends with the slice and loses nothing`() {
        val noctule = ready()
        wait { noctule.record(listOf(click("a"))).getOrThrow() }
        val silent = object : Transport {
            override suspend fun upload(request: UploadRequest): TransferOutcome =
                awaitCancellation()

            override suspend fun fetch(request: FetchRequest): TransferOutcome = awaitCancellation()
        }
        val settings = NoctuleSettings(slice = 1.seconds, reserve = 500.milliseconds)
        val result = wait { begin(worker(noctule, silent, settings)).await() }
        assertEquals(Result.retry(), result)
        assertEquals(1uL, wait { noctule.status().getOrThrow() }.pendingEvents)
        Collector(File(scratch, "feedback")).use { collector ->
            assertEquals("done", end(run(noctule, UrlConnectionTransport(collector.address))))
        }
        assertEquals(0uL, wait { noctule.status().getOrThrow() }.pendingEvents)
    }

    @Test
    fun `without a network nothing is asked and the work is tried again`() {
        val noctule = ready()
        device.net = null
        val transport = UrlConnectionTransport(URL("http://127.0.0.1:1"))
        assertEquals(Result.retry(), run(noctule, transport))
    }

    @Test
    fun `a release comes over the network, with cuts, and is the active one in the end`() {
        val noctule = open(following())
        FileServer(World.shelf).use { server ->
            val transport = UrlConnectionTransport(server.address)
            server.cutAfter = 3_000
            // Each cut is a failed transfer, behind which the core wants to wait.
            val first = run(noctule, transport)
            assertTrue(first is Result.Success || first is Result.Retry, "$first")
            server.cutAfter = null
            wait { noctule.cancelDelivery().getOrThrow() }
        }
        noctule.close()
        val again = open(following())
        FileServer(World.shelf).use { server ->
            val transport = UrlConnectionTransport(server.address)
            var result = run(again, transport)
            var rounds = 0
            while (end(result) == "wait" && rounds++ < 8) {
                Thread.sleep(result.outputData.getLong("until_ms", 0) - now())
                result = run(again, transport)
            }
            assertEquals("done", end(result), "${result.outputData.getString("error")}")
        }
        val releases = wait { again.releases().getOrThrow() }
        assertEquals(2uL, releases.active?.version)
        assertEquals(Tier.BASELINE, again.home().tier)
        wait { again.runNight().getOrThrow() }
        assertEquals(Tier.FRESH, again.home().tier)
    }

    private fun now() = System.currentTimeMillis()

    @Test
    fun `a release waits for Wi-Fi and for room`() {
        val noctule = open(
            config {
                trustedKeys = emptyList()
                trustedRoot = World.root
                follow("town", meteredBytesMax = 10)
            },
        )
        FileServer(World.shelf).use { server ->
            val transport = UrlConnectionTransport(server.address)
            device.net = Network.METERED
            val metered = run(noctule, transport)
            assertEquals("wait for Wi-Fi", end(metered), "$metered ${server.asked}")
            assertTrue(NoctuleWork.TRANSFER_WIFI in manager.current)
            device.net = Network.UNMETERED
            device.free = 1_000
            assertEquals("wait for space", end(run(noctule, transport)))
            device.free = null
        }
    }

    @Test
    fun `uploads wait for Wi-Fi when the app wants that`() {
        val noctule = ready()
        wait { noctule.record(listOf(click("a"))).getOrThrow() }
        device.net = Network.METERED
        val settings = NoctuleSettings(uploadOverMetered = false)
        val transport = UrlConnectionTransport(URL("http://127.0.0.1:1"))
        val result = wait { begin(worker(noctule, transport, settings)).await() }
        assertEquals("wait for Wi-Fi", end(result))
        assertEquals(1uL, wait { noctule.status().getOrThrow() }.pendingEvents)
    }

    /** Stands still until it is cancelled. */
    private class Stuck : Transport {
        val begun = CountDownLatch(1)

        override suspend fun upload(request: UploadRequest): TransferOutcome {
            begun.countDown()
            awaitCancellation()
        }

        override suspend fun fetch(request: FetchRequest): TransferOutcome = awaitCancellation()
    }

    @Test
    fun `a worker stopped in the middle of an upload leaves it for the next, once`() {
        val noctule = ready()
        wait { noctule.record(List(7) { click("item-$it") }).getOrThrow() }
        val stuck = Stuck()
        val worker = worker(noctule, stuck)
        val work = begin(worker)
        assertTrue(stuck.begun.await(30, TimeUnit.SECONDS))
        work.stop(worker, 7)
        assertThrows<CancellationException> { wait { work.await() } }
        val audit = Collector(File(scratch, "feedback")).use { collector ->
            assertEquals("done", end(run(noctule, UrlConnectionTransport(collector.address))))
            collector
        }.audit()
        assertTrue(Regex("\"events\"\\s*:\\s*7\\b").containsMatchIn(audit), audit)
    }

    @Test
    fun `cancelling closes a connection that nobody answers`() = wait {
        ServerSocket(0).use { silent ->
            val transport = UrlConnectionTransport(
                URL("http://127.0.0.1:${silent.localPort}"),
                readTimeout = 60.seconds,
            )
            coroutineScope {
                val upload = async(Dispatchers.Default) {
                    transport.upload(UploadRequest("x", "/v1/batches", emptyList(), ByteArray(9)))
                }
                delay(300.milliseconds)
                val begun = System.nanoTime()
                upload.cancel()
                upload.join()
                assertTrue((System.nanoTime() - begun) / 1_000_000 < 5_000)
                withContext(Dispatchers.IO) {
                    silent.accept().use { socket ->
                        socket.soTimeout = 5_000
                        // Ends when the other side has closed; else it throws that time is over.
                        val closed = try {
                            socket.getInputStream().readBytes()
                            true
                        } catch (_: SocketTimeoutException) {
                            false
                        } catch (_: SocketException) {
                            true
                        }
                        assertTrue(closed)
                    }
                }
            }
        }
    }

    @Test
    fun `a server that sends more than was asked for fills no disk`() = wait {
        val body = ByteArray(100_000) { it.toByte() }
        File(scratch, "big").writeBytes(body)
        FileServer(scratch).use { server ->
            val transport = UrlConnectionTransport(server.address)
            val out = File(scratch, "out")
            out.writeBytes(ByteArray(10))
            fun request(offset: Long, length: Long, range: String?) = FetchRequest(
                "x", "big", offset.toULong(), length.toULong(), range, out.path,
            )
            // A 200 is taken from the begin, whatever the offset.
            transport.fetch(request(10, 90, null))
            assertArrayEquals(body.copyOf(100), out.readBytes())
            transport.fetch(request(100, 50, "bytes=100-149"))
            assertArrayEquals(body.copyOf(150), out.readBytes())
            val missing = transport.fetch(
                FetchRequest("x", "none", 0uL, 10uL, null, out.path),
            ) as TransferOutcome.Answer
            assertEquals(404, missing.status.toInt())
            assertEquals(150, out.length())
        }
    }

    @Test
    fun `errors of the core are tried again or told`() {
        val fake = FakeNoctule()
        val transport = UrlConnectionTransport(URL("http://127.0.0.1:1"))
        fake.failWith = NoctuleError.StorageFull("fetching")
        assertEquals(Result.retry(), run(fake, transport))
        fake.failWith = NoctuleError.ReleaseRefused("manifest.json", "not signed")
        assertEquals("refused", end(run(fake, transport)))
        fake.failWith = NoctuleError.Storage("not a database")
        assertTrue(run(fake, transport) is Result.Failure)
        fake.failWith = null
        assertEquals("done", end(run(fake, transport)))
        assertTrue(run(fake, null) is Result.Success)
    }
}
