package app.noctule

import java.io.File
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.update

/** [Noctule] over the real library. */
internal class LiveNoctule private constructor(
    private val recommender: Recommender,
) : Noctule {
    /** Short writes and reads, in the order in which they were asked for. */
    private val short = Calls("noctule", Thread.NORM_PRIORITY)

    /** What takes long: nights, installations, reading every byte of a release. */
    private val long = Calls("noctule-night", Thread.MIN_PRIORITY)

    /** Moves the bytes of releases, beside a night. */
    private val transfers = Calls("noctule-transfers", Thread.MIN_PRIORITY)

    private val closed = AtomicBoolean(false)

    /** Counts whatever may have changed a slate; made for who looks first. */
    @Volatile
    private var changes: MutableStateFlow<Long>? = null

    override fun recommend(surface: String, context: String?, limit: Int?):
        Outcome<Recommendations> = answer {
        recommender.recommend(
            RecommendRequest(surface, context, limit?.let { unsigned("limit", it) }),
        )
    }

    override fun slates(surface: String, context: String?, limit: Int?): Flow<Recommendations> =
        slatesOf(looked()) { recommend(surface, context, limit) }

    override suspend fun record(events: List<FeedbackEvent>, durability: Durability?) =
        changing(short) { it.record(events, durability) }

    override suspend fun forgetItems(items: List<String>) =
        changing(short) { it.forgetItems(items) }

    override suspend fun forgetEvents(sequences: List<Long>) = changing(short) {
        it.forgetEvents(sequences.map { number -> unsigned("sequences", number) }).toLong()
    }

    override suspend fun setPlace(place: GeoPoint?) = changing(short) { it.setPlace(place) }

    override val consent: DataConsent
        get() = answer { recommender.consent() }.getOrNull() ?: DataConsent.NOT_GIVEN

    // On a thread of its own: it waits for a night that it has cancelled.
    override suspend fun setConsent(consent: DataConsent) =
        changing(transfers) { it.setConsent(consent) }

    override suspend fun erase() = changing(short) { it.erase() }

    override suspend fun exportTo(file: File) = call(short) { it.exportTo(file.path) }

    override suspend fun exportReplay(surface: String, context: String, consent: Consent) =
        call(short) { it.exportReplay(surface, context, consent) }

    override suspend fun installRelease(directory: File) =
        changing(long) { it.installRelease(directory.path) }

    override suspend fun installStarter(directory: File) =
        changing(long) { it.installStarter(directory.path) }

    override suspend fun rollback() = changing(long) { it.rollback() }

    override suspend fun releases() = call(short) { it.releases() }

    override suspend fun schedule(conditions: Conditions) =
        call(short) { it.schedule(conditions) }

    override suspend fun runNight(
        budget: Budget,
        progress: ((NightStep, Int, Int) -> Unit)?,
        stopReason: () -> String,
    ): Outcome<NightReport> {
        val token = CancelToken()
        val listener = object : ProgressListener {
            override fun onProgress(step: NightStep, done: UInt, total: UInt) {
                changed()
                progress?.invoke(step, done.toInt(), total.toInt())
            }
        }
        val cancel = { _: Throwable? ->
            // The night may have ended and its token be gone; a reason that throws is none.
            val reason = runCatching(stopReason).getOrDefault("cancelled")
            runCatching { token.cancelBecause(reason) }.onFailure { runCatching(token::cancel) }
            Unit
        }
        return try {
            changing(long, cancel) { it.runNight(budget, token, listener) }
        } finally {
            // Frees the handle once the night has let go of it, which may be later.
            token.close()
        }
    }

    override suspend fun journal() = call(short) { it.journal() }

    override suspend fun doctor() = call(long) { it.doctor() }

    override suspend fun status() = call(short) { it.status() }

    override suspend fun nextTransfer(network: Network, freeBytes: Long?) = changing(transfers) {
        it.setFreeBytes(freeBytes?.let { bytes -> unsigned("free_bytes", bytes) })
        it.nextTransfer(network)
    }

    override suspend fun transferFinished(id: String, outcome: TransferOutcome) =
        call(transfers) { it.transferFinished(id, outcome) }

    override suspend fun cancelDelivery() = call(transfers) { it.cancelDelivery() }

    // Not behind what is to be interrupted.
    override suspend fun suspendFiles() = Calls("noctule-suspend", Thread.MAX_PRIORITY).use {
        call(it) { recommender -> recommender.suspend() }
    }

    override suspend fun resume() = changing(short) { it.resume() }

    override val isClosed: Boolean get() = closed.get()

    override fun close() {
        if (!closed.compareAndSet(false, true)) return
        // Failing to let go of a directory is nothing that an app could do something about.
        runCatching { recommender.shut() }
        listOf(short, long, transfers).forEach { it.close() }
        recommender.close()
        changed()
    }

    private fun looked(): StateFlow<Long> = synchronized(this) {
        changes ?: MutableStateFlow(0L).also { changes = it }
    }

    /** Nobody looked yet at what nobody made. */
    private fun changed() {
        changes?.update { it + 1 }
    }

    /** A call that is quick enough for the thread of the caller. */
    private inline fun <T> answer(call: () -> T): Outcome<T> {
        if (closed.get()) return Outcome.Failed(NoctuleError.Closed)
        return unlessClosed(outcomeOf(call))
    }

    private suspend fun <T> call(
        on: Calls,
        onCancel: (Throwable?) -> Unit = {},
        call: (Recommender) -> T,
    ): Outcome<T> {
        if (closed.get()) return Outcome.Failed(NoctuleError.Closed)
        return unlessClosed(
            on.run(onCancel) {
                // The first call on a thread that no frame waits for; `recommend` goes without.
                UniffiCalls.bind()
                call(recommender)
            },
        )
    }

    private suspend fun <T> changing(
        on: Calls,
        onCancel: (Throwable?) -> Unit = {},
        call: (Recommender) -> T,
    ): Outcome<T> = call(on, onCancel) { recommender ->
        // Also when it failed in the middle, and when nobody waits for it any more.
        try {
            call(recommender)
        } finally {
            changed()
        }
    }

    /** A call that met the closing, in the words of whichever side saw it first. */
    private fun <T> unlessClosed(outcome: Outcome<T>): Outcome<T> {
        val met = outcome.errorOrNull() is NoctuleError.Internal && closed.get()
        return if (met) Outcome.Failed(NoctuleError.Closed) else outcome
    }

    companion object {
        fun on(config: NoctuleConfig): Noctule =
            LiveNoctule(Recommender.open(config.forBindings()))

        suspend fun open(config: NoctuleConfig): Outcome<Noctule> =
            Calls("noctule-open", Thread.NORM_PRIORITY).use { calls ->
                var opened: Noctule? = null
                var cancelled = false
                val lock = Any()
                // A profile that nobody waits for any more must not keep its directory.
                calls.run({ synchronized(lock) { cancelled = true; opened }?.close() }) {
                    on(config).also { synchronized(lock) { opened = it; cancelled }
                        .let { late -> if (late) it.close() } }
                }
            }
    }
}
