import Foundation
import Noctule

/// `NoctuleProtocol` for tests of an app: no native library, no file, no thread.
///
/// It answers what the test has put in with ``put(_:_:context:)``, without what was hidden; keeps
/// what the app recorded in ``recorded``; and fails with what ``fail(with:)`` says for as long as
/// that is set. It keeps the rules that an app meets: nothing is stored without consent, and a
/// closed one refuses every call.
public final class FakeNoctule: NoctuleProtocol, @unchecked Sendable {
    // Sendable since `state` is touched only while `lock` is held.
    private let lock = NSLock()
    private var state: State

    private struct Key: Hashable {
        var surface: String
        var context: String?
    }

    private struct Stream {
        var key: Key
        var limit: Int?
        var last: Noctule.Recommendations?
        var continuation: AsyncStream<Noctule.Recommendations>.Continuation
    }

    private struct State {
        var consent: Noctule.DataConsent
        var slates: [Key: [Noctule.RecommendedItem]] = [:]
        var hidden: Set<String> = []
        var recorded: [Noctule.FeedbackEvent] = []
        var sequence: UInt64 = 0
        var closed = false
        var suspended = false
        var failure: NoctuleError?
        var nights = 0
        var decide: @Sendable (Int) -> Noctule.Decision = { _ in
            .notYet(reason: .done, earliestMs: 0)
        }
        var report: @Sendable (Int) -> Noctule.NightReport = { _ in
            Noctule.NightReport(
                outcome: .finished, published: 0, kept: 0, remaining: 0, learnedEvents: 0,
                listenerFailure: nil)
        }
        var transfers: [Noctule.Transfer] = []
        var finished: [String: Noctule.TransferOutcome] = [:]
        var streams: [Int: Stream] = [:]
        var streamsMade = 0
    }

    /// Nothing put in yet; the user allows what `consent` says.
    public init(consent: Noctule.DataConsent) {
        state = State(consent: consent)
    }

    /// The same with a user who allows everything.
    public convenience init() {
        self.init(consent: .full)
    }

    /// An item with a name and nothing else.
    public static func item(_ name: String, title: String? = nil) -> Noctule.RecommendedItem {
        Noctule.RecommendedItem(
            item: name, title: title ?? name, position: 0, score: 0, propensity: 1, reasons: [])
    }

    // MARK: What the test says

    /// From now on `surface` has `items`, in `context` or in any.
    public func put(
        _ surface: String,
        _ items: [Noctule.RecommendedItem],
        context: String? = nil
    ) {
        with { $0.slates[Key(surface: surface, context: context)] = items }
        changed()
    }

    /// The same with items of these names.
    public func put(_ surface: String, _ items: String...) {
        put(surface, items.map { Self.item($0) })
    }

    /// What every call that may fail throws from now on; nil for none.
    public func fail(with error: NoctuleError?) {
        with { $0.failure = error }
    }

    /// What `schedule` answers behind so many nights.
    public func decide(_ decide: @escaping @Sendable (Int) -> Noctule.Decision) {
        with { $0.decide = decide }
    }

    /// What the night of this number reports; the first is 1.
    public func report(_ report: @escaping @Sendable (Int) -> Noctule.NightReport) {
        with { $0.report = report }
    }

    /// What `nextTransfer` answers, the first one first, and then `done`.
    public func transfer(_ transfers: [Noctule.Transfer]) {
        with { $0.transfers = transfers }
    }

    // MARK: What the app did

    /// Every event that the app recorded with consent, in order.
    public var recorded: [Noctule.FeedbackEvent] { with { $0.recorded } }

    /// Nights that the app ran.
    public var nights: Int { with { $0.nights } }

    /// How the transfers ended, by id.
    public var finished: [String: Noctule.TransferOutcome] { with { $0.finished } }

    /// Whether its files were let go of.
    public var isSuspended: Bool { with { $0.suspended } }

    // MARK: NoctuleProtocol

