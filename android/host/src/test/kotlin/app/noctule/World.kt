package app.noctule

import java.io.File
import java.nio.file.Files
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** What `cargo dev kotlin` has made: a release, its key, a repository, the command `noctule`. */
object World {
    val directory = File(System.getProperty("noctule.world"))
    val release = File(directory, "release")
    val starter = File(directory, "starter")
    val key: String = File(directory, "release.key.pub").readText().trim()
    val root: ByteArray = File(directory, "ceremony/metadata/1.root.json").readBytes()
    val shelf = File(directory, "shelf")
    val command = File(System.getProperty("noctule.command"))

    const val APP = "town"
    const val SURFACE = "home"
    const val SLOTS = 20
}

/** A folder for each test, and profiles that are closed behind it. A hang is a failure. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class ProfileTest {
    protected lateinit var scratch: File
    private val opened = mutableListOf<Noctule>()

    @BeforeEach
    fun makeScratch() {
        // JUnit passes over a test that gives a value, without a word.
        val passedOver = javaClass.declaredMethods.filter {
            it.isAnnotationPresent(Test::class.java) && it.returnType != Void.TYPE
        }
        check(passedOver.isEmpty()) { "tests that give a value: $passedOver" }
        scratch = Files.createTempDirectory("noctule").toFile()
    }

    @AfterEach
    fun removeScratch() {
        opened.forEach { it.close() }
        scratch.deleteRecursively()
    }

    protected fun config(
        directory: File = File(scratch, "profile"),
        consent: DataConsent = DataConsent.FULL,
        say: NoctuleConfig.Builder.() -> Unit = {},
    ) = NoctuleConfig(directory, World.APP, consent) {
        trustedKeys = listOf(World.key)
        say()
    }

    protected fun open(config: NoctuleConfig = config()): Noctule =
        Noctule.openBlocking(config).getOrThrow().also { opened += it }

    /** An open profile with a release and, unless said otherwise, the slates of a night. */
    protected fun ready(night: Boolean = true): Noctule = open().also { noctule ->
        wait {
            noctule.installRelease(World.release).getOrThrow()
            if (night) noctule.runNight().getOrThrow()
        }
    }

    protected fun <T> wait(body: suspend () -> T): T =
        runBlocking { withTimeout(60.seconds) { body() } }
}

/** The slate of the surface, which has to be there. */
fun Noctule.home(limit: Int? = null): Recommendations =
    recommend(World.SURFACE, null, limit).getOrThrow()

/** The error of an outcome that has to be one. */
inline fun <reified E : NoctuleError> Outcome<*>.failedWith(): E = when (this) {
    is Outcome.Ok -> fail("no error but $value")
    is Outcome.Failed -> error as? E ?: fail("not ${E::class.simpleName} but $error")
}

/** A click on an item of this name. */
fun click(item: String) = FeedbackEvent(kind = EventKind.Click, item = item)
