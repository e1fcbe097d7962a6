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

/// What tests of several targets share.
func testSupport(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: swiftSettings)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let inMemoryTracing = Target.Dependency.product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")

let package = Package(
    name: "honua-operator",
    products: [
        .executable(name: "honua", targets: ["Operator"]),
        // Patches, logs and clusters are spoken of in the terms of the two others.
        .library(name: "KubeClient", targets: ["KubeClient", "HTTPTransport", "JSON"]),
        .library(name: "KubeRuntime", targets: ["KubeRuntime"]),
        .library(name: "Workflows", targets: ["Workflows", "JSON"]),
        .library(name: "Stores", targets: ["Stores", "RedisClient"]),
        .library(name: "CEL", targets: ["CEL", "JSON"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
    ],
    targets: [
        // From the bottom up: a target imports only what stands above it in this list.
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CYAML"),
        .systemLibrary(name: "COpenSSL"),
        .systemLibrary(name: "CZlib"),
        house("JSON", []),
        house("CEL", ["JSON"]),
        house("YAML", ["JSON", "CYAML"]),
        house("HTTPTransport", ["CCurl"]),
        house("Telemetry", ["JSON", logging]),
        house("RedisClient", ["CHiredis", "COpenSSL", logging, deque]),
        house("KubeClient", ["JSON", "YAML", "HTTPTransport", "COpenSSL", logging, metrics, tracing]),
        house("KubeRuntime", ["JSON", "KubeClient", logging, metrics, tracing, deque, heap]),
        house("Workflows", ["JSON", "CEL", "COpenSSL", "CZlib", logging, deque]),
        house("CRDs", ["JSON", "KubeClient", "Workflows"]),
        house("Actions", ["JSON", "YAML", "CEL", "HTTPTransport", "KubeClient", "Workflows", logging]),
        house("Stores", ["JSON", "RedisClient", "Workflows", "COpenSSL", logging]),
        house("Reconcilers", ["JSON", "KubeClient", "KubeRuntime", "CRDs", "Workflows", logging]),
        .executableTarget(
            name: "Operator",
            dependencies: [
                "JSON", "YAML", "CEL", "HTTPTransport", "Telemetry", "RedisClient", "KubeClient", "KubeRuntime",
                "Workflows",
                "CRDs", "Actions", "Stores", "Reconcilers", logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),

        testSupport(
            "TestEnvironment",
            ["JSON", "KubeClient", logging, .product(name: "Hummingbird", package: "hummingbird")]
        ),
        testSupport("TestClock", []),
        testSupport("ScriptedServers", ["COpenSSL"]),
        testSupport("FaultServer", ["JSON", "ScriptedServers"]),
        // A program that tests kill and stop.
        .executableTarget(
            name: "LeaseCandidate",
            dependencies: ["JSON", "KubeClient", "KubeRuntime", logging],
            path: "Tests/LeaseCandidate",
            swiftSettings: swiftSettings
        ),
        // The engine in a world of trouble.
        testSupport("Simulation", ["JSON", "Workflows", logging]),
        .executableTarget(
            name: "Simulate",
            dependencies: ["Simulation", "Workflows"],
            path: "Tests/Simulate",
            swiftSettings: swiftSettings
        ),
        tests(of: "Simulation", ["Simulation", "Simulate", "Workflows", "TestEnvironment"]),
        // Operator programs in a world of trouble.
        testSupport(
            "Chaos",
            ["CRDs", "JSON", "KubeClient", "RedisClient", "Stores", "TestEnvironment", "Workflows"]
        ),
        .executableTarget(
            name: "RunChaos",
            dependencies: ["Chaos"],
            path: "Tests/RunChaos",
            swiftSettings: swiftSettings
        ),
        tests(of: "JSON", ["JSON"]),
        tests(of: "CEL", ["CEL", "JSON"]),
        tests(of: "YAML", ["YAML", "JSON"]),
        tests(of: "HTTPTransport", ["HTTPTransport", "ScriptedServers"]),
        tests(of: "RedisClient", ["RedisClient", "TestEnvironment", "ScriptedServers", logging]),
        tests(
            of: "KubeClient",
            [
                "KubeClient", "HTTPTransport", "JSON", "TestEnvironment", "TestClock", "ScriptedServers", "FaultServer",
                logging,
                metrics,
                metricsTestKit, tracing, inMemoryTracing,
            ]
        ),
        tests(
            of: "KubeRuntime",
            [
                "KubeRuntime", "KubeClient", "HTTPTransport", "JSON", "TestEnvironment", "TestClock", "ScriptedServers",
                "FaultServer",
                "LeaseCandidate", logging, metrics, metricsTestKit, tracing, inMemoryTracing,
            ]
        ),
        tests(of: "Workflows", ["Workflows", "JSON", "CEL", "TestClock", logging]),
        tests(of: "Stores", ["Stores", "JSON", "Workflows", "RedisClient", "TestEnvironment", "TestClock", logging]),
        tests(of: "CRDs", ["CRDs", "JSON", "KubeClient", "Workflows", "Actions", "HTTPTransport"]),
        tests(
            of: "Actions",
            [
                "Actions", "JSON", "YAML", "HTTPTransport", "KubeClient", "Workflows", "TestEnvironment", "TestClock",
                "ScriptedServers", "FaultServer", logging,
            ]
        ),
        tests(of: "Reconcilers", ["Reconcilers", "CRDs", "JSON", "KubeClient", "Workflows"]),
        tests(
            of: "Operator",
            [
                "Operator", "CRDs", "Chaos", "JSON", "YAML", "KubeClient", "RedisClient", "Stores", "Workflows",
                "TestEnvironment",
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
