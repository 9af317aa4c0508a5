package app.noctule.android

import app.noctule.Diagnosis
import app.noctule.FindingLevel
import app.noctule.NightJournal
import app.noctule.NightOutcome
import app.noctule.NightRun
import app.noctule.Noctule
import app.noctule.NoctuleError
import app.noctule.Outcome
import app.noctule.RunOutcome
import app.noctule.Status
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale

private const val RUNS_SHOWN = 10

/** How a profile stands, for a screen that developers and support look at; no user data. */
suspend fun debugText(noctule: Noctule): String = buildString {
    section("Status", noctule.status(), ::statusText)
    section("Nights", noctule.journal(), ::journalText)
    section("Doctor", noctule.doctor(), ::doctorText)
}

private fun <T> StringBuilder.section(name: String, outcome: Outcome<T>, say: (T) -> String) {
    appendLine(name)
    appendLine(
        when (outcome) {
            is Outcome.Ok -> say(outcome.value)
            is Outcome.Failed -> errorText(outcome.error)
        },
    )
}

/** An error and what to do about it. */
internal fun errorText(error: NoctuleError): String =
    "  $error\n  -> ${error.action.name.lowercase(Locale.ROOT).replace('_', ' ')}\n"

internal fun statusText(status: Status): String = buildString {
    line("release", status.release ?: "none")
    line("arm", status.arm ?: "no experiment")
    line("consent", status.consent)
    line("slates", status.slates)
    line("events", "${status.recorded} recorded, ${status.pendingEvents} wait")
    line("given up", "${status.evicted} evicted, ${status.rejected} rejected, ${status.lost} lost")
    line("set aside", status.setAside)
    line("deletions", "${status.deletionsPending} pending")
    status.reverted?.let { line("reverted", "${it.release}: ${it.reason}") }
    status.widgetFailed?.let { line("widget", it) }
    status.damaged.forEach { line("damaged", it) }
}

internal fun journalText(journal: NightJournal): String = buildString {
    if (journal.runs.isEmpty()) appendLine("  no night has run")
    journal.runs.take(RUNS_SHOWN).forEach { appendLine("  ${runText(it)}") }
    journal.refusals.take(RUNS_SHOWN).forEach {
        appendLine("  ${it.day} not yet, ${it.reason.name.lowercase(Locale.ROOT)}: ${it.count}")
    }
}

private fun runText(run: NightRun): String {
    val began = SimpleDateFormat("yyyy-MM-dd HH:mm", Locale.ROOT).format(Date(run.beganMs))
    val ended = when (val outcome = run.outcome) {
        is RunOutcome.Ended -> when (val night = outcome.outcome) {
            NightOutcome.Finished -> "finished"
            NightOutcome.NoRelease -> "no release"
            is NightOutcome.Stopped -> "stopped, ${night.reason.name.lowercase(Locale.ROOT)}"
        }
        is RunOutcome.Failed -> "failed: ${outcome.reason}"
        RunOutcome.Cut -> "cut, or runs still"
        is RunOutcome.Noted -> "noted: ${outcome.what}"
    }
    val told = run.stopTold?.let { " ($it)" }.orEmpty()
    val slates = "${run.published} published, ${run.kept} kept, ${run.remaining} left"
    return "$began $ended$told; $slates; ${run.cpuMs} ms of processor time"
}

internal fun doctorText(diagnosis: Diagnosis): String = buildString {
    for (finding in diagnosis.findings) {
        val mark = when (finding.level) {
            FindingLevel.FINE -> "ok"
            FindingLevel.NOTE -> "note"
            FindingLevel.PROBLEM -> "PROBLEM"
        }
        appendLine("  $mark ${finding.about}: ${finding.text}")
        finding.advice?.let { appendLine("     -> $it") }
    }
    line("database", "${diagnosis.databaseBytes} bytes")
    line("releases", "${diagnosis.releasesBytes} bytes")
}

/** What the schedule said, in words. */
internal fun endText(end: SliceEnd?): String = when (end) {
    null -> "nothing was to be done"
    is SliceEnd.Made -> "made: ${end.report.published} published, ${end.report.kept} kept"
    is SliceEnd.Cut -> "cut: ${end.report.remaining} left"
    is SliceEnd.NotYet -> "not yet: ${end.reason.name.lowercase(Locale.ROOT)}"
    is SliceEnd.Failed -> "failed\n${errorText(end.error)}"
}

private fun StringBuilder.line(name: String, value: Any) {
    appendLine("  ${name.padEnd(NAME_WIDTH)} $value")
}

private const val NAME_WIDTH = 10
