import CellgateBasics
import CellgateCells
import CellgateTensor

extension Recurrent {
  /// How the parameters of a recurrent model start.
  ///
  /// ```swift
  /// let lstm = Recurrent(
  ///   cell: .lstm, inputSize: 2, hiddenSize: 128, initialization: .pytorch, stream: stream)
  /// ```
  ///
  /// What it says of a parameter depends on its role, which is read from the cell's equations
  /// (``Cell/parameterRoles``), so it holds for cells of your own too.
  public struct Initialization: Sendable, Equatable {
    /// What parameters start from that nothing else is said of.
    public enum Scheme: String, Sendable, CaseIterable {
      /// What the cell says: in this package's cells Xavier, orthogonal recurrent matrices per gate, biases of 0, a
      /// forget bias of 1.
      case cellgate
      /// As PyTorch's `LSTM`, `GRU` and `RNN`: all numbers uniform in ±1/√H. PyTorch has two biases for each gate, which are
      /// added: a gate with one bias starts from the sum of two such numbers. `Linear`: ±1/√K; `Embedding`: normal.
      case pytorch
      /// As Keras' `LSTM`, `GRU` and `SimpleRNN`: input matrices Glorot uniform over all gates together, ±√(6/(I + G·H))
      /// of G gates; the recurrent ones of all gates together one orthogonal matrix [G·H, H]; biases 0, the forget gate's
      /// 1. Other matrices as a weight of a Keras layer, Glorot uniform over all gates together; peepholes ±√(3/H).
      /// `Dense`: Glorot uniform, bias 0; `Embedding`: uniform in ±0.05.
      case keras
    }

    /// What parameters start from that nothing else is said of.
    public var scheme: Scheme
    /// T of chrono biases (Tallec & Ollivier 2018, https://arxiv.org/abs/1804.11188), for memories of up to T steps; nil
    /// for the scheme's.
    public var chronoSteps: Int?
    /// The bias of the gates that keep the state, such as an LSTM's f and a GRU's z; its negative for those that drop it
    /// when they are open, such as MGU's f. Nil for the scheme's. Cells without such gates stay as they are.
    public var forgetBias: Float?
    /// What is said of single parameters; where two speak of the same numbers the later one counts.
    public var rules: [Rule]

    /// A scheme, by default the cell's own, with what differs from it.
    public init(
      _ scheme: Scheme = .cellgate, chronoSteps: Int? = nil, forgetBias: Float? = nil, rules: [Rule] = []
    ) {
      self.scheme = scheme
      self.chronoSteps = chronoSteps
      self.forgetBias = forgetBias
      self.rules = rules
    }

    /// As the cell says.
    public static let cellgate = Initialization()
    /// As PyTorch starts.
    public static let pytorch = Initialization(.pytorch)
    /// As Keras starts.
    public static let keras = Initialization(.keras)
    /// As the cell says, with chrono biases for memories of up to `steps` steps.
    public static func chrono(_ steps: Int) -> Initialization { Initialization(chronoSteps: steps) }

    /// The first values of a parameter of the cell: `index` is its place among the cell's, `modelName` its name in the
    /// layer, `weight_ih_l0`; the stream is the parameter's own.
    func values(
      of cell: Cell, _ index: Int, roles: [ParameterRole], modelName: String, inputSize: Int,
      hiddenSize: Int, projectionSize: Int?, grid: CellGrid? = nil, stream: RandomStream
    ) -> Tensor {
      let definition = cell.parameters[index]
      let shape = definition.shape(
        inputSize: inputSize, hiddenSize: hiddenSize, projectionSize: projectionSize, grid: grid)
      let blocks = definition.gates.count
      let size = shape.reduce(1, *) / blocks
      let first = initializer(cell, index, roles, hiddenSize: hiddenSize)(shape, stream: stream)
      var changed: [Float]?
      func set(_ gate: Int, _ numbers: ArraySlice<Float>) {
        var values = changed ?? first.scalars
        changed = nil
        values.replaceSubrange(gate * size..<(gate + 1) * size, with: numbers)
        changed = values
      }
      if case .perGate(let biases) = definition.start, !definition.isFixed {
        for (gate, sign) in definition.forgetSigns.enumerated() where sign != 0 && roles[index] == .bias {
          guard let forgetBias else { break }
          set(gate, ArraySlice(repeating: Float(sign) * forgetBias, count: size))
        }
        if let chronoSteps {
          let memories = Initializer.chrono(maximumSteps: chronoSteps)(
            [size], stream: stream.child("chrono"))
          for (gate, bias) in biases.enumerated() where bias.chronoSign != 0 {
            set(gate, ArraySlice(memories.scalars.map { Float(bias.chronoSign) * $0 }))
          }
        }
      }
      for (place, rule) in rules.enumerated()
      where rule.matches(names: [definition.name, modelName, "recurrent." + modelName], roles[index]) {
        let gates = rule.gate.map { gate in definition.gates.indices.filter { definition.gates[$0] == gate } }
        let own = rule.start.values(
          shape, blocks: blocks, usualBound: 1 / Float(hiddenSize).squareRoot(),
          signs: definition.chronoSigns, stream: stream.child("rule \(place)"))
        for gate in gates ?? Array(0..<blocks) { set(gate, own[gate * size..<(gate + 1) * size]) }
      }
      return changed.map { Tensor($0, shape: shape) } ?? first
    }

