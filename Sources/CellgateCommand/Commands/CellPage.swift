import Cellgate

/// All about one cell at given sizes.
struct CellPage {
  let cell: Cell
  let input: Int
  let hidden: Int
  /// The side of the neighbourhood that each matrix reads on a grid; nil for sequences of vectors.
  var kernel: Int?

  /// The columns of a matrix on a grid for each of its own.
  private var neighbours: Int { kernel.map { $0 * $0 } ?? 1 }
  private var shapes: [[Int]] {
    cell.parameters.map { parameter in
      let shape = parameter.shape(inputSize: input, hiddenSize: hidden)
      return shape.count == 2 ? [shape[0], shape[1] * neighbours] : shape
    }
  }
  private var count: Int {
    zip(cell.parameters, shapes).reduce(0) { $0 + ($1.0.isFixed ? 0 : $1.1.reduce(1, *)) }
  }
  private var multiplyAdds: Int { cell.multiplyAdds(inputSize: input, hiddenSize: hidden) * neighbours }
  /// The equations for a paper.
  var latex: String { cell.latex(onGrid: kernel != nil) }
  private var equations: [String] { cell.equations(.unicode, onGrid: kernel != nil) }

  /// The keys that a list of cells has.
  static func summary(_ cell: Cell, _ input: Int, _ hidden: Int) -> [(key: String, value: JSONValue)] {
    [
      ("name", .string(cell.name)), ("states", .strings(cell.states)),
      ("parameters", .integer(cell.parameterCount(inputSize: input, hiddenSize: hidden))),
      ("summary", .string(cell.summary)), ("source", .string(cell.source)),
    ]
  }

  /// The states' names, the first and the last where they are many.
  static func states(_ cell: Cell) -> String {
    let names = cell.states
    return (names.count > 5 ? [names[0], names[1], "…", names[names.count - 1]] : names)
      .joined(separator: ", ")
  }

  /// The source as a line of a list has it, "Li et al. 2018, arXiv:1803.04831", without addresses of other places.
  static func shortSource(_ cell: Cell) -> String {
    let parts = cell.source.split(separator: ", https://", maxSplits: 1).map(String.init)
    guard parts.count == 2, parts[1].hasPrefix("arxiv.org/abs/") else { return parts.first ?? "" }
    return parts[0] + ", arXiv:" + parts[1].dropFirst("arxiv.org/abs/".count)
  }

  /// The JSON record of the cell.
  var record: JSONValue {
    let plan = cell.planDescription
    func stages(_ stages: [PlanDescription.Stage]) -> JSONValue {
      .array(stages.map { ["kind": .string($0.kind), "lines": .strings($0.lines)] })
    }
    let shapes = zip(cell.parameters, shapes).map { parameter, shape in
      (key: parameter.name, value: JSONValue.array(shape.map { .integer($0) }))
    }
    let summary = Self.summary(cell, input, hidden).map { key, value in
      (key: key, value: key == "parameters" ? JSONValue.integer(count) : value)
    }
    return .object(
      summary + [
        ("input", .integer(input)), ("hidden", .integer(hidden)),
      ] + (kernel.map { [("kernel", .integer($0))] } ?? []) + [
        ("equations", .strings(equations)), ("latex", .string(latex)),
        ("text", .string(cell.text)),
        ("parameter_shapes", .object(shapes)), ("forward", stages(plan.forward)),
        ("backward", stages(plan.backward)), ("saved", .strings(plan.saved)),
        ("weight_gradients", .strings(plan.weightGradients)),
        ("multiply_adds_per_step", .integer(multiplyAdds)),
      ])
  }

  /// Prints the page for people.
  func print() {
    let terminal = Terminal.output
    func heading(_ text: String, _ note: String = "") {
      Console.print(
        "\n  " + terminal.styled(text, .bold) + (note.isEmpty ? "" : terminal.styled("  " + note, .dim)))
    }
    let plan = cell.planDescription
    Console.print("\n  \(terminal.styled(cell.name, .bold))  \(cell.summary)")
    if !cell.source.isEmpty { Console.print("  " + terminal.styled(cell.source, .dim)) }

    heading("Equations", "\(cell.inputName) input, \(cell.states[0]) output, ⊙ elementwise product")
    if let kernel {
      Console.print(
        "    * is a convolution: each place reads \(kernel) × \(kernel) places, zeros beyond the border\n")
    }
    for line in equations { Console.print("    " + line) }

    heading(
      "Parameters",
      "I = \(Text.count(input)), H = \(Text.count(hidden))" + (kernel == nil ? "" : ", channels of a place"))
    for line in parameterLines() { Console.print("    " + line) }

    heading("A step, forward", "how the equations are run: matrix products, then elementwise work")
    printStages(plan.forward)
    heading("A step, backward", "derived from the equations")
    printStages(plan.backward)
    heading("Weight gradients", "large products over many steps at once, after the backward sweep")
    for line in plan.weightGradients.isEmpty ? ["none"] : plan.weightGradients {
      Console.print("    " + line)
    }

    heading("Kept for the backward pass", "numbers per step, sequence and hidden unit")
    Console.print("    \(plan.saved.count): \(plan.saved.joined(separator: ", "))")
    heading("Multiply-adds per step and " + (kernel == nil ? "sequence" : "place"))
    Console.print("    \(Text.count(multiplyAdds))\n")
  }

  private func parameterLines() -> [String] {
    let names = cell.parameters.map(\.name)
    let width = names.map(\.count).max() ?? 0
    let symbols = cell.parameterSymbols.map(Text.width).max() ?? 0
    let rows = zip(zip(cell.parameters, shapes), cell.parameterSymbols).map {
      parameter, symbol -> (shape: String, size: Int, note: String) in
      let (parameter, shape) = parameter
      let gates = parameter.gates.filter { !$0.isEmpty }
      return (
        "[" + shape.map { "\($0)" }.joined(separator: ", ") + "]", shape.reduce(1, *),
        (gates.isEmpty
          ? symbol : Text.padded(symbol, to: symbols) + "  gates " + gates.joined(separator: ", "))
          + (parameter.isFixed ? "  fixed" : "")
      )
    }
    let shapes = rows.map(\.shape.count).max() ?? 0
    let counts = (rows.map(\.size) + [count]).map { Text.count($0).count }.max() ?? 0
    let lines = zip(names, rows).map { name, row in
      Text.padded(name, to: width) + "  " + Text.padded(row.shape, to: shapes) + "  "
        + Text.padded(Text.count(row.size), to: counts, alignRight: true)
        + "  " + row.note
    }
    let name = cell.parameters.contains { $0.isFixed } ? "learned" : "in all"
    let total = Text.padded(Text.count(count), to: counts, alignRight: true)
    return lines + [Text.padded(name, to: width + 2 + shapes) + "  " + total]
  }

  private func printStages(_ stages: [PlanDescription.Stage]) {
    for (index, stage) in stages.enumerated() {
      let label = Text.padded("\(index + 1)  \(stage.kind)", to: 14)
      for (number, line) in stage.lines.enumerated() {
        Console.print("    " + (number == 0 ? label : String(repeating: " ", count: 14)) + "  " + line)
      }
    }
  }
}
