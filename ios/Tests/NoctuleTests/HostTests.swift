import Foundation
import Noctule
import NoctuleTesting
import XCTest

final class HostTests: ProfileTest {
    private func host(_ noctule: any NoctuleProtocol, background: Bool = false) throws
        -> NoctuleHost {
        let config = try config()
        return NoctuleHost(
            background: background, open: { _ throws(NoctuleError) in noctule },
            config: { config })
    }

    func testManyWhoAskAtOnceGetOneProfile() async throws {
        let config = try config()
        let host = NoctuleHost { config }
        XCTAssertNil(host.opened)
        let same = try await withThrowingTaskGroup(of: ObjectIdentifier.self) { group in
            for _ in 0..<50 {
                group.addTask { ObjectIdentifier(try await host.noctule()) }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        XCTAssertEqual(same.count, 1)
        XCTAssertNotNil(host.opened)
        await host.close()
        XCTAssertNil(host.opened)
        let again = try await host.noctule()
        XCTAssertNotEqual(ObjectIdentifier(again), same.first)
        await host.close()
    }

    func testAProfileThatSomebodyElseClosedIsOpenedAnew() async throws {
        let config = try config()
        let host = NoctuleHost { config }
        let first = try await host.noctule()
        first.close()
        XCTAssertNil(host.opened)
        let second = try await host.noctule()
        XCTAssertFalse(second.isClosed)
        _ = try await second.status()
        await host.close()
        XCTAssertTrue(second.isClosed)
    }

    func testWhatTheAppThrowsAndWhatOpeningThrowsIsATypedErrorAndIsTriedAgain() async throws {
        struct NoKey: Error {}
        let tries = Gathered<Int>()
        let config = try config()
        let host = NoctuleHost {
            tries.append(1)
            if tries.count == 1 { throw NoKey() }
            if tries.count > 2 { return config }
            return NoctuleConfig(
                directory: URL(fileURLWithPath: "/no/such/place"), app: "town", consent: .full)
        }
        let first = await errorOf { () throws(NoctuleError) in try await host.noctule() }
        XCTAssertEqual(first?.action, .report)
        let second = await errorOf { () throws(NoctuleError) in try await host.noctule() }
        XCTAssertEqual(second?.action, .mendTheCall)
        _ = try await host.noctule()
        await host.close()
    }

    func testInTheBackgroundFilesAreLetGoOfAndTakenUpAgainOnTheScreen() async throws {
        let fake = FakeNoctule()
        let host = try host(fake)
        _ = try await host.noctule()
        XCTAssertFalse(fake.isSuspended)
        await host.enterBackground()
        XCTAssertTrue(fake.isSuspended)
        _ = try await host.noctule()
        XCTAssertTrue(fake.isSuspended, "asking for it in the background holds no file")
        await host.enterForeground()
        XCTAssertFalse(fake.isSuspended)
    }

    func testAProfileThatIsOpenedInTheBackgroundHoldsNothing() async throws {
        let fake = FakeNoctule()
        let host = try host(fake, background: true)
        _ = try await host.noctule()
        XCTAssertTrue(fake.isSuspended)
        let awake = try await host.work { _ throws(NoctuleError) in fake.isSuspended }
        XCTAssertFalse(awake)
        XCTAssertTrue(fake.isSuspended)
    }

    func testLettingGoWaitsForWorkThatIsUnderWay() async throws {
        let fake = FakeNoctule()
        let host = try host(fake)
        let (goOn, let_go) = AsyncStream.makeStream(of: Void.self)
        let begun = expectation(description: "work")
        let work = Task {
            try await host.work { _ throws(NoctuleError) in
                begun.fulfill()
                for await _ in goOn {}
                return fake.isSuspended
            }
        }
        await fulfillment(of: [begun], timeout: 30)
        let left = Gathered<Bool>()
        let leaving = Task {
            await host.enterBackground()
            left.append(fake.isSuspended)
        }
        try await Task.sleep(nanoseconds: 50_000_000)
        XCTAssertEqual(left.all, [])
        XCTAssertFalse(fake.isSuspended)
        let_go.finish()
        let during = try await work.value
        XCTAssertFalse(during)
        await leaving.value
        XCTAssertEqual(left.all, [true])
    }

    func testWhenTheTimeIsUpFilesAreLetGoOfInTheMiddleOfANight() async throws {
        let noctule = try await ready(night: false)
        let halting = Halting(noctule)
        let host = try host(halting)
        let night = Task {
            try await host.work { noctule throws(NoctuleError) in try await noctule.runNight() }
        }
        await halting.begun()
        let leaving = Task { await host.enterBackground() }
        Task {
            try await Task.sleep(nanoseconds: 20_000_000)
            halting.goOn()
        }
        await host.suspendNow()
        await leaving.value
        XCTAssertEqual(try locks(), [], "a lock is held after letting go")
        let ended = await night.result
        if case .success(let report) = ended { XCTAssertNotEqual(report.outcome, .finished) }
        await host.enterForeground()
        let receipt = try await noctule.record([click("a")])
        XCTAssertTrue(receipt.stored)
    }

    func testFiftyTimesInAndOutOfTheBackgroundUnderWorkLosesNothingAndHoldsNoLock() async throws {
        let noctule = try await ready()
        let host = try host(noctule)
        let stored = Gathered<Int>()
        let wrong = Gathered<NoctuleError>()
        let workers = (0..<4).map { number in
            Task {
                var turn = 0
                while !Task.isCancelled {
                    turn += 1
                    let item = "item-\(number)-\(turn)"
                    do throws(NoctuleError) {
                        try await host.work { noctule throws(NoctuleError) in
                            _ = try await noctule.record([click(item)])
                        }
                        stored.append(1)
                    } catch {
                        if error != .cancelled { wrong.append(error) }
                    }
                    await Task.yield()
                }
            }
        }
        for _ in 0..<50 {
            let leaving = Task { await host.enterBackground() }
            try await Task.sleep(nanoseconds: 5_000_000)
            await host.enterForeground()
            await leaving.value
        }
        workers.forEach { $0.cancel() }
        for worker in workers { await worker.value }
        XCTAssertNotEqual(try locks(), [], "on the screen the profile is held")
        await host.enterBackground()
        XCTAssertEqual(try locks(), [])
        await host.enterForeground()
        XCTAssertEqual(wrong.all, [])
        let recorded = try await noctule.status().recorded
        XCTAssertEqual(recorded, UInt64(stored.count))
        XCTAssertGreaterThan(stored.count, 0)
    }

    /// Locks of this process on files of the profile, as the kernel tells them.
    private func locks() throws -> [String] {
        let text = try String(contentsOfFile: "/proc/locks", encoding: .utf8)
        let files = FileManager.default.enumerator(at: scratch, includingPropertiesForKeys: nil)
        let numbers = (files?.allObjects as? [URL] ?? []).compactMap { file in
            try? FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber]
        }.map { "\($0)" }
        // Such as `1: POSIX ADVISORY WRITE 42 08:01:123456 0 EOF`: the last of the three is the
        // file.
        return text.split(separator: "\n").map(String.init).filter { line in
            let places = line.split(separator: " ").map { $0.split(separator: ":") }
            guard let file = places.first(where: { $0.count == 3 })?.last else { return false }
            return numbers.contains(String(file))
        }
    }
}
