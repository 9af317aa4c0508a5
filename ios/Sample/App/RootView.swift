import Noctule
import SwiftUI

/// Asks first, then shows.
struct RootView: View {
    let services: Services

    @Environment(\.scenePhase) private var phase
    @State private var chosen = Choice.stored != nil

    var body: some View {
        NavigationStack {
            if chosen {
                SlateView(host: services.host)
                    .toolbar {
                        NavigationLink("Debug") {
                            NoctuleDebugView(host: services.host, night: services.night)
                        }
                    }
            } else {
                ConsentView { consent in
                    Choice.store(consent)
                    Task {
                        if let noctule = try? await services.host.noctule() {
                            try? await noctule.setConsent(consent)
                        }
                        chosen = true
                    }
                }
            }
        }
        .onChange(of: phase, initial: true) { _, now in
            switch now {
            case .active: Task { await services.cameForward() }
            case .background: services.night.submit()
            default: break
            }
        }
    }
}

/// What the user is asked before anything is learned or sent.
struct ConsentView: View {
    let choose: (Noctule.DataConsent) -> Void

    var body: some View {
        VStack(alignment: .leading, spacing: 16) {
            Text("Recommendations").font(.title)
            Text("They are made on this phone, at night. What you look at stays on it, unless "
                + "you let us see it under a number that is not your name, to make them better.")
            Button("Learn on this phone, and share") { choose(.full) }
            Button("Learn on this phone only") { choose(.onDevice) }
            Button("Neither") { choose(.notGiven) }
        }
        .padding()
    }
}
