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
    grouped(cell.parameterCount(inputSize: 128, hiddenSize: 128))
  }

  private static func grouped(_ number: Int) -> String {
    var text = ""
    for (place, digit) in String(number).reversed().enumerated() {
      text = (place > 0 && place % 3 == 0 ? "\(digit)," : "\(digit)") + text
    }
    return text
  }

  /// What `Benchmarks/compare zoo` kept.
  private struct Timing: Decodable {
    struct Row: Decodable {
      struct Side: Decodable { let ms: Double? }
      let cell: String?
      let cellgate: Side?
      let ratio: Double?
    }
    let threads: Int
    let rows: [Row]
  }

  private static func number(_ value: Double, _ places: Int) -> String {
    String(format: "%.\(places)f", value)
  }

  /// The milliseconds of a training step and how many times as long torchrecurrent takes, by the cells' names.
  private static func times(_ timing: Timing) -> [String: (ms: String, ratio: String)] {
    var times: [String: (ms: String, ratio: String)] = [:]
    for row in timing.rows {
      guard let name = row.cell, let ms = row.cellgate?.ms, times[name] == nil else { continue }
      times[name] = (number(ms, 2), row.ratio.map { number($0, 1) + " ×" } ?? "–")
    }
    return times
  }

  /// Updates until each cell solves the adding problem, by `results/zoo/run`: the median, or how many seeds do, by the cells' names.
  private static func solved() throws -> [String: String] {
    let file = root.appendingPathComponent("results/zoo/adding.csv")
    var lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let names = lines.removeFirst()
    let rows = try lines.map { line in
      let row = Dictionary(uniqueKeysWithValues: zip(names, line))
      let cell = try #require(row["cell"]), runs = try #require(row["runs"])
      let solved = try #require(row["solved_runs"].flatMap { Int($0) })
      let steps = row["steps_to_solve"].flatMap { Double($0) }.map { grouped(Int($0)) } ?? "–"
      return (cell, solved == 0 || "\(solved)" == runs ? steps : "\(solved) of \(runs)")
    }
    return Dictionary(uniqueKeysWithValues: rows)
  }

  private static func text() throws -> String {
    let file = root.appendingPathComponent("results/benchmarks/zoo.json")
    let timing = try JSONDecoder().decode(Timing.self, from: Data(contentsOf: file))
    let solved = try solved()
    let times = times(timing), threads = timing.threads == 1 ? "one thread" : "\(timing.threads) threads"
    var lines = [
      "# Published cells", "", "Cells from papers, ready for every command.", "", "## Overview", "",
      "Each is a `.cell` file (<doc:ACellInAFile>) with its source, in `Sources/CellgateCells/Zoo`. Commands take its name:",
      "", "```", "cellgate cells indrnn", "cellgate train adding --cell indrnn",
      "cellgate compare adding --cells lstm,all --equal parameters", "```", "",
      "`cellgate cells NAME --as cell` prints the file to begin one of your own with. The equations below are what",
      "`cellgate cells NAME` prints, and the parameters those of a layer with 128 inputs and 128 units, `--input 128 --hidden 128`;",
      "a projection has as many units as the layer unless you say otherwise.",
      "",
      "The time is that of a training step of 16 sequences of 128 steps in ms, on \(threads), and beside it how many",
      "times as long torchrecurrent 0.2.5 takes where it has the cell: `Benchmarks/compare zoo`, on the machine that",
      "`results/benchmarks` names. `Benchmarks/check-cells` computes its layers from the same weights: all agree to the",
      "last digits but for `dsgu`, `fastgrnn`, `lem`, `nas`, `scrn` and `sgu`, where they part from the published equations.",
      "",
      "*Solved after* counts updates on the adding problem of length 50 with 64 units, the median of three seeds, at one learning rate for all",
      "and 3,000 updates at most: `results/zoo`.",
      "", "| cell | what it is | parameters | ms | torchrecurrent | solved after | source |",
      "|---|---|---:|---:|---:|---:|---|",
    ]
    for cell in Cell.zoo {
      let time = times[cell.name] ?? ("–", "–")
      let row = [
        "`\(cell.name)`", cell.summary, count(cell), time.ms, time.ratio, solved[cell.name] ?? "–",
        source(cell),
      ]
      lines.append("| " + row.joined(separator: " | ") + " |")
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
