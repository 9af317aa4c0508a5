import Foundation
import NoctuleBindings

/// The slates of the file for widgets: reads one file, opens no database, and works in the process
/// of an extension while the app has the profile open. `NoctuleConfig.widget` asks for the file.
public enum WidgetSlates {
    /// Name of the file where the app gave none, in the profile directory.
    public static let fileName = "noctule.slates"

    /// The slate of `surface` to show at `date`; nil when there is none.
    public static func read(_ file: URL, surface: String, at date: Date = Date())
        throws(NoctuleError) -> Noctule.WidgetSlate? {
        let offset = Int32(clamping: LocalTime.offsetMinutes(at: date))
        let now = LocalTime.milliseconds(date)
        return try typed {
            try widgetSlate(
                path: file.path, surface: surface, nowMs: now, utcOffsetMinutes: offset)
        }
    }

    /// All slates of the file; none when there is no file.
    public static func readAll(_ file: URL, at date: Date = Date())
        throws(NoctuleError) -> [Noctule.WidgetSlate] {
        let now = LocalTime.milliseconds(date)
        return try typed { try widgetSlates(path: file.path, nowMs: now) }
    }

    /// The moments from `date` on, within `hours`, at which another slate of `surface` is to be
    /// shown: `date` itself, and each begin and end of a context. For a widget's timeline.
    public static func moments(
        _ file: URL,
        surface: String,
        from date: Date = Date(),
        hours: Int = 24
    ) throws(NoctuleError) -> [Date] {
        let slates = try readAll(file, at: date).filter { $0.surface == surface }
        let offset = LocalTime.offsetMinutes(at: date)
        let now = Int(date.timeIntervalSince1970 / 60) + offset
        // The week begins on Monday; the first day of 1970 was a Thursday.
        let minute = (now + 3 * day) % week
        let turns = slates.flatMap { slate in
            slate.begins.flatMap { [Int($0), Int($0) + Int(slate.minutes)] }
        }
        let ahead = turns.map { ($0 - minute + 2 * week) % week }
        let within = Set(ahead).filter { $0 > 0 && $0 <= max(hours, 0) * 60 }
        let first = Date(timeIntervalSince1970: Double(now - offset) * 60)
        return [date] + within.sorted().map { first.addingTimeInterval(Double($0) * 60) }
    }

    private static let day = 24 * 60
    private static let week = 7 * day
}
