/// A cell as a PyTorch module, printed from its equations.
///
/// The module holds layers of the cell over sequences `[T, B, I]`, in one or both directions, with the parameters that
/// Cellgate's files have: `weight_ih_l0`, `weight_ih_l0_reverse`, …
public struct PyTorchPrinter {
  /// The cell.
  public let cell: Cell
  /// The class.
  public let className: String
  private let code: CellCode

  /// A printer of a cell. Cells with zoneout or recurrent dropout are those that they are derived from.
  public init(_ cell: Cell) {
    self.cell = cell
    className = Self.className(cell)
    code = CellCode(cell, Self.python)
  }

  /// "lstm-wm" as a class: LSTMWM.
  private static func className(_ cell: Cell) -> String {
    let parts = cell.name.split { !($0.isLetter || $0.isNumber) || !$0.isASCII }
    let isAcronym = ["lstm", "gru", "rnn", "wm", "ph", "mgu"]
    let name = parts.map { part in
      isAcronym.contains(String(part)) ? part.uppercased() : part.prefix(1).uppercased() + part.dropFirst()
    }.joined()
    return name.first?.isLetter == true ? name : "Cell" + name
  }

  private static var python: CellCode.Language {
    CellCode.Language(
      function: { operation, operands in
        switch operation {
        case .sigmoid: "torch.sigmoid(\(operands[0]))"
        case .tanh: "torch.tanh(\(operands[0]))"
        case .relu: "torch.relu(\(operands[0]))"
        case .softplus: "softplus(\(operands[0]))"
        case .exp: "torch.exp(\(operands[0]))"
        case .logarithm: "torch.log(\(operands[0]))"
        case .squareRoot: "torch.sqrt(\(operands[0]))"
        case .absolute: "torch.abs(\(operands[0]))"
        case .minimum: "smaller(\(operands[0]), \(operands[1]))"
        case .maximum: "greater(\(operands[0]), \(operands[1]))"
        default: "\(operation)(\(operands.joined(separator: ", ")))"
        }
      },
      product: { matrix, operand, _ in "\(operand) @ \(matrix).T" },
      transposedProduct: { matrix, operand, _, _ in "\(operand) @ \(matrix)" }, productPrecedence: .product,
      constant: { value in "\(value)" }, unit: { $0 }, scalar: { $0 },
      reduction: { kind, operand, _ in kind == .mean ? "mean(\(operand))" : "variance(\(operand))" },
      reserved: [
        "self", "torch", "nn", "math", "suffix", "layer", "step", "states", "mask", "softplus", "smaller",
        "greater", "pair", "mean",
        "variance", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else",
        "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
        "or", "pass",
        "raise", "return", "try", "while", "with", "yield", "None", "True", "False",
      ])
  }

  /// What every file with such modules begins with.
  public static let preamble = """
    import math

    import torch
    from torch import nn


    def softplus(x):
        return torch.clamp(x, min=0) + torch.log1p(torch.exp(-torch.abs(x)))


    def pair(a, b):
        like = a if torch.is_tensor(a) else torch.as_tensor(b)
        return torch.broadcast_tensors(
            torch.as_tensor(a, dtype=like.dtype, device=like.device),
            torch.as_tensor(b, dtype=like.dtype, device=like.device),
        )


    def smaller(a, b):
        return torch.minimum(*pair(a, b))


    def greater(a, b):
        return torch.maximum(*pair(a, b))


    def mean(x):
        return x.mean(-1, keepdim=True).expand_as(x)


    def variance(x):
        return x.var(-1, unbiased=False, keepdim=True).expand_as(x)

    """

  /// The class alone.
  public var text: String { text(named: className) }

  /// The class alone, under another name.
  public func text(named className: String) -> String {
    var lines = [
      "class \(className)(nn.Module):",
      "    \"\"\"\(Self.quoted(cell.summary.isEmpty ? cell.name : cell.summary))",
    ]
    if !cell.source.isEmpty { lines.append("    \(Self.quoted(cell.source))") }
    lines += ["", "    At each step:", ""]
    lines += cell.equations().map { "        " + Self.quoted($0) }
    lines += ["    \"\"\"", ""]
    let size = cell.hasProjection ? ", projection_size=None" : ""
    lines += [
      "    def __init__(self, input_size, hidden_size\(size), num_layers=1, bidirectional=False):",
      "        super().__init__()",
      "        self.suffixes = [",
      "            [f\"_l{layer}\", f\"_l{layer}_reverse\"][: 2 if bidirectional else 1] for layer in range(num_layers)",
      "        ]",
    ]
    if cell.hasProjection { lines.append("        projection_size = projection_size or hidden_size") }
    lines += [
      "        self.state_sizes = [\(cell.stateSizes.map(Self.size).joined(separator: ", "))]",
      "        for layer, suffixes in enumerate(self.suffixes):",
      "            for suffix in suffixes:",
    ]
    for definition in cell.parameters {
      let kind = definition.isFixed ? "buffer" : "parameter"
      lines.append(
        "                self.register_\(kind)(\"\(definition.name)\" + suffix, \(Self.start(definition)))")
    }
    lines += [
      "            input_size = len(suffixes) * self.state_sizes[0]",
      "        bound = 1 / math.sqrt(hidden_size)",
      "        for parameter in self.parameters():",
      "            nn.init.uniform_(parameter, -bound, bound)",
      "",
      "    def step(self, suffix, \(([code.input] + code.before).joined(separator: ", "))):",
    ]
    lines += steps.map { "        " + $0 }
    lines += Self.forward.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    return lines.joined(separator: "\n") + "\n"
  }

