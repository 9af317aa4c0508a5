package app.noctule.testing

import app.noctule.Budget
import app.noctule.Conditions
import app.noctule.Consent
import app.noctule.DataConsent
import app.noctule.Decision
import app.noctule.Diagnosis
import app.noctule.Durability
import app.noctule.EmptyReason
import app.noctule.EventKind
import app.noctule.FeedbackEvent
import app.noctule.GeoPoint
import app.noctule.Network
import app.noctule.NightJournal
import app.noctule.NightOutcome
import app.noctule.NightReport
import app.noctule.NightStep
import app.noctule.Noctule
import app.noctule.NoctuleError
import app.noctule.NoctuleException
import app.noctule.NotYetReason
import app.noctule.Outcome
import app.noctule.Policy
import app.noctule.Receipt
import app.noctule.Recommendations
import app.noctule.RecommendedItem
import app.noctule.ReleaseName
import app.noctule.Releases
import app.noctule.Status
import app.noctule.Tier
import app.noctule.Transfer
import app.noctule.TransferOutcome
import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.transformWhile
import kotlinx.coroutines.flow.update

/**
 * [Noctule] for tests of an app: no native library, no file, no thread.
 *
 * It answers what the test has put in with [put], without what was hidden; keeps what the app
 * recorded in [recorded]; and fails with [failWith] for as long as that is set. It keeps the rules
 * that an app meets: nothing is stored without consent, and a closed one refuses every call.
 */
