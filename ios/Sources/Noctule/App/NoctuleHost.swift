import Foundation
import NoctuleBindings

/// Opens the profile once for the whole process, for the app's screens, its nights and its
/// transfers, and lets go of its files before the system freezes the app.
///
/// The system ends an app that is frozen while it holds a lock on a file (0xdead10cc). So while the
/// app is in the background and nothing is under way the profile is suspended: it answers
/// `recommend` from memory and holds nothing. ``work(_:)`` takes it up for as long as its body
/// runs.
public actor NoctuleHost {
    /// Opens a profile.
    public typealias Open = @Sendable (NoctuleConfig) async throws(NoctuleError)
        -> any NoctuleProtocol

    private let open: Open
    private let config: @Sendable () throws -> NoctuleConfig
    private let current = Locked((any NoctuleProtocol)?.none)

    private var works = 0
    private var background: Bool
    private var suspended = false
    private var changing = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var lettingGo: [CheckedContinuation<Void, Never>] = []

    /// A host for the profile that `config` says, asked at each opening: what the user allows may
    /// have changed. `background` says where the app begins.
    public init(
        background: Bool = false,
        open: @escaping Open = { config throws(NoctuleError) in try await Noctule.open(config) },
        config: @escaping @Sendable () throws -> NoctuleConfig
    ) {
        self.background = background
        self.open = open
        self.config = config
    }

    /// The profile if it is open: for the first frame, which must not wait.
    public nonisolated var opened: (any NoctuleProtocol)? {
        current.with { $0 }.flatMap { $0.isClosed ? nil : $0 }
    }

    /// The open profile; opens it when it is not, or when somebody else closed it. In the background it is suspended unless some
    /// ``work(_:)`` is under way.
    public func noctule() async throws(NoctuleError) -> any NoctuleProtocol {
        await begin()
        defer { end() }
        let noctule = try await ready(awake: !background || works > 0)
        await settle()
        return noctule
    }

    /// Runs `body` with the profile open and its files at hand, also in the background.
    public func work<T: Sendable>(
        _ body: @Sendable (any NoctuleProtocol) async throws(NoctuleError) -> T
    ) async throws(NoctuleError) -> T {
        let noctule = try await takeUp()
        let result: Result<T, NoctuleError>
        do {
            result = .success(try await body(noctule))
        } catch {
            result = .failure(error)
        }
        await putDown()
        return try result.get()
    }

    /// The app has left the screen. Returns when its files are let go of, which waits for work that
    /// is under way, or when it has come back.
    public func enterBackground() async {
        background = true
        await begin()
        await settle()
        end()
        guard background, !suspended, opened != nil else { return }
        await withCheckedContinuation { lettingGo.append($0) }
    }

    /// The app comes to the screen.
    public func enterForeground() async {
        background = false
        tellThatLetGo()
        await begin()
        defer { end() }
        // What fails here fails again, and says so, in the call that needs it.
        if let noctule = opened { _ = try? await wake(noctule) }
    }

    /// The time is up: lets go of every file although work is under way. A night stops within a
    /// slate; other calls get `suspended`.
    public func suspendNow() async {
        background = true
        guard let noctule = opened else { return }
        // Not behind a change that waits for what this ends.
        await letGo(noctule)
    }

    /// Closes the profile: for a logout, before another profile is opened. A night that runs ends
    /// at its next step, for which no thread of Swift's own waits.
    public func close() async {
        await begin()
        defer { end() }
        if let noctule = opened {
            await withCheckedContinuation { closed in
                DispatchQueue.global(qos: .utility).async {
                    noctule.close()
                    closed.resume()
                }
            }
        }
        current.with { $0 = nil }
        suspended = false
        tellThatLetGo()
    }
}

extension NoctuleHost {
    private func takeUp() async throws(NoctuleError) -> any NoctuleProtocol {
        await begin()
        defer { end() }
        works += 1
        do {
            return try await ready(awake: true)
        } catch {
            works -= 1
            await settle()
            throw error
        }
    }

    private func putDown() async {
        await begin()
        defer { end() }
        works -= 1
        await settle()
    }

    private func ready(awake: Bool) async throws(NoctuleError) -> any NoctuleProtocol {
        if let noctule = opened {
            if awake { try await wake(noctule) }
            return noctule
        }
        let said: NoctuleConfig
        do {
            said = try config()
        } catch {
            throw .internal(reason: "the app's configuration: \(error)")
        }
        let noctule = try await open(said)
        current.with { $0 = noctule }
        suspended = false
        return noctule
    }

    private func wake(_ noctule: any NoctuleProtocol) async throws(NoctuleError) {
        guard suspended else { return }
        try await noctule.resume()
        suspended = false
    }

    /// Lets go of the files when nobody needs them.
    private func settle() async {
        guard background, works == 0, !suspended, let noctule = opened else { return }
        await letGo(noctule)
    }

    private func letGo(_ noctule: any NoctuleProtocol) async {
        // Fails only for a closed profile, which holds nothing either.
        if (try? await noctule.suspend()) != nil { suspended = true }
        tellThatLetGo()
    }

    private func tellThatLetGo() {
        lettingGo.forEach { $0.resume() }
        lettingGo = []
    }

    /// Changes happen one after another: an actor takes the next call while one of its own waits.
    private func begin() async {
        if !changing {
            changing = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func end() {
        if waiting.isEmpty {
            changing = false
        } else {
            waiting.removeFirst().resume()
        }
    }
}
