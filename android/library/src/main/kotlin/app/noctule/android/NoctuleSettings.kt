package app.noctule.android

import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** What the workers do and when; the core decides again whether a night runs. */
data class NoctuleSettings(
    /** How often the night worker may look; the system's least is 15 minutes. */
    val nightEvery: Duration = 1.hours,
    /** What the system lets a worker run. */
    val slice: Duration = 10.minutes,
    /** Part of a slice that is left for stopping, closing and whatever the app does besides. */
    val reserve: Duration = 60.seconds,
    /** How often the transfer worker looks when nothing else makes it. */
    val transferEvery: Duration = 6.hours,
    /** Whether feedback goes over a metered network too; releases follow the library's policy. */
    val uploadOverMetered: Boolean = true,
    /** Whether the app may catch up a missed night while it is on the screen. */
    val catchUp: Boolean = true,
) {
    init {
        require(reserve.isPositive() && reserve < slice) { "the reserve is a part of the slice" }
    }
}
