import Foundation
import NoctuleBindings

/// Why a call failed, one case for each thing that an app would do about it. Texts are for logs and
/// hold no user data.
public enum NoctuleError: Error, Sendable, Equatable {
    /// The profile is suspended.
    case suspended

    /// A night, an installation, or another process that has the directory open.
    case busy(reason: String)

    /// An argument is outside what is allowed; `field` is a path such as `events[3].position`.
    case invalidInput(field: String, reason: String)

    /// A release was refused; `file` has the place in it where known.
    case releaseRefused(file: String, reason: String)

    /// The disk is full.
    case storageFull(reason: String)

    /// The directory or the database cannot be used.
    case storage(reason: String)

    /// It was closed.
    case closed

    /// A fault of this library or of a model.
    case `internal`(reason: String)

    /// The task was cancelled before the call began. A call that has begun completes.
    case cancelled

    /// What an app can do about an error.
    public enum Action: Sendable, Equatable, CaseIterable {
        /// Call ``NoctuleProtocol/resume()``, then again.
        case resume
        /// Somebody else is at it: leave it to them, or try again later.
        case tryLater
        /// A mistake in the app: mend the call. Nothing was stored.
        case mendTheCall
        /// Delete what was downloaded and tell the backend. The release before is untouched.
        case tellTheBackend
        /// Free some space and try again. What was acknowledged before stays.
        case freeSpace
        /// Log it and go without recommendations. The files were kept.
        case goWithout
        /// Open another.
        case openAnother
        /// Report it: a fault of this library or of a model.
        case report
        /// Nothing: the app asked for it.
        case nothing
    }

    /// What to do about it.
    public var action: Action {
        switch self {
        case .suspended: .resume
        case .busy: .tryLater
        case .invalidInput: .mendTheCall
        case .releaseRefused: .tellTheBackend
        case .storageFull: .freeSpace
        case .storage: .goWithout
        case .closed: .openAnother
        case .internal: .report
        case .cancelled: .nothing
        }
    }

    /// The error that a call of the bindings threw.
    init(_ thrown: any Error) {
        switch thrown {
        case let error as NoctuleError: self = error
        case let error as RecommenderError: self.init(error)
        case is CancellationError: self = .cancelled
        default: self = .internal(reason: String(describing: thrown))
        }
    }

    private init(_ error: RecommenderError) {
        self = switch error {
        case .Suspended: .suspended
        case .AlreadyRunning(let reason): .busy(reason: reason)
        case .InvalidInput(let field, let reason): .invalidInput(field: field, reason: reason)
        case .ReleaseRefused(let file, let reason): .releaseRefused(file: file, reason: reason)
        case .StorageFull(let reason): .storageFull(reason: reason)
        case .Storage(let reason): .storage(reason: reason)
        case .Closed: .closed
        case .Internal(let reason): .internal(reason: reason)
        }
    }
}

extension NoctuleError: LocalizedError, CustomStringConvertible {
    /// For logs: the kind, and the library's words.
    public var description: String {
        switch self {
        case .suspended: "suspended"
        case .busy(let reason): "busy: \(reason)"
        case .invalidInput(let field, let reason): "invalid input: \(field): \(reason)"
        case .releaseRefused(let file, let reason): "release refused: \(file): \(reason)"
        case .storageFull(let reason): "storage full: \(reason)"
        case .storage(let reason): "storage: \(reason)"
        case .closed: "closed"
        case .internal(let reason): "internal: \(reason)"
        case .cancelled: "cancelled"
        }
    }

    public var errorDescription: String? { description }
}

/// Runs a call of the bindings.
func typed<T>(_ call: () throws -> T) throws(NoctuleError) -> T {
    do {
        return try call()
    } catch {
        throw NoctuleError(error)
    }
}

/// A number that the library takes without a sign. What is too large for it is its largest.
func unsigned<N: FixedWidthInteger & UnsignedInteger>(
    _ field: String,
    _ value: Int
) throws(NoctuleError) -> N {
    guard value >= 0 else {
        throw .invalidInput(field: field, reason: "\(value) is below 0")
    }
    return N(clamping: value)
}
