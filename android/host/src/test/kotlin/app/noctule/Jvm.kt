package app.noctule

import java.io.File
import java.util.concurrent.TimeUnit

/** A process that runs [main] with the class path and the world of these tests. */
internal fun jvm(
    main: Class<*>,
    vararg arguments: String,
    options: List<String> = emptyList(),
    libraries: String = System.getProperty("jna.library.path"),
): ProcessBuilder = ProcessBuilder(
    listOf(File(System.getProperty("java.home"), "bin/java").path) + options + listOf(
        "-Djna.library.path=$libraries",
        "-Dnoctule.world=${World.directory}",
        "-Dnoctule.command=${World.command}",
        "-cp", System.getProperty("surefire.test.class.path")
            ?: System.getProperty("java.class.path"),
        main.name,
    ) + arguments,
)

/** A program of Rust's, built for speed. */
internal fun peer(name: String): String = File(System.getProperty("noctule.peers"), name).path

/** What a process said until its end, which has to be a good one. */
internal fun finish(process: Process): String {
    val said = process.inputStream.bufferedReader().readText().trim()
    check(process.waitFor(60, TimeUnit.SECONDS) && process.exitValue() == 0) { said }
    return said
}