  /// What a parameter is made of. Those that are learned get their first values after it.
  private static func start(_ definition: ParameterDefinition) -> String {
    let gates = definition.gates.count
    let constants: [GateBias]? =
      switch definition.start {
      case .perGate(let values): values
      case .zero: definition.gates.map { _ in .zero }
      case .xavier, .orthogonal: nil
      }
    if definition.isFixed, let constants {
      let parts = constants.map { value in
        if let columns = definition.columns {
          return "torch.full((\(size(definition.rows)), \(size(columns))), \(value.constant))"
        }
        if definition.isScalar { return "torch.full((1,), \(value.constant))" }
        return "torch.linspace(\(value.constant), \(value.last ?? value.constant), \(size(definition.rows)))"
      }
      return gates == 1 ? parts[0] : "torch.cat([\(parts.joined(separator: ", "))])"
    }
    let rows = definition.isScalar ? "\(gates)" : (gates == 1 ? "" : "\(gates) * ") + size(definition.rows)
    let empty = "torch.empty(\(rows)\(definition.columns.map { [", ", size($0)].joined() } ?? ""))"
    return definition.isFixed ? "\(empty).uniform_(-1, 1) / math.sqrt(hidden_size)" : "nn.Parameter(\(empty))"
  }

  /// The lines of a step's body.
  private var steps: [String] {
    var lines: [String] = []
    for (index, definition) in cell.parameters.enumerated() {
      let names = definition.gates.indices.map { code.name(of: Block(parameter: index, gate: $0)) }
      let parameter = "getattr(self, \"\(definition.name)\" + suffix)"
      lines.append(
        names.count == 1
          ? "\(names[0]) = \(parameter)"
          : "\(names.joined(separator: ", ")) = \(parameter).chunk(\(names.count))")
    }
    for (name, node) in code.statements { lines.append("\(name) = \(code.formula(node))") }
    let results = cell.states.indices.map { state -> String in
      // A constant, or a vector of parameters, is the same for all sequences.
      let text = code.next(state)
      return cell.graph.isLeaf(cell.next[state]) ? "torch.zeros_like(\(code.before[state])) + \(text)" : text
    }
    lines.append("return \(results.joined(separator: ", "))" + (results.count == 1 ? "," : ""))
    return lines
  }

  private static func size(_ dimension: CellDimension) -> String {
    switch dimension {
    case .input: "input_size"
    case .hidden: "hidden_size"
    case .projection: "projection_size"
    }
  }

  private static func quoted(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"\"\"", with: "'''")
  }

  private static let forward = """

    def forward(self, x, states=None, mask=None):
        \"""Sequences [T, B, I] give outputs [T, B, D * H] and the last states, each [L * D, B, H].

        mask [T, B] has True where a step is valid: elsewhere the states stay and the output is 0.
        \"""
        steps, batch = x.shape[:2]
        if states is None:
            rows = sum(len(suffixes) for suffixes in self.suffixes)
            states = [x.new_zeros(rows, batch, size) for size in self.state_sizes]
        last = []
        for suffixes in self.suffixes:
            outputs = []
            for suffix in suffixes:
                own = tuple(state[len(last)] for state in states)
                output = [None] * steps
                order = range(steps - 1, -1, -1) if suffix.endswith("_reverse") else range(steps)
                for t in order:
                    new = self.step(suffix, x[t], *own)
                    if mask is not None:
                        valid = mask[t][:, None]
                        new = tuple(torch.where(valid, a, b) for a, b in zip(new, own))
                        output[t] = torch.where(valid, new[0], torch.zeros_like(new[0]))
                    else:
                        output[t] = new[0]
                    own = new
                last.append(own)
                outputs.append(torch.stack(output) if steps else x.new_zeros(0, batch, self.state_sizes[0]))
            x = torch.cat(outputs, -1)
        return x, tuple(torch.stack(state) for state in zip(*last))
    """.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "    " + $0 }
    .joined(separator: "\n")
}

extension Cell {
  /// The cell as a PyTorch module, a Python file that stands by itself.
  public var pyTorch: String { PyTorchPrinter.preamble + "\n\n" + PyTorchPrinter(self).text }
}
