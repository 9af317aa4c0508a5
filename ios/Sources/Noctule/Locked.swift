import Foundation

/// A value behind a lock. (`Mutex` of the standard library asks for iOS 18.)
final class Locked<Value>: @unchecked Sendable {
    // Sendable since `value` is touched only while `lock` is held.
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    /// Runs `body` while nobody else has the value. It must not call anybody who comes back here.
    func with<R>(_ body: (inout Value) throws -> R) rethrows -> R {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