    public func recommend(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> Noctule.Recommendations {
        if let limit, limit < 0 {
            throw .invalidInput(field: "limit", reason: "\(limit) is below 0")
        }
        return try unlessFailing { state in
            Self.answer(state, Key(surface: surface, context: context), limit)
        }
    }

    public func slates(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> AsyncStream<Noctule.Recommendations> {
        let first = try recommend(surface, context: context, limit: limit)
        let (stream, continuation) = AsyncStream.makeStream(
            of: Noctule.Recommendations.self, bufferingPolicy: .bufferingNewest(1))
        let key = Key(surface: surface, context: context)
        let number = with { state in
            state.streamsMade += 1
            state.streams[state.streamsMade] = Stream(
                key: key, limit: limit, last: first, continuation: continuation)
            return state.streamsMade
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.with { $0.streams.removeValue(forKey: number) }
        }
        continuation.yield(first)
        return stream
    }

    @discardableResult
    public func record(_ events: [Noctule.FeedbackEvent], durability: Noctule.Durability?)
        async throws(NoctuleError) -> Noctule.Receipt {
        try changing { state in
            guard state.consent != .notGiven, !events.isEmpty else {
                let stored = state.consent != .notGiven
                return Noctule.Receipt(firstSequence: 0, lastSequence: 0, stored: stored)
            }
            for event in events {
                if event.kind == .hide { state.hidden.insert(event.item) }
                if event.kind == .undo, event.undoes == .hide { state.hidden.remove(event.item) }
            }
            state.recorded += events
            let first = state.sequence + 1
            state.sequence += UInt64(events.count)
            return Noctule.Receipt(
                firstSequence: first, lastSequence: state.sequence, stored: true)
        }
    }

    public func forgetItems(_ items: [String]) async throws(NoctuleError) {
        try changing { state in state.recorded.removeAll { items.contains($0.item) } }
    }

    public func forgetEvents(_ sequences: [UInt64]) async throws(NoctuleError) -> UInt64 {
        try unlessFailing { _ in 0 }
    }

    public func setPlace(_ place: Noctule.GeoPoint?) async throws(NoctuleError) {
        try unlessFailing { _ in }
    }

    public var consent: Noctule.DataConsent {
        with { $0.closed ? .notGiven : $0.consent }
    }

    public func setConsent(_ consent: Noctule.DataConsent) async throws(NoctuleError) {
        try changing { state in
            state.consent = consent
            if consent == .notGiven { Self.forgetTheUser(&state) }
        }
    }

    public func erase() async throws(NoctuleError) {
        try changing { Self.forgetTheUser(&$0) }
    }

    public func export(to file: URL) async throws(NoctuleError) {
        try unlessFailing { _ in }
        do {
            try Data("{}".utf8).write(to: file)
        } catch {
            throw .storage(reason: "\(error)")
        }
    }

    public func exportReplay(_ surface: String, context: String, consent: Noctule.Consent)
        async throws(NoctuleError) -> Data {
        guard consent == .given else {
            throw .invalidInput(field: "replay", reason: "the user did not agree")
        }
        return try unlessFailing { _ in Data() }
    }

    public func installRelease(_ directory: URL) async throws(NoctuleError)
        -> Noctule.ReleaseName {
        let name = directory.lastPathComponent
        return try changing { _ in Noctule.ReleaseName(name: name, version: 1) }
    }

    public func installStarter(_ directory: URL) async throws(NoctuleError) -> Bool {
        try unlessFailing { _ in false }
    }

    public func rollback() async throws(NoctuleError) -> Noctule.ReleaseName {
        try unlessFailing { _ in }
        throw .invalidInput(field: "release", reason: "there is no previous release")
    }

    public func releases() async throws(NoctuleError) -> Noctule.Releases {
        let active = Noctule.ReleaseName(name: "fake", version: 1)
        return try unlessFailing { _ in
            Noctule.Releases(active: active, previous: nil, onProbation: false, refused: [])
        }
    }

    public func schedule(_ conditions: Noctule.Conditions) async throws(NoctuleError)
        -> Noctule.Decision {
        let (decide, nights) = try unlessFailing { ($0.decide, $0.nights) }
        return decide(nights)
    }

    public func runNight(
        _ budget: Noctule.Budget,
        progress: NightProgress?,
        stopReason: @escaping @Sendable () -> String
    ) async throws(NoctuleError) -> Noctule.NightReport {
        if Task.isCancelled { throw .cancelled }
        let (report, night) = try changing { state in
            state.nights += 1
            return (state.report, state.nights)
        }
        try? progress?(.slates, 1, 1)
        return report(night)
    }

    public func journal() async throws(NoctuleError) -> Noctule.NightJournal {
        try unlessFailing { _ in Noctule.NightJournal(runs: [], refusals: []) }
    }

    public func doctor() async throws(NoctuleError) -> Noctule.Diagnosis {
        try unlessFailing { _ in
            Noctule.Diagnosis(findings: [], databaseBytes: 0, releasesBytes: 0)
        }
    }

    public func status() async throws(NoctuleError) -> Noctule.Status {
        try unlessFailing { state in
            Noctule.Status(
                release: "fake@1", arm: nil, policy: .model,
                installation: "00000000-0000-4000-8000-000000000000",
                consent: state.consent, deletionsPending: 0, recorded: state.sequence,
                pendingEvents: UInt64(state.recorded.count), rejected: 0, setAside: 0,
                evicted: 0, lost: 0, slates: UInt32(state.slates.count), damaged: [], reverted: nil,
                widgetFailed: nil)
        }
    }

    public func nextTransfer(_ network: Noctule.Network, freeBytes: Int?)
        async throws(NoctuleError) -> Noctule.Transfer {
        try unlessFailing { $0.transfers.isEmpty ? .done : $0.transfers.removeFirst() }
    }

    public func transferFinished(_ id: String, _ outcome: Noctule.TransferOutcome)
        async throws(NoctuleError) {
        try unlessFailing { $0.finished[id] = outcome }
    }

    public func cancelDelivery() async throws(NoctuleError) {
        try unlessFailing { $0.transfers = [] }
    }

    public func suspend() async throws(NoctuleError) {
        try unlessFailing { $0.suspended = true }
    }

    public func resume() async throws(NoctuleError) {
        try unlessFailing { $0.suspended = false }
    }

    public var isClosed: Bool { with { $0.closed } }

    public func close() {
        let streams = with { state in
            state.closed = true
            return Array(state.streams.values)
        }
        streams.forEach { $0.continuation.finish() }
    }
}

extension FakeNoctule {
    private func with<R>(_ body: (inout State) -> R) -> R {
        lock.lock()
        defer { lock.unlock() }
        return body(&state)
    }

    private func unlessFailing<R>(_ body: (inout State) -> R) throws(NoctuleError) -> R {
        let result: Result<R, NoctuleError> = with { state in
            if state.closed { return .failure(.closed) }
            if let failure = state.failure { return .failure(failure) }
            return .success(body(&state))
        }
        return try result.get()
    }

    private func changing<R>(_ body: (inout State) -> R) throws(NoctuleError) -> R {
        defer { changed() }
        return try unlessFailing(body)
    }

    private func changed() {
        with { state in
            for (number, stream) in state.streams {
                let answer = Self.answer(state, stream.key, stream.limit)
                guard answer != stream.last else { continue }
                state.streams[number]?.last = answer
                stream.continuation.yield(answer)
            }
        }
    }

    private static func answer(_ state: State, _ key: Key, _ limit: Int?)
        -> Noctule.Recommendations {
        let slate = state.slates[key] ?? state.slates[Key(surface: key.surface, context: nil)]
        let shown = (slate ?? []).filter { !state.hidden.contains($0.item) }
        let items = shown.prefix(limit ?? .max).enumerated().map { at, item in
            Noctule.RecommendedItem(
                item: item.item, title: item.title, position: UInt32(at), score: item.score,
                propensity: item.propensity, reasons: item.reasons)
        }
        let empty: Noctule.EmptyReason? = if !items.isEmpty {
            nil
        } else if let slate {
            slate.isEmpty ? .noEligibleItem : .allFiltered
        } else {
            .unknownSurface
        }
        return Noctule.Recommendations(
            surface: key.surface, context: key.context ?? "any",
            tier: items.isEmpty ? .empty : .fresh, ageMs: 0, generation: 1, release: "fake@1",
            arm: nil, personalised: state.consent != .notGiven, items: items,
            emptyReason: empty)
    }

    private static func forgetTheUser(_ state: inout State) {
        state.recorded = []
        state.hidden = []
        state.sequence = 0
    }
}
