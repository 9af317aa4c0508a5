import Foundation
import Noctule
import XCTest

final class CancellationTests: ProfileTest {
    func testCancellingANightStopsItForRealAndItsJournalSaysWhy() async throws {
        let noctule = try await ready(night: false)
        let begun = expectation(description: "the first slate")
        let goOn = DispatchSemaphore(value: 0)
        let once = Gathered<Int>()
        let night = Task {
            try await noctule.runNight(Noctule.Budget(), progress: { step, _, _ in
                guard step == .slates else { return }
                once.append(1)
                guard once.count == 1 else { return }
                begun.fulfill()
                _ = goOn.wait(timeout: .now() + 30)
            }, stopReason: { "the phone was picked up" })
        }
        await fulfillment(of: [begun], timeout: 30)
        night.cancel()
        goOn.signal()
        let report = try await night.value
        XCTAssertEqual(report.outcome, .stopped(reason: .cancelled))
        XCTAssertGreaterThan(report.remaining, 0)
        let next = try await noctule.runNight()
        XCTAssertEqual(next.outcome, .finished)
        XCTAssertEqual(next.published, report.remaining)
        let runs = try await noctule.journal().runs
        XCTAssertEqual(runs[1].stopTold, "the phone was picked up")
    }

    func testACallThatWaitsIsCancelledAtOnceAndNeverBegins() async throws {
        let noctule = try await ready(night: false)
        let begun = expectation(description: "the first slate")
        begun.assertForOverFulfill = false
        let goOn = DispatchSemaphore(value: 0)
        let night = Task {
            try await noctule.runNight { _, _, _ in
                begun.fulfill()
                _ = goOn.wait(timeout: .now() + 30)
                goOn.signal()
            }
        }
        await fulfillment(of: [begun], timeout: 30)
        // Behind the night, on the same queue.
        let waiting = Task { try await noctule.rollback() }
        try await Task.sleep(nanoseconds: 50_000_000)
        waiting.cancel()
        do {
            _ = try await waiting.value
            XCTFail("it was not cancelled")
        } catch {
            XCTAssertEqual(error as? NoctuleError, .cancelled)
        }
        goOn.signal()
        let report = try await night.value
        XCTAssertEqual(report.outcome, .finished)
        // A rollback that began would have said that there is nothing to go back to, or done it.
        let releases = try await noctule.releases()
        XCTAssertEqual(releases.active?.version, 1)
    }

    func testATaskThatIsCancelledAlreadyBeginsNothing() async throws {
        let noctule = try await ready(night: false)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await noctule.runNight()
        }
        task.cancel()
        do {
            _ = try await task.value
            XCTFail("it was not cancelled")
        } catch {
            XCTAssertEqual(error as? NoctuleError, .cancelled)
        }
        let runs = try await noctule.journal().runs
        XCTAssertEqual(runs.filter { $0.published > 0 }.count, 0)
    }
}
