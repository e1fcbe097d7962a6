// swift-tools-version: 6.3

import PackageDescription

let kubeClient = Target.Dependency.product(name: "KubeClient", package: "honua-operator")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

// A package of its own, so that nobody who builds the operator builds this.
let package = Package(
    name: "honua-benchmarks",
    dependencies: [
        .package(name: "honua-operator", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
    ],
    targets: [
        // For malloc_trim, which the Glibc module leaves out.
        .systemLibrary(name: "CMalloc"),
        .target(name: "Usage"),
        .executableTarget(name: "ProcessBenchmark", dependencies: ["Usage", kubeClient, arguments, logging]),
        .executableTarget(
            name: "EngineBenchmark",
            dependencies: [
                "Usage", .product(name: "Workflows", package: "honua-operator"),
                .product(name: "Stores", package: "honua-operator"), arguments, logging,
            ]
        ),
        .executableTarget(
            name: "CommitBenchmark",
            dependencies: [
                "Usage", .product(name: "Workflows", package: "honua-operator"),
                .product(name: "Stores", package: "honua-operator"), arguments,
            ]
        ),
        .executableTarget(
            name: "ExpressionBenchmark",
            dependencies: ["Usage", .product(name: "CEL", package: "honua-operator"), arguments]
        ),
        .executableTarget(
            name: "KubeBenchmark",
            dependencies: [
                "CMalloc", "Usage", kubeClient, .product(name: "KubeRuntime", package: "honua-operator"), arguments,
                logging,
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
