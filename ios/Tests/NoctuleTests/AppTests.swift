import Foundation
import Noctule
import NoctuleTesting
import XCTest

final class AppTests: ProfileTest {
    private func host() throws -> NoctuleHost {
        let config = try config()
        return NoctuleHost { config }
    }

    func testAStarterReleaseIsInstalledOnceAndServesWithoutANetwork() async throws {
        let host = try host()
        var did = try await StarterRelease.install(host, World.release)
        XCTAssertTrue(did)
        let noctule = try await host.noctule()
        XCTAssertEqual(try noctule.home().tier, .baseline)
        did = try await StarterRelease.install(host, World.release)
        XCTAssertFalse(did)
        await host.close()
    }

    func testTheFullReleaseTakesThePlaceOfAStarterAndTheNextNightServesIt() async throws {
        let host = try host()
        try await StarterRelease.install(host, World.starter)
        let noctule = try await host.noctule()
        let first = try noctule.home()
        XCTAssertEqual(first.items.count, World.slots)
        XCTAssertEqual(first.release, "town-starter@2")
        try await noctule.installRelease(World.release)
        try await noctule.runNight()
        XCTAssertEqual(try noctule.home().release, "town@1")
        await host.close()
    }

    func testAStarterReleaseThatIsMissingIsATypedError() async throws {
        let host = try host()
        let error = await errorOf { () throws(NoctuleError) in
            try await StarterRelease.install(host, folder: "no-such-folder")
        }
        XCTAssertNotNil(error)
        XCTAssertNotEqual(error?.action, .report)
        await host.close()
    }

    func testTheDebugTextTellsHowTheProfileStandsAndNothingOfItsUser() async throws {
        let noctule = try await ready()
        try await noctule.record([click("a-secret-place")])
        let text = await debugText(noctule)
        XCTAssertTrue(text.contains("consent    full"), text)
        XCTAssertTrue(text.contains("1 recorded, 1 wait"), text)
        XCTAssertTrue(text.contains("finished; "), text)
        XCTAssertTrue(text.contains("Doctor\n  "), text)
        XCTAssertFalse(text.contains("a-secret-place"), text)
        noctule.close()
        let closed = await debugText(noctule)
        XCTAssertTrue(closed.contains("-> open another"), closed)
    }

    func testEveryErrorHasAnActionOfItsOwn() {
        let errors: [NoctuleError] = [
            .suspended, .busy(reason: ""), .invalidInput(field: "", reason: ""),
            .releaseRefused(file: "", reason: ""), .storageFull(reason: ""),
            .storage(reason: ""), .closed, .internal(reason: ""), .cancelled,
        ]
        XCTAssertEqual(Set(errors.map(\.action)), Set(NoctuleError.Action.allCases))
        XCTAssertEqual(errors.count, NoctuleError.Action.allCases.count)
    }

    func testTheFakeKeepsTheRulesThatAnAppMeets() async throws {
        let fake = FakeNoctule()
        fake.put("home", "a", "b", "c")
        var slates = try fake.slates("home").makeAsyncIterator()
        let first = try await XCTUnwrapAsync(await slates.next())
        XCTAssertEqual(first.items.map(\.item), ["a", "b", "c"])
        let hide = first.hide(first.items[1])
        try await fake.record([hide])
        let hidden = await slates.next()
        XCTAssertEqual(hidden?.items.map(\.item), ["a", "c"])
        XCTAssertEqual(hidden?.items.map(\.position), [0, 1])
        try await fake.record([hide.undone])
        XCTAssertEqual(try fake.recommend("home", limit: 2).items.map(\.item), ["a", "b"])
        XCTAssertEqual(fake.recorded.count, 2)
        try await fake.setConsent(.notGiven)
        let receipt = try await fake.record([click("a")])
        XCTAssertFalse(receipt.stored)
        XCTAssertEqual(fake.recorded, [])
        fake.fail(with: .storageFull(reason: "x"))
        let error = await errorOf { () throws(NoctuleError) in try await fake.status() }
        XCTAssertEqual(error?.action, .freeSpace)
        fake.close()
        let closed = await errorOf { () throws(NoctuleError) in try fake.recommend("home") }
        XCTAssertEqual(closed, .closed)
        while await slates.next() != nil {}
    }

    func testTheManifestOfPrivacyIsInTheBundleAndCanBeRead() throws {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Noctule/PrivacyInfo.xcprivacy")
        let list = try PropertyListSerialization.propertyList(
            from: Data(contentsOf: source), format: nil) as? [String: Any]
        XCTAssertEqual(list?["NSPrivacyTracking"] as? Bool, false)
        let used = list?["NSPrivacyAccessedAPITypes"] as? [[String: Any]] ?? []
        XCTAssertEqual(used.count, 2)
        for api in used {
            XCTAssertEqual((api["NSPrivacyAccessedAPITypeReasons"] as? [String])?.count, 1)
        }
    }

    private func XCTUnwrapAsync<T>(_ value: T?) async throws -> T { try XCTUnwrap(value) }
}
