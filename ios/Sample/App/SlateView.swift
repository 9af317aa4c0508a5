import Noctule
import SwiftUI

/// The slate: tap for a click, swipe to hide, and the reasons below each title.
struct SlateView: View {
    let host: NoctuleHost

    @State private var slate: Noctule.Recommendations?
    @State private var problem: String?
    @State private var hidden: Noctule.FeedbackEvent?

    var body: some View {
        List {
            if let problem { Text(problem).foregroundStyle(.red) }
            if let reason = slate?.emptyReason {
                Text("Nothing yet: \(String(describing: reason))")
            }
            ForEach(slate?.items ?? [], id: \.item) { item in
                SlateRow(item: item)
                    .onTapGesture { record { $0.click(item) } }
                    .swipeActions {
                        Button("Hide", role: .destructive) {
                            hidden = slate?.hide(item)
                            if let hidden { record(hidden) }
                        }
                    }
            }
        }
        .navigationTitle("For you")
        .safeAreaInset(edge: .bottom) {
            if let event = hidden {
                Button("Undo") {
                    record(event.undone)
                    hidden = nil
                }
                .buttonStyle(.borderedProminent)
            }
        }
        .task { await follow() }
    }

    /// The slate now, and whenever it changes; each one that was shown is recorded, once.
    private func follow() async {
        do {
            let noctule = try await host.noctule()
            var shown: Set<UInt64> = []
            for await next in try noctule.slates(WidgetFile.surface) {
                slate = next
                if let generation = next.generation, shown.insert(generation).inserted {
                    try await noctule.record(next.impressions())
                }
            }
        } catch {
            problem = String(describing: error)
        }
    }

    private func record(_ event: (Noctule.Recommendations) -> Noctule.FeedbackEvent) {
        if let slate { record(event(slate)) }
    }

    private func record(_ event: Noctule.FeedbackEvent) {
        Task {
            do throws(NoctuleError) {
                try await host.work { noctule throws(NoctuleError) in
                    _ = try await noctule.record([event])
                }
            } catch {
                problem = String(describing: error)
            }
        }
    }
}

struct SlateRow: View {
    let item: Noctule.RecommendedItem

    var body: some View {
        VStack(alignment: .leading, spacing: 2) {
            Text(item.title)
            Text("Why? " + why).font(.caption).foregroundStyle(.secondary)
        }
        .frame(maxWidth: .infinity, alignment: .leading)
        .contentShape(Rectangle())
    }

    /// The two strongest reasons that speak for it.
    private var why: String {
        let strongest = item.reasons.filter { $0.contribution > 0 }
            .sorted { $0.contribution > $1.contribution }
        let said = strongest.prefix(2).map { words($0.kind) }
        return said.isEmpty ? "it was drawn" : said.joined(separator: ", ")
    }

    private func words(_ kind: Noctule.ReasonKind) -> String {
        switch kind {
        case .becauseOf(_, let title): "because of \(title)"
        case .otherHistory: "what you chose before"
        case .popular: "many people choose it"
        case .popularInContext: "many people choose it at this hour"
        case .nearby: "it is near"
        case .feature(let name): name
        case .base: "it is good"
        case .exploration: "something new"
        case .rule(let id): id
        }
    }
}
