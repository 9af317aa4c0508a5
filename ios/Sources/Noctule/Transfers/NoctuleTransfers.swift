import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif
import NoctuleBindings

/// Sends feedback and fetches releases: asks the library what to move, has the system move it, says
/// how it went, and asks again, until there is nothing more.
///
/// With a background session (the default on iOS) transfers go on while the app is frozen or gone.
/// A process that dies in the middle says nothing, which is as good: what was fetched is in its
/// file and is looked at, what was sent and not acknowledged is sent again under the same name.
///
/// One for each profile and process, made at launch: the system hands it what an earlier process
/// began.
public actor NoctuleTransfers {
    /// What a background session is known by.
    public static let identifier = "app.noctule.transfers"

    private let host: NoctuleHost
    private let device: any Device
    private let settings: TransferSettings
    private let folder: URL
    private let session: TransferSession
    private let signals: Signals

    private var running = false
    private var waiting: [Int: CheckedContinuation<TransferEnd, Never>] = [:]
    private var waited = 0

    /// Moves for `host`'s profile. Without a `configuration` it is the system's background session
    /// on Apple's platforms, an ordinary one elsewhere.
    public init(
        host: NoctuleHost,
        device: any Device,
        settings: TransferSettings,
        configuration: URLSessionConfiguration? = nil
    ) {
        self.host = host
        self.device = device
        self.settings = settings
        let folder = settings.folder ?? Self.bodies
        self.folder = folder
        let signals = Signals()
        self.signals = signals
        session = TransferSession(
            configuration ?? Self.standard,
            eventsDone: { signals.allDelivered() },
            ended: { id, outcome in signals.ended(id, outcome) }
        )
        signals.tell { [weak self] id, outcome in await self?.finished(id, outcome) }
    }

    /// Moves what is to be moved, and says how that ended. A round that runs already is joined.
    /// Cancelling ends the waiting, not the round.
    @discardableResult
    public func run() async -> TransferEnd {
        waited += 1
        let number = waited
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { return continuation.resume(returning: .left) }
                waiting[number] = continuation
                if running { return }
                running = true
                Task { await step() }
            }
        } onCancel: {
            Task { await leave(number) }
        }
    }

    /// For `application(_:handleEventsForBackgroundURLSession:completionHandler:)`: calls
    /// `completion`, on the main queue, when everything that the system has kept is delivered.
    /// False when the events are somebody else's.
    @discardableResult
    public nonisolated func handleEvents(
        _ identifier: String,
        completion: @escaping @Sendable () -> Void
    ) -> Bool {
        guard identifier == Self.identifier else { return false }
        signals.whenDelivered { DispatchQueue.main.async(execute: completion) }
        return true
    }

    /// Ends what is under way, for a logout. It cannot be used any more.
    public func invalidate() {
        session.invalidate()
        end(.failed(.closed))
    }

    private static var bodies: URL {
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
        let parent = caches ?? FileManager.default.temporaryDirectory
        return parent.appendingPathComponent("noctule-transfers", isDirectory: true)
    }

    private static var standard: URLSessionConfiguration {
        #if os(iOS)
        let configuration = URLSessionConfiguration.background(withIdentifier: identifier)
        configuration.sessionSendsLaunchEvents = true
        // The system's own choice of the hour is for what can wait for days.
        configuration.isDiscretionary = false
        return configuration
        #else
        return URLSessionConfiguration.ephemeral
        #endif
    }
}

extension NoctuleTransfers {
    /// Asks for the next transfer and begins it; what began goes on in ``finished(_:_:)``.
    private func step() async {
        // What an earlier process or round began is told when it ends.
        guard await session.underWay().isEmpty else { return }
        guard let network = await device.network() else { return end(.noNetwork) }
        let free = device.freeBytes()
        do throws(NoctuleError) {
            let next = try await host.work { noctule throws(NoctuleError) in
                try await noctule.nextTransfer(network, freeBytes: free)
            }
            switch next {
            case .upload(let request): try upload(request, network)
            case .fetch(let request): fetch(request, network)
            case .wait(let until): end(.waitUntil(LocalTime.date(until)))
            case .waitForUnmetered(let bytes): end(.waitForUnmetered(bytes: bytes))
            case .waitForSpace(let bytes): end(.waitForSpace(bytes: bytes))
            case .done: end(.done)
            }
        } catch {
            end(.failed(error))
        }
    }

