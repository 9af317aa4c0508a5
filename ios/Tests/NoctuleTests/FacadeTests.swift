import Noctule
import XCTest

final class FacadeTests: XCTestCase {
    func testAProfileWithoutAReleaseAnswersThatItHasNone() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let config = NoctuleConfig(directory: folder, app: "town", consent: .full)
        let noctule = try await Noctule.open(config)
        let answer = try noctule.recommend("home")
        XCTAssertEqual(answer.tier, .empty)
        XCTAssertEqual(answer.emptyReason, .noRelease)
        noctule.close()
        XCTAssertThrowsError(try noctule.recommend("home")) { error in
            XCTAssertEqual(error as? NoctuleError, .closed)
        }
    }
}
