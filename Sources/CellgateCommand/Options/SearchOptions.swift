import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// Options for the search for each cell's settings.
struct SearchOptions: ParsableArguments {
  private typealias Method = SearchSettings.Method

  @Flag(
    help:
      "First search for each cell's learning rate and initialization, the same search for all, on validation data."
  )
  var search = false

  @Option(
    help: ArgumentHelp(
      "How: halving drops the worse half of the trials round by round, grid none. (default: halving)",
      valueName: "name"))
  var searchMethod: String?

  @Option(
    help: ArgumentHelp(
      "The learning rates; 1/4, 1/2, 1 and 2 times the budget's if you leave it out.", valueName: "a,b,c"))
  var searchRates: String?

  @Option(
    help: ArgumentHelp(
      "The initializations, as of --initialization, or 'own' for the budget's; own and pytorch if you leave it out, own where a model takes no other, as a Transformer.",
      valueName: "a,b,c"))
  var searchInitializations: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The share of a run's updates that a trial gets at most. (default: 0.25)", valueName: "x"))
  var searchFraction: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The seed of the trials. (default: 1001)", valueName: "n"))
  var searchSeed: WholeNumber?

  /// The options besides the flag, as they were typed.
  private var typed: [(name: String, value: String)] {
    [
      ("--search-method", searchMethod), ("--search-rates", searchRates),
      ("--search-initializations", searchInitializations), ("--search-fraction", searchFraction?.text),
      ("--search-seed", searchSeed?.text),
    ]
    .compactMap { name, value in value.map { (name, $0) } }
  }

  /// As they were typed.
  var words: [String] {
    search ? ["--search"] + typed.map { "\($0.name) \(Text.shellWord($0.value))" } : []
  }

  /// The search, nil for none; mistakes are noted, a file that can't be read is thrown.
  func settings(_ problems: inout OptionProblems) throws -> SearchSettings? {
    guard search else {
      for option in typed { problems.add("\(option.name): expected --search as well") }
      return nil
    }
    var settings = SearchSettings()
    if let searchMethod {
      if let method = Method(rawValue: searchMethod) {
        settings.method = method
      } else {
        let known = Method.allCases.map(\.rawValue)
        problems.add("--search-method: " + Names.unknown("method", searchMethod, known: known))
      }
    }
    if let searchRates {
      settings.learningRates = Self.items(searchRates).compactMap { item in
        guard let rate = Float(item), rate.isFinite else {
          problems.add("--search-rates: expected numbers with commas between, found '\(quotedName(item))'")
          return nil
        }
        return rate
      }
    }
    if let searchInitializations {
      settings.initializations = try Self.items(searchInitializations).map { item in
        item == "own"
          ? nil : try InitializationOptions.read(item, option: "--search-initializations", &problems)
      }
    }
    settings.fraction =
      problems.real("--search-fraction", searchFraction, "a number above 0, at most 1") { $0 > 0 && $0 <= 1 }
      ?? settings.fraction
    if let searchSeed, let seed = problems.seed(searchSeed, "--search-seed") { settings.seed = seed }
    return settings
  }

  private static func items(_ list: String) -> [String] {
    list.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.trimmed
    }
  }
}
