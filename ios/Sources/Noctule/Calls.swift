import Dispatch

/// A queue of our own for calls that block: never a thread of Swift's cooperative pool, which has
/// as many as the phone has cores and which every other task of the app waits for.
///
/// Calls run one after another, in the order in which they came.
final class Calls: Sendable {
    private let queue: DispatchQueue

    init(_ name: String, _ quality: DispatchQoS) {
        queue = DispatchQueue(label: "app.noctule.\(name)", qos: quality)
    }

    /// Runs `body` on the queue. When the task is cancelled, a call that has not begun never does
    /// and throws `cancelled` at once; one that runs is asked to stop with `stop`, and gives what
    /// it gives.
    func run<T: Sendable>(
        stop: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable () throws -> T
    ) async throws(NoctuleError) -> T {
        let call = Call<T>()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if call.waits(continuation) {
                    queue.async { call.run(body) }
                }
            }
        } onCancel: {
            if call.cancel() { stop() }
        }
        return try result.get()
    }
}

/// One call: its continuation is resumed exactly once, whoever comes first.
private final class Call<T: Sendable>: Sendable {
    typealias Waiting = CheckedContinuation<Result<T, NoctuleError>, Never>

    private enum State {
        case new
        case waiting(Waiting)
        case begun
        case cancelled
    }

    private let state = Locked(State.new)

    /// Takes the one who waits; false when the call was cancelled before, who is then told.
    func waits(_ continuation: Waiting) -> Bool {
        let waits = state.with { state in
            guard case .new = state else { return false }
            state = .waiting(continuation)
            return true
        }
        if !waits { continuation.resume(returning: .failure(.cancelled)) }
        return waits
    }

    func run(_ body: () throws -> T) {
        let waiting: Waiting? = state.with { state in
            guard case .waiting(let continuation) = state else { return nil }
            state = .begun
            return continuation
        }
        guard let waiting else { return }
        waiting.resume(returning: Result { try body() }.mapError { NoctuleError($0) })
    }

    /// Whether the call runs, so that it has to be asked to stop.
    func cancel() -> Bool {
        let (runs, waiting): (Bool, Waiting?) = state.with { state in
            switch state {
            case .begun:
                return (true, nil)
            case .waiting(let continuation):
                state = .cancelled
                return (false, continuation)
            case .new, .cancelled:
                state = .cancelled
                return (false, nil)
            }
        }
        waiting?.resume(returning: .failure(.cancelled))
        return runs
    }
}
