// swift-tools-version: 6.3

import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A target of this package, with the language features every target shares.
func house(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: swiftSettings)
}

/// The tests of one target. `TestEnvironment` starts the real components they need.
func tests(of name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: dependencies, swiftSettings: swiftSettings)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")

let package = Package(
    name: "honua-operator",
    products: [
        .executable(name: "honua", targets: ["Operator"]),
        .library(name: "KubeClient", targets: ["KubeClient"]),
        .library(name: "KubeRuntime", targets: ["KubeRuntime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
    ],
    targets: [
        // From the bottom up: a target imports only what stands above it in this list.
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CYAML"),
        .systemLibrary(name: "COpenSSL"),
        house("JSON", []),
        house("YAML", ["JSON", "CYAML"]),
        house("HTTPTransport", ["CCurl"]),
        house("Telemetry", ["JSON", logging]),
        house("RedisClient", ["CHiredis", "COpenSSL", logging, deque]),
        house("KubeClient", ["JSON", "YAML", "HTTPTransport", logging]),
        house("KubeRuntime", ["JSON", "KubeClient", logging, deque, heap]),
        house("Workflows", ["JSON", "COpenSSL", logging, deque]),
        house("CRDs", ["JSON", "KubeClient", "Workflows"]),
        house("Actions", ["JSON", "HTTPTransport", "Workflows"]),
        house("Stores", ["JSON", "RedisClient", "Workflows", logging]),
        house("Reconcilers", ["JSON", "KubeClient", "KubeRuntime", "CRDs", "Workflows", logging]),
        .executableTarget(
            name: "Operator",
            dependencies: [
                "JSON", "YAML", "HTTPTransport", "Telemetry", "RedisClient", "KubeClient", "KubeRuntime", "Workflows",
                "CRDs", "Actions", "Stores", "Reconcilers", logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),

        .target(
            name: "TestEnvironment",
            dependencies: [
                "JSON", "KubeClient", logging,
                .product(name: "Hummingbird", package: "hummingbird"),
            ],
            path: "Tests/TestEnvironment",
            swiftSettings: swiftSettings
        ),
        tests(of: "JSON", ["JSON"]),
        tests(of: "YAML", ["YAML", "JSON"]),
        tests(of: "HTTPTransport", ["HTTPTransport", "COpenSSL"]),
        tests(of: "RedisClient", ["RedisClient", "TestEnvironment", logging]),
        tests(of: "KubeClient", ["KubeClient", "HTTPTransport", "JSON", "TestEnvironment", logging]),
        tests(of: "KubeRuntime", ["KubeRuntime", "KubeClient", "HTTPTransport", "JSON", "TestEnvironment", logging]),
        tests(
            of: "Workflows",
            ["Workflows", "JSON", "Actions", "Stores", "RedisClient", "HTTPTransport", "TestEnvironment", logging]
        ),
        tests(of: "CRDs", ["CRDs", "JSON", "KubeClient", "Workflows", "Actions", "HTTPTransport"]),
        tests(of: "Reconcilers", ["Reconcilers", "CRDs", "JSON", "KubeClient", "Workflows"]),
        tests(
            of: "Operator",
            ["Operator", "CRDs", "JSON", "KubeClient", "RedisClient", "Workflows", "TestEnvironment"]
        ),
    ],
    swiftLanguageModes: [.v6]
)
