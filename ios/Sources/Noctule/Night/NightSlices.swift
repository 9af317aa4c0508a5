import Foundation
import NoctuleBindings

/// How slices of a night ended.
public enum NightEnd: Sendable, Equatable {
    /// Everything is made, or there is nothing to make anything from.
    case made(Noctule.NightReport)
    /// The time is up, or it was cancelled: the next goes on.
    case cut(Noctule.NightReport)
    /// The core says not now, and not before then.
    case notYet(Noctule.NotYetReason, earliest: Date)
    /// It failed; what it had published stays.
    case failed(NoctuleError)

    /// Whether the system should count it as a success.
    public var isFine: Bool {
        switch self {
        case .made, .notYet: true
        case .cut, .failed: false
        }
    }
}

/// Slices of a night: the core decides whether, how long and in what order.
struct NightSlices: Sendable {
    let device: any Device
    let settings: NightSettings

    /// Runs slices until all is made, the core says no, the task is cancelled, or nothing comes of
    /// them. A slice that is cut has published what it made, so that each goes on from there.
    func run(
        _ noctule: any NoctuleProtocol,
        foreground: Bool,
        _ stopReason: @escaping @Sendable () -> String
    ) async -> NightEnd {
        var last: NightReport?
        for _ in 0..<settings.batchesMax {
            let end = await slice(noctule, foreground: foreground, stopReason)
            switch end {
            case .made, .failed:
                return end
            case .notYet:
                // After a batch it is the core's word that enough was made for now.
                return last.map(NightEnd.cut) ?? end
            case .cut(let report):
                let fruitless = report.published == 0 && report.learnedEvents == 0
                if foreground || Task.isCancelled || fruitless { return end }
                last = report
            }
        }
        return last.map(NightEnd.cut) ?? .failed(.invalidInput(
            field: "batches_max", reason: "\(settings.batchesMax) is below 1"))
    }

    private func slice(
        _ noctule: any NoctuleProtocol,
        foreground: Bool,
        _ stopReason: @escaping @Sendable () -> String
    ) async -> NightEnd {
        let allowed = foreground ? nil : settings.batch
        let conditions = await device.conditions(allowed: allowed, foreground: foreground)
        do throws(NoctuleError) {
            switch try await noctule.schedule(conditions) {
            case .notYet(let reason, let earliest):
                return .notYet(reason, earliest: LocalTime.date(earliest))
            case .run(let budget, _):
                let report = try await noctule.runNight(
                    budget, progress: nil, stopReason: stopReason)
                if case .stopped = report.outcome { return .cut(report) }
                return .made(report)
            }
        } catch {
            return .failed(error)
        }
    }
}
