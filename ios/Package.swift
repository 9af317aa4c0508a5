// swift-tools-version: 6.0
// Recommendations that are made on the phone at night. README.md says how to begin.

import PackageDescription

// What `Generated/` has comes from the library that is packaged and is never committed:
// `build-xcframework.sh` writes it for Apple's platforms, `cargo dev swift` for tests on Linux.
#if os(Linux)
let library = Target.systemLibrary(name: "NoctuleFFI", path: "Generated/NoctuleFFI")
// What is Apple's own elsewhere, so that what uses it is compiled and tested here. The tests start
// other programs, as an iPhone does not.
let framework: [Target.Dependency] = ["BackgroundTasks"]
let onLinux: [Target] = [
    .target(name: "BackgroundTasks"),
    .testTarget(
        name: "NoctuleTests",
        dependencies: ["Noctule", "NoctuleTesting", "BackgroundTasks", "NoctuleChild"]),
    .executableTarget(
        name: "NoctuleChild", dependencies: ["Noctule"], path: "Tests/NoctuleChild"),
]
#else
let library = Target.binaryTarget(name: "NoctuleFFI", path: "Generated/NoctuleFFI.xcframework")
let framework: [Target.Dependency] = []
let onLinux: [Target] = []
#endif

let package = Package(
    name: "Noctule",
    platforms: [.iOS(.v15)],
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
            dependencies: ["NoctuleBindings"] + framework,
            resources: [.copy("PrivacyInfo.xcprivacy")]
        ),
        .target(name: "NoctuleTesting", dependencies: ["Noctule"]),
    ] + onLinux,
    swiftLanguageModes: [.v6]
)
