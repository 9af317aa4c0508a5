import Foundation

/// What the night scheduler does and when; the core decides again whether a night runs.
public struct NightSettings: Sendable {
    /// What the system knows the night by. `BGTaskSchedulerPermittedIdentifiers` of the app's
    /// Info.plist has to name it.
    public var identifier = "app.noctule.night"
    /// How long one batch may take. The system does not say how much time it gives: after each
    /// batch the core is asked anew, how warm the phone is and how full its battery.
    public var batch: TimeInterval = 60
    /// Batches of one launch, at most: what the core cannot end by itself must end here.
    public var batchesMax = 120
    /// How long after a night the next is asked for, where the core says nothing.
    public var pause: TimeInterval = 15 * 60
    /// Whether the app may catch up a missed night while it is on the screen.
    public var catchUp = true

    /// As above.
    public init() {}
}
