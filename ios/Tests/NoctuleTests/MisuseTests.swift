import Foundation
import Noctule
import XCTest

/// Every public method, at every wrong moment and with everything that Swift lets through.
final class MisuseTests: ProfileTest {
    private typealias Call = @Sendable (Noctule) async throws(NoctuleError) -> Void

    private static func conditions() -> Noctule.Conditions {
        Noctule.Conditions(
            batteryPercent: 255, charging: true, idle: true, foreground: false,
            thermal: .nominal, powerSave: false, freeStorageBytes: .max,
            utcOffsetMinutes: .min, allowedMs: .max)
    }

    /// By name every call that the protocol has, with `text` wherever one takes a string.
    private func calls(_ text: String) -> [(String, Call)] {
        let place = scratch.appendingPathComponent(text)
        return [
            ("recommend", { n throws(NoctuleError) in
                _ = try n.recommend(text, context: text, limit: 3) }),
            ("slates", { n throws(NoctuleError) in
                var slates = try n.slates(text, context: nil, limit: nil).makeAsyncIterator()
                _ = await slates.next() }),
            ("record", { n throws(NoctuleError) in
                try await n.record([.init(
                    kind: .custom(name: text), item: text, surface: text, context: text)]) }),
            ("forgetItems", { n throws(NoctuleError) in try await n.forgetItems([text]) }),
            ("forgetEvents", { n throws(NoctuleError) in try await n.forgetEvents([1]) }),
            ("setPlace", { n throws(NoctuleError) in
                try await n.setPlace(.init(latitude: .nan, longitude: 1e300)) }),
            ("setConsent", { n throws(NoctuleError) in try await n.setConsent(.full) }),
            ("erase", { n throws(NoctuleError) in try await n.erase() }),
            ("export", { n throws(NoctuleError) in try await n.export(to: place) }),
            ("exportReplay", { n throws(NoctuleError) in
                _ = try await n.exportReplay(text, context: text, consent: .given) }),
            ("installRelease", { n throws(NoctuleError) in try await n.installRelease(place) }),
            ("installStarter", { n throws(NoctuleError) in try await n.installStarter(place) }),
            ("rollback", { n throws(NoctuleError) in try await n.rollback() }),
            ("releases", { n throws(NoctuleError) in _ = try await n.releases() }),
            ("schedule", { n throws(NoctuleError) in
                _ = try await n.schedule(Self.conditions()) }),
            ("runNight", { n throws(NoctuleError) in try await n.runNight() }),
            ("journal", { n throws(NoctuleError) in _ = try await n.journal() }),
            ("doctor", { n throws(NoctuleError) in _ = try await n.doctor() }),
            ("status", { n throws(NoctuleError) in _ = try await n.status() }),
            ("nextTransfer", { n throws(NoctuleError) in
                _ = try await n.nextTransfer(.metered, freeBytes: .max) }),
            ("transferFinished", { n throws(NoctuleError) in
                try await n.transferFinished(text, .noAnswer(reason: text)) }),
            ("cancelDelivery", { n throws(NoctuleError) in try await n.cancelDelivery() }),
            ("suspend", { n throws(NoctuleError) in try await n.suspend() }),
            ("resume", { n throws(NoctuleError) in try await n.resume() }),
        ]
    }

    private func error(_ call: Call, _ noctule: Noctule) async -> NoctuleError? {
        do throws(NoctuleError) {
            try await call(noctule)
            return nil
        } catch {
            return error
        }
    }

    func testNoMethodOfTheProtocolIsLeftOutHere() throws {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Noctule/NoctuleProtocol.swift")
        let text = try String(contentsOf: source, encoding: .utf8)
        let declared = text.components(separatedBy: "    func ").dropFirst()
            .compactMap { $0.split(separator: "(").first.map(String.init) }
        XCTAssertGreaterThan(declared.count, 20)
        XCTAssertEqual(Set(declared), Set(calls("x").map(\.0) + ["close"]))
    }

    func testAfterClosingEveryCallSaysSoAndClosingTwiceIsClosingOnce() async throws {
        let noctule = try await open()
        noctule.close()
        noctule.close()
        for (name, call) in calls("home") {
            let error = await error(call, noctule)
            XCTAssertEqual(error, .closed, name)
        }
        XCTAssertEqual(noctule.consent, .notGiven)
    }

