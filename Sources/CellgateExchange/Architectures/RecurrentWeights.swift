import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// The weights of a recurrent module under PyTorch's names, its sizes read from their shapes.
struct RecurrentWeights {
  let group: WeightGroup
  let kind: Kind
  let inputSize: Int
  let hiddenSize: Int
  /// P of an LSTM whose output is projected; nil of others.
  let projectionSize: Int?
  let layers: Int
  let directions: Int
  /// Whether the file has biases.
  let hasBias: Bool
  /// Whether the names have no layer: a cell's, not a layer's.
  let isCell: Bool

  enum Kind: String {
    case lstm, gru, rnn
    case lstmWM = "lstm_wm"
  }

  /// The size of a direction's output.
  var outputSize: Int { projectionSize ?? hiddenSize }

  /// Reads the sizes; throws for tensors whose shapes don't fit each other.
  init(_ group: WeightGroup, framework: String) throws(ImportError) {
    func bad(_ expected: String, _ found: String) -> ImportError {
      .doesNotFit(framework: framework, reason: "module \(group.shown): expected \(expected), found \(found)")
    }
    self.group = group
    isCell = group["weight_ih_l0"] == nil
    var layers = 1
    if !isCell { while group["weight_ih_l\(layers)"] != nil { layers += 1 } }
    self.layers = layers
    directions = group["weight_ih_l0_reverse"] == nil ? 1 : 2
    let first = isCell ? "" : "_l0"
    guard let input = group["weight_ih" + first], let recurrent = group["weight_hh" + first], input.rank == 2,
      recurrent.rank == 2, input.count > 0, recurrent.count > 0
    else { throw bad("weight_ih\(first) and weight_hh\(first) of two dimensions", "others") }
    let projection = group["weight_hr" + first]
    if let projection, projection.rank != 2 || projection.count == 0 {
      throw bad("weight_hr\(first) of two dimensions", "\(projection.shape)")
    }
    projectionSize = projection?.shape[0]
    hiddenSize = projection?.shape[1] ?? recurrent.shape[1]
    inputSize = input.shape[1]
    let rows = input.shape[0]
    switch (rows.isMultiple(of: hiddenSize) ? rows / hiddenSize : 0, group["weight_mh" + first]) {
    case (4, nil): kind = .lstm
    case (3, nil): kind = .gru
    case (1, nil): kind = .rnn
    case (4, .some): kind = .lstmWM
    default:
      throw bad(
        "weight_ih\(first) of 1, 3 or 4 times \(hiddenSize) rows, as weight_hh\(first) has columns", "\(rows)"
      )
    }
    guard projection == nil || kind == .lstm else {
      throw bad("a projection of an LSTM", "one of another cell")
    }
    hasBias = group["bias_ih" + first] != nil || group["bias" + first] != nil
    try check(bad)
  }

  /// Every tensor of every layer and direction, with its shape.
  private func check(_ bad: (String, String) -> ImportError) throws(ImportError) {
    let (rows, out) = (hiddenSize * gates, outputSize)
    var known: Set<String> = []
    for (layer, suffix) in suffixes {
      var expected = [
        ("weight_ih", [rows, layer == 0 ? inputSize : directions * out]), ("weight_hh", [rows, out]),
      ]
      if hasBias {
        if group["bias" + suffix] != nil, kind != .gru {
          expected.append(("bias", [rows]))
        } else {
          expected += [("bias_ih", [rows]), ("bias_hh", [rows])]
        }
      }
      if let projectionSize { expected.append(("weight_hr", [projectionSize, hiddenSize])) }
      if kind == .lstmWM { expected.append(("weight_mh", [3 * hiddenSize, hiddenSize])) }
      for (name, shape) in expected {
        guard let tensor = group[name + suffix] else { throw bad("'\(name + suffix)'", "none") }
        guard tensor.shape == shape else { throw bad("'\(name + suffix)' \(shape)", "\(tensor.shape)") }
        known.insert(name + suffix)
      }
    }
    if let other = group.tensors.first(where: { !known.contains($0.name) }) {
      throw bad("the tensors of \(name)", "'\(quotedName(other.name))' too")
    }
  }

  private var gates: Int {
    switch kind {
    case .lstm, .lstmWM: 4
    case .gru: 3
    case .rnn: 1
    }
  }

  /// The ends of the names in the file, of each layer and direction.
  private var suffixes: [(layer: Int, suffix: String)] {
    (0..<layers).flatMap { layer in
      (0..<directions).map { direction in
        (layer, isCell ? "" : "_l\(layer)" + (direction == 1 ? "_reverse" : ""))
      }
    }
  }

  // MARK: What it becomes

