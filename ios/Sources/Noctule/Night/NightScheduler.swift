import Foundation
import NoctuleBindings

/// Runs nights when the system has time for them, and catches up on the screen when it never had.
///
/// The system says when the phone charges and nobody uses it; the core says again whether a night
/// runs, with what it knows besides: temperature, low power mode, the nights before, the learned
/// window. When somebody picks the phone up the system takes the time back: the night stops within
/// a slate, its journal says why, and the next goes on.
///
/// ```swift
/// let night = NightScheduler(host: host, device: device)
/// night.register()   // in application(_:didFinishLaunchingWithOptions:), always
/// night.submit()     // there too, and whenever the app leaves the screen
/// ```
public final class NightScheduler: Sendable {
    private let host: NoctuleHost
    private let device: any Device
    private let settings: NightSettings
    private let tasks: any BackgroundTasking
    private let afterwards: @Sendable () async -> Void

    /// Nights of `host`'s profile on `device`. `afterwards` is done with what is left of the
    /// system's time when a night is over: to move feedback and releases, perhaps.
    public init(
        host: NoctuleHost,
        device: any Device,
        settings: NightSettings = NightSettings(),
        tasks: any BackgroundTasking = SystemTasks(),
        afterwards: @escaping @Sendable () async -> Void = {}
    ) {
        self.host = host
        self.device = device
        self.settings = settings
        self.tasks = tasks
        self.afterwards = afterwards
    }

    /// Says to the system what to do at night. At each launch, before the app has finished
    /// launching, also while the user has not agreed to anything: the system ends an app that asks
    /// for a task that it did not register. False when it was registered before.
    @discardableResult
    public func register() -> Bool {
        tasks.register(settings.identifier) { [self] work in launched(work) }
    }

    /// Asks the system for the next night, not before `earliest`. May take some milliseconds: not
    /// in the first frame. Nil, or what the system said: `unavailable` in the simulator and when
    /// the user has turned background refresh off.
    @discardableResult
    public func submit(earliest: Date? = nil) -> (any Error)? {
        do {
            try tasks.submit(settings.identifier, earliest: earliest)
            return nil
        } catch {
            return error
        }
    }

    /// Takes the next night back: for a logout without another profile, and for a withdrawal.
    public func cancel() {
        tasks.cancel(settings.identifier)
    }

    /// Runs the night now, as far as the core wants one: for a button.
    public func runNow() async -> NightEnd {
        await slices(foreground: false) { "cancelled by the app" }
    }

    /// The app has come to the screen: asks whether a night was missed, and if so makes the most
    /// needed slates in a budget that nobody notices, which the core gives. Nil when the app
    /// does not want it.
    public func catchUp() async -> NightEnd? {
        guard settings.catchUp else { return nil }
        return await slices(foreground: true) { "the app left the screen" }
    }

    private func launched(_ work: any BackgroundWork) {
        // Whatever becomes of this one: a process that is killed in it has asked for the next.
        submit(earliest: Date(timeIntervalSinceNow: settings.pause))
        let launch = Launch(work)
        launch.run { [self] in
            let end = await slices(foreground: false) { "the system took its time back" }
            if case .notYet(_, let earliest) = end {
                submit(earliest: earliest)
            } else if case .cut = end {
                // Soon, and behind the user's own use of the phone: when it charges unused again.
                submit()
            }
            if !Task.isCancelled { await afterwards() }
            return end.isFine
        }
    }

    private func slices(
        foreground: Bool,
        _ stopReason: @escaping @Sendable () -> String
    ) async -> NightEnd {
        let slices = NightSlices(device: device, settings: settings)
        do throws(NoctuleError) {
            return try await host.work { noctule throws(NoctuleError) in
                await slices.run(noctule, foreground: foreground, stopReason)
            }
        } catch {
            return .failed(error)
        }
    }
}

/// One launch by the system: expiring only cancels, and it is completed exactly once, by what it
/// runs.
private final class Launch: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var expired = false
    }

    private let work: any BackgroundWork
    private let state = Locked(State())

    init(_ work: any BackgroundWork) {
        self.work = work
    }

    func run(_ body: @escaping @Sendable () async -> Bool) {
        // Before the first line of the body: the system may take its time back at once.
        work.onExpiration { [self] in expire() }
        let task = Task(priority: .utility) { [work] in
            let success = await body()
            work.complete(success: success)
        }
        let late = state.with { state in
            state.task = task
            return state.expired
        }
        if late { task.cancel() }
    }

    private func expire() {
        let task = state.with { state in
            state.expired = true
            return state.task
        }
        task?.cancel()
    }
}
