// Stands in on Linux for Apple's framework of this name, so that what uses it is compiled and
// tested there: the signatures that Noctule calls, and below them what the system would do. Never
// part of an app.

#if os(Linux)
import Dispatch
import Foundation

public class BGTaskRequest {
    public let identifier: String
    public var earliestBeginDate: Date?

    init(_ identifier: String) {
        self.identifier = identifier
    }
}

public final class BGProcessingTaskRequest: BGTaskRequest {
    public var requiresNetworkConnectivity = false
    public var requiresExternalPower = false

    public init(identifier: String) {
        super.init(identifier)
    }
}

public class BGTask {
    public let identifier: String
    public var expirationHandler: (() -> Void)?
    /// What the task was completed with, each time.
    public private(set) var completions: [Bool] = []

    init(_ identifier: String) {
        self.identifier = identifier
    }

    public func setTaskCompleted(success: Bool) {
        completions.append(success)
    }
}

public final class BGProcessingTask: BGTask {}

public final class BGTaskScheduler: @unchecked Sendable {
    public static let shared = BGTaskScheduler()

    public struct Error: Swift.Error, Equatable {
        public enum Code: Int, Sendable {
            case unavailable = 1
            case tooManyPendingTaskRequests = 2
            case notPermitted = 3
        }

        public let code: Code
    }

    private let lock = NSLock()
    private var handlers: [String: (BGTask) -> Void] = [:]
    private var waiting: [String: BGTaskRequest] = [:]

    public func register(
        forTaskWithIdentifier identifier: String,
        using queue: DispatchQueue?,
        launchHandler: @escaping (BGTask) -> Void
    ) -> Bool {
        lock.withLock {
            guard handlers[identifier] == nil else { return false }
            handlers[identifier] = launchHandler
            return true
        }
    }

    public func submit(_ request: BGTaskRequest) throws {
        try lock.withLock {
            guard handlers[request.identifier] != nil else { throw Error(code: .notPermitted) }
            waiting[request.identifier] = request
        }
    }

    public func cancel(taskRequestWithIdentifier identifier: String) {
        lock.withLock { waiting[identifier] = nil }
    }

    /// The request that waits.
    public func pending(_ identifier: String) -> BGTaskRequest? {
        lock.withLock { waiting[identifier] }
    }

    /// Launches the task of a request, as the system does at night.
    public func launch(_ identifier: String) -> BGProcessingTask? {
        let handler = lock.withLock {
            waiting[identifier] = nil
            return handlers[identifier]
        }
        guard let handler else { return nil }
        let task = BGProcessingTask(identifier)
        handler(task)
        return task
    }
}
#endif
