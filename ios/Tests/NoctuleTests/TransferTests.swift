import Foundation
@testable import Noctule
import NoctuleTesting
import XCTest

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

final class TransferTests: ProfileTest {
    private let device = TestDevice()

    private func transfers(
        _ noctule: any NoctuleProtocol,
        _ address: URL,
        _ change: (inout TransferSettings) -> Void = { _ in }
    ) throws -> NoctuleTransfers {
        let config = try config()
        let host = NoctuleHost(
            background: true, open: { _ throws(NoctuleError) in noctule }, config: { config })
        var settings = TransferSettings(collector: address)
        settings.folder = scratch.appendingPathComponent("bodies")
        change(&settings)
        return NoctuleTransfers(
            host: host, device: device, settings: settings, configuration: .ephemeral)
    }

    private func following() throws -> NoctuleConfig {
        var config = try config()
        config.trustedKeys = []
        config.trustedRoot = try World.root()
        config.delivery = .init(line: "town")
        return config
    }

    private func pending(_ noctule: Noctule) async throws -> UInt64 {
        try await noctule.resume()
        return try await noctule.status().pendingEvents
    }

    private func bodies() -> [String] {
        let folder = scratch.appendingPathComponent("bodies").path
        return (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    func testFeedbackReachesTheRealCollectorOnceAndOnlyThenLeavesThePhone() async throws {
        let noctule = try await ready()
        let answer = try noctule.home()
        try await noctule.record(answer.impressions() + [answer.click(answer.items[0])])
        let collector = try Collector(scratch.appendingPathComponent("feedback"))
        let transfers = try transfers(noctule, collector.address)
        let first = await transfers.run()
        XCTAssertEqual(first, .done)
        let second = await transfers.run()
        XCTAssertEqual(second, .done)
        await transfers.invalidate()
        collector.end()
        XCTAssertEqual(try collector.events(), World.slots + 1)
        let pending = try await pending(noctule)
        XCTAssertEqual(pending, 0)
        XCTAssertEqual(bodies(), [], "a body is left behind")
    }

    func testManyWhoAskAtOnceShareOneRound() async throws {
        let noctule = try await ready()
        try await noctule.record((0..<40).map { click("item-\($0)") })
        let collector = try Collector(scratch.appendingPathComponent("feedback"))
        let transfers = try transfers(noctule, collector.address)
        let ends = await withTaskGroup(of: TransferEnd.self) { group in
            for _ in 0..<20 { group.addTask { await transfers.run() } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        XCTAssertEqual(ends, Array(repeating: .done, count: 20))
        await transfers.invalidate()
        collector.end()
        XCTAssertEqual(try collector.events(), 40)
    }

    func testNobodyAtTheAddressIsWaitedForAsLongAsTheCoreSaysAndKeepsEverything() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a")])
        let server = try FileServer(scratch)
        server.end()
        let transfers = try transfers(noctule, server.address)
        guard case .waitUntil(let date) = await transfers.run() else {
            return XCTFail("it does not wait")
        }
        XCTAssertGreaterThan(date, Date())
        let pending = try await pending(noctule)
        XCTAssertEqual(pending, 1)
        XCTAssertEqual(bodies(), [])
    }

    func testABusyCollectorIsAskedAgainWhenItSays() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a")])
        let server = try FileServer(scratch)
        defer { server.end() }
        server.set { $0.refuse = 503; $0.headers = ["Retry-After": "900"] }
        let transfers = try transfers(noctule, server.address)
        guard case .waitUntil(let date) = await transfers.run() else {
            return XCTFail("it does not wait")
        }
        XCTAssertTrue((880...930).contains(date.timeIntervalSinceNow), "\(date)")
    }

    func testAnAnswerThatPointsElsewhereIsNotFollowedWithFeedback() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a")])
        let other = try FileServer(scratch)
        let server = try FileServer(scratch)
        defer { server.end(); other.end() }
        server.set { $0.refuse = 307; $0.headers = ["Location": "\(other.address)/x"] }
        let transfers = try transfers(noctule, server.address)
        _ = await transfers.run()
        XCTAssertEqual(other.asked, [])
        let pending = try await pending(noctule)
        XCTAssertEqual(pending, 1)
    }

    func testWithoutANetworkNothingIsAsked() async throws {
        let noctule = try await ready()
        device.set { $0.network = nil }
        let end = try await transfers(noctule, URL(fileURLWithPath: "/nowhere")).run()
        XCTAssertEqual(end, .noNetwork)
    }

    func testUploadsWaitForWiFiWhenTheAppWantsThat() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a")])
        device.set { $0.network = .metered }
        let server = try FileServer(scratch)
        defer { server.end() }
        let transfers = try transfers(noctule, server.address) { $0.uploadOverMetered = false }
        guard case .waitForUnmetered(let bytes) = await transfers.run() else {
            return XCTFail("it does not wait")
        }
        XCTAssertGreaterThan(bytes, 0)
        XCTAssertEqual(server.asked, [])
    }

