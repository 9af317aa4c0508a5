import Foundation
import Noctule

/// A profile whose first night stands still at its first slate until a test lets it go on.
final class Halting: NoctuleProtocol, @unchecked Sendable {
    // Sendable since it changes nothing after `init` but what its semaphores and `halted` hold.
    private let real: Noctule
    private let goingOn = DispatchSemaphore(value: 0)
    private let halted = Gathered<Int>()

    init(_ real: Noctule) {
        self.real = real
    }

    /// Waits until the night stands still.
    func begun() async {
        while halted.count == 0 { try? await Task.sleep(nanoseconds: 2_000_000) }
    }

    func goOn() {
        goingOn.signal()
    }

    func runNight(
        _ budget: Noctule.Budget,
        progress: NightProgress?,
        stopReason: @escaping @Sendable () -> String
    ) async throws(NoctuleError) -> Noctule.NightReport {
        try await real.runNight(budget, progress: { [goingOn, halted] step, _, _ in
            guard step == .slates, halted.count == 0 else { return }
            halted.append(1)
            _ = goingOn.wait(timeout: .now() + 30)
        }, stopReason: stopReason)
    }

    func recommend(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> Noctule.Recommendations {
        try real.recommend(surface, context: context, limit: limit)
    }

    func slates(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> AsyncStream<Noctule.Recommendations> {
        try real.slates(surface, context: context, limit: limit)
    }

    func record(_ events: [Noctule.FeedbackEvent], durability: Noctule.Durability?)
        async throws(NoctuleError) -> Noctule.Receipt {
        try await real.record(events, durability: durability)
    }

    func forgetItems(_ items: [String]) async throws(NoctuleError) {
        try await real.forgetItems(items)
    }

    func forgetEvents(_ sequences: [UInt64]) async throws(NoctuleError) -> UInt64 {
        try await real.forgetEvents(sequences)
    }

    func setPlace(_ place: Noctule.GeoPoint?) async throws(NoctuleError) {
        try await real.setPlace(place)
    }

    var consent: Noctule.DataConsent { real.consent }

    func setConsent(_ consent: Noctule.DataConsent) async throws(NoctuleError) {
        try await real.setConsent(consent)
    }

    func erase() async throws(NoctuleError) { try await real.erase() }

    func export(to file: URL) async throws(NoctuleError) { try await real.export(to: file) }

    func exportReplay(_ surface: String, context: String, consent: Noctule.Consent)
        async throws(NoctuleError) -> Data {
        try await real.exportReplay(surface, context: context, consent: consent)
    }

    func installRelease(_ directory: URL) async throws(NoctuleError) -> Noctule.ReleaseName {
        try await real.installRelease(directory)
    }

    func installStarter(_ directory: URL) async throws(NoctuleError) -> Bool {
        try await real.installStarter(directory)
    }

    func rollback() async throws(NoctuleError) -> Noctule.ReleaseName {
        try await real.rollback()
    }

    func releases() async throws(NoctuleError) -> Noctule.Releases { try await real.releases() }

    func schedule(_ conditions: Noctule.Conditions) async throws(NoctuleError)
        -> Noctule.Decision {
        try await real.schedule(conditions)
    }

    func journal() async throws(NoctuleError) -> Noctule.NightJournal {
        try await real.journal()
    }

    func doctor() async throws(NoctuleError) -> Noctule.Diagnosis { try await real.doctor() }

    func status() async throws(NoctuleError) -> Noctule.Status { try await real.status() }

    func nextTransfer(_ network: Noctule.Network, freeBytes: Int?) async throws(NoctuleError)
        -> Noctule.Transfer {
        try await real.nextTransfer(network, freeBytes: freeBytes)
    }

    func transferFinished(_ id: String, _ outcome: Noctule.TransferOutcome)
        async throws(NoctuleError) {
        try await real.transferFinished(id, outcome)
    }

    func cancelDelivery() async throws(NoctuleError) { try await real.cancelDelivery() }

    func suspend() async throws(NoctuleError) { try await real.suspend() }

    func resume() async throws(NoctuleError) { try await real.resume() }

    var isClosed: Bool { real.isClosed }

    func close() { real.close() }
}
