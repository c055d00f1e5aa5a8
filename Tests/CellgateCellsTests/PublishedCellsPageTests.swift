import CellgateCells
import Foundation
import Testing

/// The documentation's page of published cells is made from the cells: `CELLGATE_WRITE_PAGES=1 swift test --filter
/// PublishedCellsPageTests` writes it.
@Suite("The page of published cells")
struct PublishedCellsPageTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let page = root.appendingPathComponent("Sources/Cellgate/Cellgate.docc/PublishedCells.md")

  /// What the file says of its cell before the cell begins.
  private static func notes(_ cell: Cell) throws -> String {
    let file = root.appendingPathComponent("Sources/CellgateCells/Zoo/\(cell.name).cell")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .prefix { $0.hasPrefix("#") }.map { $0.dropFirst(2) }.joined(separator: "\n")
  }

  private static func source(_ cell: Cell) -> String {
    let parts = cell.source.split(separator: ", ", maxSplits: 1).map(String.init)
    return "[\(parts[0])](\(parts[1]))"
  }

  private static func count(_ cell: Cell) -> String {
    let digits = String(cell.parameterCount(inputSize: 128, hiddenSize: 128)).reversed()
    var text = ""
    for (place, digit) in digits.enumerated() {
      text = (place > 0 && place % 3 == 0 ? "\(digit)," : "\(digit)") + text
    }
    return text
  }

  private static func text() throws -> String {
    var lines = [
      "# Published cells", "", "Cells from papers, ready for every command.", "", "## Overview", "",
      "Each is a `.cell` file (<doc:ACellInAFile>) with its source, in `Sources/CellgateCells/Zoo`. Commands take its name:",
      "", "```", "cellgate cells indrnn", "cellgate train adding --cell indrnn",
      "cellgate compare adding --cells lstm,all --equal parameters", "```", "",
      "`cellgate cells NAME --as cell` prints the file to begin one of your own with. The equations below are what",
      "`cellgate cells NAME` prints, and the parameters those of a layer with 128 inputs and 128 units, `--input 128 --hidden 128`;",
      "a projection has as many units as the layer unless you say otherwise.",
      "", "| cell | what it is | parameters | source |", "|---|---|---:|---|",
    ]
    for cell in Cell.zoo {
      lines.append("| `\(cell.name)` | \(cell.summary) | \(count(cell)) | \(source(cell)) |")
    }
    for cell in Cell.zoo {
      lines += [
        "", "### \(cell.name)", "",
        "\(cell.summary.prefix(1).uppercased() + cell.summary.dropFirst()), \(source(cell)).",
      ]
      let notes = try notes(cell)
      if !notes.isEmpty { lines += ["", notes] }
      lines += ["", "```"] + cell.equations() + ["```"]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  @Test("It is made from the cells")
  func isCurrent() throws {
    let text = try Self.text()
    if ProcessInfo.processInfo.environment["CELLGATE_WRITE_PAGES"] != nil {
      try text.write(to: Self.page, atomically: true, encoding: .utf8)
    }
    #expect(
      try String(contentsOf: Self.page, encoding: .utf8) == text, "write it with CELLGATE_WRITE_PAGES=1")
  }
}
