// swift-tools-version: 6.2
import PackageDescription

// What needs a database or a network stands here, so that who embeds Cellgate downloads none of it:
//
//     swift run -c release --package-path Server cellgate-server model.safetensors

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
]

let package = Package(
  name: "CellgateServer",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "AgentMemory", targets: ["AgentMemory"]),
    .library(name: "CellgateService", targets: ["CellgateService"]),
    .executable(name: "cellgate-server", targets: ["CellgateServerCommand"]),
  ],
  dependencies: [
    .package(name: "Cellgate", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.20.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
  ],
  targets: [
    // What happened in a conversation or a task: kept, found again, condensed.
    .target(
      name: "AgentMemory",
      dependencies: [
        .product(name: "Cellgate", package: "Cellgate"), .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: swiftSettings),
    // The service: routes, models, sessions and their batches.
    .target(
      name: "CellgateService",
      dependencies: [
        "AgentMemory", .product(name: "Cellgate", package: "Cellgate"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "CellgateServerCommand",
      dependencies: [
        "AgentMemory", "CellgateService",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
    // Times a store, and is the program that a test kills while it writes.
    .executableTarget(
      name: "agent-memory-probe", dependencies: ["AgentMemory"], path: "Sources/AgentMemoryProbe",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "AgentMemoryTests",
      dependencies: [
        "AgentMemory", "agent-memory-probe", .product(name: "Cellgate", package: "Cellgate"),
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CellgateServiceTests",
      dependencies: [
        "AgentMemory", "CellgateService",
        .product(name: "Cellgate", package: "Cellgate"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdTesting", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6]
)
