package app.noctule

import java.io.File
import kotlinx.coroutines.flow.Flow

/**
 * Recommendations that are made on the phone, at night, and are simply there in the morning.
 *
 * One profile: a directory with its database, its releases and its slates. Open one for each
 * directory and keep it; it may be shared between threads. [recommend] reads memory only and may be
 * called on the main thread; everything that suspends runs on threads of the library's own, and may
 * be called from any. Cancelling a coroutine cancels the call for real.
 *
 * An interface, so that `app.noctule.testing.FakeNoctule` can stand in for it in tests of an app.
 */
interface Noctule : AutoCloseable {
    /**
     * Answers from the published slates, in microseconds: no file, no lock that a night could hold.
     *
     * What is missing is no error but an empty answer with its reason. Without a [context] the one
     * that holds now is taken; without a [limit] the whole slate.
     */
    fun recommend(surface: String, context: String? = null, limit: Int? = null):
        Outcome<Recommendations>

    /**
     * The slate of [surface] now, and again whenever it changes: after feedback, after each slate
     * that a night publishes, after a release, and when another context begins.
     *
     * Ends when the profile is closed; throws a [NoctuleException] for a name that is none.
     */
    fun slates(surface: String, context: String? = null, limit: Int? = null): Flow<Recommendations>

    /**
     * Stores [events], all or none: record a screen in one call. When it returns they survive the
     * end of the process, and a loss of power unless all of them are impressions or [durability]
     * says otherwise. [Recommendations.impressions] and its like make events with the right
     * position, generation and propensity.
     */
    suspend fun record(events: List<FeedbackEvent>, durability: Durability? = null):
        Outcome<Receipt>

    /** Forgets what the user did with [items], which a reason named. */
    suspend fun forgetItems(items: List<String>): Outcome<Unit>

    /** Removes the events with these numbers, as receipts tell them; gives how many were here. */
    suspend fun forgetEvents(sequences: List<Long>): Outcome<Long>

    /** Tells where the user is, for nearness; null forgets it. */
    suspend fun setPlace(place: GeoPoint?): Outcome<Unit>

    /** What the user allows, as it is in force. */
    val consent: DataConsent

    /** Changes what the user allows; withdrawing removes everything in this call. */
    suspend fun setConsent(consent: DataConsent): Outcome<Unit>

    /** Forgets the user; the release and the consent stay. */
    suspend fun erase(): Outcome<Unit>

    /** Writes everything that the device knows of its user to [file], as readable JSON. */
    suspend fun exportTo(file: File): Outcome<Unit>

    /** A bundle for `noctule replay`; personal data, so [consent] says that the user agreed. */
    suspend fun exportReplay(surface: String, context: String, consent: Consent):
        Outcome<ByteArray>

    /** Verifies the release in [directory], copies it and makes it the active one. */
    suspend fun installRelease(directory: File): Outcome<ReleaseName>

    /**
     * Installs the release in [directory], which ships in the app, where the profile has none yet;
     * gives whether it did. `app.noctule.android.StarterRelease` takes it from the app's assets.
     */
    suspend fun installStarter(directory: File): Outcome<Boolean>

    /** Goes back to the release before. */
    suspend fun rollback(): Outcome<ReleaseName>

    /** The active release, the one to go back to, and those that are never tried again. */
    suspend fun releases(): Outcome<Releases>

    /** Whether to run a night now. `app.noctule.android.NightWorker` asks. */
    suspend fun schedule(conditions: Conditions): Outcome<Decision>

    /**
     * Runs one slice of the night, on a thread of low priority. When the coroutine is cancelled the
     * night stops within a slate, and its journal says what [stopReason] gave.
     *
     * [progress] hears of each slate on the thread of the night and must not block; it is not called
     * again after it has thrown, and [NightReport.listenerFailure] says what.
     */
    suspend fun runNight(
        budget: Budget = Budget(),
        progress: ((NightStep, Int, Int) -> Unit)? = null,
        stopReason: () -> String = { "cancelled by the app" },
    ): Outcome<NightReport>

    /** The nights that ran, and why none did. */
    suspend fun journal(): Outcome<NightJournal>

    /** What is wrong with the profile, in sentences without user data. May take seconds. */
    suspend fun doctor(): Outcome<Diagnosis>

    /** How the profile stands. */
    suspend fun status(): Outcome<Status>

    /** What the app's HTTP client should do next; [freeBytes] are free on the volume. */
    suspend fun nextTransfer(network: Network, freeBytes: Long? = null): Outcome<Transfer>

    /** Takes note of how the transfer [id] ended. */
    suspend fun transferFinished(id: String, outcome: TransferOutcome): Outcome<Unit>

    /** Forgets the release that is on its way and frees its space. */
    suspend fun cancelDelivery(): Outcome<Unit>

    /** Lets go of every file and lock until [resume]; [recommend] goes on to answer. */
    suspend fun suspendFiles(): Outcome<Unit>

    /** Takes the profile up again after [suspendFiles]. */
    suspend fun resume(): Outcome<Unit>

    /** Whether [close] was called, by whomever. */
    val isClosed: Boolean

    /**
     * Lets go of the directory; later calls give [NoctuleError.Closed]. A night that runs ends at
     * its next step. Closing twice does nothing.
     */
    override fun close()

    companion object {
        /** Opens or creates the profile. Reads and writes files, on a thread of the library. */
        suspend fun open(config: NoctuleConfig): Outcome<Noctule> = LiveNoctule.open(config)

        /** The same on the thread of the caller, which must not be the main thread. */
        @JvmStatic
        fun openBlocking(config: NoctuleConfig): Outcome<Noctule> =
            outcomeOf { LiveNoctule.on(config) }
    }
}
