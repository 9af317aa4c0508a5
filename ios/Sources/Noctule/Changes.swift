import Dispatch
import Foundation
import NoctuleBindings

/// Passes on that slates may have changed, to the streams that look at them.
final class Changes: Sendable {
    /// How often a slate that is looked at is asked for anew: contexts begin on the minute.
    private static let lookEvery = DispatchTimeInterval.seconds(30)

    private struct Watching {
        var looks: [Int: Look] = [:]
        var next = 0
        var ended = false
    }

    private let watching = Locked(Watching())
    private let queue = DispatchQueue(label: "app.noctule.slates", qos: .userInitiated)

    /// `first`, then what `answer` gives after each change and now and then, where it differs; ends
    /// when it gives nothing.
    func stream(
        _ first: Recommendations,
        _ answer: @escaping @Sendable () -> Recommendations?
    ) -> AsyncStream<Recommendations> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Recommendations.self, bufferingPolicy: .bufferingNewest(1))
        let look = Look(first, continuation, answer)
        let number: Int? = watching.with { watching in
            guard !watching.ended else { return nil }
            watching.next += 1
            watching.looks[watching.next] = look
            return watching.next
        }
        continuation.yield(first)
        guard let number else {
            continuation.finish()
            return stream
        }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + Self.lookEvery, repeating: Self.lookEvery)
        timer.setEventHandler { look.look() }
        timer.activate()
        let kept = Timer(timer)
        continuation.onTermination = { [weak self] _ in
            kept.source.cancel()
            self?.watching.with { $0.looks[number] = nil }
        }
        return stream
    }

    /// Something may have changed. Returns at once; who looks late looks once for many changes.
    func tell() {
        for look in watching.with({ Array($0.looks.values) }) where look.isToLook() {
            queue.async { look.look() }
        }
    }

    /// Ends every stream.
    func end() {
        let looks = watching.with { watching in
            watching.ended = true
            return Array(watching.looks.values)
        }
        looks.forEach { $0.end() }
    }
}

/// A dispatch source is safe to share between threads, which its type does not say.
private struct Timer: @unchecked Sendable {
    let source: any DispatchSourceTimer

    init(_ source: any DispatchSourceTimer) {
        self.source = source
    }
}

/// One stream that looks at a slate.
private final class Look: Sendable {
    private struct State {
        var last: Recommendations
        var asked = false
    }

    private let state: Locked<State>
    private let continuation: AsyncStream<Recommendations>.Continuation
    private let answer: @Sendable () -> Recommendations?

    init(
        _ first: Recommendations,
        _ continuation: AsyncStream<Recommendations>.Continuation,
        _ answer: @escaping @Sendable () -> Recommendations?
    ) {
        state = Locked(State(last: first))
        self.continuation = continuation
        self.answer = answer
    }

    /// Whether nobody has asked since the last look.
    func isToLook() -> Bool {
        state.with { state in
            defer { state.asked = true }
            return !state.asked
        }
    }

    /// Looks, on the queue of all looks.
    func look() {
        state.with { $0.asked = false }
        guard let slate = answer() else { return end() }
        let differs = state.with { state in
            defer { state.last = slate }
            return !state.last.isSameSlate(as: slate)
        }
        if differs { continuation.yield(slate) }
    }

    func end() {
        continuation.finish()
    }
}

extension Recommendations {
    /// Whether the two differ in nothing but their age.
    func isSameSlate(as other: Self) -> Bool {
        surface == other.surface && context == other.context && tier == other.tier
            && generation == other.generation && release == other.release && arm == other.arm
            && personalised == other.personalised && items == other.items
            && emptyReason == other.emptyReason
    }
}
