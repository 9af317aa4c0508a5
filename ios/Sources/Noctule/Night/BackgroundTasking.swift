import Foundation
@preconcurrency import BackgroundTasks

/// What the system lends for background work. A protocol, so that tests drive it.
public protocol BackgroundTasking: Sendable {
    /// Says what to do when the system has time for `identifier`; false when it was said before.
    /// Only before the app has finished launching.
    func register(
        _ identifier: String,
        _ launched: @escaping @Sendable (any BackgroundWork) -> Void
    ) -> Bool

    /// Asks for time, on external power, not before `earliest`; takes the place of an earlier
    /// asking.
    func submit(_ identifier: String, earliest: Date?) throws

    /// Takes an asking back.
    func cancel(_ identifier: String)
}

/// A background task that the system has launched.
public protocol BackgroundWork: Sendable {
    /// Says what to do when the time is up.
    func onExpiration(_ expired: @escaping @Sendable () -> Void)

    /// Says that the work is over: exactly once.
    func complete(success: Bool)
}

/// Apple's scheduler. Tasks are tried in the system's own time: never in the simulator, and on a
/// phone when it charges and nobody uses it.
public struct SystemTasks: BackgroundTasking {
    /// The scheduler of this app.
    public init() {}

    public func register(
        _ identifier: String,
        _ launched: @escaping @Sendable (any BackgroundWork) -> Void
    ) -> Bool {
        BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: nil) { task in
            launched(SystemWork(task: task))
        }
    }

    public func submit(_ identifier: String, earliest: Date?) throws {
        let request = BGProcessingTaskRequest(identifier: identifier)
        // Without external power the system ends an app that computes for long.
        request.requiresExternalPower = true
        request.requiresNetworkConnectivity = false
        request.earliestBeginDate = earliest
        try BGTaskScheduler.shared.submit(request)
    }

    public func cancel(_ identifier: String) {
        BGTaskScheduler.shared.cancel(taskRequestWithIdentifier: identifier)
    }
}

/// A task of the system may be completed from any thread, which its type does not say.
private struct SystemWork: BackgroundWork, @unchecked Sendable {
    let task: BGTask

    func onExpiration(_ expired: @escaping @Sendable () -> Void) {
        task.expirationHandler = expired
    }

    func complete(success: Bool) {
        task.setTaskCompleted(success: success)
    }
}
