import Foundation
import Noctule
import XCTest

/// What `cargo dev swift` has made: a release, its key, a repository, the command `noctule`.
enum World {
    static let app = "town"
    static let surface = "home"
    static let slots = 20

    static let folder = path("NOCTULE_WORLD")
    static let command = path("NOCTULE_COMMAND")
    static let release = folder.appendingPathComponent("release")
    static let starter = folder.appendingPathComponent("starter")
    static let shelf = folder.appendingPathComponent("shelf")

    static func key() throws -> String {
        let file = folder.appendingPathComponent("release.key.pub")
        return try String(contentsOf: file, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    static func root() throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent("ceremony/metadata/1.root.json"))
    }

    private static func path(_ name: String) -> URL {
        URL(fileURLWithPath: ProcessInfo.processInfo.environment[name] ?? "/nowhere")
    }
}

/// A folder for each test, and profiles that are closed behind it. A hang is a failure.
class ProfileTest: XCTestCase {
    private(set) var scratch = URL(fileURLWithPath: "/nowhere")
    private let opened = Gathered<Noctule>()
    private var alarm: DispatchSourceTimer?

    override func setUpWithError() throws {
        scratch = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + 180)
        let name = name
        timer.setEventHandler { fatalError("\(name) hangs") }
        timer.activate()
        alarm = timer
    }

    override func tearDown() {
        alarm?.cancel()
        opened.all.forEach { $0.close() }
        try? FileManager.default.removeItem(at: scratch)
    }

    func config(_ profile: String = "profile", consent: Noctule.DataConsent = .full)
        throws -> NoctuleConfig {
        let folder = scratch.appendingPathComponent(profile)
        var config = NoctuleConfig(directory: folder, app: World.app, consent: consent)
        config.trustedKeys = [try World.key()]
        return config
    }

    func open(_ config: NoctuleConfig? = nil) async throws -> Noctule {
        let noctule = try await Noctule.open(try config ?? self.config())
        opened.append(noctule)
        return noctule
    }

    /// An open profile with a release and, unless said otherwise, the slates of a night.
    func ready(_ config: NoctuleConfig? = nil, night: Bool = true) async throws -> Noctule {
        let noctule = try await open(config)
        try await noctule.installRelease(World.release)
        if night { try await noctule.runNight() }
        return noctule
    }

    /// The error of a call that has to have one.
    func errorOf<T>(
        _ what: String = "",
        line: UInt = #line,
        _ call: () async throws(NoctuleError) -> T
    ) async -> NoctuleError? {
        do throws(NoctuleError) {
            let value = try await call()
            XCTFail("\(what): no error but \(value)", line: line)
            return nil
        } catch {
            return error
        }
    }
}

/// Values that come from several threads.
final class Gathered<Value>: @unchecked Sendable {
    // Sendable since `values` is touched only while `lock` is held.
    private let lock = NSLock()
    private var values: [Value] = []

    var all: [Value] { lock.withLock { values } }
    var count: Int { lock.withLock { values.count } }

    func append(_ value: Value) {
        lock.withLock { values.append(value) }
    }
}

extension NoctuleProtocol {
    /// The slate of the surface, which has to be there.
    func home(_ limit: Int? = nil) throws -> Noctule.Recommendations {
        try recommend(World.surface, context: nil, limit: limit)
    }
}

/// A click on an item of this name.
func click(_ item: String) -> Noctule.FeedbackEvent {
    Noctule.FeedbackEvent(kind: .click, item: item)
}
