// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
]

// A library target and its tests; each imports only targets that stand above it in this file.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: dependencies, resources: resources, swiftSettings: swiftSettings)
}

// Only who builds the documentation downloads what builds it: CELLGATE_DOCS=1, see `make docs`.
let documentation: [Package.Dependency] =
  Context.environment["CELLGATE_DOCS"] == nil
  ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0")]

// What the umbrella re-exports. Executables name all of it: an incremental build would miss changes behind the umbrella.
let umbrella: [Target.Dependency] = [
  "CellgateTensor", "CellgateCells", "CellgateNN", "CellgateFormats", "CellgateTraining", "CellgateTasks",
]

let package = Package(
  name: "Cellgate",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Cellgate", targets: ["Cellgate"]),
    // For Benchmarks, which times the kernels alone; not meant for others.
    .library(name: "CellgateKernels", targets: ["CellgateKernels"]),
    .executable(name: "cellgate", targets: ["CellgateCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ] + documentation,
  targets: [
    .target(name: "CellgateKernels"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    library("CellgateTensor", ["CellgateKernels"]),
    library("CellgateFormats", ["CellgateTensor", "CZlib"]),
    library("CellgateCells", ["CellgateKernels", "CellgateTensor", "CellgateFormats"]),
    library("CellgateNN", ["CellgateKernels", "CellgateTensor", "CellgateCells"]),
    library("CellgateTraining", ["CellgateTensor", "CellgateCells", "CellgateNN", "CellgateFormats"]),
    library(
      "CellgateTasks",
      ["CellgateTensor", "CellgateCells", "CellgateNN", "CellgateFormats", "CellgateTraining"]),
    library("Cellgate", umbrella),
    .executableTarget(
      name: "CellgateCommand",
      dependencies: umbrella + [
        "Cellgate", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    .executableTarget(
      name: "OwnCell", dependencies: umbrella + ["Cellgate"], path: "Examples/OwnCell",
      swiftSettings: swiftSettings),

    .target(
      name: "CellgateTestSupport", dependencies: ["CellgateTensor", "CellgateCells"],
      path: "Tests/CellgateTestSupport",
      swiftSettings: swiftSettings),
    tests("CellgateKernels", ["CellgateKernels", "CellgateTensor"]),
    tests("CellgateTensor", ["CellgateTensor", "CellgateKernels", "CellgateTestSupport"]),
    tests(
      "CellgateNN",
      ["CellgateNN", "CellgateCells", "CellgateTensor", "CellgateFormats", "CellgateTestSupport"],
      resources: [.copy("Golden")]),
    tests(
      "CellgateCells",
      ["CellgateCells", "CellgateFormats", "CellgateTensor", "CellgateKernels", "CellgateTestSupport"]),
    tests("CellgateFormats", ["CellgateFormats", "CellgateTensor"]),
    tests(
      "CellgateTraining",
      [
        "CellgateTraining", "CellgateFormats", "CellgateNN", "CellgateCells", "CellgateTensor",
        "CellgateTestSupport",
      ]),
    tests(
      "CellgateTasks",
      [
        "CellgateTasks", "CellgateTraining", "CellgateFormats", "CellgateNN", "CellgateCells",
        "CellgateTensor", "CellgateTestSupport",
      ]),
    tests("CellgateCommand", ["CellgateCommand", "CellgateCells"], resources: [.copy("Recorded")]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)
