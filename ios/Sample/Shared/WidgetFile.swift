import Foundation

/// The file that the app writes and the widget reads: in the container of their group. The profile
/// itself is never there.
enum WidgetFile {
    static let surface = "home"

    static var url: URL? {
        FileManager.default
            .containerURL(forSecurityApplicationGroupIdentifier: "group.app.noctule.sample")?
            .appendingPathComponent("noctule.slates")
    }
}
