import CellgateCells
import CellgateTraining

extension ComparisonSettings {
  /// The comparison's own cells, which are known by their texts alone, and after them the others.
  func allCells(_ known: [Cell]) -> [Cell] {
    let own = (cellTexts ?? []).compactMap { try? Cell(text: $0) }
    let all = own.isEmpty ? known : own + known.filter { cell in !own.contains { $0.name == cell.name } }
    return all + (hasTransformer ? [Cell.ofTransformer].compactMap(\.self) : [])
  }

  /// Whether a Transformer is among what is compared.
  var hasTransformer: Bool { cells.contains(TransformerOption.transformer) }

  /// The settings of a cell's runs, or of a Transformer's, before their sizes.
  func settings(of cell: Cell) -> TrainingSettings {
    var settings = training
    if cell.name == TransformerOption.transformer {
      settings = training.withoutCells
      settings.useTransformer()
    } else {
      settings = training.withoutTransformer
      (settings.cell, settings.cellText) = (cell.name, text(of: cell))
    }
    return settings
  }

  /// What is wrong with the comparison's own cells. One that is called like a known cell must be that cell: in tables
  /// and figures a cell is its name.
  func cellProblems(among known: [Cell]) -> [SettingsError] {
    (cellTexts ?? []).compactMap { text in
      do throws(CellTextError) {
        let own = try Cell(text: text)
        let other = known.first { $0.name == own.name && !$0.isSame(as: own) }
        return other.map {
          .badCell(
            option: "cells",
            reason: "'\($0.name)' has other equations than the cell that is known by this name")
        }
      } catch {
        return .badCell(option: "cell_texts", reason: error.description)
      }
    }
  }

  /// The text of a cell of the comparison's own; nil for one that is known by its name.
  func text(of cell: Cell) -> String? { (cellTexts ?? []).contains(cell.text) ? cell.text : nil }
}
