import Foundation
import Noctule

/// A device that is as a test says: charging and unused at night unless it says otherwise.
final class TestDevice: Device, @unchecked Sendable {
    // Sendable since everything is touched only while `lock` is held.
    private let lock = NSLock()
    private var state = State()

    struct State {
        var battery: UInt8? = 90
        var charging = true
        var thermal = Noctule.Thermal.nominal
        var powerSave = false
        var free: Int?
        var network: Noctule.Network? = .unmetered
        var asked: [TimeInterval?] = []
    }

    func set(_ change: (inout State) -> Void) {
        lock.withLock { change(&state) }
    }

    /// What the work was said to be allowed, at each asking.
    var asked: [TimeInterval?] { lock.withLock { state.asked } }

    func conditions(allowed: TimeInterval?, foreground: Bool) async -> Noctule.Conditions {
        lock.withLock {
            state.asked.append(allowed)
            return Noctule.Conditions(
                batteryPercent: state.battery,
                charging: state.charging,
                idle: !foreground,
                foreground: foreground,
                thermal: state.thermal,
                powerSave: state.powerSave,
                freeStorageBytes: state.free.map { UInt64($0) },
                utcOffsetMinutes: 0,
                allowedMs: allowed.map { UInt64($0 * 1_000) }
            )
        }
    }

    func network() async -> Noctule.Network? { lock.withLock { state.network } }

    func freeBytes() -> Int? { lock.withLock { state.free } }
}

/// The system's scheduler, driven by a test.
final class TestTasks: BackgroundTasking, @unchecked Sendable {
    // Sendable since everything is touched only while `lock` is held.
    private let lock = NSLock()
    private var handlers: [String: @Sendable (any BackgroundWork) -> Void] = [:]
    private var submissions: [Date?] = []
    private var cancelled: [String] = []

    var submitted: [Date?] { lock.withLock { submissions } }
    var takenBack: [String] { lock.withLock { cancelled } }

    func register(
        _ identifier: String,
        _ launched: @escaping @Sendable (any BackgroundWork) -> Void
    ) -> Bool {
        lock.withLock {
            guard handlers[identifier] == nil else { return false }
            handlers[identifier] = launched
            return true
        }
    }

    func submit(_: String, earliest: Date?) throws {
        lock.withLock { submissions.append(earliest) }
    }

    func cancel(_ identifier: String) {
        lock.withLock { cancelled.append(identifier) }
    }

    func launch(_ identifier: String = NightSettings().identifier) -> TestWork {
        let work = TestWork()
        lock.withLock { handlers[identifier] }?(work)
        return work
    }
}

/// A task of the system.
final class TestWork: BackgroundWork, @unchecked Sendable {
    // Sendable since everything is touched only while `lock` is held.
    private let lock = NSLock()
    private var expired: (@Sendable () -> Void)?
    private var ends: [Bool] = []

    var completions: [Bool] { lock.withLock { ends } }

    func onExpiration(_ expired: @escaping @Sendable () -> Void) {
        lock.withLock { self.expired = expired }
    }

    func complete(success: Bool) {
        lock.withLock { ends.append(success) }
    }

    func expire() {
        lock.withLock { expired }?()
    }

    /// Waits for the first completion, and a little for one too many.
    func completed() async throws -> [Bool] {
        for _ in 0..<3_000 where completions.isEmpty {
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        try await Task.sleep(nanoseconds: 20_000_000)
        return completions
    }
}
