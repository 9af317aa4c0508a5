import Foundation

/// Where feedback goes and releases come from.
public struct TransferSettings: Sendable {
    /// Address of the collector, below which the paths of uploads lie.
    public var collector: URL
    /// Address of the repository of releases; the collector's without one.
    public var repository: URL?
    /// Headers for the collector alone: an `Authorization`, perhaps.
    public var collectorHeaders: [String: String] = [:]
    /// Whether feedback goes over a metered network too; releases follow the library's policy.
    public var uploadOverMetered = true
    /// Where bodies lie until they are sent; a folder of the caches without one.
    public var folder: URL?

    /// Feedback goes to `collector`.
    public init(collector: URL) {
        self.collector = collector
    }
}

/// How a round of transfers ended.
public enum TransferEnd: Sendable, Equatable {
    /// Nothing is left to do.
    case done
    /// Something is left, and not before then.
    case waitUntil(Date)
    /// So many bytes are left for a network that costs nothing.
    case waitForUnmetered(bytes: UInt64)
    /// So many bytes have to be free first.
    case waitForSpace(bytes: UInt64)
    /// There is no network.
    case noNetwork
    /// Nobody waits any more; what is under way goes on.
    case left
    /// It failed.
    case failed(NoctuleError)
}
