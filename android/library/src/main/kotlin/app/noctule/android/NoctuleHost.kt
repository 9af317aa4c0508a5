package app.noctule.android

import android.content.Context
import app.noctule.Noctule
import app.noctule.NoctuleConfig
import app.noctule.NoctuleError
import app.noctule.Outcome
import app.noctule.http.Transport
import java.io.File
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** Implemented by the app's `Application`, so that workers find what the app said. */
interface NoctuleApp {
    /** The one host of the process. */
    val noctuleHost: NoctuleHost
}

/**
 * Opens the profile once for the whole process, for the app's screens and for the workers.
 *
 * It hangs on the `Application` and not on a global, so that a test makes as many as it wants.
 */
class NoctuleHost(
    /** What the workers do and when. */
    val settings: NoctuleSettings = NoctuleSettings(),
    /** Moves the bytes; nothing moves without. */
    val transport: Transport? = null,
    private val open: suspend (NoctuleConfig) -> Outcome<Noctule> = { Noctule.open(it) },
    /** How the profile is opened, asked at each opening: what the user allows may have changed. */
    private val config: () -> NoctuleConfig,
) {
    private val opening = Mutex()

    /** One loop of transfers at a time: two would write into one file. */
    internal val transferring = Mutex()

    @Volatile
    private var opened: Noctule? = null

    /** The open profile; opens it when it is not, or when somebody else closed it. */
    suspend fun noctule(): Outcome<Noctule> = opening.withLock {
        openedOrNull()?.let { return Outcome.Ok(it) }
        val said = try {
            config()
        } catch (thrown: Exception) {
            return Outcome.Failed(NoctuleError.Internal("the app's configuration: $thrown"))
        }
        open(said).also { opened = it.getOrNull() }
    }

    /** The profile if it is open: for the first frame, which must not wait. */
    fun openedOrNull(): Noctule? = opened?.takeUnless { it.isClosed }

    /**
     * Closes the profile: for a logout, before another profile is opened. A night that runs ends at
     * its next step, for which no thread of the caller waits.
     */
    suspend fun close() {
        opening.withLock {
            val profile = opened
            opened = null
            withContext(Dispatchers.IO) { profile?.close() }
        }
    }

    companion object {
        /** The host of the app that [context] belongs to; null when it has none. */
        fun of(context: Context): NoctuleHost? =
            (context.applicationContext as? NoctuleApp)?.noctuleHost

        /**
         * Where a profile lies: in the folder that the system never backs up, since a restored copy
         * would be a second device under the first one's name. [profile] is the app's own name of
         * an account, letters, digits, `-` and `_`.
         */
        fun directory(context: Context, profile: String = "default"): File {
            require(profile.matches(Regex("[A-Za-z0-9_-]{1,64}"))) {
                "a profile's name is 1 to 64 letters, digits, - and _"
            }
            val parent = File(context.noBackupFilesDir, "noctule")
            parent.mkdirs()
            return File(parent, profile)
        }
    }
}
