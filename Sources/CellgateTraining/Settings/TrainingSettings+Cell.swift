import CellgateCells

extension TrainingSettings {
  /// The cell of a run with these settings: the one that `cellText` describes or, without a text, the known one of this
  /// name; nil where there is none.
  public func definition(among known: [Cell] = Cell.all) -> Cell? {
    if isTransformer { return Cell.ofTransformer }
    guard let cellText else { return known.first { $0.name == cell } }
    return try? Cell(text: cellText)
  }

  /// Takes a cell that is known by its text alone, such as that of a file.
  public mutating func use(_ own: Cell) {
    cell = own.name
    cellText = own.text
  }

  /// Whether the cell is the known one of its name, by equations and starting values.
  package func isKnown(among known: [Cell] = Cell.all) -> Bool {
    if isTransformer { return true }
    guard let own = definition(among: known) else { return false }
    return known.contains { $0.name == cell && $0.isSame(as: own) }
  }

  /// What is wrong with the cell.
  func cellProblem(among known: [Cell]) -> SettingsError? {
    if isTransformer {
      return cell == TransformerOption.transformer && cellText == nil
        ? nil : .unsupported(option: "cell", reason: "has no meaning with --model transformer")
    }
    guard let cellText else {
      return known.contains { $0.name == cell }
        ? nil : .unknownName(option: "cell", found: cell, known: known.map(\.name))
    }
    do throws(CellTextError) {
      let own = try Cell(text: cellText)
      return own.name == cell
        ? nil : .badCell(option: "cell_text", reason: "expected the cell '\(cell)', found '\(own.name)'")
    } catch {
      return .badCell(option: "cell_text", reason: error.description)
    }
  }
}
