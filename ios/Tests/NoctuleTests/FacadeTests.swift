import Foundation
import Noctule
import XCTest

final class FacadeTests: ProfileTest {
    func testAProfileWithoutAReleaseAnswersThatItHasNone() async throws {
        let answer = try await open().home()
        XCTAssertEqual(answer.tier, .empty)
        XCTAssertEqual(answer.emptyReason, .noRelease)
    }

    func testANightMakesTheSlatesAndTheFirstReadHasThem() async throws {
        let noctule = try await open()
        let name = try await noctule.installRelease(World.release)
        XCTAssertEqual(try noctule.home().tier, .baseline)
        let report = try await noctule.runNight()
        XCTAssertEqual(report.outcome, .finished)
        XCTAssertGreaterThan(report.published, 0)
        let answer = try noctule.home()
        XCTAssertEqual(answer.tier, .fresh)
        XCTAssertEqual(answer.items.count, World.slots)
        XCTAssertEqual(answer.release, "\(name.name)@\(name.version)")
        for item in answer.items {
            let sum = item.reasons.reduce(0) { $0 + Double($1.contribution) }
            XCTAssertEqual(sum, Double(item.score), accuracy: 1e-4)
        }
        XCTAssertEqual(try noctule.home(3).items.count, 3)
    }

    func testWhatIsHiddenIsGoneAtTheNextReadAndAnUndoBringsItBack() async throws {
        let noctule = try await ready()
        let answer = try noctule.home()
        let first = try XCTUnwrap(answer.items.first)
        let hide = answer.hide(first)
        try await noctule.record([hide])
        XCTAssertFalse(try noctule.home().items.contains { $0.item == first.item })
        try await noctule.record([hide.undone])
        XCTAssertTrue(try noctule.home().items.contains { $0.item == first.item })
    }

    func testEventsMadeOfAnAnswerCarryItsPositionGenerationAndPropensity() async throws {
        let noctule = try await ready()
        let answer = try noctule.home()
        let events = answer.impressions(shown: 5)
        XCTAssertEqual(events.map(\.position), [0, 1, 2, 3, 4])
        XCTAssertTrue(events.allSatisfy {
            $0.generation == answer.generation && $0.propensity != nil
        })
        XCTAssertEqual(answer.impressions(shown: -1), [])
        let receipt = try await noctule.record(events + [answer.click(answer.items[2])])
        XCTAssertEqual(receipt.firstSequence, 1)
        XCTAssertEqual(receipt.lastSequence, 6)
        XCTAssertTrue(receipt.stored)
    }

    func testSlatesFlowAtFirstAfterFeedbackAfterANightAndEndWithTheProfile() async throws {
        let noctule = try await ready(night: false)
        var slates = try noctule.slates(World.surface).makeAsyncIterator()
        let first = await slates.next()
        XCTAssertEqual(first?.tier, .baseline)
        let gone = try XCTUnwrap(first?.items.first)
        try await noctule.record([try XCTUnwrap(first).hide(gone)])
        let hidden = await slates.next()
        XCTAssertEqual(hidden?.items.contains { $0.item == gone.item }, false)
        try await noctule.runNight()
        var fresh = await slates.next()
        while fresh?.tier == .baseline { fresh = await slates.next() }
        XCTAssertEqual(fresh?.tier, .fresh)
        noctule.close()
        while let late = await slates.next() { XCTAssertEqual(late.surface, World.surface) }
    }

    func testAStreamOfANameThatIsNoneAndOfAClosedProfileAreErrors() async throws {
        let noctule = try await open()
        let error = await errorOf { () throws(NoctuleError) in try noctule.slates("") }
        XCTAssertEqual(error?.action, .mendTheCall)
        noctule.close()
        let closed = await errorOf { () throws(NoctuleError) in try noctule.slates("home") }
        XCTAssertEqual(closed, .closed)
    }

    func testAProfileThatNobodyHoldsLetsGoOfItsDirectoryAlsoWithAStreamOpen() async throws {
        var stream: AsyncStream<Noctule.Recommendations>?
        do {
            let noctule = try await Noctule.open(config())
            stream = try noctule.slates(World.surface)
        }
        try await open().close()
        var left = try XCTUnwrap(stream).makeAsyncIterator()
        _ = await left.next()
        let end = await left.next()
        XCTAssertNil(end)
    }

    func testWithoutConsentNothingIsStoredAndWithdrawingRemovesWhatWas() async throws {
        let noctule = try await ready()
        try await noctule.record([click("anything")])
        var recorded = try await noctule.status().recorded
        XCTAssertEqual(recorded, 1)
        try await noctule.setConsent(.notGiven)
        XCTAssertEqual(noctule.consent, .notGiven)
        recorded = try await noctule.status().recorded
        XCTAssertEqual(recorded, 0)
        let receipt = try await noctule.record([click("anything")])
        XCTAssertFalse(receipt.stored)
        XCTAssertFalse(try noctule.home().personalised)
    }

    func testASuspendedProfileServesRefusesToWriteAndGoesOn() async throws {
        let noctule = try await ready()
        try await noctule.suspend()
        XCTAssertEqual(try noctule.home().items.count, World.slots)
        let error = await errorOf { () throws(NoctuleError) in
            try await noctule.record([click("a")])
        }
        XCTAssertEqual(error, .suspended)
        XCTAssertEqual(error?.action, .resume)
        try await noctule.resume()
        let receipt = try await noctule.record([click("a")])
        XCTAssertTrue(receipt.stored)
    }