    func testEveryCallTwiceInARowDoesTheSameOrSaysWhyNot() async throws {
        for (name, call) in calls("home") {
            let noctule = try await open(config(name))
            let first = await error(call, noctule)
            let second = await error(call, noctule)
            let said = "\(name): \(first as Any), \(second as Any)"
            XCTAssertEqual(first == nil, second == nil, said)
            try await noctule.resume()
            _ = try await noctule.status()
        }
    }

    func testWhileSuspendedEveryCallAnswersOrSaysSo() async throws {
        for (name, call) in calls("home") {
            let noctule = try await open(config(name))
            try await noctule.suspend()
            switch await error(call, noctule) {
            case nil, .suspended, .invalidInput, .releaseRefused: break
            case let error: XCTFail("\(name): \(error as Any)")
            }
            try await noctule.resume()
            _ = try await noctule.status()
        }
    }

    func testAStringThatIsNoneIsATypedErrorAndTheNextCallWorks() async throws {
        let texts = [
            ("empty", ""),
            ("10 MB", String(repeating: "x", count: 10_000_000)),
            ("10 MB of four bytes each", String(repeating: "\u{1F319}", count: 2_500_000)),
            ("what stands for an unpaired surrogate", String(decoding: [0xD800], as: UTF16.self)),
            ("control characters", "a\u{0}\n\u{202E}b"),
            ("a path", "no/such/../folder"),
        ]
        for (what, text) in texts {
            for (name, call) in calls(text) {
                let noctule = try await Noctule.open(config())
                let error = await error(call, noctule)
                XCTAssertNotEqual(error?.action, .report, "\(name) with \(what): \(error as Any)")
                try await noctule.resume()
                _ = try await noctule.status()
                noctule.close()
            }
        }
    }

    func testNumbersOutOfEveryRangeAreTypedErrorsAndNothingIsStored() async throws {
        let noctule = try await ready()
        let bad: [Noctule.FeedbackEvent] = [
            .init(kind: .impression, item: "a", position: -1),
            .init(kind: .impression, item: "a", position: .max),
            .init(kind: .impression, item: "a", position: 0, propensity: .nan),
            .init(kind: .impression, item: "a", position: 0, propensity: -0.1),
            .init(kind: .impression, item: "a", position: 0, propensity: .infinity),
            .init(kind: .impression, item: "a", position: 0, generation: .max),
            .init(kind: .dwell, item: "a", position: 0, dwellMs: -5),
            .init(kind: .impression, item: "a", position: 0, visibleMs: .min),
        ]
        for event in bad {
            let error = await errorOf("\(event)") { () throws(NoctuleError) in
                try await noctule.record([click("good"), event])
            }
            XCTAssertEqual(error?.action, .mendTheCall)
        }
        let recorded = try await noctule.status().recorded
        XCTAssertEqual(recorded, 0)
        XCTAssertEqual(try noctule.home(0).items.count, 0)
        XCTAssertEqual(try noctule.home(.max).items.count, World.slots)
        let calls: [(String, Call)] = [
            ("limit", { n throws(NoctuleError) in
                _ = try n.recommend(World.surface, limit: -1) }),
            ("free_bytes", { n throws(NoctuleError) in
                _ = try await n.nextTransfer(.metered, freeBytes: -1) }),
            ("latitude", { n throws(NoctuleError) in
                try await n.setPlace(.init(latitude: 91, longitude: 0)) }),
            ("threads", { n throws(NoctuleError) in
                try await n.runNight(Noctule.Budget(threads: 0)) }),
        ]
        for (name, call) in calls {
            let error = await error(call, noctule)
            XCTAssertEqual(error?.action, .mendTheCall, name)
        }
        try await noctule.runNight(Noctule.Budget(wallMs: .max, memoryBytes: 0))
    }

