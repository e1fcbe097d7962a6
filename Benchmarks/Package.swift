// swift-tools-version: 6.3

import PackageDescription

// A package of its own, so that nobody who builds the operator builds this.
let package = Package(
    name: "honua-benchmarks",
    dependencies: [
        .package(name: "honua-operator", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
    ],
    targets: [
        .executableTarget(
            name: "ProcessBenchmark",
            dependencies: [
                .product(name: "KubeClient", package: "honua-operator"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
