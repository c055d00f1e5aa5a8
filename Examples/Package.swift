// swift-tools-version: 6.2
import PackageDescription

// Programs that use Cellgate as any other package does:
//
//     swift run -c release --package-path Examples Sentiment

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .strictMemorySafety(),
]

func example(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: [.product(name: "Cellgate", package: "Cellgate")], path: name,
    swiftSettings: swiftSettings)
}

let package = Package(
  name: "CellgateExamples",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Cellgate", path: "..")],
  targets: [example("OwnCell"), example("Sentiment")],
  swiftLanguageModes: [.v6]
)
