package app.noctule.android

/**
 * The app has come to the screen: asks whether a night was missed, and if so makes the most needed
 * slates, in a budget that nobody notices (the core gives it, 300 ms of processor time).
 *
 * Runs in the process that is there already, so it needs no quota and no notification. Null when
 * the app does not want it, or has no profile; call it from `onStart` of the first activity.
 */
suspend fun NoctuleHost.catchUp(device: Device): SliceEnd? {
    if (!settings.catchUp) return null
    val noctule = noctule().getOrNull() ?: return null
    val conditions = device.conditions(null).copy(foreground = true)
    return NightSlice(noctule).run(conditions) { "the app left the screen" }
}
