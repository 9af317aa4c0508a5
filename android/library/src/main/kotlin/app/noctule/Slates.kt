package app.noctule

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.merge
import kotlinx.coroutines.flow.transformWhile

/** How often a slate that is looked at is asked for anew: contexts begin on the minute. */
private val LOOK_EVERY: Duration = 30.seconds

/** [answer] now, after each of [changes] and now and then; only what differs is passed on. */
internal fun slatesOf(
    changes: StateFlow<Long>,
    answer: () -> Outcome<Recommendations>,
): Flow<Recommendations> {
    val ticks = flow {
        while (true) {
            delay(LOOK_EVERY)
            emit(Unit)
        }
    }
    return merge(changes.map { }, ticks)
        .conflate()
        .transformWhile {
            when (val outcome = answer()) {
                is Outcome.Ok -> emit(outcome.value)
                is Outcome.Failed -> {
                    if (outcome.error == NoctuleError.Closed) return@transformWhile false
                    throw NoctuleException(outcome.error)
                }
            }
            true
        }
        .distinctUntilChanged { old, new -> old.copy(ageMs = null) == new.copy(ageMs = null) }
}
