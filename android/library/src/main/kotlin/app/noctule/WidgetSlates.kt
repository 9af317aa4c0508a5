package app.noctule

import java.io.File
import java.util.TimeZone

/**
 * The slates of the file for widgets: reads one file, opens no database, and works in a process of
 * its own while the app has the profile open. `NoctuleConfig.Builder.widget` asks for the file.
 */
object WidgetSlates {
    /** Name of the file in the profile directory. */
    const val FILE = "noctule.slates"

    /** The slate of [surface] to show at [nowMs]; null when there is none. */
    @JvmStatic
    @JvmOverloads
    fun read(
        file: File,
        surface: String,
        nowMs: Long = System.currentTimeMillis(),
    ): Outcome<WidgetSlate?> = outcomeOf {
        val offset = NoctuleConfig.offsetMinutes(nowMs, TimeZone.getDefault())
        widgetSlate(file.path, surface, nowMs, offset)
    }

    /** All slates of the file; none when there is no file. */
    @JvmStatic
    @JvmOverloads
    fun readAll(
        file: File,
        nowMs: Long = System.currentTimeMillis(),
    ): Outcome<List<WidgetSlate>> = outcomeOf { widgetSlates(file.path, nowMs) }
}
