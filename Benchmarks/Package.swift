// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
]

let package = Package(
  name: "CellgateBenchmarks",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "grid", targets: ["Grid"])],
  dependencies: [.package(name: "Cellgate", path: "..")],
  targets: [
    .target(name: "GridKernels"),
    .executableTarget(
      name: "Grid",
      dependencies: [
        "GridKernels", .product(name: "Cellgate", package: "Cellgate"),
        .product(name: "CellgateKernels", package: "Cellgate"),
        .product(name: "CellgateTestSupport", package: "Cellgate"),
      ],
      swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)
