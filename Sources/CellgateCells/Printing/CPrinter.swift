/// A cell's step as a C99 function, printed from its equations.
///
/// Values of all units that matrices read, or means are taken of, are arrays; everything else is computed unit by unit in as
/// few loops as the equations allow.
package struct CPrinter {
  /// The cell.
  package let cell: Cell
  /// Whether matrices are signed bytes with a scale for each row.
  private let ofBytes: Bool
  private let code: CellCode
  /// When a node can be computed: one more than what its products and reductions read.
  private let levels: [Int]
  /// Nodes that are arrays: products or reductions read them, or a later loop, or they are a state's new value.
  private let stored: Set<NodeID>

  /// A printer of a cell, whose matrices are floats, or signed bytes with a scale for each row.
  package init(_ cell: Cell, ofBytes: Bool = false) {
    self.cell = cell
    self.ofBytes = ofBytes
    let graph = cell.graph
    var levels: [Int] = []
    var whole: Set<NodeID> = []
    for node in graph.nodes {
      let readsAll = Self.readsAll(node.operation)
      levels.append(node.operands.map { levels[$0] + (readsAll && !graph.isLeaf($0) ? 1 : 0) }.max() ?? 0)
      if readsAll { whole.formUnion(node.operands.filter { !graph.isLeaf($0) }) }
    }
    var code = CellCode(
      cell, Self.language(ofBytes: ofBytes), taken: ["I", "H", "P", "j", "k"], named: whole)
    var stored = whole.union(cell.next.filter { !graph.isLeaf($0) })
    for (_, node) in code.statements {
      stored.formUnion(code.reads(node).filter { levels[$0] < levels[node] })
    }
    code.arrays = stored
    self.code = code
    self.levels = levels
    self.stored = stored
  }

  /// Whether an operation reads all units of its operand.
  private static func readsAll(_ operation: NodeOperation) -> Bool {
    switch operation {
    case .product, .transposedProduct, .reduction: true
    default: false
    }
  }

  private static func language(ofBytes: Bool) -> CellCode.Language {
    CellCode.Language(
      function: { operation, operands in
        let name =
          switch operation {
          case .sigmoid: "cg_sigmoid"
          case .tanh: "tanhf"
          case .relu: "cg_relu"
          case .softplus: "cg_softplus"
          case .exp: "expf"
          case .logarithm: "logf"
          case .squareRoot: "sqrtf"
          case .absolute: "fabsf"
          case .minimum: "cg_smaller"
          case .maximum: "cg_greater"
          default: "\(operation)"
          }
        return "\(name)(\(operands.joined(separator: ", ")))"
      },
      product: { matrix, operand, size in
        let row = "\(matrix) + j * \(letter(size))"
        return ofBytes
          ? "cg_dot_bytes(\(row), \(scale(matrix))[j], \(operand), \(letter(size)))"
          : "cg_dot(\(row), \(operand), \(letter(size)))"
      },
      transposedProduct: { matrix, operand, size, result in
        let sizes = "\(letter(size)), \(letter(result))"
        return ofBytes
          ? "cg_dot_transposed_bytes(\(matrix) + j, \(scale(matrix)), \(operand), \(sizes))"
          : "cg_dot_transposed(\(matrix) + j, \(operand), \(sizes))"
      }, productPrecedence: .atom, constant: Self.number, unit: { "\($0)[j]" }, scalar: { "\($0)[0]" },
      reduction: { kind, operand, size in "cg_\(kind.rawValue)(\(operand), \(letter(size)))" },
      reserved: [
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum",
        "extern", "float",
        "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed",
        "sizeof", "static",
        "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "main", "j0", "j1",
        "jn", "y0", "y1",
        "yn", "gamma", "signgam", "exp", "log", "sin", "cos", "tan", "pow", "NAN", "weights", "state",
      ])
  }

  /// The name of the scales of a matrix' rows.
  package static func scale(_ matrix: String) -> String { matrix + "_scale" }

  private static func letter(_ size: CellDimension) -> String {
    switch size {
    case .input: "I"
    case .hidden: "H"
    case .projection: "P"
    }
  }

  /// A number as a float of C.
  package static func number(_ value: Double) -> String {
    let single = Float(value)
    if single.isNaN { return "NAN" }
    if single.isInfinite { return single < 0 ? "-INFINITY" : "INFINITY" }
    return "\(single)f"
  }

  /// The functions that steps call, those that `text` has.
  package static func helpers(for text: String) -> String {
    helpers.filter { text.contains($0.name + "(") }.map(\.text).joined(separator: "\n")
  }

  private static let helpers: [(name: String, text: String)] = [
    (
      "cg_dot",
      """
      static float cg_dot(const float *a, const float *b, int n)
      {
          float sum = 0.0f;
          for (int k = 0; k < n; k++) sum += a[k] * b[k];
          return sum;
      }

      """
    ),
    (
      "cg_dot_transposed",
      """
      static float cg_dot_transposed(const float *a, const float *b, int n, int stride)
      {
          float sum = 0.0f;
          for (int k = 0; k < n; k++) sum += a[k * stride] * b[k];
          return sum;
      }

      """
    ),
    (
      "cg_dot_bytes",
      """
      static float cg_dot_bytes(const signed char *a, float scale, const float *b, int n)
      {
          float sum = 0.0f;
          for (int k = 0; k < n; k++) sum += (float)a[k] * b[k];
          return scale * sum;
      }

      """
    ),
    (
      "cg_dot_transposed_bytes",
      """
      static float cg_dot_transposed_bytes(const signed char *a, const float *scale, const float *b, int n, int stride)
      {
          float sum = 0.0f;
          for (int k = 0; k < n; k++) sum += scale[k] * (float)a[k * stride] * b[k];
          return sum;
      }

      """
    ),
    (
      "cg_sigmoid",
      """
      static float cg_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

      """
    ),
    (
      "cg_relu",
      """
      static float cg_relu(float x) { return x < 0.0f ? 0.0f : x; }

      """
    ),
    (
      "cg_softplus",
      """
      static float cg_softplus(float x) { return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x))); }

      """
    ),
    (
      "cg_smaller",
      """
      static float cg_smaller(float a, float b) { return a < b ? a : b <= a ? b : NAN; }

      """
    ),
    (
      "cg_greater",
      """
      static float cg_greater(float a, float b) { return a > b ? a : b >= a ? b : NAN; }

      """
    ),
    (
      "cg_mean",
      """
      static float cg_mean(const float *x, int n)
      {
          float sum = 0.0f;
          for (int k = 0; k < n; k++) sum += x[k];
          return sum / (float)n;
      }

      """
    ),
    (
      "cg_variance",
      """
      static float cg_variance(const float *x, int n)
      {
          float mean = 0.0f, sum = 0.0f;
          for (int k = 0; k < n; k++) mean += x[k];
          mean /= (float)n;
          for (int k = 0; k < n; k++) sum += (x[k] - mean) * (x[k] - mean);
          return sum / (float)n;
      }

      """
    ),
  ]

  /// The values of all units that a step keeps besides the states, and each one's size.
  package var scratch: [CellDimension] {
    code.statements.filter { stored.contains($0.node) }.map { cell.graph.size(of: $0.node) }
  }

  /// The function `name`: a step on an input, the states, which it changes, and the parameters.
  package func function(_ name: String) -> String {
    func isOfBytes(_ index: Int) -> Bool { ofBytes && cell.parameters[index].columns != nil }
    let parameters = cell.parameters.indices.flatMap { index in
      let name = cell.parameters[index].name
      return isOfBytes(index)
        ? ["const signed char *\(name)", "const float *\(Self.scale(name))"] : ["const float *\(name)"]
    }
    let sizes = ["int I", "int H"] + (cell.hasProjection ? ["int P"] : [])
    let scratchNames = code.statements.filter { stored.contains($0.node) }.map(\.name)
    let arguments =
      sizes + ["const float *\(code.input)"] + code.before.map { "float *\($0)" } + parameters
      + scratchNames.map { "float *\($0)" }
    var lines = ["/* \(cell.name): \(Self.comment(cell.summary))", ""]
    lines += cell.equations().map { "   " + Self.comment($0) }
    lines += ["*/", "static void \(name)("]
    lines.append("    " + arguments.joined(separator: ", ") + ")")
    lines.append("{")
    for (index, definition) in cell.parameters.enumerated() {
      let rows = definition.isScalar ? "1" : Self.letter(definition.rows)
      let size = rows + (definition.columns.map { " * " + Self.letter($0) } ?? "")
      for gate in definition.gates.indices {
        let own = code.name(of: Block(parameter: index, gate: gate))
        guard own != definition.name || gate > 0 else { continue }
        lines.append(
          "    const \(isOfBytes(index) ? "signed char" : "float") *\(own) = \(definition.name)"
            + (gate == 0 ? "" : " + \(gate) * \(size)") + ";")
        if isOfBytes(index) {
          lines.append(
            "    const float *\(Self.scale(own)) = \(Self.scale(definition.name))"
              + (gate == 0 ? "" : " + \(gate) * \(rows)") + ";")
        }
      }
    }
    lines += loops
    lines += assignments
    for name in unused { lines.append("    (void)\(name);") }
    lines.append("}")
    return lines.joined(separator: "\n") + "\n"
  }

  /// New values only now take the place of those that were read; another state's old value is read before that one changes.
  private var assignments: [String] {
    var lines: [String] = []
    for size in [CellDimension.hidden, .projection] {
      let states = cell.states.indices.filter { cell.stateSizes[$0] == size }
      let moved = states.filter {
        if case .state = cell.graph[cell.next[$0]].operation { true } else { false }
      }
      let loop = "    for (int j = 0; j < \(Self.letter(size)); j++)"
      func assignment(_ state: Int) -> String {
        "\(code.before[state])[j] = \(moved.contains(state) ? code.after[state] : code.next(state));"
      }
      if moved.isEmpty {
        lines += states.map { "\(loop) \(assignment($0))" }
        continue
      }
      lines.append("\(loop) {")
      lines += moved.map { "        const float \(code.after[$0]) = \(code.next($0));" }
      lines += states.map { "        \(assignment($0))" }
      lines.append("    }")
    }
    return lines
  }

  private var unused: [String] {
    let used = Set(
      cell.graph.nodes.compactMap { node -> CellDimension? in
        node.operation.matrix == nil ? nil : cell.graph.sizes[node.operands[0]]
      }
    ).union(cell.stateSizes).union(code.statements.map { cell.graph.size(of: $0.node) })
    return ([.input, .hidden] as [CellDimension]).filter { !used.contains($0) }.map(Self.letter)
  }

  /// A loop for each level and size.
  private var loops: [String] {
    var lines: [String] = []
    let most = levels.max() ?? 0
    for level in 0...most {
      for size in [CellDimension.hidden, .projection] {
        let own = code.statements.filter { levels[$0.node] == level && cell.graph.size(of: $0.node) == size }
        guard !own.isEmpty else { continue }
        lines.append("    for (int j = 0; j < \(Self.letter(size)); j++) {")
        for (name, node) in own {
          lines.append(
            stored.contains(node)
              ? "        \(name)[j] = \(code.formula(node));"
              : "        const float \(name) = \(code.formula(node));")
        }
        lines.append("    }")
      }
    }
    return lines
  }

  private static func comment(_ text: String) -> String {
    text.replacing("*/", with: "* /").replacing("/*", with: "/ *")
  }
}

extension Cell {
  /// The cell's step as a C99 function, with the functions that it calls.
  public var c: String {
    let function = CPrinter(self).function("step")
    return "#include <math.h>\n\n" + CPrinter.helpers(for: function) + "\n" + function
  }
}
