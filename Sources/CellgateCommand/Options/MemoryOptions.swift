import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// What a language model's predictions are mixed with: what its text has had lately, and a store of other texts.
struct MemoryOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of language models: mix in what followed the last n symbols where the model's output was alike (a neural cache).",
      valueName: "n"))
  var cache: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "θ of the cache; the larger, the more alike outputs must be. The number of 'cellgate memory tune' if you leave it out, "
        + "else 0.3.", valueName: "x"))
  var cacheFlatness: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The share of the cache; as tuned, else 0.1, if you leave it out.", valueName: "x"))
  var cacheShare: RealNumber?

  @Option(
    help: ArgumentHelp(
      "Of language models: mix in what followed the nearest outputs of a store that 'cellgate memory build' made.",
      valueName: "file"))
  var memory: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Outputs of the store that are looked for; as tuned, else 64, if you leave it out.", valueName: "n"))
  var neighbours: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Lists of the store that are looked at, of those that 'cellgate memory build --lists' made; as tuned if you leave it out, else an exact search.",
      valueName: "n"))
  var probes: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "T of the neighbours, whose weights are exp(−squared distance / T); as tuned, else 1, if you leave it out.",
      valueName: "x"))
  var neighbourTemperature: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The share of the neighbours; as tuned, else 0.1, if you leave it out.", valueName: "x"))
  var neighbourShare: RealNumber?

  /// Whether a memory is asked for.
  var isAsked: Bool { cache != nil || memory != nil }

  /// What is asked for, with the store read; nil for nothing.
  func request(_ problems: inout OptionProblems) -> Request? {
    let window = problems.whole("--cache", cache, in: 1...1_000_000)
    let flatness = problems.real("--cache-flatness", cacheFlatness, "a number of 0 or more") { $0 >= 0 }
    let share = "a number from 0 to 1"
    let cacheShare = problems.real("--cache-share", cacheShare, share) { $0 >= 0 && $0 <= 1 }
    let count = problems.whole("--neighbours", neighbours, in: 1...1_000_000)
    let probes = problems.whole("--probes", probes, in: 1...1_000_000)
    let temperature = problems.real("--neighbour-temperature", neighbourTemperature, "a number above 0") {
      $0 > 0
    }
    let neighbourShare = problems.real("--neighbour-share", neighbourShare, share) { $0 >= 0 && $0 <= 1 }
    if cache == nil, cacheFlatness != nil || self.cacheShare != nil {
      problems.add("--cache-flatness and --cache-share: expected --cache as well")
    }
    if memory == nil,
      neighbours != nil || self.probes != nil || neighbourTemperature != nil || self.neighbourShare != nil
    {
      problems.add(
        "--neighbours, --probes, --neighbour-temperature and --neighbour-share: expected --memory as well")
    }
    if (cacheShare ?? 0) + (neighbourShare ?? 0) > 1 {
      problems.add("--cache-share and --neighbour-share: expected a sum of at most 1")
    }
    guard isAsked else { return nil }
    return Request(
      window: window, flatness: flatness, cacheShare: cacheShare, store: memory, count: count, probes: probes,
      temperature: temperature, neighbourShare: neighbourShare)
  }

  /// What is asked for.
  struct Request {
    var window: Int?
    var flatness, cacheShare: Double?
    var store: String?
    var count, probes: Int?
    var temperature, neighbourShare: Double?

    /// Whether numbers were tuned for the parts that are asked for: shares of a cache beside a store are others than its own.
    private func isOf(_ tuned: LanguageMemory.Settings) -> Bool {
      tuned.cache?.window == window && tuned.neighbours?.store == store.map { Paths.absolute($0) }
        && (count == nil || tuned.neighbours?.count == count)
    }

    /// The memory, for a model whose outputs have so many numbers; what isn't given is what was tuned for the run in `folder`.
    func memory(for folder: String, outputSize: Int) throws -> LanguageMemory {
      let tuned = try LanguageMemory.Settings(run: folder).flatMap { isOf($0) ? $0 : nil }
      var memory = LanguageMemory()
      if let window {
        let own = tuned?.cache ?? .init(window: window)
        memory.cache = .init(
          window: window, flatness: flatness ?? own.flatness, share: cacheShare ?? own.share)
      }
      if let store {
        let own = tuned?.neighbours
        var neighbours = try LanguageMemory.Neighbours(file: store, probes: probes ?? own?.probes)
        neighbours.count = count ?? own?.count ?? neighbours.count
        neighbours.temperature = temperature ?? own?.temperature ?? neighbours.temperature
        neighbours.share = neighbourShare ?? own?.share ?? neighbours.share
        memory.neighbours = neighbours
      }
      if let problem = memory.problem(outputSize: outputSize) { throw CommandFailure(.usage, problem) }
      let isUsual =
        tuned == nil && flatness == nil && cacheShare == nil && temperature == nil && neighbourShare == nil
      if isUsual {
        let options = (window.map { ["--cache", "\($0)"] } ?? []) + (store.map { ["--memory", $0] } ?? [])
        Console.printError(
          "cellgate: the memory's numbers are the usual ones; for better ones: "
            + TypedCommand.line(["memory", "tune", folder] + options))
      }
      return memory
    }
  }
}
