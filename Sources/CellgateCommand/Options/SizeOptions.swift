import ArgumentParser
import Cellgate

/// How large a new model is; what is left out stays as the task says.
struct SizeOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: ArgumentHelp("Hidden units of each layer.", valueName: "n"))
  var hidden: WholeNumber?

  @Option(parsing: .unconditional, help: ArgumentHelp("Layers on top of one another.", valueName: "n"))
  var layers: WholeNumber?

  @Flag(help: "Run each layer over the sequence in both directions.")
  var bidirectional = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "As many hidden units as fit into so many parameters of the whole model, instead of --hidden.",
      valueName: "n"))
  var parameters: WholeNumber?

  /// Puts what was typed into settings; mistakes are noted.
  func apply(to settings: inout TrainingSettings, _ problems: inout OptionProblems) {
    problems.whole("--hidden", hidden) { settings.hidden = $0 }
    if hidden != nil, parameters != nil {
      problems.add("--hidden and --parameters: expected only one of them")
    }
    problems.whole("--layers", layers) { settings.layers = $0 }
    if bidirectional { settings.bidirectional = true }
  }

  /// The number of `--parameters`, nil if none was given; a wrong one is noted.
  func budget(_ problems: inout OptionProblems) -> Int? {
    problems.whole("--parameters", parameters, in: 1...Int.max)
  }
}
