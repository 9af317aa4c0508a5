#if os(iOS)
import UIKit

/// Tells a ``NoctuleHost`` when the app leaves the screen and comes back, and asks the system for
/// the moment that letting go of its files takes. Make one at launch and keep it. Not for
/// extensions.
@MainActor
@available(iOSApplicationExtension, unavailable)
public final class NoctuleLifecycle {
    private let host: NoctuleHost
    private var assertion = UIBackgroundTaskIdentifier.invalid

    /// Observes for `host` from now on, and tells it where the app is at this moment: the system
    /// also starts it in the background, for a night or a transfer.
    public init(_ host: NoctuleHost) {
        self.host = host
        if UIApplication.shared.applicationState == .background { leave() }
        observe(UIApplication.didEnterBackgroundNotification) { $0.leave() }
        observe(UIApplication.willEnterForegroundNotification) { $0.comeBack() }
    }

    private func observe(
        _ name: Notification.Name,
        _ then: @escaping @MainActor (NoctuleLifecycle) -> Void
    ) {
        // Never taken back: it lives as long as the app.
        _ = NotificationCenter.default.addObserver(
            forName: name, object: nil, queue: .main
        ) { [weak self] _ in
            // On the main queue, as asked for.
            MainActor.assumeIsolated {
                if let self { then(self) }
            }
        }
    }

    private func leave() {
        release()
        let application = UIApplication.shared
        assertion = application.beginBackgroundTask(withName: "noctule") { [weak self, host] in
            // The time is up: whatever is under way, no lock may be held when the system freezes
            // us.
            Task { @MainActor in
                await host.suspendNow()
                self?.release()
            }
        }
        Task {
            await host.enterBackground()
            release()
        }
    }

    private func comeBack() {
        release()
        Task { await host.enterForeground() }
    }

    private func release() {
        guard assertion != .invalid else { return }
        UIApplication.shared.endBackgroundTask(assertion)
        assertion = .invalid
    }
}
#endif
