import Foundation
import NoctuleBindings

/// What the platform knows of the device at this moment. A protocol, so that tests have their own.
public protocol Device: Sendable {
    /// The conditions for a night; `allowed` is what the work may take, `foreground` whether the
    /// app is on the screen.
    func conditions(allowed: TimeInterval?, foreground: Bool) async -> Noctule.Conditions

    /// The network; nil without one.
    func network() async -> Noctule.Network?

    /// Bytes that the app may still write; nil when nobody knows.
    func freeBytes() -> Int?
}

#if os(iOS)
import Network
import UIKit

/// The iPhone or iPad that the app runs on. What the system does not tell counts as not known.
public final class AppleDevice: Device, @unchecked Sendable {
    // Sendable since nothing changes after `init`; the monitor may be asked from any thread.
    private let directory: URL
    private let monitor = NWPathMonitor()

    /// Asks about the volume of `directory`.
    public init(directory: URL) {
        self.directory = directory
        monitor.start(queue: DispatchQueue(label: "app.noctule.network"))
    }

    deinit {
        monitor.cancel()
    }

    public func conditions(allowed: TimeInterval?, foreground: Bool) async -> Noctule.Conditions {
        let (percent, charging) = await battery()
        let process = ProcessInfo.processInfo
        return Conditions(
            batteryPercent: percent,
            charging: charging,
            // The system begins processing tasks when nobody uses the device, and ends them when
            // somebody does; it tells an app nothing more.
            idle: !foreground,
            foreground: foreground,
            thermal: Self.thermal(process.thermalState),
            powerSave: process.isLowPowerModeEnabled,
            freeStorageBytes: freeBytes().map { UInt64(clamping: $0) },
            utcOffsetMinutes: Int32(clamping: LocalTime.offsetMinutes()),
            allowedMs: allowed.flatMap { UInt64(exactly: ($0 * 1_000).rounded()) }
        )
    }

    public func network() async -> Noctule.Network? {
        // The monitor has its first answer a moment after it was started.
        for _ in 0..<10 where monitor.currentPath.status != .satisfied {
            try? await Task.sleep(nanoseconds: 50_000_000)
        }
        let path = monitor.currentPath
        guard path.status == .satisfied else { return nil }
        return path.isExpensive || path.isConstrained ? .metered : .unmetered
    }

    /// What the system would clear away for the app counts as free.
    public func freeBytes() -> Int? {
        let key = URLResourceKey.volumeAvailableCapacityForImportantUsageKey
        // The folder is not there before the first opening; its parent is on the same volume.
        for folder in [directory, directory.deletingLastPathComponent()] {
            let values = try? folder.resourceValues(forKeys: [key])
            if let free = values?.volumeAvailableCapacityForImportantUsage {
                return Int(clamping: free)
            }
        }
        return nil
    }

    @MainActor
    private func battery() -> (UInt8?, Bool) {
        let device = UIDevice.current
        device.isBatteryMonitoringEnabled = true
        let level = device.batteryLevel
        let percent = level < 0 ? nil : UInt8((min(level, 1) * 100).rounded())
        switch device.batteryState {
        case .charging, .full: return (percent, true)
        case .unplugged, .unknown: return (percent, false)
        @unknown default: return (percent, false)
        }
    }

    private static func thermal(_ state: ProcessInfo.ThermalState) -> Thermal {
        switch state {
        case .nominal: .nominal
        case .fair: .fair
        case .serious: .serious
        case .critical: .critical
        @unknown default: .serious
        }
    }
}
#endif
