import Foundation
import NoctuleBindings

/// Where profiles lie, so that a night can read them on a locked phone and no backup copies them.
public enum NoctuleFolder {
    /// The folder of `profile`, the app's own name of an account: 1 to 64 ASCII letters, digits,
    /// `-` and `_`. Its parent is made, and set up anew each time: an update or a restored phone
    /// may have lost it.
    ///
    /// - Files are readable from the first unlock after a start of the phone on, also while it is
    ///   locked. With the system's choice for files made by some apps (`complete`) every night
    ///   would fail as soon as the screen is off.
    /// - Nothing is in a backup: a restored copy would be a second device under the first one's
    ///   pseudonym.
    ///
    /// - Parameter parent: `Application Support` of the app without one. Never in a group
    ///   container: the system ends an app that is frozen while it has a lock there.
    public static func profile(_ profile: String = "default", in parent: URL? = nil)
        throws(NoctuleError) -> URL {
        guard isName(profile) else {
            let reason = "1 to 64 letters, digits, - and _ are allowed"
            throw .invalidInput(field: "profile", reason: reason)
        }
        do {
            let support = try parent ?? FileManager.default.url(
                for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil,
                create: true)
            let folder = support.appendingPathComponent("noctule", isDirectory: true)
            try makeReady(folder)
            return folder.appendingPathComponent(profile, isDirectory: true)
        } catch {
            throw .storage(reason: "making the folder of profiles: \(error)")
        }
    }

    private static func makeReady(_ folder: URL) throws {
        let files = FileManager.default
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        #if os(iOS)
        // What is made in the folder later, by SQLite too, is protected as the folder is.
        let protection = FileProtectionType.completeUntilFirstUserAuthentication
        try files.setAttributes([.protectionKey: protection], ofItemAtPath: folder.path)
        #endif
        #if canImport(Darwin)
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        var excluded = folder
        try excluded.setResourceValues(values)
        #endif
    }

    private static func isName(_ profile: String) -> Bool {
        (1...64).contains(profile.utf8.count) && profile.utf8.allSatisfy { byte in
            switch UInt8(byte) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
