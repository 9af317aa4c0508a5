import Noctule
import SwiftUI
import WidgetKit

@main
struct SlateWidget: Widget {
    var body: some WidgetConfiguration {
        StaticConfiguration(kind: "slate", provider: SlateProvider()) { entry in
            SlateWidgetView(entry: entry)
                .containerBackground(.background, for: .widget)
        }
        .configurationDisplayName("For you")
        .description("What was made for you last night.")
        .supportedFamilies([.systemSmall, .systemMedium])
    }
}

struct SlateEntry: TimelineEntry {
    var date: Date
    var titles: [String]
}

/// Reads the file of slates and nothing else: an extension that opened the profile would take it
/// from the app.
struct SlateProvider: TimelineProvider {
    func placeholder(in _: Context) -> SlateEntry {
        SlateEntry(date: Date(), titles: ["…", "…", "…"])
    }

    func getSnapshot(in _: Context, completion: @escaping (SlateEntry) -> Void) {
        completion(entry(at: Date()))
    }

    func getTimeline(in _: Context, completion: @escaping (Timeline<SlateEntry>) -> Void) {
        // One entry for each time at which another context holds, and all anew after a night.
        completion(Timeline(entries: moments().map(entry), policy: .atEnd))
    }

    private func moments() -> [Date] {
        guard let file = WidgetFile.url else { return [Date()] }
        return (try? WidgetSlates.moments(file, surface: WidgetFile.surface)) ?? [Date()]
    }

    private func entry(at date: Date) -> SlateEntry {
        guard let file = WidgetFile.url,
            let slate = try? WidgetSlates.read(file, surface: WidgetFile.surface, at: date)
        else { return SlateEntry(date: date, titles: []) }
        return SlateEntry(date: date, titles: slate.slots.map(\.title))
    }
}

struct SlateWidgetView: View {
    var entry: SlateEntry

    var body: some View {
        VStack(alignment: .leading, spacing: 4) {
            Text("For you").font(.caption).foregroundStyle(.secondary)
            if entry.titles.isEmpty { Text("Open the app once.") }
            ForEach(Array(entry.titles.prefix(4).enumerated()), id: \.offset) { _, title in
                Text(title).lineLimit(1)
            }
        }
        .frame(maxWidth: .infinity, maxHeight: .infinity, alignment: .topLeading)
    }
}
