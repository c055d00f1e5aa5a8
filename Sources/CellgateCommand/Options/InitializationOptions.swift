import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// Options for what the parameters start from.
struct InitializationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What parameters start from: cellgate, pytorch, keras, chrono:T (biases for memories of up to T steps), or a JSON file of rules.",
      valueName: "name|file"))
  var initialization: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The bias of the gates that keep the state, such as an LSTM's forget gate; cells without one stay as they are.",
      valueName: "x"))
  var forgetBias: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Chrono biases for memories of up to so many steps: --initialization chrono:T, or beside another one.",
      valueName: "n"))
  var chronoSteps: WholeNumber?

  /// Whether any was given.
  var isGiven: Bool { initialization != nil || forgetBias != nil || chronoSteps != nil }

  /// As they were typed.
  var words: [String] {
    [
      initialization.map { "--initialization \(Text.shellWord($0))" },
      forgetBias.map { "--forget-bias \($0.text)" }, chronoSteps.map { "--chrono-steps \($0.text)" },
    ]
    .compactMap { $0 }
  }

  /// Puts what was typed in place of what the settings say; mistakes are noted, a file that can't be read is thrown.
  func apply(to settings: inout TrainingSettings, _ problems: inout OptionProblems) throws {
    if let initialization, let start = try Self.read(initialization, &problems) {
      settings.start(from: start)
      if start.chronoSteps != nil, chronoSteps != nil {
        problems.add("--initialization \(initialization) and --chrono-steps: expected only one of them")
      }
    }
    if let chronoSteps {
      if let steps = Int(chronoSteps.text) {
        settings.chronoSteps = steps
      } else {
        let bound = chronoSteps.isWhole ? " up to \(Int.max)" : ""
        problems.add(
          "--chrono-steps: expected a whole number\(bound), found '\(quotedName(chronoSteps.text))'")
      }
    }
    if let bias = problems.real("--forget-bias", forgetBias, "a number", { Float($0).isFinite }) {
      settings.forgetBias = Float(bias)
      // A task's own chrono biases start the same gates.
      if chronoSteps == nil, initialization?.hasPrefix("chrono:") != true { settings.chronoSteps = nil }
    }
  }

  /// The initialisation of this name or in this file, nil after noting that there is none.
  static func read(
    _ argument: String, option: String = "--initialization", _ problems: inout OptionProblems
  ) throws -> Recurrent.Initialization? {
    if let known = Recurrent.Initialization(named: argument) { return known }
    if argument.hasPrefix("chrono") {
      problems.add(
        "\(option): expected chrono:T with a whole number T from 3, found '\(quotedName(argument))'")
      return nil
    }
    let isFile = FileManager.default.fileExists(atPath: argument) && !Paths.isFolder(argument)
    guard argument.hasSuffix(".json") || argument.contains("/") || isFile else {
      let known =
        Recurrent.Initialization.Scheme.allCases.map(\.rawValue) + ["chrono:T", "a file NAME.json"]
      problems.add("\(option): " + Names.unknown("initialization", argument, known: known))
      return nil
    }
    return try Recurrent.Initialization(contentsOf: argument)
  }
}

extension OptionProblems {
  /// Notes rules that speak of no parameter of these cells.
  mutating func add(idleRules start: Recurrent.Initialization?, cells: [Cell]) {
    guard let start, !cells.isEmpty else { return }
    for place in start.idleRules(cells: cells) {
      add(
        "--initialization: rule \(place): expected a parameter, role and gate of \(Text.list(cells.map(\.name), "or")), or of the head or embedding; found none"
      )
    }
  }
}
