// A process that works on a profile and says what it was promised, until it is killed:
// NoctuleChild PROFILE RELEASE KEY

import Foundation
import Noctule

let arguments = CommandLine.arguments
guard arguments.count == 4 else { exit(2) }
var config = NoctuleConfig(
    directory: URL(fileURLWithPath: arguments[1]), app: "town", consent: .full)
config.trustedKeys = [arguments[3]]
let noctule = try await Noctule.open(config)
if try await noctule.releases().active == nil {
    try await noctule.installRelease(URL(fileURLWithPath: arguments[2]))
}
let nights = Task {
    while true { try await noctule.runNight() }
}
var turn = 0
while true {
    let events = (0..<3).map { Noctule.FeedbackEvent(kind: .click, item: "item-\(turn + $0)") }
    turn += 3
    let receipt = try await noctule.record(events)
    FileHandle.standardOutput.write(Data("promised \(receipt.lastSequence)\n".utf8))
}
