// swift-tools-version: 6.3

import PackageDescription

let package = Package(
    name: "configmap-controller",
    dependencies: [
        .package(name: "honua-operator", path: "../.."),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "configmap-controller",
            dependencies: [
                .product(name: "KubeClient", package: "honua-operator"),
                .product(name: "KubeRuntime", package: "honua-operator"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources"
        )
    ],
    swiftLanguageModes: [.v6]
)
