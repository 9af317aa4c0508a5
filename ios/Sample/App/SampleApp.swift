import Noctule
import SwiftUI
import WidgetKit

@main
struct SampleApp: App {
    @UIApplicationDelegateAdaptor(SampleDelegate.self) private var delegate

    var body: some Scene {
        WindowGroup {
            RootView(services: delegate.services)
        }
    }
}

/// What the system calls before any screen is there, also when it starts the app for a night or a
/// transfer.
@MainActor
final class SampleDelegate: NSObject, UIApplicationDelegate {
    let services = Services()

    func application(
        _: UIApplication,
        didFinishLaunchingWithOptions _: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool {
        services.begin()
        return true
    }

    func application(
        _: UIApplication,
        handleEventsForBackgroundURLSession identifier: String,
        completionHandler: @escaping () -> Void
    ) {
        // The system's closure is called on the main queue, where it came from.
        nonisolated(unsafe) let done = completionHandler
        services.transfers?.handleEvents(identifier) { done() }
    }
}

/// Everything of Noctule that the app holds, made once.
@MainActor
final class Services {
    let host: NoctuleHost
    let night: NightScheduler
    let transfers: NoctuleTransfers?
    private var lifecycle: NoctuleLifecycle?

    init() {
        let folder = try? NoctuleFolder.profile()
        let directory = folder ?? FileManager.default.temporaryDirectory
        let host = NoctuleHost { try Self.config(directory) }
        let device = AppleDevice(directory: directory)
        let transfers = Self.collector.map { address in
            NoctuleTransfers(
                host: host, device: device, settings: TransferSettings(collector: address))
        }
        self.host = host
        self.transfers = transfers
        night = NightScheduler(host: host, device: device) {
            await transfers?.run()
            WidgetCenter.shared.reloadAllTimelines()
        }
    }

    func begin() {
        night.register()
        lifecycle = NoctuleLifecycle(host)
        Task {
            night.submit()
            // The release that ships with the app, for a first slate without any network.
            _ = try? await StarterRelease.install(host)
        }
    }

    /// The app is on the screen.
    func cameForward() async {
        if await night.catchUp() != nil { WidgetCenter.shared.reloadAllTimelines() }
        await transfers?.run()
    }

    nonisolated private static func config(_ directory: URL) throws -> NoctuleConfig {
        var config = NoctuleConfig(
            directory: directory, app: "town", consent: Choice.stored ?? .notGiven)
        if let key = Bundle.main.object(forInfoDictionaryKey: "NoctuleKey") as? String,
            !key.isEmpty {
            config.trustedKeys = [key]
        }
        config.widget = NoctuleConfig.Widget(file: WidgetFile.url)
        config.widget?.surfaces = [WidgetFile.surface]
        return config
    }

    private static var collector: URL? {
        let said = Bundle.main.object(forInfoDictionaryKey: "NoctuleCollector") as? String
        return said.flatMap { $0.isEmpty ? nil : URL(string: $0) }
    }
}

/// What the user chose when the app asked, in the app's own settings.
enum Choice {
    private static let name = "consent"

    static var stored: Noctule.DataConsent? {
        switch UserDefaults.standard.string(forKey: name) {
        case "full": .full
        case "on-device": .onDevice
        case "not-given": .notGiven
        default: nil
        }
    }

    static func store(_ consent: Noctule.DataConsent) {
        let word = switch consent {
        case .full: "full"
        case .onDevice: "on-device"
        case .notGiven: "not-given"
        }
        UserDefaults.standard.set(word, forKey: name)
    }
}
