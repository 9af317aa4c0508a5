package app.noctule

import java.io.File

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
