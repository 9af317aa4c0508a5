import Foundation
import NoctuleBindings

/// How a profile stands, for a screen that developers and support look at; no user data.
public func debugText(_ noctule: any NoctuleProtocol) async -> String {
    var text = ""
    do throws(NoctuleError) {
        text += "Status\n" + statusText(try await noctule.status())
    } catch {
        text += errorText(error)
    }
    do throws(NoctuleError) {
        text += "\nNights\n" + journalText(try await noctule.journal())
    } catch {
        text += errorText(error)
    }
    do throws(NoctuleError) {
        text += "\nDoctor\n" + doctorText(try await noctule.doctor())
    } catch {
        text += errorText(error)
    }
    return text
}

/// An error and what to do about it.
func errorText(_ error: NoctuleError) -> String {
    "  \(error)\n  -> \(words("\(error.action)"))\n"
}

func statusText(_ status: Status) -> String {
    var lines = [
        ("release", status.release ?? "none"),
        ("arm", status.arm ?? "no experiment"),
        ("consent", words("\(status.consent)")),
        ("slates", "\(status.slates)"),
        ("events", "\(status.recorded) recorded, \(status.pendingEvents) wait"),
        ("given up", "\(status.evicted) evicted, \(status.rejected) rejected, \(status.lost) lost"),
        ("set aside", "\(status.setAside)"),
        ("deletions", "\(status.deletionsPending) pending"),
    ]
    if let reverted = status.reverted {
        lines.append(("reverted", "\(reverted.release): \(reverted.reason)"))
    }
    if let failed = status.widgetFailed { lines.append(("widget", failed)) }
    lines += status.damaged.map { ("damaged", $0) }
    return lines.map(line).joined()
}

func journalText(_ journal: NightJournal) -> String {
    var text = journal.runs.isEmpty ? "  no night has run\n" : ""
    for run in journal.runs.prefix(10) { text += "  \(runText(run))\n" }
    for refusal in journal.refusals.prefix(10) {
        text += "  \(refusal.day) not yet, \(words("\(refusal.reason)")): \(refusal.count)\n"
    }
    return text
}

private func runText(_ run: NightRun) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "yyyy-MM-dd HH:mm"
    let began = format.string(from: LocalTime.date(run.beganMs))
    let ended = switch run.outcome {
    case .ended(.finished): "finished"
    case .ended(.noRelease): "no release"
    case .ended(.stopped(let reason)): "stopped, \(words("\(reason)"))"
    case .failed(let reason): "failed: \(reason)"
    case .cut: "cut, or runs still"
    case .noted(let what): "noted: \(what)"
    }
    let told = run.stopTold.map { " (\($0))" } ?? ""
    let slates = "\(run.published) published, \(run.kept) kept, \(run.remaining) left"
    return "\(began) \(ended)\(told); \(slates); \(run.wallMs) ms"
}

func doctorText(_ diagnosis: Diagnosis) -> String {
    var text = ""
    for finding in diagnosis.findings {
        let mark = switch finding.level {
        case .fine: "ok"
        case .note: "note"
        case .problem: "PROBLEM"
        }
        text += "  \(mark) \(finding.about): \(finding.text)\n"
        if let advice = finding.advice { text += "     -> \(advice)\n" }
    }
    text += line(("database", "\(diagnosis.databaseBytes) bytes"))
    return text + line(("releases", "\(diagnosis.releasesBytes) bytes"))
}

/// How a night ended, in words; nil when the app wants none.
public func nightText(_ end: NightEnd?) -> String {
    switch end {
    case nil: "nothing was to be done"
    case .made(let report): "made: \(report.published) published, \(report.kept) kept"
    case .cut(let report): "cut: \(report.remaining) left"
    case .notYet(let reason, _): "not yet: \(words("\(reason)"))"
    case .failed(let error): "failed\n\(errorText(error))"
    }
}

private func line(_ said: (name: String, value: String)) -> String {
    "  " + said.name.padding(toLength: 10, withPad: " ", startingAt: 0) + " \(said.value)\n"
}

/// `notGiven` as `not given`.
private func words(_ name: String) -> String {
    name.reduce(into: "") { text, letter in
        text += letter.isUppercase ? " " + letter.lowercased() : String(letter)
    }
}