    func testTimesFarAwayAreRecordedOrRefused() async throws {
        let noctule = try await open()
        for time in [Int64.min, -1, 0, .max] {
            let event = Noctule.FeedbackEvent(kind: .click, item: "a", atMs: time)
            let error = await error({ n throws(NoctuleError) in
                try await n.record([event]) }, noctule)
            if let error { XCTAssertEqual(error.action, .mendTheCall) }
        }
        let nothing = scratch.appendingPathComponent("no")
        for date in [Date.distantPast, .distantFuture, Date(timeIntervalSince1970: .nan)] {
            XCTAssertEqual(try WidgetSlates.readAll(nothing, at: date), [])
        }
        let slate = try noctule.home()
        let item = Noctule.RecommendedItem(
            item: "a", title: "a", position: 0, score: 0, propensity: nil, reasons: [])
        for time in [TimeInterval.nan, .infinity, -1, 1e300] {
            _ = slate.dwell(item, time)
        }
    }

    func testAConfigurationThatCannotBeIsATypedErrorWithItsField() async throws {
        let wrong: [(String, (inout NoctuleConfig) -> Void)] = [
            ("keep_events_days", { $0.keepEventsDays = -1 }),
            ("trusted_keys[0]", { $0.trustedKeys = ["nonsense"] }),
            ("utc_offset_minutes", { $0.utcOffsetMinutes = 100_000 }),
            ("plan.document", { $0.plan = "{" }),
            ("widget.slots_max", {
                $0.widget = .init()
                $0.widget?.slotsMax = -1
            }),
            ("delivery.check_every", {
                $0.delivery = .init(line: "town")
                $0.delivery?.checkEvery = .nan
            }),
            ("directory", { $0.directory.appendPathComponent("no/such/place") }),
        ]
        for (field, change) in wrong {
            var config = try config()
            change(&config)
            let asked = config
            let error = await errorOf(field) { () throws(NoctuleError) in
                try await Noctule.open(asked)
            }
            guard case .invalidInput(field, _) = error else {
                XCTFail("\(field): \(error as Any)")
                continue
            }
        }
    }

    func testAListenerThatThrowsEndsItsOwnReportsAndNotTheNight() async throws {
        struct ScreenIsGone: Error {}
        let noctule = try await ready(night: false)
        let heard = Gathered<Int>()
        let report = try await noctule.runNight { _, _, _ in
            heard.append(1)
            throw ScreenIsGone()
        }
        XCTAssertEqual(report.outcome, .finished)
        XCTAssertEqual(report.listenerFailure?.contains("ScreenIsGone"), true)
        XCTAssertEqual(heard.count, 1)
    }

    func testAListenerThatCallsBackInIsAnsweredAndDoesNotHang() async throws {
        let noctule = try await ready(night: false)
        let recorded = Gathered<Int>()
        let report = try await noctule.runNight { step, _, _ in
            _ = try noctule.recommend(World.surface, limit: 5)
            guard step == .slates else { return }
            let done = DispatchSemaphore(value: 0)
            Task {
                if (try? await noctule.record([click("a")])) != nil { recorded.append(1) }
                done.signal()
            }
            done.wait()
        }
        XCTAssertNil(report.listenerFailure)
        XCTAssertGreaterThan(recorded.count, 0)
        let status = try await noctule.status()
        XCTAssertEqual(status.recorded, UInt64(recorded.count))
    }

    func testADirectoryThatDisappearsIsATypedErrorAndWhatIsInMemoryIsServed() async throws {
        let noctule = try await ready()
        try FileManager.default.removeItem(at: scratch.appendingPathComponent("profile"))
        XCTAssertEqual(try noctule.home().items.count, World.slots)
        let night = await error({ n throws(NoctuleError) in try await n.runNight() }, noctule)
        switch night {
        case .invalidInput, .storage, .releaseRefused: break
        default: XCTFail("\(night as Any)")
        }
        for (name, call) in calls("home") {
            let error = await error(call, noctule)
            XCTAssertNotEqual(error?.action, .report, "\(name): \(error as Any)")
        }
    }

    func testAReleaseThatIsNoneIsRefusedAndTheOneBeforeStays() async throws {
        let noctule = try await ready()
        let nowhere = scratch
        let error = await error({ n throws(NoctuleError) in
            try await n.installRelease(nowhere) }, noctule)
        XCTAssertEqual(error?.action, .tellTheBackend)
        XCTAssertEqual(try noctule.home().items.count, World.slots)
    }
}
