import Foundation
import Noctule
import XCTest
#if canImport(Glibc)
import Glibc
#endif

final class KillTests: ProfileTest {
    func testAProcessThatIsKilledLosesNothingThatItWasPromisedAndTheNextGoesOn() async throws {
        var promised: UInt64 = 0
        for milliseconds in [40, 150, 15] {
            promised = max(promised, try runAndKill(after: milliseconds))
            let noctule = try await open()
            let recorded = try await noctule.status().recorded
            // One call may have been committed and not told.
            let told = promised...(promised + 3)
            XCTAssertTrue(told.contains(recorded), "\(recorded) of \(promised)")
            XCTAssertEqual(recorded % 3, 0)
            XCTAssertFalse(try noctule.home().items.isEmpty)
            let report = try await noctule.runNight()
            XCTAssertEqual(report.outcome, .finished)
            noctule.close()
        }
        XCTAssertGreaterThan(promised, 0)
    }

    /// What a child was promised last, which is killed so long behind its first promise.
    private func runAndKill(after milliseconds: Int) throws -> UInt64 {
        let child = Process()
        let tests = URL(fileURLWithPath: CommandLine.arguments[0])
        let products = tests.deletingLastPathComponent()
        child.executableURL = products.appendingPathComponent("NoctuleChild")
        let profile = scratch.appendingPathComponent("profile").path
        child.arguments = [profile, World.release.path, try World.key()]
        let said = Pipe()
        child.standardOutput = said
        try child.run()
        let out = said.fileHandleForReading
        var text = Data()
        while !text.contains(UInt8(ascii: "\n")) {
            let part = out.availableData
            guard !part.isEmpty else { throw Failure(text: "the child ended by itself") }
            text += part
        }
        usleep(UInt32(milliseconds) * 1_000)
        kill(child.processIdentifier, SIGKILL)
        text += out.readDataToEndOfFile()
        child.waitUntilExit()
        XCTAssertEqual(child.terminationReason, .uncaughtSignal)
        // The last line may have been cut with the process.
        let whole = text.prefix((text.lastIndex(of: UInt8(ascii: "\n")) ?? 0) + 1)
        let numbers = String(decoding: whole, as: UTF8.self).split(separator: "\n")
            .compactMap { UInt64($0.dropFirst("promised ".count)) }
        return numbers.max() ?? 0
    }
}