    func testASecondOpeningIsBusyUntilTheFirstIsClosed() async throws {
        let first = try await open()
        let again = try config()
        let refused = await errorOf { () throws(NoctuleError) in try await Noctule.open(again) }
        XCTAssertEqual(refused?.action, .tryLater)
        first.close()
        _ = try await open()
    }

    func testTwoProfilesKnowNothingOfEachOther() async throws {
        let mine = try await ready(config("mine"))
        let yours = try await ready(config("yours"))
        try await mine.record([click("a"), click("b")])
        let status = (try await mine.status(), try await yours.status())
        XCTAssertEqual(status.0.recorded, 2)
        XCTAssertEqual(status.1.recorded, 0)
        XCTAssertNotEqual(status.0.installation, status.1.installation)
    }

    func testErasingForgetsTheUserAndKeepsTheRelease() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a")])
        let before = try await noctule.status()
        try await noctule.erase()
        let after = try await noctule.status()
        XCTAssertEqual(after.recorded, 0)
        XCTAssertEqual(after.release, before.release)
        XCTAssertNotEqual(after.installation, before.installation)
    }

    func testEverythingKnownOfTheUserGoesIntoOneFile() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a-place-of-mine")])
        let file = scratch.appendingPathComponent("export.json")
        try await noctule.export(to: file)
        let text = try String(contentsOf: file, encoding: .utf8)
        XCTAssertTrue(text.contains("a-place-of-mine"))
        let error = await errorOf { () throws(NoctuleError) in
            try await noctule.exportReplay("home", context: "lunch-weekday", consent: .notGiven)
        }
        guard case .invalidInput("replay", _) = error else { return XCTFail("\(error as Any)") }
    }

    func testAWidgetReadsTheSlatesWhileTheAppHasTheProfile() async throws {
        var config = try config()
        let file = scratch.appendingPathComponent("widget.slates")
        config.widget = .init(file: file)
        config.widget?.surfaces = [World.surface]
        config.widget?.slotsMax = 4
        let noctule = try await open(config)
        XCTAssertNil(try WidgetSlates.read(file, surface: World.surface))
        try await noctule.installRelease(World.release)
        try await noctule.runNight()
        let shown = try XCTUnwrap(WidgetSlates.read(file, surface: World.surface))
        let answer = try noctule.home(4)
        XCTAssertEqual(shown.slots.map(\.item), answer.items.map(\.item))
        XCTAssertEqual(shown.slots.map(\.title), answer.items.map(\.title))
        XCTAssertEqual(shown.generation, answer.generation)
        XCTAssertGreaterThan(try WidgetSlates.readAll(file).count, 1)
        try Data([1, 2, 3]).write(to: file)
        let error = await errorOf { () throws(NoctuleError) in try WidgetSlates.readAll(file) }
        XCTAssertEqual(error?.action, .goWithout)
    }

    func testTheMomentsOfAWidgetAreThoseAtWhichItsSlateChanges() async throws {
        var config = try config()
        let file = scratch.appendingPathComponent("widget.slates")
        config.widget = .init(file: file)
        _ = try await ready(config)
        let now = Date()
        let moments = try WidgetSlates.moments(file, surface: World.surface, from: now)
        XCTAssertEqual(moments.first, now)
        XCTAssertGreaterThan(moments.count, 1)
        XCTAssertEqual(moments, moments.sorted())
        XCTAssertLessThanOrEqual(moments[moments.count - 1].timeIntervalSince(now), 24 * 3_600)
        func context(_ date: Date) throws -> String? {
            try WidgetSlates.read(file, surface: World.surface, at: date)?.context
        }
        let minutes = (now.timeIntervalSince1970 / 60).rounded(.down)
        let minute = Date(timeIntervalSince1970: minutes * 60)
        var changes = 0
        for ahead in 1..<(24 * 60) {
            let date = minute.addingTimeInterval(Double(ahead) * 60)
            // Contexts begin and end at whole quarters of an hour.
            guard Int(date.timeIntervalSince1970) % 900 == 0 else { continue }
            guard try context(date) != context(date.addingTimeInterval(-60)) else { continue }
            changes += 1
            XCTAssertTrue(moments.contains(date), "\(date)")
        }
        XCTAssertGreaterThan(changes, 0)
    }

    func testAnOwnKindOfEventIsCheckedAgainstItsDeclaration() async throws {
        var config = try config()
        config.eventKinds = [.init(name: "rated", fields: [
            .init(name: "stars", holds: .number(min: 1, max: 5), required: true)
        ])]
        let noctule = try await open(config)
        func rated(_ stars: Double) -> Noctule.FeedbackEvent {
            .init(kind: .custom(name: "rated"), item: "a",
                  details: [.init(name: "stars", value: .number(value: stars))])
        }
        let receipt = try await noctule.record([rated(4)])
        XCTAssertTrue(receipt.stored)
        for stars in [6, Double.nan, -Double.infinity] {
            let error = await errorOf { () throws(NoctuleError) in
                try await noctule.record([rated(stars)])
            }
            XCTAssertEqual(error?.action, .mendTheCall)
        }
    }

    func testAFolderOfProfilesIsMadeAndItsNamesAreNoPaths() throws {
        let folder = try NoctuleFolder.profile("anna-2", in: scratch)
        XCTAssertEqual(folder.lastPathComponent, "anna-2")
        let parent = folder.deletingLastPathComponent()
        XCTAssertTrue(FileManager.default.fileExists(atPath: parent.path))
        for name in ["", "..", "a/b", "ä", String(repeating: "a", count: 65)] {
            XCTAssertThrowsError(try NoctuleFolder.profile(name, in: scratch), name)
        }
    }
}
