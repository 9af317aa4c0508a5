import Foundation
import Noctule
import XCTest

final class ConcurrencyTests: ProfileTest {
    private enum Did: Hashable { case served, stored, ran, nothing }

    func testMixedCallsOfManyTasksLoseNothingAndCountExactly() async throws {
        let noctule = try await ready()
        let wrong = Gathered<NoctuleError>()
        let until = Date(timeIntervalSinceNow: 5)
        let counts = await withTaskGroup(of: [Did: Int].self) { group in
            for number in 0..<8 {
                group.addTask {
                    var counts: [Did: Int] = [:]
                    var turn = number
                    while Date() < until {
                        turn += 1
                        do throws(NoctuleError) {
                            counts[try await Self.one(noctule, number, turn), default: 0] += 1
                        } catch {
                            // Two nights at once.
                            if error.action != .tryLater { wrong.append(error) }
                        }
                    }
                    return counts
                }
            }
            return await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
        XCTAssertEqual(wrong.all, [])
        let stored = UInt64(counts[.stored] ?? 0) * 3
        XCTAssertTrue(stored > 0 && (counts[.served] ?? 0) > 0 && (counts[.ran] ?? 0) > 0)
        var recorded = try await noctule.status().recorded
        XCTAssertEqual(recorded, stored)
        noctule.close()
        // Everything is on the disk, once.
        recorded = try await open().status().recorded
        XCTAssertEqual(recorded, stored)
    }

    private static func one(_ noctule: Noctule, _ number: Int, _ turn: Int)
        async throws(NoctuleError) -> Did {
        switch turn % 6 {
        case 0:
            _ = try await noctule.status()
            return .nothing
        case 1:
            try await noctule.runNight(Noctule.Budget(wallMs: 50))
            return .ran
        case 2, 3:
            let items = try noctule.recommend(World.surface).items
            return items.isEmpty ? .nothing : .served
        case 4:
            _ = try await noctule.journal()
            return .nothing
        default:
            try await noctule.record((0..<3).map { click("item-\(number)-\(turn)-\($0)") })
            return .stored
        }
    }

    func testClosingInTheMiddleOfEverythingEndsEveryCall() async throws {
        for round in 0..<10 {
            let noctule = try await ready(config("profile-\(round)"), night: false)
            let wrong = Gathered<NoctuleError>()
            let tasks = (0..<8).map { number in
                Task {
                    while true {
                        do throws(NoctuleError) {
                            switch number % 4 {
                            case 0: try await noctule.runNight()
                            case 1: try await noctule.record([click("a")])
                            case 2: _ = try noctule.recommend(World.surface)
                            default: _ = try await noctule.status()
                            }
                        } catch {
                            if error == .closed { return }
                            if error.action != .tryLater { wrong.append(error) }
                        }
                        await Task.yield()
                    }
                }
            }
            try await Task.sleep(nanoseconds: 30_000_000)
            noctule.close()
            for task in tasks { await task.value }
            XCTAssertEqual(wrong.all, [])
        }
    }

    func testCallsThatAreCancelledAtAnyMomentEndOnceAndTheCountIsTheirs() async throws {
        let noctule = try await open()
        var stored: UInt64 = 0
        for round in 0..<300 {
            let task = Task { try await noctule.record([click("item-\(round)")]) }
            if round % 3 > 0 { try await Task.sleep(nanoseconds: UInt64(round) * 5_000) }
            task.cancel()
            switch await task.result {
            case .success: stored += 1
            case .failure(let error): XCTAssertEqual(error as? NoctuleError, .cancelled)
            }
        }
        let recorded = try await noctule.status().recorded
        XCTAssertEqual(recorded, stored)
        XCTAssertGreaterThan(stored, 0)
    }
}
