import BackgroundTasks
import Foundation
import Noctule
import NoctuleTesting
import XCTest

final class NightSchedulerTests: ProfileTest {
    private let device = TestDevice()
    private let tasks = TestTasks()

    private func scheduler(
        _ noctule: any NoctuleProtocol,
        background: Bool = false,
        settings: NightSettings = NightSettings(),
        afterwards: @escaping @Sendable () async -> Void = {}
    ) throws -> NightScheduler {
        let config = try config()
        let host = NoctuleHost(
            background: background,
            open: { _ throws(NoctuleError) in noctule },
            config: { config })
        let scheduler = NightScheduler(
            host: host, device: device, settings: settings, tasks: tasks, afterwards: afterwards)
        XCTAssertTrue(scheduler.register())
        return scheduler
    }

    func testALaunchMakesTheNightCompletesOnceAndHasAskedForTheNext() async throws {
        let noctule = try await ready(night: false)
        let scheduler = try scheduler(noctule)
        let before = Date()
        let completions = try await tasks.launch().completed()
        XCTAssertEqual(completions, [true])
        XCTAssertEqual(try noctule.home().tier, .fresh)
        XCTAssertEqual(tasks.submitted.count, 1)
        let next = try XCTUnwrap(tasks.submitted[0])
        XCTAssertGreaterThan(next, before)
        // The next look finds nothing to do, and comes back when the core says.
        let again = try await tasks.launch().completed()
        XCTAssertEqual(again, [true])
        XCTAssertEqual(tasks.submitted.count, 3)
        XCTAssertFalse(scheduler.register(), "registered twice")
    }

    func testTheCoreSaysNoToAHotOrAnEmptyPhone() async throws {
        let noctule = try await ready(night: false)
        let scheduler = try scheduler(noctule)
        func reason() async -> Noctule.NotYetReason? {
            guard case .notYet(let reason, _) = await scheduler.runNow() else { return nil }
            return reason
        }
        device.set { $0.thermal = .serious }
        var said = await reason()
        XCTAssertEqual(said, .hot)
        device.set { $0.thermal = .nominal; $0.charging = false; $0.battery = 10 }
        said = await reason()
        XCTAssertEqual(said, .batteryLow)
        device.set { $0.powerSave = true }
        said = await reason()
        XCTAssertEqual(said, .powerSave)
        device.set { $0.charging = true; $0.powerSave = false; $0.free = 1_000 }
        said = await reason()
        XCTAssertEqual(said, .storageLow)
        XCTAssertEqual(device.asked, Array(repeating: 60, count: 4))
    }

    func testAnExpiredLaunchStopsTheNightCompletesOnceAsksAgainAndTheNextGoesOn() async throws {
        let noctule = try await ready(night: false)
        let halting = Halting(noctule)
        let scheduler = try scheduler(halting)
        _ = scheduler
        let work = tasks.launch()
        await halting.begun()
        work.expire()
        XCTAssertEqual(work.completions, [], "expiring only cancels")
        work.expire()
        halting.goOn()
        let completions = try await work.completed()
        XCTAssertEqual(completions, [false])
        XCTAssertEqual(tasks.submitted.count, 2)
        let next = try await tasks.launch().completed()
        XCTAssertEqual(next, [true])
        let runs = try await noctule.journal().runs
        XCTAssertEqual(runs[1].stopTold, "the system took its time back")
        XCTAssertGreaterThan(runs[1].remaining, 0)
        XCTAssertEqual(runs[0].published, runs[1].remaining)
        XCTAssertEqual(try noctule.home().tier, .fresh)
    }

    func testALaunchThatExpiresAtOnceCompletesOnce() async throws {
        let noctule = try await ready(night: false)
        let scheduler = try scheduler(noctule)
        _ = scheduler
        for _ in 0..<20 {
            let work = tasks.launch()
            work.expire()
            let completions = try await work.completed()
            XCTAssertEqual(completions.count, 1)
        }
    }

    func testTwoLaunchesAtOnceRunOneNightAndCompleteOnceEach() async throws {
        let noctule = try await ready(night: false)
        let halting = Halting(noctule)
        let scheduler = try scheduler(halting)
        _ = scheduler
        let first = tasks.launch()
        await halting.begun()
        let second = tasks.launch()
        halting.goOn()
        let ends = (try await first.completed(), try await second.completed())
        XCTAssertEqual(ends.0, [true])
        XCTAssertEqual(ends.1.count, 1)
        let runs = try await noctule.journal().runs
        XCTAssertEqual(runs.filter { $0.published > 0 }.count, 1)
    }