  /// "nn.LSTM", "nn.GRUCell".
  var name: String {
    switch kind {
    case .lstm: isCell ? "LSTMCell" : "LSTM"
    case .gru: isCell ? "GRUCell" : "GRU"
    case .rnn: isCell ? "RNNCell" : "RNN"
    case .lstmWM: "LSTM with working memory connections"
    }
  }

  /// The order of the gates in the rows of the weights.
  var gateOrder: String {
    switch kind {
    case .lstm: "i, f, g, o"
    case .gru: "r, z, n"
    case .rnn: "none"
    case .lstmWM: "i, f, g, o; memory i, f, o"
    }
  }

  /// Options of a layer of these sizes that returns sequences; throws for sizes that a layer can't have.
  func options(
    relu: Bool, returnSequences: Bool, framework: String
  ) throws(ImportError) -> RecurrentOptions {
    let cell: Cell =
      switch kind {
      case .lstm: projectionSize == nil ? .lstm : .projectedLSTM
      case .gru: .gru
      case .rnn: relu ? .rnnReLU : .rnnTanh
      case .lstmWM: .lstmWM
      }
    var options = RecurrentOptions(cell: cell, units: hiddenSize)
    options.projection = projectionSize
    options.layers = layers
    options.isBidirectional = directions == 2
    options.returnSequences = returnSequences
    if let problem = options.problem {
      throw .doesNotFit(framework: framework, reason: "module \(group.shown): \(problem)")
    }
    return options
  }

  /// The numbers under the names of Cellgate's layer.
  func entries(layer name: String) -> [StateDictionary.Entry] {
    var entries: [StateDictionary.Entry] = []
    for (place, suffix) in suffixes.map(\.suffix).enumerated() {
      let own = "_l\(place / directions)" + (place % directions == 1 ? "_reverse" : "")
      func add(_ parameter: String, _ tensor: Tensor?) {
        if let tensor { entries.append(.init(name + "." + parameter + own, tensor)) }
      }
      add("weight_ih", group["weight_ih" + suffix])
      add("weight_hh", group["weight_hh" + suffix])
      let rows = hiddenSize * gates
      let zeros = { Tensor.zeros([rows]) }
      if kind == .gru {
        add("bias_ih", group["bias_ih" + suffix] ?? zeros())
        add("bias_hh", group["bias_hh" + suffix] ?? zeros())
      } else if let bias = group["bias" + suffix] {
        add("bias", bias)
      } else if let first = group["bias_ih" + suffix], let second = group["bias_hh" + suffix] {
        let sums = zip(first.scalars, second.scalars).map { Float(Double($0) + Double($1)) }
        add("bias", Tensor(sums, shape: [rows]))
      } else {
        add("bias", zeros())
      }
      add("weight_mh", group["weight_mh" + suffix])
      add("weight_hr", group["weight_hr" + suffix])
    }
    return entries
  }

  /// What was read and converted.
  var findings: [String] {
    var parts = ["\(layers) layer\(layers == 1 ? "" : "s")"]
    if directions == 2 { parts.append("both directions") }
    parts.append("input \(inputSize), hidden \(hiddenSize)")
    if let projectionSize { parts.append("projection \(projectionSize)") }
    parts.append("gates \(gateOrder)")
    var findings = [
      "\(group.path.isEmpty ? "" : quotedName(group.path) + ": ")\(name): " + parts.joined(separator: ", ")
    ]
    if !hasBias {
      findings.append("\(name): no bias in the file, zeros in the model")
    } else if kind != .gru, group["bias_ih" + suffixes[0].suffix] != nil {
      findings.append("\(name): bias = bias_ih + bias_hh")
    }
    return findings
  }
}

extension Cell {
  /// PyTorch's LSTM with `proj_size` (Sak et al. 2014, https://arxiv.org/abs/1402.1128): h′ = R(o * tanh(c′)), of size P.
  static let projectedLSTM: Cell = {
    do {
      return try Cell(
        "lstm-proj", summary: "long short-term memory whose output is projected",
        source: "Sak et al. 2014, https://arxiv.org/abs/1402.1128"
      ) { cell in
        let x = cell.input
        let h = cell.state("h", size: .projection), c = cell.state("c")
        let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
        let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
        let b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])
        let R = cell.matrix("weight_hr", rows: .projection)
        let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + b.i))
        let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + b.f))
        let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
        let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + b.o))
        let c1 = cell.next(c, f * c + i * g)
        cell.next(h, R(o * tanh(c1)))
      }
    } catch {
      fail("Cell.projectedLSTM: expected a definition that is right, found \(error)")
    }
  }()
}
