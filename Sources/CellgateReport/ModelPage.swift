import CellgateCells
import CellgateCharts
import CellgateFiles
import CellgateNN
import CellgateTensor

/// A page about a model in a file: its layers, the equations of its cells, its parameters in numbers, and where it comes from.
public struct ModelPage {
  private let title: String
  private let model: Model

  /// A page about a model that is built, under a title such as its file's name.
  public init(_ model: Model, title: String) {
    self.model = model
    self.title = title
  }

  /// The page, which loads nothing.
  public var text: String {
    PlainPage.text(
      title: quotedName(title), part("Layers", layers), equations, part("Parameters", parameters), origin)
  }

  private func part(_ title: String, _ content: HTML) -> HTML {
    .tag("section", ["class": "part"], .tag("h4", [:], HTML(title)), content)
  }

  private func table(_ heading: [String], _ rows: [[String]], numbers: Set<Int>) -> HTML {
    func row(_ tag: String, _ cells: [String]) -> HTML {
      .tag(
        "tr", [:],
        HTML(
          cells.enumerated().map { column, text in
            .tag(tag, ["class": numbers.contains(column) ? "number" : nil], HTML(text))
          }))
    }
    return .tag(
      "table", [:], .tag("thead", [:], row("th", heading)),
      .tag("tbody", [:], HTML(rows.map { row("td", $0) })))
  }

  private var layers: HTML {
    let summary = model.summary
    let inputs = summary.inputs.map { [quotedName($0.name), "input", "\($0.shape)", ""] }
    let rows = summary.rows.map { row in
      [
        quotedName(row.name), quotedName(row.kind), row.shapes.map(\.description).joined(separator: " "),
        NumberText.count(row.parameters),
      ]
    }
    return HTML([
      table(["Layer", "Kind", "Output", "Parameters"], inputs + rows, numbers: [3]),
      .tag("p", ["class": "note"], HTML("\(NumberText.count(summary.parameters)) parameters.")),
    ])
  }

  /// The equations of each cell that the model has.
  private var equations: HTML {
    var seen: Set<String> = []
    let cells = model.description.recurrentParts.map(\.options.cell.cell).filter {
      seen.insert($0.text).inserted
    }
    return HTML(
      cells.map { cell in
        part("\(quotedName(cell.name)): \(quotedName(cell.summary))", EquationMarkup.table(cell))
      })
  }

  private var parameters: HTML {
    let rows = model.state.entries.map { entry -> [String] in
      let values = entry.tensor.scalars.map(Double.init)
      let count = Double(max(1, values.count))
      let mean = values.reduce(0, +) / count
      let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
      let largest = values.reduce(0) { max($0, abs($1)) }
      return [
        quotedName(entry.name), "\(entry.tensor.shape)", NumberText.number(mean),
        NumberText.number(deviation),
        NumberText.number(largest),
      ]
    }
    return table(["Name", "Shape", "Mean", "Deviation", "Largest"], rows, numbers: [2, 3, 4])
  }

  private var origin: HTML {
    let rows = ["origin", "task", "cell", "step", "metric", "validation_value"].compactMap { key in
      model.metadata[key].map { [key.replacing("_", with: " "), quotedName($0)] }
    }
    return rows.isEmpty ? .empty : part("Origin", table(["", ""], rows, numbers: []))
  }
}