    func testAReleaseComesOverANetworkThatCutsAndIsTheActiveOneInTheEnd() async throws {
        let noctule = try await open(following())
        let server = try FileServer(World.shelf)
        defer { server.end() }
        server.set { $0.cutAfter = 3_000 }
        let transfers = try transfers(noctule, server.address)
        // A cut is a failed transfer, behind which the core wants to wait.
        guard case .waitUntil = await transfers.run() else { return XCTFail("it does not wait") }
        server.set { $0.cutAfter = nil }
        var end = TransferEnd.left
        for _ in 0..<8 {
            end = await transfers.run()
            guard case .waitUntil(let date) = end else { break }
            try await Task.sleep(nanoseconds: UInt64(max(date.timeIntervalSinceNow, 0) * 1e9))
        }
        XCTAssertEqual(end, .done)
        try await noctule.resume()
        let version = try await noctule.releases().active?.version
        XCTAssertEqual(version, 2)
        try await noctule.runNight()
        XCTAssertEqual(try noctule.home().tier, .fresh)
    }

    func testAReleaseWaitsForWiFiAndForRoom() async throws {
        var config = try following()
        config.delivery?.meteredBytesMax = 10
        let noctule = try await open(config)
        let server = try FileServer(World.shelf)
        defer { server.end() }
        let transfers = try transfers(noctule, server.address)
        device.set { $0.network = .metered }
        guard case .waitForUnmetered = await transfers.run() else {
            return XCTFail("it does not wait for Wi-Fi")
        }
        device.set { $0.network = .unmetered; $0.free = 1_000 }
        guard case .waitForSpace = await transfers.run() else {
            return XCTFail("it does not wait for room")
        }
    }

    func testLeavingARoundEndsTheWaitingAndNotTheRound() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a")])
        let server = try FileServer(scratch)
        server.set { $0.silent = true }
        let transfers = try transfers(noctule, server.address)
        let waiting = Task { await transfers.run() }
        while server.asked.isEmpty { try await Task.sleep(nanoseconds: 5_000_000) }
        waiting.cancel()
        let end = await waiting.value
        XCTAssertEqual(end, .left)
        // The server lets go after five seconds, which is no answer: the round ends with a pause.
        guard case .waitUntil = await transfers.run() else { return XCTFail("no pause") }
        XCTAssertEqual(server.asked.count, 1)
        server.end()
    }

    func testErrorsOfTheCoreEndTheRound() async throws {
        let fake = FakeNoctule()
        let transfers = try transfers(fake, URL(fileURLWithPath: "/nowhere"))
        let refused = NoctuleError.releaseRefused(file: "manifest.json", reason: "not signed")
        fake.fail(with: refused)
        var end = await transfers.run()
        XCTAssertEqual(end, .failed(refused))
        fake.fail(with: nil)
        end = await transfers.run()
        XCTAssertEqual(end, .done)
        XCTAssertFalse(transfers.handleEvents("somebody.else") {})
        XCTAssertTrue(transfers.handleEvents(NoctuleTransfers.identifier) {})
    }

    func testABodyIsPlacedWhereItWasAskedForAndNothingBehindIt() throws {
        let body = Data((0..<200).map { UInt8($0) })
        let came = scratch.appendingPathComponent("came")
        try body.write(to: came)
        let out = scratch.appendingPathComponent("out")
        func parcel(_ offset: UInt64, _ length: UInt64) throws -> Parcel {
            let request = Noctule.FetchRequest(
                id: "x", path: "big", offset: offset, lengthMax: length, range: nil,
                destination: out.path)
            // As it comes back in another process.
            return try XCTUnwrap(Parcel(Parcel(request).description))
        }
        // A 200 is taken from the begin, whatever the offset.
        try Data(repeating: 9, count: 10).write(to: out)
        try parcel(10, 90).place(came, status: 200)
        XCTAssertEqual(try Data(contentsOf: out), body.prefix(100))
        try parcel(100, 50).place(came, status: 206)
        XCTAssertEqual(try Data(contentsOf: out), body.prefix(100) + body.prefix(50))
        // What is behind the offset is not what comes.
        try parcel(20, 5).place(came, status: 206)
        XCTAssertEqual(try Data(contentsOf: out), body.prefix(20) + body.prefix(5))
        // A gap, an error page and an overflow leave the file as it is.
        try parcel(1_000, 5).place(came, status: 206)
        try parcel(0, 50).place(came, status: 404)
        XCTAssertEqual(try Data(contentsOf: out), body.prefix(20) + body.prefix(5))
        try parcel(25, .max).place(came, status: 206)
        XCTAssertEqual(try Data(contentsOf: out).count, 225)
        XCTAssertNil(Parcel("somebody else's"))
        XCTAssertNil(Parcel(nil))
    }

    func testWhenToComeAgainIsReadFromANumberOrADate() {
        let now = Date(timeIntervalSince1970: 1_445_412_470)
        XCTAssertEqual(retryAfterSeconds("120"), 120)
        XCTAssertEqual(retryAfterSeconds(" 7 "), 7)
        XCTAssertEqual(retryAfterSeconds("99999999999999999999999"), .max)
        XCTAssertEqual(retryAfterSeconds("Wed, 21 Oct 2015 07:28:00 GMT", now: now), 10)
        XCTAssertEqual(retryAfterSeconds("Tue, 20 Oct 2015 07:28:00 GMT", now: now), 0)
        for nonsense in [nil, "", "soon", "-5", "1.5"] {
            XCTAssertNil(retryAfterSeconds(nonsense, now: now))
        }
    }
}
