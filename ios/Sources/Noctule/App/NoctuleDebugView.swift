#if canImport(SwiftUI)
import SwiftUI

/// How the profile stands, and a button that runs the night now. For developers and support.
public struct NoctuleDebugView: View {
    private let host: NoctuleHost
    private let night: NightScheduler

    @State private var text = ""
    @State private var busy = false

    /// Shows the profile of `host`.
    public init(host: NoctuleHost, night: NightScheduler) {
        self.host = host
        self.night = night
    }

    public var body: some View {
        ScrollView {
            VStack(alignment: .leading, spacing: 12) {
                Button("Night now") {
                    busy = true
                    Task {
                        let end = await night.runNow()
                        await look(nightText(end) + "\n\n")
                        busy = false
                    }
                }
                .disabled(busy)
                if busy { ProgressView() }
                Text(text)
                    .font(.system(.footnote, design: .monospaced))
                    .frame(maxWidth: .infinity, alignment: .leading)
            }
            .padding()
        }
        .navigationTitle("Noctule")
        .task { await look("") }
    }

    private func look(_ before: String) async {
        do throws(NoctuleError) {
            text = before + (try await host.work { noctule in await debugText(noctule) })
        } catch {
            text = before + errorText(error)
        }
    }
}
#endif
