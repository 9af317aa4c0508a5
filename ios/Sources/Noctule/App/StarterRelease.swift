import Foundation
import NoctuleBindings

/// The release that ships in the app, so that the first slate needs no network.
public enum StarterRelease {
    /// Installs the folder `name` of `bundle` where the profile has no release yet; true when it
    /// did.
    ///
    /// The folder is what `noctule starter` made, added to the app as a folder reference: its files
    /// have to keep their names and their bytes. It counts when one of the trusted keys of the
    /// configuration has signed it, also in a profile that follows a repository.
    @discardableResult
    public static func install(
        _ host: NoctuleHost,
        from bundle: Bundle = .main,
        folder name: String = "release"
    ) async throws(NoctuleError) -> Bool {
        guard let resources = bundle.resourceURL else {
            throw .invalidInput(field: "bundle", reason: "it has no resources")
        }
        let folder = resources.appendingPathComponent(name, isDirectory: true)
        return try await install(host, folder)
    }

    /// The same with a folder anywhere.
    @discardableResult
    public static func install(_ host: NoctuleHost, _ folder: URL)
        async throws(NoctuleError) -> Bool {
        try await host.work { noctule throws(NoctuleError) in
            try await noctule.installStarter(folder)
        }
    }
}