    /// The scheme's.
    private func initializer(
      _ cell: Cell, _ index: Int, _ roles: [ParameterRole], hiddenSize: Int
    ) -> Initializer {
      let definition = cell.parameters[index]
      let role = roles[index]
      if scheme == .cellgate || role == .gain || definition.isFixed { return .of(definition) }
      let bound = 1 / Float(hiddenSize).squareRoot()
      if scheme == .pytorch {
        guard role == .bias else { return .uniform(bound: bound) }
        let others = zip(cell.parameters, roles).enumerated().filter {
          $0.offset != index && $0.element.1 == .bias
        }
        let isAlone = !others.contains { !Set($0.element.0.gates).isDisjoint(with: definition.gates) }
        return isAlone ? .sumOfTwoUniforms(bound: bound) : .uniform(bound: bound)
      }
      switch role {
      case .input, .memory, .projection:
        return definition.columns == nil
          ? .uniform(bound: (3 / Float(hiddenSize)).squareRoot()) : .xavierUniform()
      case .recurrent: return .orthogonal()
      case .bias, .gain: return .unitForgetBias(definition)
      }
    }

    /// The first values of the weight [N, K] of a linear layer of this name, "head"; nil for the layer's own, which are
    /// PyTorch's.
    public func linearWeight(_ name: String) -> Initializer? {
      changed("\(name).weight", scheme == .keras ? .xavierUniform() : nil)
    }

    /// The first values of its bias [N], where it has `inputSize` K inputs; nil for the layer's own, which are PyTorch's.
    public func linearBias(_ name: String, inputSize: Int) -> Initializer? {
      changed("\(name).bias", scheme == .keras ? .zeros : nil, columns: inputSize)
    }

    /// The first values of the vectors [V, E] of an embedding of this name, "embedding"; by default PyTorch's, and those of a
    /// linear layer's weight where the vectors, of `tiedSize` E numbers, make logits too.
    public func embeddingWeight(_ name: String, tiedSize: Int? = nil) -> Initializer {
      let usual =
        tiedSize.map { Initializer.uniform(bound: 1 / Float($0).squareRoot()) }
        ?? Initializer.normal(standardDeviation: 1)
      return changed("\(name).weight", scheme == .keras ? .uniform(bound: 0.05) : nil) ?? usual
    }

    /// Whether it says what an embedding of this name starts from.
    public func setsEmbedding(_ name: String) -> Bool {
      scheme == .keras || changed("\(name).weight", nil) != nil
    }

    /// What the last rule for a parameter outside the recurrent layers says; else `base`.
    private func changed(_ name: String, _ base: Initializer?, columns: Int? = nil) -> Initializer? {
      let own = rules.enumerated().last {
        $0.element.gate == nil && $0.element.matches(names: [name], nil)
      }
      guard let (place, rule) = own.map({ ($0.offset, $0.element) }) else { return base }
      return Initializer { shape, stream in
        let values = rule.start.values(
          shape, blocks: 1, usualBound: 1 / Float(max(1, columns ?? shape.last ?? 1)).squareRoot(),
          signs: [1],
          stream: stream.child("rule \(place)"))
        return Tensor(values, shape: shape)
      }
    }
  }
}

extension ParameterDefinition {
  /// The sign of each gate under chrono initialisation.
  var chronoSigns: [Int] {
    guard case .perGate(let biases) = start else { return gates.map { _ in 1 } }
    return biases.map(\.chronoSign)
  }
}

extension Initializer {
  /// As the cell says.
  static func of(_ definition: ParameterDefinition) -> Initializer {
    switch definition.start {
    case .xavier: .xavierUniform(blocks: definition.gates.count)
    case .orthogonal: .orthogonal(blocks: definition.gates.count)
    case .zero: .zeros
    case .perGate(let biases): .perGate(biases)
    }
  }

  /// The values of each of the blocks that are stacked.
  static func perGate(_ biases: [GateBias]) -> Initializer {
    Initializer { shape, _ in
      let units = shape.reduce(1, *) / biases.count
      return Tensor(biases.flatMap { $0.values(units) }, shape: shape)
    }
  }

  /// The sum of two numbers, each uniform in −bound ..< bound.
  static func sumOfTwoUniforms(bound: Float) -> Initializer {
    Initializer { shape, stream in
      let (one, other) = (
        stream.uniform(shape, in: -bound..<bound), stream.uniform(shape, in: -bound..<bound)
      )
      return Tensor(zip(one.scalars, other.scalars).map { $0 + $1 }, shape: shape)
    }
  }

  /// 0, and ±1 for the gates of a bias that forget and that the cell starts elsewhere than at 0.
  static func unitForgetBias(_ definition: ParameterDefinition) -> Initializer {
    guard case .perGate(let biases) = definition.start else { return .zeros }
    return .perGate(
      zip(biases, definition.forgetSigns).map { bias, sign in GateBias(bias.constant == 0 ? 0 : Double(sign))
      })
  }
}
