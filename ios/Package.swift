// swift-tools-version: 6.0
// Recommendations that are made on the phone at night. README.md says how to begin.

import PackageDescription

// What `Generated/` has comes from the library that is packaged and is never committed:
// `build-xcframework.sh` writes it for Apple's platforms, `cargo dev swift` for tests on Linux.
#if os(Linux)
let library = Target.systemLibrary(name: "NoctuleFFI", path: "Generated/NoctuleFFI")
// What is Apple's own elsewhere, so that what uses it is compiled and tested here.
let standIns = [Target.target(name: "BackgroundTasks")]
#else
let library = Target.binaryTarget(name: "NoctuleFFI", path: "Generated/NoctuleFFI.xcframework")
let standIns: [Target] = []
#endif

let package = Package(
    name: "Noctule",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Noctule", targets: ["Noctule"]),
        .library(name: "NoctuleTesting", targets: ["NoctuleTesting"]),
    ],
    targets: [
        library,
        .target(
            name: "NoctuleBindings",
            dependencies: ["NoctuleFFI"],
            path: "Generated/NoctuleBindings"
        ),
        .target(
            name: "Noctule",
            dependencies: ["NoctuleBindings"] + standIns.map { .byName(name: $0.name) },
            resources: [.copy("PrivacyInfo.xcprivacy")]
        ),
        .target(name: "NoctuleTesting", dependencies: ["Noctule"]),
        .testTarget(
            name: "NoctuleTests",
            dependencies: ["Noctule", "NoctuleTesting"] + standIns.map { .byName(name: $0.name) }
        ),
    ] + standIns,
    swiftLanguageModes: [.v6]
)
