package app.noctule.http

import app.noctule.FetchRequest
import app.noctule.TransferOutcome
import app.noctule.UploadRequest
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.RandomAccessFile
import java.net.HttpURLConnection
import java.net.URL
import kotlin.coroutines.resume
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.suspendCancellableCoroutine

/**
 * [Transport] with `HttpURLConnection`. Cancelling closes the connection, so that a worker that is
 * stopped does not sit in a read until its time-out.
 */
class UrlConnectionTransport(
    /** Address of the collector, to which the paths of uploads are appended. */
    private val collector: URL,
    /** Address of the repository of releases; the collector's without one. */
    private val repository: URL = collector,
    /** Headers for the collector alone: an `Authorization`, perhaps. */
    private val collectorHeaders: Map<String, String> = emptyMap(),
    private val connectTimeout: Duration = 15.seconds,
    private val readTimeout: Duration = 30.seconds,
    private val dispatcher: CoroutineDispatcher = Dispatchers.IO,
) : Transport {
    override suspend fun upload(request: UploadRequest): TransferOutcome =
        exchange(collector, request.path) { connection ->
            connection.requestMethod = "POST"
            connection.doOutput = true
            // What an answer moves elsewhere was not said to whoever is there.
            connection.instanceFollowRedirects = false
            collectorHeaders.forEach(connection::setRequestProperty)
            request.headers.forEach { connection.setRequestProperty(it.name, it.value) }
            connection.setFixedLengthStreamingMode(request.body.size)
            // A server may answer before it has read all: 413, and when to come again.
            val unsent = runCatching { connection.outputStream.use { it.write(request.body) } }
            val status = try {
                connection.responseCode
            } catch (error: IOException) {
                throw unsent.exceptionOrNull() ?: error
            }
            // Without an error it read all, whatever writing said.
            if (status < HttpURLConnection.HTTP_BAD_REQUEST) unsent.getOrThrow()
            // The stream of an error is null when its body is empty, and the other one throws.
            val failed = status >= HttpURLConnection.HTTP_BAD_REQUEST
            val stream = if (failed) connection.errorStream else connection.inputStream
            answer(connection, status, stream?.use { it.readAtMost(ANSWER_BYTES_MAX) })
        }

    override suspend fun fetch(request: FetchRequest): TransferOutcome =
        exchange(repository, request.path) { connection ->
            // Otherwise the client may ask for gzip by itself, and the bytes would be others.
            connection.setRequestProperty("Accept-Encoding", "identity")
            request.range?.let { connection.setRequestProperty("Range", it) }
            val status = connection.responseCode
            val from = when (status) {
                HttpURLConnection.HTTP_OK -> 0L
                HttpURLConnection.HTTP_PARTIAL -> request.offset.toLong()
                else -> null
            }
            if (from != null) {
                val end = request.offset + request.lengthMax
                connection.inputStream.use { it.writeTo(File(request.destination), from, end) }
            }
            answer(connection, status, null)
        }

    private fun answer(connection: HttpURLConnection, status: Int, body: ByteArray?) =
        TransferOutcome.Answer(
            status = status.coerceIn(0, UShort.MAX_VALUE.toInt()).toUShort(),
            body = body ?: ByteArray(0),
            retryAfterS = retryAfterSeconds(
                connection.getHeaderField("Retry-After"),
                System.currentTimeMillis(),
            )?.toULong(),
        )

    private suspend fun exchange(
        base: URL,
        path: String,
        talk: (HttpURLConnection) -> TransferOutcome,
    ): TransferOutcome {
        val connection = try {
            open(base, path)
        } catch (error: IOException) {
            return TransferOutcome.NoAnswer(error.toString())
        }
        return suspendCancellableCoroutine { continuation ->
            // Ends a read too, which interrupting the thread does not.
            continuation.invokeOnCancellation { connection.disconnect() }
            val exchange = Runnable {
                if (continuation.isActive) continuation.resume(answerOf(connection, talk))
            }
            dispatcher.dispatch(continuation.context, exchange)
        }
    }

    private fun answerOf(
        connection: HttpURLConnection,
        talk: (HttpURLConnection) -> TransferOutcome,
    ): TransferOutcome = try {
        talk(connection)
    } catch (error: IOException) {
        TransferOutcome.NoAnswer(error.toString())
    } catch (error: RuntimeException) {
        // Some vendors' clients throw these where they should not.
        TransferOutcome.NoAnswer(error.toString())
    } finally {
        connection.disconnect()
    }

    private fun open(base: URL, path: String): HttpURLConnection {
        val address = URL(base.toExternalForm().trimEnd('/') + "/" + path.trimStart('/'))
        val connection = address.openConnection() as? HttpURLConnection
            ?: throw IOException("$address is no HTTP address")
        connection.connectTimeout = connectTimeout.inWholeMilliseconds.toInt()
        connection.readTimeout = readTimeout.inWholeMilliseconds.toInt()
        connection.useCaches = false
        return connection
    }

    private companion object {
        /** What is longer may be cut: the library looks at no more. */
        const val ANSWER_BYTES_MAX = 64 * 1024
    }
}

private fun InputStream.readAtMost(bytes: Int): ByteArray {
    val body = ByteArray(bytes)
    var filled = 0
    while (filled < bytes) {
        val read = read(body, filled, bytes - filled)
        if (read < 0) break
        filled += read
    }
    return body.copyOf(filled)
}

/** Writes from byte [from] of [file] on, and nothing behind byte [end], whatever comes. */
private fun InputStream.writeTo(file: File, from: Long, end: ULong) {
    RandomAccessFile(file, "rw").use { out ->
        out.setLength(minOf(from, out.length()))
        out.seek(from)
        var left = if (end <= from.toULong()) 0L else (end - from.toULong()).toLong()
        val buffer = ByteArray(BUFFER_BYTES)
        while (left > 0) {
            val read = read(buffer, 0, minOf(buffer.size.toLong(), left).toInt())
            if (read < 0) break
            out.write(buffer, 0, read)
            left -= read
        }
    }
}

private const val BUFFER_BYTES = 64 * 1024
