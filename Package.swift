// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
]

// A library target and its tests; each imports only targets that stand above it in this file.
func library(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil,
  settings: [SwiftSetting] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies + ["CellgateBasics"], resources: resources,
    swiftSettings: swiftSettings + settings)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: dependencies + ["CellgateTestSupport"], resources: resources,
    swiftSettings: swiftSettings)
}

// Only who builds the documentation downloads what builds it: CELLGATE_DOCS=1, see `make docs`.
let documentation: [Package.Dependency] =
  Context.environment["CELLGATE_DOCS"] == nil
  ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0")]

// A program of libFuzzer's, which needs compiler flags of its own: CELLGATE_FUZZ=1, see `make fuzz`.
let fuzzing: [Target] =
  Context.environment["CELLGATE_FUZZ"] == nil
  ? []
  : [
    .target(name: "LibFuzzer", path: "Tests/LibFuzzer"),
    .executableTarget(
      name: "cellgate-fuzz",
      dependencies: [
        "LibFuzzer", "CellgateBasics", "CellgateFiles", "CellgateMemory", "CellgateCells", "CellgateNN",
        "CellgateExchange", "CellgateData", "CellgateTraining", "CellgateTasks",
      ],
      path: "Tests/CellgateFuzz", swiftSettings: swiftSettings),
  ]

// Works the thread pool under the sanitizers: CELLGATE_SANITIZE=1, see `make sanitize`.
let sanitizing: [Target] =
  Context.environment["CELLGATE_SANITIZE"] == nil
  ? []
  : [
    .executableTarget(
      name: "cellgate-threads", dependencies: ["CellgateBasics", "CellgateTensor"],
      path: "Tests/CellgateThreads", swiftSettings: swiftSettings)
  ]

// What the umbrella re-exports. Executables name all of it: an incremental build would miss changes below the umbrella.
let umbrella: [Target.Dependency] = [
  "CellgateFiles", "CellgateCharts", "CellgateTensor", "CellgateMemory", "CellgateCells", "CellgateNN",
  "CellgateExchange", "CellgateData", "CellgateTraining", "CellgateTasks", "CellgateExperiments",
  "CellgateReport",
]

let package = Package(
  name: "Cellgate",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Cellgate", targets: ["Cellgate"]),
    // For Benchmarks, which times the kernels alone and the operations of the tests' registry; not meant for others.
    .library(name: "CellgateKernels", targets: ["CellgateKernels"]),
    .library(name: "CellgateTestSupport", targets: ["CellgateTestSupport"]),
    .executable(name: "cellgate", targets: ["CellgateCommand"]),
  ],
  traits: [
    .trait(
      name: "MPI", description: "Processes of mpirun train one model together; MPI is opened at run time.")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ] + documentation,
  targets: [
    .target(name: "CellgateKernels"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .target(name: "CellgateBasics", swiftSettings: swiftSettings),
    library("CellgateFiles", ["CZlib"]),
    library("CellgateCharts", ["CZlib", "CellgateFiles"]),
    library("CellgateTensor", ["CellgateKernels"]),
    library("CellgateMemory", ["CellgateFiles", "CellgateKernels", "CellgateTensor"]),
    library(
      "CellgateCells", ["CellgateKernels", "CellgateFiles", "CellgateTensor"],
      resources: [.embedInCode("Zoo")]),
    library("CellgateNN", ["CellgateFiles", "CellgateKernels", "CellgateTensor", "CellgateCells"]),
    library("CellgateExchange", ["CellgateFiles", "CellgateTensor", "CellgateCells", "CellgateNN"]),
    library("CellgateData", ["CellgateFiles", "CellgateTensor"]),
    library(
      "CellgateTraining",
      ["CellgateFiles", "CellgateCharts", "CellgateTensor", "CellgateCells", "CellgateNN", "CellgateData"],
      settings: [.define("MPI", .when(traits: ["MPI"]))]),
    library(
      "CellgateTasks",
      [
        "CellgateFiles", "CellgateTensor", "CellgateMemory", "CellgateCells", "CellgateNN", "CellgateData",
        "CellgateTraining",
      ]),
    library(
      "CellgateExperiments",
      [
        "CellgateFiles", "CellgateCharts", "CellgateTensor", "CellgateCells", "CellgateNN", "CellgateData",
        "CellgateTraining", "CellgateTasks",
      ]),
    library(
      "CellgateReport",
      [
        "CellgateFiles", "CellgateCharts", "CellgateTensor", "CellgateCells", "CellgateNN", "CellgateData",
        "CellgateTraining", "CellgateTasks", "CellgateExperiments",
      ]),
    library("Cellgate", umbrella),
    .executableTarget(
      name: "CellgateCommand",
      dependencies: umbrella + [
        "CellgateBasics", "Cellgate", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    .target(
      name: "CellgateTestSupport",
      dependencies: [
        "CellgateFiles", "CellgateTensor", "CellgateCells", "CellgateNN", "CellgateData", "CellgateTraining",
      ],
      path: "Tests/CellgateTestSupport", swiftSettings: swiftSettings),
    // Counts what tests allocate; it takes the place of malloc in the tests' program.
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    tests("CellgateKernels", ["CellgateKernels", "CellgateTensor"]),
    tests("CellgateBasics", ["CellgateBasics", "CellgateTensor"]),
    tests(
      "CellgateFiles", ["CellgateFiles", "CellgateData"], resources: [.copy("Pictures"), .copy("HDF5")]),
    tests("CellgateCharts", ["CellgateCharts", "CellgateFiles"]),
    tests("CellgateTensor", ["CellgateTensor", "CellgateKernels", "CellgateNN", "CellgateTasks"]),
    tests("CellgateMemory", ["CellgateMemory", "CellgateFiles", "CellgateTensor"]),
    tests("CellgateCells", ["CellgateCells", "CellgateFiles", "CellgateTensor", "CellgateKernels"]),
    tests(
      "CellgateNN",
      [
        "CellgateNN", "CellgateCells", "CellgateTensor", "CellgateFiles", "CellgateData", "AllocationCounter",
      ],
      resources: [.copy("Golden"), .copy("GoldenZoo"), .copy("CaptionLosses"), .copy("Grid")]),
    tests(
      "CellgateExchange",
      ["CellgateExchange", "CellgateFiles", "CellgateTensor", "CellgateCells", "CellgateNN"],
      resources: [.copy("Interchange"), .copy("KerasFiles")]),
    tests(
      "CellgateData",
      ["CellgateData", "CellgateFiles", "CellgateCharts", "CellgateTensor", "CellgateTraining"],
      resources: [.copy("TranslationScores"), .copy("AudioFeatures")]),
    tests("CellgateTraining", umbrella),
    tests("CellgateTasks", umbrella + ["CellgateBasics"], resources: [.copy("Losses")]),
    tests("CellgateExperiments", umbrella),
    tests("CellgateReport", umbrella),
    .testTarget(
      name: "CellgateNamesTests", dependencies: umbrella + ["Cellgate"], swiftSettings: swiftSettings),
    tests(
      "CellgateCommand",
      [
        "CellgateCommand", "CellgateCells", "CellgateFiles", "CellgateTensor", "CellgateNN",
        "CellgateExchange",
        "CellgateData", "CellgateTraining",
      ],
      resources: [.copy("Recorded")]),
  ] + fuzzing + sanitizing,
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)
