import Foundation
import NoctuleBindings

/// How a profile is opened; what is left out is as the library has it.
///
/// ```swift
/// var config = NoctuleConfig(directory: folder, app: "town", consent: .onDevice)
/// config.trustedKeys = [key]
/// config.widget = .init(file: container.appendingPathComponent("noctule.slates"))
/// ```
public struct NoctuleConfig: Sendable {
    /// The profile directory, made when its parent exists: ``NoctuleFolder`` knows a good one.
    public var directory: URL
    /// The app; releases for another are refused.
    public var app: String
    /// What the user chose when the app asked.
    public var consent: Noctule.DataConsent
    /// Public keys whose signature on a release counts, 64 hexadecimal digits each.
    public var trustedKeys: [String] = []
    /// `root.json` of the repository whose releases the app takes.
    public var trustedRoot: Data?
    /// A fixed offset from UTC; the device's time zone is followed without one.
    public var utcOffsetMinutes: Int?
    /// Replaces the plan of the release: JSON in the form it has in a manifest.
    public var plan: String?
    /// Follows the releases of a line in the repository of ``trustedRoot``.
    public var delivery: Delivery?
    /// Keeps a file of the current slates for widgets.
    public var widget: Widget?
    /// The fields of the app's own kinds of events. There is no free text among them.
    public var eventKinds: [Noctule.KindSchema] = []
    /// Takes another pseudonym for feedback every so many days.
    public var rotatePseudonymDays: Int?
    /// Public keys of the collector; with any, only what they signed removes feedback or ends a
    /// request to delete.
    public var collectorKeys: [String] = []
    /// Events that were recorded so many days ago are given up.
    public var keepEventsDays: Int?
    /// So many events are kept, at least 1,000.
    public var keepEvents: Int?
    /// Bytes of feedback that may leave over metered networks in a day; 1 MiB without it.
    public var meteredUploadBytesADay: Int?
    /// Lets releases pass that nobody signed: for a developer's own machine.
    public var allowUnsignedForDevelopment = false

    /// What has no other choice.
    public init(directory: URL, app: String, consent: Noctule.DataConsent) {
        self.directory = directory
        self.app = app
        self.consent = consent
    }

    /// Which releases to follow, and what may go over a metered network.
    public struct Delivery: Sendable {
        /// The line of releases.
        public var line: String
        /// Between two looks for a new release.
        public var checkEvery: TimeInterval = 6 * 3_600
        /// Bytes of the largest transfer over a metered network.
        public var meteredBytesMax = 524_288

        /// Follows `line`.
        public init(line: String) {
            self.line = line
        }
    }

    /// Which slates the file for widgets has.
    public struct Widget: Sendable {
        /// The file: in the container of the app's group, where the extension finds it;
        /// `noctule.slates` in the profile directory without one.
        public var file: URL?
        /// The surfaces, the most important first; all of the plan when empty.
        public var surfaces: [String] = []
        /// Slates, at most.
        public var slatesMax = 64
        /// Slots of each slate, at most.
        public var slotsMax = 8
        /// Reasons of each slot, at most.
        public var reasonsMax = 2

        /// Slates in `file`.
        public init(file: URL? = nil) {
            self.file = file
        }
    }
}

extension NoctuleConfig {
    /// What the bindings take.
    func forBindings() throws(NoctuleError) -> Config {
        Config(
            directory: directory.path,
            app: app,
            consent: consent,
            trustedKeys: trustedKeys,
            utcOffsetMinutes: utcOffsetMinutes.map(Int32.init(clamping:)),
            plan: plan,
            allowUnsignedForDevelopment: allowUnsignedForDevelopment,
            trustedRoot: trustedRoot,
            delivery: try delivery?.forBindings(),
            widget: try widget?.forBindings(),
            eventKinds: eventKinds,
            rotatePseudonymDays: try number("rotate_pseudonym_days", rotatePseudonymDays),
            collectorKeys: collectorKeys,
            keepEventsDays: try number("keep_events_days", keepEventsDays),
            keepEvents: try number("keep_events", keepEvents),
            meteredUploadBytesADay: try number(
                "metered_upload_bytes_a_day", meteredUploadBytesADay)
        )
    }

    private func number<N: FixedWidthInteger & UnsignedInteger>(
        _ field: String,
        _ value: Int?
    ) throws(NoctuleError) -> N? {
        guard let value else { return nil }
        return try unsigned(field, value)
    }
}

extension NoctuleConfig.Delivery {
    fileprivate func forBindings() throws(NoctuleError) -> DeliveryPolicy {
        guard let every = Int64(exactly: (checkEvery * 1_000).rounded()) else {
            throw .invalidInput(field: "delivery.check_every", reason: "\(checkEvery) is no time")
        }
        return DeliveryPolicy(
            line: line,
            checkEveryMs: every,
            meteredBytesMax: try unsigned("delivery.metered_bytes_max", meteredBytesMax)
        )
    }
}

extension NoctuleConfig.Widget {
    fileprivate func forBindings() throws(NoctuleError) -> WidgetPolicy {
        WidgetPolicy(
            path: file?.path,
            surfaces: surfaces,
            slatesMax: try unsigned("widget.slates_max", slatesMax),
            slotsMax: try unsigned("widget.slots_max", slotsMax),
            reasonsMax: try unsigned("widget.reasons_max", reasonsMax)
        )
    }
}

/// The local time, as far as the library needs it.
enum LocalTime {
    /// Minutes east of UTC, now or at `date`.
    static func offsetMinutes(at date: Date = Date()) -> Int {
        TimeZone.autoupdatingCurrent.secondsFromGMT(for: date) / 60
    }

    /// Unix milliseconds of `date`; far away ones are the farthest that can be said.
    static func milliseconds(_ date: Date) -> Int64 {
        let milliseconds = (date.timeIntervalSince1970 * 1_000).rounded(.down)
        if let exact = Int64(exactly: milliseconds) { return exact }
        return milliseconds < 0 ? .min : .max
    }

    /// The date of Unix milliseconds.
    static func date(_ milliseconds: Int64) -> Date {
        Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
    }
}