    func testASliceThatIsCutIsFollowedByTheNextUntilAllIsMade() async throws {
        let fake = FakeNoctule()
        fake.put(World.surface, "a")
        let budget = Noctule.Budget(wallMs: 60_000)
        fake.decide { nights in nights < 3 ? .run(budget: budget, why: .goOn) : .run(
            budget: budget, why: .night) }
        fake.report { nights in
            Noctule.NightReport(
                outcome: nights < 4 ? .stopped(reason: .outOfTime) : .finished,
                published: 1, kept: 0, remaining: 0, learnedEvents: 0, listenerFailure: nil)
        }
        let scheduler = try scheduler(fake)
        _ = scheduler
        let completions = try await tasks.launch().completed()
        XCTAssertEqual(completions, [true])
        XCTAssertEqual(fake.nights, 4)
        XCTAssertEqual(device.asked.count, 4, "asked anew before each batch")
    }

    func testSlicesThatBringNothingComeToAnEnd() async throws {
        let fake = FakeNoctule()
        fake.decide { _ in .run(budget: Noctule.Budget(), why: .night) }
        fake.report { _ in
            Noctule.NightReport(
                outcome: .stopped(reason: .outOfTime), published: 0, kept: 0, remaining: 9,
                learnedEvents: 0, listenerFailure: nil)
        }
        let scheduler = try scheduler(fake)
        _ = scheduler
        let completions = try await tasks.launch().completed()
        XCTAssertEqual(completions, [false])
        XCTAssertEqual(fake.nights, 1)
        fake.report { _ in
            Noctule.NightReport(
                outcome: .stopped(reason: .outOfTime), published: 1, kept: 0, remaining: 9,
                learnedEvents: 0, listenerFailure: nil)
        }
        let again = try await tasks.launch().completed()
        XCTAssertEqual(again, [false])
        XCTAssertEqual(fake.nights, 1 + NightSettings().batchesMax)
    }

    func testAnErrorIsNoSuccessAndTheNextNightIsAskedForAllTheSame() async throws {
        let fake = FakeNoctule()
        fake.fail(with: .storage(reason: "not a database"))
        let scheduler = try scheduler(fake)
        let completions = try await tasks.launch().completed()
        XCTAssertEqual(completions, [false])
        XCTAssertEqual(tasks.submitted.count, 1)
        let end = await scheduler.runNow()
        XCTAssertEqual(end, .failed(.storage(reason: "not a database")))
    }

    func testAMissedNightIsCaughtUpOnTheScreenAndNoFileIsHeldInTheBackground() async throws {
        let noctule = try await ready(night: false)
        let scheduler = try scheduler(noctule, background: true)
        let end = await scheduler.catchUp()
        switch end {
        case .made, .cut: break
        default: XCTFail("\(String(describing: end))")
        }
        XCTAssertEqual(try noctule.home().tier, .fresh)
        let error = await errorOf { () throws(NoctuleError) in
            try await noctule.record([click("a")])
        }
        XCTAssertEqual(error, .suspended)
        var settings = NightSettings()
        settings.catchUp = false
        settings.identifier = "another"
        let silent = try await self.scheduler(noctule, settings: settings).catchUp()
        XCTAssertNil(silent)
    }

    func testWhatComesAfterwardsIsDoneBeforeTheLaunchIsOverAndEndsWithIt() async throws {
        let noctule = try await ready(night: false)
        let done = Gathered<String>()
        let scheduler = try scheduler(noctule, afterwards: {
            done.append("begun")
            do {
                try await Task.sleep(nanoseconds: 60_000_000_000)
            } catch {
                done.append("cancelled")
            }
        })
        _ = scheduler
        let work = tasks.launch()
        for _ in 0..<1_000 where done.count == 0 { try await Task.sleep(nanoseconds: 10_000_000) }
        XCTAssertEqual(work.completions, [])
        work.expire()
        let completions = try await work.completed()
        XCTAssertEqual(completions, [true])
        XCTAssertEqual(done.all, ["begun", "cancelled"])
    }

    func testTheSystemsOwnSchedulerIsAskedForPowerAndLaunchesTheNight() async throws {
        let noctule = try await ready(night: false)
        let config = try config()
        let host = NoctuleHost(open: { _ throws(NoctuleError) in noctule }, config: { config })
        var settings = NightSettings()
        settings.identifier = "app.town.night"
        let scheduler = NightScheduler(host: host, device: device, settings: settings)
        XCTAssertNotNil(scheduler.submit(), "asked for before it was registered")
        XCTAssertTrue(scheduler.register())
        XCTAssertNil(scheduler.submit(earliest: .distantFuture))
        let system = BGTaskScheduler.shared
        let request = try XCTUnwrap(
            system.pending(settings.identifier) as? BGProcessingTaskRequest)
        XCTAssertTrue(request.requiresExternalPower)
        XCTAssertEqual(request.earliestBeginDate, .distantFuture)
        let task = try XCTUnwrap(system.launch(settings.identifier))
        for _ in 0..<1_000 where task.completions.isEmpty {
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        XCTAssertEqual(task.completions, [true])
        XCTAssertNotNil(system.pending(settings.identifier))
        scheduler.cancel()
        XCTAssertNil(system.pending(settings.identifier))
    }
}
