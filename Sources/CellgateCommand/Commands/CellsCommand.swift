import ArgumentParser
import Cellgate

/// `cellgate cells`: what cells there are, and what one of them computes.
struct CellsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cells",
    abstract: "List the cells, or print one cell's equations.",
    discussion: """
      Without a name, lists all cells with the parameters that one layer has and their sources: the cells of the \
      program, and published ones, each from its paper. With a name, prints what that \
      cell computes at each step, its parameters, and how Cellgate runs it. Instead of a name it takes a .cell \
      file, a cell of your own: its equations as --as cell prints them, which the article "A cell in a file" of the \
      documentation explains.

      EXAMPLES:
        cellgate cells
        cellgate cells lstm-wm
        cellgate cells indrnn
        cellgate cells gru --as latex > gru.tex
        cellgate cells lstm --as cell > my.cell
        cellgate cells my.cell
        cellgate cells lstm-wm --kernel 3 --input 64 --hidden 64
        cellgate cells --input 10 --hidden 256 --json
      """)

  /// What is printed of a cell besides its page.
  private enum Form: String, CaseIterable { case cell, latex, pytorch, c, onnx }

  @Argument(help: "The cell to print, a name or a .cell file; all are listed if you leave it out.")
  var name: String?

  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "Print only the cell: as the text of a .cell file (cell), its equations as LaTeX (latex), a PyTorch module (pytorch), a C function (c), or an ONNX graph of a step as text (onnx).",
      valueName: "form"))
  var form: String?

  @Flag(help: .hidden)
  var latex = false

  @Flag(help: "Print one JSON array and nothing else.")
  var json = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Numbers that the cell reads at each step.", valueName: "n"))
  var input = WholeNumber(2)

  @Option(parsing: .unconditional, help: ArgumentHelp("Hidden units.", valueName: "n"))
  var hidden = WholeNumber(128)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Print the cell as it is on a grid, such as a video's frames: its products are convolutions over n × n places.",
      valueName: "n"))
  var kernel: WholeNumber?

  func run() throws {
    var problems = OptionProblems()
    let input = problems.whole("--input", input, in: 1...ModelOptions.largestSize)
    let hidden = problems.whole("--hidden", hidden, in: 1...ModelOptions.largestSize)
    let kernel = kernel.map { problems.whole("--kernel", $0, in: 1...99) }
    if let kernel, kernel % 2 == 0 { problems.add("--kernel: expected an odd number, found \(kernel)") }
    if kernel != nil, name == nil {
      problems.add("--kernel: expected the name of a cell, as in 'cells lstm-wm --kernel 3'")
    }
    let cell = try name.flatMap { try problems.cell($0) }
    let typed = form ?? (latex ? Form.latex.rawValue : nil), option = form == nil ? "--latex" : "--as"
    let form = typed.flatMap { Form(rawValue: $0) }
    if let typed, form == nil {
      problems.add("--as: " + Names.unknown("form", typed, known: Form.allCases.map(\.rawValue)))
    }
    if form != nil, json { problems.add("\(option) and --json: expected only one of them") }
    if let form, name == nil {
      problems.add("\(option): expected the name of a cell, as in 'cells lstm-wm --as \(form.rawValue)'")
    }
    if let form, form != .latex, kernel != nil {
      problems.add("--as \(form.rawValue) and --kernel: expected only one of them")
    }
    try problems.check()

    if let cell {
      let page = CellPage(cell: cell, input: input, hidden: hidden, kernel: kernel)
      switch form {
      case .cell: Console.write(cell.text)
      case .latex: Console.print(page.latex)
      case .pytorch: Console.write(cell.pyTorch)
      case .c: Console.write(cell.c)
      case .onnx: Console.write(cell.onnxText)
      case nil: if json { JSONValue.array([page.record]).print() } else { page.print() }
      }
    } else if json {
      JSONValue.array(Cell.all.map { .object(CellPage.summary($0, input, hidden)) }).print()
    } else {
      list(input: input, hidden: hidden)
    }
  }

  private func list(input: Int, hidden: Int) {
    // A narrow terminal has no room for the sources, which each cell's page has.
    let hasSources = Terminal.output.width.map { $0 >= 130 } ?? true
    let columns = [Table.Column.left("cell"), .left("states"), .right("parameters")]
    var table = Table(columns + (hasSources ? [.left("source")] : []) + [.left("what it is")])
    for cell in Cell.all {
      let count = Text.count(cell.parameterCount(inputSize: input, hiddenSize: hidden))
      table.add(
        [cell.name, CellPage.states(cell), count] + (hasSources ? [CellPage.shortSource(cell)] : [])
          + [cell.summary])
    }
    Console.print()
    table.print()
    let sizes =
      "Parameters of one layer with \(Text.plural(input, "input")) and \(Text.count(hidden)) hidden units"
    Console.print("\n  \(sizes); other sizes: --input I --hidden H.")
    Console.print("  The equations of one: cellgate cells lstm-wm\n")
  }
}
