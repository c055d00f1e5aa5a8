import CellgateCells
import CellgateCharts
import CellgateNN

extension SequenceTask {
  /// An embedding where there are symbols, recurrent layers, and a linear head with a bias, or what the description says.
  public static func parameterCount(_ settings: TrainingSettings, cell: Cell) -> Double {
    if let count = description.parameterCount(settings, cell: cell) { return count }
    let shape = shape(settings)
    return settings.bodyParameters(cell, inputSize: shape.inputSize, hidden: settings.hidden)
      + shape.parametersAround(settings)
  }
}

extension SequenceShape {
  /// The recurrent layers between the embedding and the head.
  package func stack(_ settings: TrainingSettings) -> StackSize {
    StackSize(inputSize: inputSize, layers: settings.layers, bidirectional: settings.bidirectional)
  }

  /// The parameters of the embedding and of the head.
  func parametersAround(_ settings: TrainingSettings) -> Double {
    let width = stack(settings).directions * Double(settings.hidden)
    let head = (tiesWeights ? 1 : width + 1) * Double(outputSize)
    return Double(symbols ?? 0) * Double(inputSize) + head
  }
}

extension TrainingSettings {
  /// These settings with `cell` by its name and the most hidden units with which its whole model, embedding and head included,
  /// has at most `budget` parameters. Throws `outOfRange` when one unit has more.
  public func fitted(
    parameters budget: Int, task: any SequenceTask.Type, cell: Cell
  ) throws(SettingsError) -> TrainingSettings {
    func count(_ hidden: Int) -> Double {
      var settings = self
      settings.hidden = hidden
      return task.parameterCount(settings, cell: cell)
    }
    // A Transformer has as many units for each head.
    let multiple = hiddenMultiple
    guard count(multiple) <= Double(budget) else {
      let units = multiple == 1 ? "one hidden unit" : "\(multiple) hidden units"
      throw .outOfRange(
        option: "parameters",
        expected: "\(NumberText.fixed(count(multiple), 0)) or more, which \(cell) needs for \(units)",
        found: "\(budget)")
    }
    var settings = self
    settings.cell = cell.name
    settings.hidden = multiple * StackSize.most { count(multiple * $0) <= Double(budget) }
    return settings
  }
}