class FakeNoctule(
    /** What the user allows at the begin. */
    consent: DataConsent = DataConsent.FULL,
) : Noctule {
    private data class Key(val surface: String, val context: String?)

    private val slates = MutableStateFlow<Map<Key, List<RecommendedItem>>>(emptyMap())
    private val hidden = MutableStateFlow<Set<String>>(emptySet())
    private val changes = MutableStateFlow(0L)
    private var sequence = 0L

    @Volatile
    private var closed = false

    /** Every event that the app recorded with consent, in order. */
    val recorded: MutableList<FeedbackEvent> = CopyOnWriteArrayList()

    /** What every call that may fail gives; null for none. */
    @Volatile
    var failWith: NoctuleError? = null

    /** What [schedule] answers. */
    @Volatile
    var decision: Decision = Decision.NotYet(NotYetReason.DONE, 0)

    /** What [runNight] reports. */
    @Volatile
    var report: NightReport = NightReport(NightOutcome.Finished, 0u, 0u, 0u, 0uL, null)

    /** Nights that the app ran. */
    @Volatile
    var nights: Int = 0
        private set

    /** What [nextTransfer] answers, the first one first; [Transfer.Done] when there is none. */
    val transfers: ArrayDeque<Transfer> = ArrayDeque()

    /** How the transfers ended, by id. */
    val finished: MutableMap<String, TransferOutcome> = LinkedHashMap()

    @Volatile
    override var consent: DataConsent = consent
        private set

    /** From now on [surface] has [items], in [context] or in any. */
    fun put(surface: String, items: List<RecommendedItem>, context: String? = null) {
        slates.update { it + (Key(surface, context) to items) }
        changed()
    }

    /** The same with items of these names. */
    fun put(surface: String, vararg items: String) = put(surface, items.map { item(it) })

    override fun recommend(surface: String, context: String?, limit: Int?):
        Outcome<Recommendations> = unlessFailing {
        if (limit != null && limit < 0) {
            return Outcome.Failed(NoctuleError.InvalidInput("limit", "$limit is below 0"))
        }
        val all = slates.value
        val slate = all[Key(surface, context)] ?: all[Key(surface, null)]
        val shown = slate.orEmpty().filter { it.item !in hidden.value }
        val items = shown.take(limit ?: Int.MAX_VALUE)
        Recommendations(
            surface = surface,
            context = context ?: "any",
            tier = if (items.isEmpty()) Tier.EMPTY else Tier.FRESH,
            ageMs = 0,
            generation = 1uL,
            release = "fake@1",
            arm = null,
            personalised = consent != DataConsent.NOT_GIVEN,
            items = items.mapIndexed { at, item -> item.copy(position = at.toUInt()) },
            emptyReason = when {
                items.isNotEmpty() -> null
                slate == null -> EmptyReason.UNKNOWN_SURFACE
                slate.isEmpty() -> EmptyReason.NO_ELIGIBLE_ITEM
                else -> EmptyReason.ALL_FILTERED
            },
        )
    }

    override fun slates(surface: String, context: String?, limit: Int?): Flow<Recommendations> =
        changes.transformWhile {
            when (val answer = recommend(surface, context, limit)) {
                is Outcome.Ok -> {
                    emit(answer.value)
                    true
                }
                is Outcome.Failed -> {
                    if (answer.error != NoctuleError.Closed) throw NoctuleException(answer.error)
                    false
                }
            }
        }.distinctUntilChanged()

    override suspend fun record(events: List<FeedbackEvent>, durability: Durability?):
        Outcome<Receipt> = unlessFailing {
        if (consent == DataConsent.NOT_GIVEN || events.isEmpty()) {
            return Outcome.Ok(Receipt(0uL, 0uL, consent != DataConsent.NOT_GIVEN))
        }
        for (event in events) {
            if (event.kind == EventKind.Hide) hidden.update { it + event.item }
            val unhides = event.kind == EventKind.Undo && event.undoes == EventKind.Hide
            if (unhides) hidden.update { it - event.item }
        }
        recorded += events
        val first = sequence + 1
        sequence += events.size
        changed()
        Receipt(first.toULong(), sequence.toULong(), true)
    }

    override suspend fun forgetItems(items: List<String>): Outcome<Unit> = unlessFailing {
        recorded.removeAll { it.item in items }
        changed()
    }

    override suspend fun forgetEvents(sequences: List<Long>): Outcome<Long> =
        unlessFailing { 0L }

    override suspend fun setPlace(place: GeoPoint?): Outcome<Unit> = unlessFailing { }

    override suspend fun setConsent(consent: DataConsent): Outcome<Unit> = unlessFailing {
        this.consent = consent
        if (consent == DataConsent.NOT_GIVEN) forgetTheUser()
        changed()
    }

    override suspend fun erase(): Outcome<Unit> = unlessFailing {
        forgetTheUser()
        changed()
    }

    override suspend fun exportTo(file: File): Outcome<Unit> =
        unlessFailing { file.writeText("{}") }

    override suspend fun exportReplay(surface: String, context: String, consent: Consent):
        Outcome<ByteArray> = unlessFailing {
        if (consent == Consent.GIVEN) ByteArray(0) else {
            val error = NoctuleError.InvalidInput("replay", "the user did not agree")
            return Outcome.Failed(error)
        }
    }

    override suspend fun installRelease(directory: File): Outcome<ReleaseName> =
        unlessFailing { ReleaseName(directory.name, 1uL) }

    override suspend fun installStarter(directory: File): Outcome<Boolean> =
        unlessFailing { false }

    override suspend fun rollback(): Outcome<ReleaseName> =
        Outcome.Failed(NoctuleError.InvalidInput("release", "there is no previous release"))

    override suspend fun releases(): Outcome<Releases> =
        unlessFailing { Releases(ReleaseName("fake", 1uL), null, false, emptyList()) }

    override suspend fun schedule(conditions: Conditions): Outcome<Decision> =
        unlessFailing { decision }

    override suspend fun runNight(
        budget: Budget,
        progress: ((NightStep, Int, Int) -> Unit)?,
        stopReason: () -> String,
    ): Outcome<NightReport> = unlessFailing {
        nights++
        progress?.invoke(NightStep.SLATES, 1, 1)
        changed()
        report
    }

    override suspend fun journal(): Outcome<NightJournal> =
        unlessFailing { NightJournal(emptyList(), emptyList()) }

    override suspend fun doctor(): Outcome<Diagnosis> =
        unlessFailing { Diagnosis(emptyList(), 0uL, 0uL) }

    override suspend fun status(): Outcome<Status> = unlessFailing {
        Status(
            release = "fake@1",
            arm = null,
            policy = Policy.MODEL,
            installation = "00000000-0000-4000-8000-000000000000",
            consent = consent,
            deletionsPending = 0u,
            recorded = sequence.toULong(),
            pendingEvents = recorded.size.toULong(),
            rejected = 0uL,
            setAside = 0uL,
            evicted = 0uL,
            lost = 0uL,
            slates = slates.value.size.toUInt(),
            damaged = emptyList(),
            reverted = null,
            widgetFailed = null,
        )
    }

    override suspend fun nextTransfer(network: Network, freeBytes: Long?): Outcome<Transfer> =
        unlessFailing { transfers.removeFirstOrNull() ?: Transfer.Done }

    override suspend fun transferFinished(id: String, outcome: TransferOutcome): Outcome<Unit> =
        unlessFailing { finished[id] = outcome }

    override suspend fun cancelDelivery(): Outcome<Unit> = unlessFailing { transfers.clear() }

    override suspend fun suspendFiles(): Outcome<Unit> = unlessFailing { }

    override suspend fun resume(): Outcome<Unit> = unlessFailing { }

    override val isClosed: Boolean get() = closed

    override fun close() {
        closed = true
        changed()
    }

    private fun forgetTheUser() {
        recorded.clear()
        hidden.value = emptySet()
        sequence = 0
    }

    private fun changed() = changes.update { it + 1 }

    private inline fun <T> unlessFailing(call: () -> T): Outcome<T> {
        if (closed) return Outcome.Failed(NoctuleError.Closed)
        failWith?.let { return Outcome.Failed(it) }
        return Outcome.Ok(call())
    }

    companion object {
        /** An item with a name and nothing else. */
        @JvmStatic
        @JvmOverloads
        fun item(name: String, title: String = name): RecommendedItem =
            RecommendedItem(name, title, 0u, 0f, 1.0, emptyList())
    }
}
