import Foundation
import NoctuleBindings

/// A profile over the real library: see ``NoctuleProtocol``.
public final class Noctule: NoctuleProtocol, Sendable {
    private let recommender: Recommender

    /// Short writes and reads, in the order in which they were asked for.
    private let short = Calls("short", .userInitiated)
    /// What takes long: nights, installations, reading every byte of a release.
    private let long = Calls("night", .utility)
    /// Moves the bytes of releases, beside a night.
    private let transfers = Calls("transfers", .utility)
    /// Not behind what is to be interrupted.
    private let suspending = Calls("suspend", .userInteractive)

    private let closed = Locked(false)
    private let changes = Changes()

    private init(_ recommender: Recommender) {
        self.recommender = recommender
    }

    deinit {
        close()
    }

    /// Opens or creates the profile. Reads and writes files, on a queue of the library.
    public static func open(_ config: NoctuleConfig) async throws(NoctuleError) -> Noctule {
        let bindings = try config.forBindings()
        return try await Calls("open", .userInitiated).run {
            Noctule(try Recommender.open(config: bindings))
        }
    }

    public func recommend(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> Noctule.Recommendations {
        let bound: UInt32? = if let limit { try unsigned("limit", limit) } else { nil }
        let request = RecommendRequest(surface: surface, context: context, limit: bound)
        return try answer { try $0.recommend(request: request) }
    }

    public func slates(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> AsyncStream<Noctule.Recommendations> {
        // A name that is none is said here; after it a slate can only be missing.
        let first = try recommend(surface, context: context, limit: limit)
        return changes.stream(first) { [weak self] in
            try? self?.recommend(surface, context: context, limit: limit)
        }
    }

    @discardableResult
    public func record(_ events: [FeedbackEvent], durability: Durability?)
        async throws(NoctuleError) -> Receipt {
        try await changing(short) { try $0.record(events: events, durability: durability) }
    }

    public func forgetItems(_ items: [String]) async throws(NoctuleError) {
        try await changing(short) { try $0.forgetItems(items: items) }
    }

    @discardableResult
    public func forgetEvents(_ sequences: [UInt64]) async throws(NoctuleError) -> UInt64 {
        try await changing(short) { try $0.forgetEvents(sequences: sequences) }
    }

    public func setPlace(_ place: GeoPoint?) async throws(NoctuleError) {
        try await changing(short) { try $0.setPlace(place: place) }
    }

    public var consent: DataConsent {
        isClosed ? .notGiven : recommender.consent()
    }

    // On a queue of its own: it waits for a night that it has cancelled.
    public func setConsent(_ consent: DataConsent) async throws(NoctuleError) {
        try await changing(transfers) { try $0.setConsent(consent: consent) }
    }

    public func erase() async throws(NoctuleError) {
        try await changing(short) { try $0.erase() }
    }

    public func export(to file: URL) async throws(NoctuleError) {
        try await call(short) { try $0.exportTo(path: file.path) }
    }

    public func exportReplay(_ surface: String, context: String, consent: Consent)
        async throws(NoctuleError) -> Data {
        try await call(short) {
            try $0.exportReplay(surface: surface, context: context, consent: consent)
        }
    }

    @discardableResult
    public func installRelease(_ directory: URL) async throws(NoctuleError) -> ReleaseName {
        try await changing(long) { try $0.installRelease(path: directory.path) }
    }

    @discardableResult
    public func installStarter(_ directory: URL) async throws(NoctuleError) -> Bool {
        try await changing(long) { try $0.installStarter(path: directory.path) }
    }

    @discardableResult
    public func rollback() async throws(NoctuleError) -> ReleaseName {
        try await changing(long) { try $0.rollback() }
    }

    public func releases() async throws(NoctuleError) -> Releases {
        try await call(short) { try $0.releases() }
    }

    public func schedule(_ conditions: Conditions) async throws(NoctuleError) -> Decision {
        try await call(short) { try $0.schedule(conditions: conditions) }
    }

    @discardableResult
    public func runNight(
        _ budget: Budget,
        progress: NightProgress?,
        stopReason: @escaping @Sendable () -> String
    ) async throws(NoctuleError) -> NightReport {
        let token = CancelToken()
        let listener = Listener(changes, progress)
        return try await changing(long, stop: { token.cancelBecause(reason: stopReason()) }) {
            try $0.runNight(budget: budget, cancel: token, progress: listener)
        }
    }

    public func journal() async throws(NoctuleError) -> NightJournal {
        try await call(short) { try $0.journal() }
    }

    public func doctor() async throws(NoctuleError) -> Diagnosis {
        try await call(long) { try $0.doctor() }
    }

    public func status() async throws(NoctuleError) -> Status {
        try await call(short) { try $0.status() }
    }

    public func nextTransfer(_ network: Network, freeBytes: Int?) async throws(NoctuleError)
        -> Transfer {
        let free: UInt64? = if let freeBytes { try unsigned("free_bytes", freeBytes) } else { nil }
        return try await changing(transfers) {
            $0.setFreeBytes(bytes: free)
            return try $0.nextTransfer(network: network)
        }
    }

    public func transferFinished(_ id: String, _ outcome: TransferOutcome)
        async throws(NoctuleError) {
        try await call(transfers) { try $0.transferFinished(id: id, outcome: outcome) }
    }

    public func cancelDelivery() async throws(NoctuleError) {
        try await call(transfers) { try $0.cancelDelivery() }
    }

    public func suspend() async throws(NoctuleError) {
        try await call(suspending) { try $0.suspend() }
    }

    public func resume() async throws(NoctuleError) {
        try await changing(suspending) { try $0.resume() }
    }

    public var isClosed: Bool { closed.with { $0 } }

    public func close() {
        let first = closed.with { closed in
            defer { closed = true }
            return !closed
        }
        guard first else { return }
        recommender.close()
        changes.end()
    }
}

extension Noctule {
    /// A call that is quick enough for the thread of the caller.
    private func answer<T>(_ call: (Recommender) throws -> T) throws(NoctuleError) -> T {
        if isClosed { throw .closed }
        return try typed { try call(recommender) }
    }

    private func call<T: Sendable>(
        _ on: Calls,
        stop: @escaping @Sendable () -> Void = {},
        _ call: @escaping @Sendable (Recommender) throws -> T
    ) async throws(NoctuleError) -> T {
        if isClosed { throw .closed }
        return try await on.run(stop: stop) { [self] in try call(recommender) }
    }

    private func changing<T: Sendable>(
        _ on: Calls,
        stop: @escaping @Sendable () -> Void = {},
        _ call: @escaping @Sendable (Recommender) throws -> T
    ) async throws(NoctuleError) -> T {
        try await self.call(on, stop: stop) { [changes] recommender in
            // Also when it failed in the middle.
            defer { changes.tell() }
            return try call(recommender)
        }
    }
}

/// Tells of each slate that it may have changed, then the app how far the night is.
private final class Listener: ProgressListener {
    private let changes: Changes
    private let progress: NightProgress?

    init(_ changes: Changes, _ progress: NightProgress?) {
        self.changes = changes
        self.progress = progress
    }

    func onProgress(step: NightStep, done: UInt32, total: UInt32) throws {
        changes.tell()
        do {
            try progress?(step, Int(done), Int(total))
        } catch let error as ListenerError {
            throw error
        } catch {
            throw ListenerError.Failed(reason: String(describing: error))
        }
    }
}
