import ArgumentParser
import Cellgate

/// Options that keep a model from learning its training data by heart.
struct RegularizationOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of each layer's outputs dropped while training, before the next layer or the head, 0 to 1.",
      valueName: "x"))
  var dropout: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("As --dropout, of what the head reads alone.", valueName: "x"))
  var outputDropout: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of the numbers that the first layer reads, of inputs or embeddings, dropped anew at each step.",
      valueName: "x"))
  var inputDropout: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of the symbols whose embeddings are dropped in an update, wherever they occur.", valueName: "x"))
  var embeddingDropout: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of each layer's last output dropped where matrices read it, the same at each step.",
      valueName: "x"))
  var recurrentDropout: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Zoneout: how likely a unit of a state keeps its last value at a step, of all states or by their names.",
      valueName: "x|h=x,c=x"))
  var zoneout: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of the weights of matrices that read a state dropped in an update.", valueName: "x"))
  var weightDrop: RealNumber?

  @Option(
    help: ArgumentHelp(
      "Evaluate and keep a mean of the weights: exponential with this decay, from an update on, or from when so many evaluations brought no improvement, or 'none'.",
      valueName: "ema:x|from:n|plateau:n|none"))
  var averageWeights: String?

  /// Puts what was typed in place of what the settings say; mistakes are noted.
  func apply(to settings: inout TrainingSettings, _ problems: inout OptionProblems) {
    func share(_ option: String, _ number: RealNumber?, _ set: (Float) -> Void) {
      if let value = problems.real(option, number, "a number", { _ in true }) { set(Float(value)) }
    }
    share("--dropout", dropout) { settings.dropout = $0 }
    share("--output-dropout", outputDropout) { settings.outputDropout = $0 }
    share("--input-dropout", inputDropout) { settings.inputDropout = $0 }
    share("--embedding-dropout", embeddingDropout) { settings.embeddingDropout = $0 }
    share("--recurrent-dropout", recurrentDropout) { settings.recurrentDropout = $0 }
    share("--weight-drop", weightDrop) { settings.weightDrop = $0 }
    if let zoneout = problems.zoneout(zoneout) { settings.zoneout = zoneout }
    switch averageWeights.map({ ($0, WeightAveraging($0)) }) {
    case nil: break
    case ("none", _)?: settings.averageWeights = nil
    case (_, let value?)?: settings.averageWeights = value
    case (let text, nil)?:
      problems.add(
        "--average-weights: expected ema:X, from:N, plateau:N or none, found '\(quotedName(text))'")
    }
  }
}

extension OptionProblems {
  /// The zoneout that was typed, nil if none was or after noting what is wrong.
  mutating func zoneout(_ text: String?) -> Zoneout? {
    guard let text else { return nil }
    if let zoneout = Zoneout(text) { return zoneout }
    add("--zoneout: expected a number, or states' numbers as in h=0.05,c=0.5, found '\(quotedName(text))'")
    return nil
  }
}
