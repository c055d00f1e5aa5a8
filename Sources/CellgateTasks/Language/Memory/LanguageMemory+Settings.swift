import CellgateBasics
import CellgateFiles
import CellgateMemory
import CellgateTraining

extension LanguageMemory {
  /// The numbers of a memory, as the file memory.json in a run's folder keeps them.
  public struct Settings: Codable, Sendable, Equatable {
    /// Those of the neighbours.
    public struct Neighbours: Codable, Sendable, Equatable {
      /// The file of the store.
      public var store: String
      /// How many are looked for.
      public var count: Int
      /// T.
      public var temperature: Double
      /// The share of the neighbours in what is predicted.
      public var share: Double
      /// How many of the store's lists are looked at; nil for an exact search.
      public var probes: Int?
    }

    /// Those of the cache; nil for none.
    public var cache: Cache?
    /// Those of the neighbours; nil for none.
    public var neighbours: Neighbours?

    /// The numbers of a memory.
    public init(_ memory: LanguageMemory) {
      cache = memory.cache
      neighbours = memory.neighbours.map {
        Neighbours(
          store: Paths.absolute($0.store.path), count: $0.count, temperature: $0.temperature, share: $0.share,
          probes: $0.lists?.probes)
      }
    }

    /// The file's name in a run's folder.
    public static let name = "memory.json"

    /// What a run's folder has; nil where it has none. Throws `badState` for a file that isn't one of such numbers.
    public init?(run folder: String) throws(RunError) {
      let file = folder + "/" + Self.name
      guard let data = FileManager.default.contents(atPath: file) else { return nil }
      guard let own = try? JSONDecoder().decode(Self.self, from: data) else {
        throw .badState(
          file: file, name: "memory", expected: "what 'cellgate memory tune' writes", found: "something else")
      }
      self = own
    }

    /// Keeps the numbers in a run's folder. Throws what the system refuses.
    public func write(run folder: String) throws(FileError) {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      // Numbers and a path can be encoded.
      let data = (try? encoder.encode(self)) ?? Data("{}".utf8)
      try AtomicFile.write(data + Data("\n".utf8), to: folder + "/" + Self.name)
    }
  }
}
