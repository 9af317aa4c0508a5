import Foundation
import NoctuleBindings

/// Hears how far a night has come: the step, what is done of it, and how much there is of it.
public typealias NightProgress = @Sendable (Noctule.NightStep, Int, Int) throws -> Void

/// Recommendations that are made on the phone, at night, and are simply there in the morning.
///
/// One profile: a directory with its database, its releases and its slates. Open one for each
/// directory and keep it; it may be shared between tasks. ``recommend(_:context:limit:)`` reads
/// memory only and may be called on the main actor; everything that is `async` runs on queues of
/// the library's own. Cancelling a task cancels the call for real: one that has not begun never
/// does, a night stops within a slate, and anything else that has begun completes.
///
/// ``Noctule`` is the real one. A protocol, so that `FakeNoctule` of `NoctuleTesting` can stand in
/// for it in tests of an app.
public protocol NoctuleProtocol: AnyObject, Sendable {
    /// Answers from the published slates, in microseconds: no file, no lock that a night could
    /// hold.
    ///
    /// What is missing is no error but an empty answer with its reason. Without a `context` the one
    /// that holds now is taken; without a `limit` the whole slate.
    func recommend(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> Noctule.Recommendations

    /// The slate of `surface` now, and again whenever it changes: after feedback, after each slate
    /// that a night publishes, after a release, and when another context begins. Who is slow to
    /// look gets the newest. Ends when the profile is closed.
    func slates(_ surface: String, context: String?, limit: Int?) throws(NoctuleError)
        -> AsyncStream<Noctule.Recommendations>

    /// Stores `events`, all or none: record a screen in one call. When it returns they survive the
    /// end of the process, and a loss of power unless all of them are impressions or `durability`
    /// says otherwise. `Recommendations.impressions` and its like make events with the right
    /// position, generation and propensity.
    @discardableResult
    func record(_ events: [Noctule.FeedbackEvent], durability: Noctule.Durability?)
        async throws(NoctuleError) -> Noctule.Receipt

    /// Forgets what the user did with `items`, which a reason named.
    func forgetItems(_ items: [String]) async throws(NoctuleError)

    /// Removes the events with these numbers, as receipts tell them; gives how many were here.
    @discardableResult
    func forgetEvents(_ sequences: [UInt64]) async throws(NoctuleError) -> UInt64

    /// Tells where the user is, for nearness; nil forgets it.
    func setPlace(_ place: Noctule.GeoPoint?) async throws(NoctuleError)

    /// What the user allows, as it is in force.
    var consent: Noctule.DataConsent { get }

    /// Changes what the user allows; withdrawing removes everything in this call.
    func setConsent(_ consent: Noctule.DataConsent) async throws(NoctuleError)

    /// Forgets the user; the release and the consent stay.
    func erase() async throws(NoctuleError)

    /// Writes everything that the device knows of its user to `file`, as readable JSON.
    func export(to file: URL) async throws(NoctuleError)

    /// A bundle for `noctule replay`; personal data, so `consent` says that the user agreed.
    func exportReplay(_ surface: String, context: String, consent: Noctule.Consent)
        async throws(NoctuleError) -> Data

    /// Verifies the release in `directory`, copies it and makes it the active one.
    @discardableResult
    func installRelease(_ directory: URL) async throws(NoctuleError) -> Noctule.ReleaseName

    /// Installs the release in `directory`, which ships in the app, where the profile has none yet;
    /// gives whether it did. ``StarterRelease`` takes it from the app's bundle.
    @discardableResult
    func installStarter(_ directory: URL) async throws(NoctuleError) -> Bool

    /// Goes back to the release before.
    @discardableResult
    func rollback() async throws(NoctuleError) -> Noctule.ReleaseName

    /// The active release, the one to go back to, and those that are never tried again.
    func releases() async throws(NoctuleError) -> Noctule.Releases

    /// Whether to run a night now. ``NightScheduler`` asks.
    func schedule(_ conditions: Noctule.Conditions) async throws(NoctuleError) -> Noctule.Decision

    /// Runs one slice of the night, on a queue of low priority. When the task is cancelled the
    /// night stops within a slate, its journal says what `stopReason` gave, and the report tells
    /// it.
    ///
    /// `progress` hears of each slate on the thread of the night and must not block; it is not
    /// called again after it has thrown, and `NightReport.listenerFailure` says what.
    @discardableResult
    func runNight(
        _ budget: Noctule.Budget,
        progress: NightProgress?,
        stopReason: @escaping @Sendable () -> String
    ) async throws(NoctuleError) -> Noctule.NightReport

    /// The nights that ran, and why none did.
    func journal() async throws(NoctuleError) -> Noctule.NightJournal

    /// What is wrong with the profile, in sentences without user data. May take seconds.
    func doctor() async throws(NoctuleError) -> Noctule.Diagnosis

    /// How the profile stands.
    func status() async throws(NoctuleError) -> Noctule.Status

    /// What the app's HTTP client should do next; `freeBytes` are free on the volume.
    func nextTransfer(_ network: Noctule.Network, freeBytes: Int?) async throws(NoctuleError)
        -> Noctule.Transfer

    /// Takes note of how the transfer `id` ended.
    func transferFinished(_ id: String, _ outcome: Noctule.TransferOutcome)
        async throws(NoctuleError)

    /// Forgets the release that is on its way and frees its space.
    func cancelDelivery() async throws(NoctuleError)

    /// Lets go of every file and lock until ``resume()``, within 200 ms;
    /// ``recommend(_:context:limit:)`` goes on to answer. ``NoctuleHost`` calls it before the
    /// system freezes the app: it ends an app that is frozen while it holds a lock (0xdead10cc).
    func suspend() async throws(NoctuleError)

    /// Takes the profile up again after ``suspend()``.
    func resume() async throws(NoctuleError)

    /// Whether ``close()`` was called, by whomever.
    var isClosed: Bool { get }

    /// Lets go of the directory; later calls throw `closed`. A night that runs ends at its next
    /// step. Closing twice does nothing.
    func close()
}

extension NoctuleProtocol {
    /// The whole slate of the context that holds now.
    public func recommend(_ surface: String) throws(NoctuleError) -> Noctule.Recommendations {
        try recommend(surface, context: nil, limit: nil)
    }

    /// The first `limit` of the slate of the context that holds now.
    public func recommend(_ surface: String, limit: Int) throws(NoctuleError)
        -> Noctule.Recommendations {
        try recommend(surface, context: nil, limit: limit)
    }

    /// The whole slate of whichever context holds.
    public func slates(_ surface: String) throws(NoctuleError)
        -> AsyncStream<Noctule.Recommendations> {
        try slates(surface, context: nil, limit: nil)
    }

    /// As durable as the kinds of the events ask for.
    @discardableResult
    public func record(_ events: [Noctule.FeedbackEvent]) async throws(NoctuleError)
        -> Noctule.Receipt {
        try await record(events, durability: nil)
    }

    /// Without an end, or within `budget`.
    @discardableResult
    public func runNight(
        _ budget: Noctule.Budget = Noctule.Budget(),
        progress: NightProgress? = nil
    ) async throws(NoctuleError) -> Noctule.NightReport {
        try await runNight(budget, progress: progress) { "cancelled by the app" }
    }
}
