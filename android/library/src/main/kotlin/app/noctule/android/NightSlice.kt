package app.noctule.android

import app.noctule.Conditions
import app.noctule.Decision
import app.noctule.NightOutcome
import app.noctule.NightReport
import app.noctule.Noctule
import app.noctule.NoctuleError
import app.noctule.NotYetReason
import app.noctule.Outcome

/** How one slice of a night ended. */
sealed interface SliceEnd {
    /** Everything is made, or there is nothing to make anything from. */
    data class Made(val report: NightReport) : SliceEnd

    /** Time, processor time or memory ran out: the next slice goes on. */
    data class Cut(val report: NightReport) : SliceEnd

    /** The core says not now. */
    data class NotYet(val reason: NotYetReason, val earliestMs: Long) : SliceEnd

    /** It failed; what it had published stays. */
    data class Failed(val error: NoctuleError) : SliceEnd
}

/** One slice: the core decides whether, how long and in what order; nothing is decided here. */
internal class NightSlice(private val noctule: Noctule) {
    suspend fun run(conditions: Conditions, stopReason: () -> String): SliceEnd {
        val decision = when (val asked = noctule.schedule(conditions)) {
            is Outcome.Ok -> asked.value
            is Outcome.Failed -> return SliceEnd.Failed(asked.error)
        }
        return when (decision) {
            is Decision.NotYet -> SliceEnd.NotYet(decision.reason, decision.earliestMs)
            is Decision.Run -> when (val ran = noctule.runNight(decision.budget, null, stopReason)) {
                is Outcome.Ok -> ended(ran.value)
                is Outcome.Failed -> SliceEnd.Failed(ran.error)
            }
        }
    }

    private fun ended(report: NightReport): SliceEnd = when (report.outcome) {
        is NightOutcome.Stopped -> SliceEnd.Cut(report)
        NightOutcome.Finished, NightOutcome.NoRelease -> SliceEnd.Made(report)
    }
}