    private func finished(_ id: String, _ outcome: TransferOutcome) async {
        do throws(NoctuleError) {
            try await host.work { noctule throws(NoctuleError) in
                try await noctule.transferFinished(id, outcome)
            }
        } catch {
            return end(.failed(error))
        }
        // Also when an earlier process began it and nobody waits here.
        running = true
        await step()
    }

    private func end(_ end: TransferEnd) {
        running = false
        let ended = waiting.values
        waiting = [:]
        ended.forEach { $0.resume(returning: end) }
    }

    private func leave(_ number: Int) {
        waiting.removeValue(forKey: number)?.resume(returning: .left)
    }

    private func upload(_ request: UploadRequest, _ network: Network) throws(NoctuleError) {
        if network == .metered && !settings.uploadOverMetered {
            return end(.waitForUnmetered(bytes: UInt64(request.body.count)))
        }
        let file = folder.appendingPathComponent(UUID().uuidString)
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true)
            #if os(iOS)
            // The system reads it while the phone is locked.
            try request.body.write(
                to: file, options: .completeFileProtectionUntilFirstUserAuthentication)
            #else
            try request.body.write(to: file)
            #endif
        } catch {
            throw .storage(reason: "writing a body: \(error)")
        }
        var post = urlRequest(settings.collector, request.path, network)
        post.httpMethod = "POST"
        for (name, value) in settings.collectorHeaders {
            post.setValue(value, forHTTPHeaderField: name)
        }
        for header in request.headers {
            post.setValue(header.value, forHTTPHeaderField: header.name)
        }
        session.send(post, file, Parcel(request, body: file))
    }

    private func fetch(_ request: FetchRequest, _ network: Network) {
        var get = urlRequest(settings.repository ?? settings.collector, request.path, network)
        // Otherwise the system asks for gzip by itself, and the bytes would be others.
        get.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if let range = request.range { get.setValue(range, forHTTPHeaderField: "Range") }
        session.fetch(get, Parcel(request))
    }

    private func urlRequest(_ base: URL, _ path: String, _ network: Network) -> URLRequest {
        var relative = Substring(path)
        while relative.first == "/" { relative.removeFirst() }
        var request = URLRequest(url: base.appendingPathComponent(String(relative)))
        request.cachePolicy = .reloadIgnoringLocalCacheData
        #if canImport(Darwin)
        // What was asked for on Wi-Fi waits for Wi-Fi when that is gone.
        request.allowsExpensiveNetworkAccess = network == .metered
        request.allowsConstrainedNetworkAccess = network == .metered
        #endif
        return request
    }
}

/// What the session says, in its order, for whoever listens; and when all of it was heard.
private final class Signals: Sendable {
    private typealias Ended = (id: String, outcome: TransferOutcome)

    private struct State {
        var heard = 0
        var told = 0
        var allDelivered = false
        var completion: (@Sendable () -> Void)?
    }

    private let stream: AsyncStream<Ended>
    private let continuation: AsyncStream<Ended>.Continuation
    private let state = Locked(State())

    init() {
        (stream, continuation) = AsyncStream.makeStream(of: Ended.self)
    }

    deinit {
        continuation.finish()
    }

    func ended(_ id: String, _ outcome: TransferOutcome) {
        state.with { $0.heard += 1 }
        continuation.yield((id, outcome))
    }

    /// Tells `listener` of each, one after another.
    func tell(_ listener: @escaping @Sendable (String, TransferOutcome) async -> Void) {
        Task { [weak self, stream] in
            for await (id, outcome) in stream {
                await listener(id, outcome)
                self?.state.with { $0.told += 1 }
                self?.completeWhenHeard()
            }
        }
    }

    func whenDelivered(_ completion: @escaping @Sendable () -> Void) {
        state.with { state in
            state.completion = completion
            state.allDelivered = false
        }
    }

    func allDelivered() {
        state.with { $0.allDelivered = true }
        completeWhenHeard()
    }

    /// The system may freeze the app as soon as it is told: not before the library knows.
    private func completeWhenHeard() {
        let completion: (@Sendable () -> Void)? = state.with { state in
            guard state.allDelivered, state.told == state.heard else { return nil }
            defer { state.completion = nil }
            return state.completion
        }
        completion?()
    }
}
