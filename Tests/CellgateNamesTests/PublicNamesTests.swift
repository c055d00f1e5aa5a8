import Cellgate
import Foundation
import Testing

@Suite("Public names")
struct PublicNamesTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()

  /// The names of the public types outside of others in a source, which the formatter puts at a line's start.
  private static func declared(in text: String) -> [String] {
    let declaration =
      /^(@[A-Za-z_]+ )*public ((final|indirect|nonisolated) )*(struct|class|enum|protocol|typealias|actor) (?<name>\w+)/
    return text.split(separator: "\n").compactMap { line in
      line.prefixMatch(of: declaration).map { String($0.name) }
    }
  }

  /// The names of all public types of Sources.
  private static func declared() throws -> Set<String> {
    let sources = root.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
    let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    var names: Set<String> = []
    for case let file as URL in files where file.pathExtension == "swift" {
      names.formUnion(declared(in: try String(contentsOf: file, encoding: .utf8)))
    }
    return names
  }

  /// The modules that come with Swift and have a type of this name, whose symbol is among those of the process.
  private static func systemModules(with name: String) -> [String] {
    let modules = [
      "Swift": "s", "Concurrency": "12_Concurrency", "Foundation": "10Foundation",
      "FoundationEssentials": "20FoundationEssentials", "StringProcessing": "17_StringProcessing",
    ]
    let process = unsafe dlopen(nil, RTLD_NOW)
    return modules.filter { _, module in
      ["VMn", "CMn", "OMn", "Mp"].contains { kind in
        unsafe dlsym(process, "$s\(module)\(name.utf8.count)\(name)\(kind)") != nil
      }
    }
    .map(\.key)
  }

  @Test("Every public type is used by its bare name beside Foundation")
  func mentioned() throws {
    let text = try String(contentsOf: Self.root.appending(path: "PublicTypes.swift"), encoding: .utf8)
    let used = Set(
      text.matches(of: /^ {4}(\(any )?(?<name>\w+)\)?\.self,$/.anchorsMatchLineEndings()).map {
        String($0.name)
      })
    let declared = try Self.declared()
    #expect(declared.subtracting(used) == [], "run .ci/public-types")
    #expect(used.subtracting(declared) == [], "run .ci/public-types")
    #expect(PublicTypes.all.count == used.count)
  }

  @Test("Declarations are found with their attributes, and none inside of others")
  func declarations() {
    let text = """
      public struct One: Sendable {
        public enum Inside {}
      @safe public final class Two {}
      public indirect enum Three { case a }
      struct Four {}
      """
    #expect(Self.declared(in: text) == ["One", "Two", "Three"])
  }

  // The standard library's names give way to those of other modules, so that no error would show them.
  @Test("No public type has the name of one of the standard library or Foundation")
  func collisions() throws {
    for known in ["Slice", "Mirror", "Data", "CodingUserInfoKey", "Regex"] {
      #expect(Self.systemModules(with: known) != [], "\(known) is not found")
    }
    for name in try Self.declared() {
      #expect(Self.systemModules(with: name) == [], "\(name)")
    }
  }

  @Test("Functions of cells leave those of numbers alone")
  func functions() {
    #expect(max(1, 2) == 2)
    #expect(min(1.5, 2) == 1.5)
    #expect(abs(-3) == 3)
    #expect(sqrt(4.0) == 2)
    #expect(exp(0.0) == 1)
    #expect(log(1.0) == 0)
    #expect(tanh(0.0) == 0)
  }
}
