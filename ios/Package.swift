// swift-tools-version: 6.0
// Recommendations that are made on the phone at night. README.md says how to begin.

import PackageDescription

// What `Generated/` has comes from the library that is packaged and is never committed:
// `build-xcframework.sh` writes it for Apple's platforms, `cargo dev swift` for tests on Linux.
#if os(Linux)
let library = Target.systemLibrary(name: "NoctuleFFI", path: "Generated/NoctuleFFI")
#else
let library = Target.binaryTarget(name: "NoctuleFFI", path: "Generated/NoctuleFFI.xcframework")
#endif

let package = Package(
    name: "Noctule",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Noctule", targets: ["Noctule"]),
    ],
    targets: [
        library,
        .target(
            name: "NoctuleBindings",
            dependencies: ["NoctuleFFI"],
            path: "Generated/NoctuleBindings"
        ),
        .target(name: "Noctule", dependencies: ["NoctuleBindings"]),
        .testTarget(name: "NoctuleTests", dependencies: ["Noctule"]),
    ],
    swiftLanguageModes: [.v6]
)
