package app.noctule

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.io.File
import java.net.InetSocketAddress
import java.net.URL
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

/** The real collector, `noctule collect`, in a process of its own on loopback. */
class Collector(private val output: File) : AutoCloseable {
    private val process: Process = ProcessBuilder(
        World.command.path, "collect", "--address", "127.0.0.1:0",
        "--output", output.path, "--app", World.APP, "--flush-seconds", "1",
    ).redirectErrorStream(true).start()

    /** Where it listens. */
    val address: URL

    init {
        val reader = process.inputStream.bufferedReader()
        val line = generateSequence { reader.readLine() }.first { "listening on" in it }
        address = URL(Regex("http://[0-9.:]+").find(line)!!.value)
    }

    /** Ends it as a service is ended: everything acknowledged becomes Parquet. */
    override fun close() {
        process.destroy()
        check(process.waitFor(30, TimeUnit.SECONDS)) { "the collector does not end" }
    }

    /** Events that it stored, by kind, as `noctule feedback` counts them. */
    fun audit(): String {
        val audit = ProcessBuilder(
            World.command.path, "--json", "audit", output.path, "--app", World.APP,
        ).redirectErrorStream(true).start()
        val text = audit.inputStream.bufferedReader().readText()
        check(audit.waitFor() == 0) { text }
        return text
    }
}

/** A static file server with ranges, as stands before a repository of releases. */
class FileServer(private val root: File) : AutoCloseable {
    private val executor = Executors.newCachedThreadPool()
    private val server: HttpServer = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)

    /** What was asked for, with its range. */
    val asked: MutableList<String> = CopyOnWriteArrayList()

    /** Answers are cut behind so many bytes when it is set, as on a bad network. */
    @Volatile
    var cutAfter: Int? = null

    /** Asked before each answer; a status other than 0 is given instead of the file. */
    @Volatile
    var refuse: (String) -> Int = { 0 }

    /** Headers beside that status. */
    @Volatile
    var headers: Map<String, String> = emptyMap()

    val address get() = URL("http://127.0.0.1:${server.address.port}")

    init {
        server.executor = executor
        server.createContext("/") { exchange -> exchange.use { answer(it) } }
        server.start()
    }

    private fun answer(exchange: HttpExchange) {
        val path = exchange.requestURI.path.trimStart('/')
        val range = exchange.requestHeaders.getFirst("Range")
        asked += if (range == null) path else "$path $range"
        exchange.requestBody.readAllBytes()
        val status = refuse(path)
        headers.forEach { (name, value) -> exchange.responseHeaders.add(name, value) }
        val file = File(root, path)
        if (status != 0 || !file.isFile) {
            exchange.sendResponseHeaders(if (status != 0) status else 404, -1)
            return
        }
        val all = file.readBytes()
        val from = range?.removePrefix("bytes=")?.substringBefore('-')?.toInt() ?: 0
        if (range != null && from >= all.size) {
            exchange.sendResponseHeaders(416, -1)
            return
        }
        val to = range?.substringAfter('-')?.toIntOrNull()?.coerceAtMost(all.size - 1)
            ?: (all.size - 1)
        val part = all.copyOfRange(from, to + 1)
        exchange.sendResponseHeaders(if (range == null) 200 else 206, part.size.toLong())
        val sent = cutAfter?.let { part.copyOf(minOf(it, part.size)) } ?: part
        exchange.responseBody.write(sent)
        exchange.responseBody.flush()
    }

    override fun close() {
        server.stop(0)
        executor.shutdownNow()
    }
}
