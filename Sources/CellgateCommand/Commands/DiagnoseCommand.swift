import ArgumentParser
import Cellgate
import CellgateFiles

/// `cellgate diagnose`: what was observed in runs, as figures and a table.
struct DiagnoseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Draw what --diagnostics recorded, of one run or of several side by side.",
    discussion: """
      Reads diagnostics.csv and gradients.csv from the folders of runs that were trained with --diagnostics, \
      prints the last observation and draws figures: how large the memory is, how far it saturates the gates, \
      how large the gradients of its weights are, and how gradients fare on their way back through time. Runs \
      that differ in the seed alone become one curve. The folder of a comparison stands for all its runs. \
      Runs that are still training can be drawn too.

      EXAMPLES:
        cellgate diagnose runs/adding-lstm-wm
        cellgate diagnose runs/compare-adding
        cellgate diagnose runs/a runs/b --out figures
      """)

  @Argument(help: ArgumentHelp("The folders of the runs.", valueName: "run"))
  var folders: [String]

  @Option(
    help: ArgumentHelp(
      "The folder for the figures, made if needed; that of the run if you leave it out.", valueName: "dir"))
  var out: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    let target = out ?? folders[0]
    if out == nil, folders.count > 1 {
      throw CommandFailure(.usage, "--out: expected a folder for the figures of several runs, found none")
    }
    let runs = try folders.flatMap(runs)
    try Paths.makeFolder(target)
    let files = try DiagnosticsCharts.write(runs, to: target)
    if json {
      let last = runs.flatMap { run in
        run.last.map { value -> JSONValue in
          [
            "directory": .string(run.folder), "step": .integer(value.step), "layer": .string(value.layer),
            "quantity": .string(value.quantity), "name": .string(value.name), "value": .number(value.value),
          ]
        }
      }
      JSONValue.object([
        ("directory", .string(target)), ("figures", .strings(files)), ("last", .array(last)),
      ]).print()
      return
    }
    for run in runs { printLast(run) }
    Console.print("\n  In \(target): \(files.joined(separator: ", "))\n")
  }

  private func runs(in folder: String) throws -> [RunDiagnostics] {
    let runs = try RunDiagnostics.all(in: folder)
    guard runs.isEmpty else { return runs }
    throw CommandFailure(
      .noInput,
      "\(folder): expected diagnostics.csv, found none; train with --diagnostics to record what happens inside"
    )
  }

  /// A row for each state, gate and memory product at the last observation.
  private func printLast(_ run: RunDiagnostics) {
    guard let step = run.last.first?.step else { return }
    let heading = Terminal.output.styled(quotedName(run.settings.cell), .bold)
    Console.print("\n  \(heading)  \(run.folder), after \(Text.plural(step, "update"))\n")
    typealias Quantity = CellObservation.Quantity
    let columns: [(title: String, quantity: Quantity)] = [
      ("mean |s|", .meanAbsState), ("mean |W c|", .meanAbsMemory), ("|tanh| > 0.95", .saturatedMemory),
      ("gate saturated", .saturatedGate), ("‖dL/dW‖", .memoryGradientNorm),
    ]
    var table = Table([.left("layer"), .left("")] + columns.map { .right($0.title) })
    var rows: [(layer: String, name: String, isState: Bool)] = []
    for value in run.last {
      let row = (value.layer, value.name, value.quantity == Quantity.meanAbsState.rawValue)
      if !rows.contains(where: { $0 == row }) { rows.append(row) }
    }
    for row in rows {
      let cells = columns.map { column -> String in
        let found = run.last.first {
          $0.layer == row.layer && $0.name == row.name && $0.quantity == column.quantity.rawValue
            && (column.quantity == .meanAbsState) == row.isState
        }
        guard let value = found?.value else { return "" }
        let isShare = [.saturatedMemory, .saturatedGate].contains(column.quantity)
        return isShare ? "\(Text.fixed(100 * value, 1)) %" : Text.number(value)
      }
      let name = quotedName(row.name)
      table.add([quotedName(row.layer), row.isState ? "\(name)ₜ" : name] + cells)
    }
    table.print()
  }
}
