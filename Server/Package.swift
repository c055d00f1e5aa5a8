// swift-tools-version: 6.2
import PackageDescription

// What needs a database or a network stands here, so that who embeds Cellgate downloads none of it.

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
]

let package = Package(
  name: "CellgateServer",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "AgentMemory", targets: ["AgentMemory"])
  ],
  dependencies: [
    .package(name: "Cellgate", path: ".."),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
  ],
  targets: [
    .target(
      name: "AgentMemory",
      dependencies: [
        .product(name: "Cellgate", package: "Cellgate"), .product(name: "GRDB", package: "GRDB.swift"),
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
  ],
  swiftLanguageModes: [.v6]
)
