import CellgateCells
import CellgateTensor
import Foundation
import Testing

@testable import CellgateNN

/// Layers of all cells start as PyTorch's and Keras' do.
///
/// What is compared with are the frameworks' rules: PyTorch's `reset_parameters` of `RNNBase` (each tensor uniform in
/// ±1/√H) and Keras' defaults (`glorot_uniform` over the kernel [I, G·H], `orthogonal` over [H, G·H], `unit_forget_bias`).
@Suite("Initialisation")
struct InitializationTests {
  private static let stream = RandomStream(seed: 5, name: "initialisation")
  /// Large enough for moments: the least parameter has 64 numbers, the largest 16,384.
  private static let (I, H) = (48, 64)

  private func layer(
    _ cell: Cell, _ start: Recurrent.Initialization, inputSize: Int = Self.I, hiddenSize: Int = Self.H,
    layers: Int = 1, bidirectional: Bool = false
  ) -> Recurrent {
    Recurrent(
      cell: cell, inputSize: inputSize, hiddenSize: hiddenSize, layers: layers, bidirectional: bidirectional,
      initialization: start, stream: Self.stream)
  }

  private func values(_ layer: Recurrent, _ name: String) throws -> [Double] {
    try #require(layer.parameter(name)).value.scalars.map(Double.init)
  }

  /// Checks the largest magnitude, the mean and the variance of numbers of a symmetric distribution within a bound.
  ///
  /// The tolerances are five standard errors: of the mean √(v/n), of the variance √((k − 1)/n) · v with the kurtosis k of
  /// at most 2.4 (uniform 1.8, triangular 2.4).
  private func expect(_ values: [Double], bound: Double, variance: Double, _ context: String) {
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    let found = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
    #expect(values.allSatisfy { abs($0) <= bound * 1.000001 }, "\(context)")
    #expect(abs(mean) < 5 * (variance / n).squareRoot(), "\(context): mean \(mean)")
    #expect(
      abs(found - variance) < 5 * (1.4 / n).squareRoot() * variance, "\(context): \(found), not \(variance)")
  }

  private func gates(_ cell: Cell, _ index: Int, _ values: [Double]) -> [(gate: String, values: [Double])] {
    let names = cell.parameters[index].gates
    let size = values.count / names.count
    return names.enumerated().map { ($1, Array(values[$0 * size..<($0 + 1) * size])) }
  }

  @Test("Roles are read from the equations", arguments: Cell.core)
  func roles(_ cell: Cell) {
    let expected: [String: ParameterRole] = [
      "weight_ih": .input, "weight_hh": .recurrent, "weight_ph": .memory, "weight_mh": .memory, "bias": .bias,
      "bias_ih": .bias, "bias_hh": .bias, "weight_hr": .projection,
    ]
    for (parameter, role) in zip(cell.parameters, cell.parameterRoles) {
      #expect(role == expected[parameter.name], "\(cell.name): \(parameter.name)")
    }
  }

  /// An LSTM in a file, with names of its own, a normalised memory and a projection.
  private static let own = """
    cell own
      states h size P, c
      matrices W_* = in (i, f, g, o)
      matrices U_* = again (i, f, g, o)
      vectors b_* = offset (i, f, g, o) start f at 3 chrono +
      vector a = scale start at 1
      matrix R = down rows P

    i = σ(W_i x + U_i h + b_i)
    f = σ(W_f x + U_f h + b_f)
    g = tanh(W_g x + U_g h + b_g)
    o = σ(W_o x + U_o h + b_o)
    c' = f * c + i * g
    h' = R(o * tanh(a * (c' − mean(c')) / sqrt(variance(c') + 0.00001)))
    """

  // MARK: PyTorch

  @Test("PyTorch: all numbers uniform in ±1/√H, each gate by itself", arguments: Cell.core)
  func pytorch(_ cell: Cell) throws {
    let layer = layer(cell, .pytorch, layers: 2, bidirectional: true)
    let bound = 1 / Double(Self.H).squareRoot()
    for suffix in ["_l0", "_l0_reverse", "_l1", "_l1_reverse"] {
      for (index, parameter) in cell.parameters.enumerated() {
        let name = parameter.name + suffix
        for (gate, values) in gates(cell, index, try values(layer, name)) {
          // PyTorch adds bias_ih and bias_hh; a cell with one bias has their sum in it.
          let isSum = parameter.name == "bias"
          expect(
            values, bound: isSum ? 2 * bound : bound, variance: (isSum ? 2 : 1) * bound * bound / 3,
            "\(cell.name) \(name) \(gate)")
        }
      }
    }
  }

  @Test("PyTorch: a gate's one bias has the distribution of a sum of two, not of one of twice the width")
  func sum() throws {
    let H = 576, bound = 1.0 / 24
    let bias = try values(layer(.lstm, .pytorch, inputSize: 1, hiddenSize: H), "bias_l0")
    let inner = Double(bias.count { abs($0) < bound }) / Double(bias.count)
    // Triangular: 3/4 lie within half of the range, where of uniform numbers 1/2 do; five standard errors are 0.046.
    #expect(abs(inner - 0.75) < 0.046, "\(inner)")
    // A gated unit's two biases are apart, and not the same.
    let gru = layer(.gru, .pytorch, inputSize: 1, hiddenSize: H)
    let (ih, hh) = (try values(gru, "bias_ih_l0"), try values(gru, "bias_hh_l0"))
    #expect(ih != hh)
    let sums = zip(ih, hh).map { $0 + $1 }
    expect(sums, bound: 2 * bound, variance: 2 * bound * bound / 3, "gru")
  }

  // MARK: Keras

  @Test("Keras: kernels Glorot uniform over all gates together", arguments: Cell.core)
  func kerasKernel(_ cell: Cell) throws {
    for (inputSize, hiddenSize) in [(Self.I, Self.H), (1, 128)] {
      let layer = layer(cell, .keras, inputSize: inputSize, hiddenSize: hiddenSize)
      for (index, parameter) in cell.parameters.enumerated() where cell.parameterRoles[index] == .input {
        let bound = (6 / Double(inputSize + parameter.gates.count * hiddenSize)).squareRoot()
        let all = try values(layer, parameter.name + "_l0")
        for (gate, values) in gates(cell, index, all) {
          expect(values, bound: bound, variance: bound * bound / 3, "\(cell.name) \(gate)")
        }
        #expect(all.map(abs).max() ?? 0 > 0.95 * bound)
      }
    }
  }

  @Test("Keras: the recurrent matrices of all gates together are one orthogonal matrix", arguments: Cell.core)
  func kerasRecurrent(_ cell: Cell) throws {
    let H = 32
    let layer = layer(cell, .keras, hiddenSize: H)
    for (index, parameter) in cell.parameters.enumerated() where cell.parameterRoles[index] == .recurrent {
      let G = parameter.gates.count
      let weight = try values(layer, parameter.name + "_l0")
      for first in 0..<H {
        for second in 0...first {
          let product = (0..<G * H).reduce(0.0) { $0 + weight[$1 * H + first] * weight[$1 * H + second] }
          // Entries are rounded to Float32.
          #expect(abs(product - (first == second ? 1 : 0)) < 2e-6)
        }
      }
      // Of a column of norm 1 each gate has its part: a block alone has entries of variance 1/(G·H).
      for (gate, values) in gates(cell, index, weight) {
        let square = values.reduce(0) { $0 + $1 * $1 } / Double(H)
        // The share of one of G blocks has, by the Beta distribution, a standard error below 0.02 here.
        #expect(abs(square - 1 / Double(G)) < 0.1, "\(cell.name) \(gate): \(square)")
      }
    }
  }

  @Test("Keras: other matrices Glorot uniform over all gates together, peepholes ±√(3/H)")
  func kerasMemory() throws {
    let H = Double(Self.H)
    for (cell, name) in [(Cell.lstmWM, "weight_mh_l0"), (.lstmPeepholeFull, "weight_ph_l0")] {
      let bound = (6 / (H + 3 * H)).squareRoot()
      expect(try values(layer(cell, .keras), name), bound: bound, variance: bound * bound / 3, name)
    }
    let bound = (3 / H).squareRoot()
    expect(
      try values(layer(.lstmPeephole, .keras), "weight_ph_l0"), bound: bound, variance: bound * bound / 3,
      "peepholes")
  }

  @Test("Keras: biases 0, an LSTM's forget gate 1")
  func kerasBias() throws {
    let H = Self.H
    for cell in [Cell.lstm, .lstmWM, .lstmPeephole, .lstmPeepholeFull, .lstmWMStale, .lstmWMInner] {
      let bias = try values(layer(cell, .keras), "bias_l0")
      #expect(bias == (0..<4 * H).map { $0 / H == 1 ? 1 : 0 }, "\(cell.name)")
    }
    for cell in [Cell.gru, .mgu, .rnnTanh, .rnnReLU] {
      for name in cell.parameters.map(\.name) where name.hasPrefix("bias") {
        #expect(try values(layer(cell, .keras), name + "_l0").allSatisfy { $0 == 0 }, "\(cell.name)")
      }
    }
    let coupled = try values(layer(.lstmCoupled, .keras), "bias_l0")
    #expect(coupled == (0..<3 * H).map { $0 < H ? -1 : 0 })
  }

  @Test("Scalars start as the cell says", arguments: [Recurrent.Initialization.cellgate, .keras, .pytorch])
  func scalars(_ start: Recurrent.Initialization) throws {
    let cell = try #require(Cell.named("fastrnn"))
    let layer = Recurrent(
      cell: cell, inputSize: 3, hiddenSize: 5, initialization: start, stream: Self.stream)
    #expect(try values(layer, "alpha_l0") == [-3] && values(layer, "beta_l0") == [3])
    #expect(cell.parameterRoles == [.input, .recurrent, .bias, .gain, .gain])
  }

  @Test("A cell of a file starts by the roles of its parameters, whatever they are called")
  func ownCell() throws {
    let cell = try Cell(text: Self.own)
    #expect(
      zip(cell.parameters.map(\.name), cell.parameterRoles).map { "\($0) \($1)" } == [
        "in input", "again recurrent", "offset bias", "scale gain", "down projection",
      ])
    let (I, H, P) = (20, 30, 10)
    func layer(_ start: Recurrent.Initialization) -> Recurrent {
      Recurrent(
        cell: cell, inputSize: I, hiddenSize: H, projectionSize: P, initialization: start, stream: Self.stream
      )
    }
    let (keras, pytorch) = (layer(.keras), layer(.pytorch))
    for layer in [keras, pytorch] { #expect(try values(layer, "scale_l0").allSatisfy { $0 == 1 }) }
    #expect(try values(keras, "offset_l0") == (0..<4 * H).map { $0 / H == 1 ? 1 : 0 })
    let bound = 1 / Double(H).squareRoot()
    for (name, factor) in [("in_l0", 1.0), ("again_l0", 1), ("down_l0", 1), ("offset_l0", 2)] {
      expect(
        try values(pytorch, name), bound: factor * bound, variance: factor * bound * bound / 3, name)
    }
    let again = try values(keras, "again_l0")
    for column in 0..<P {
      let square = (0..<4 * H).reduce(0.0) { $0 + again[$1 * P + column] * again[$1 * P + column] }
      #expect(abs(square - 1) < 2e-6)
    }
  }

  // MARK: Biases

  @Test("A forget bias is that of the gates that keep the state, whatever the scheme")
  func forgetBias() throws {
    let H = Self.H
    for scheme in Recurrent.Initialization.Scheme.allCases {
      func bias(_ cell: Cell, _ name: String, _ gate: Int) throws -> Set<Double> {
        let start = Recurrent.Initialization(scheme, forgetBias: 2.5)
        return Set(try values(layer(cell, start), name)[gate * H..<(gate + 1) * H])
      }
      #expect(try bias(.lstm, "bias_l0", 1) == [2.5])
      #expect(try bias(.lstmWM, "bias_l0", 1) == [2.5])
      #expect(try bias(.gru, "bias_ih_l0", 1) == [2.5])
      #expect(try bias(.lstmCoupled, "bias_l0", 0) == [-2.5])
      #expect(try bias(.mgu, "bias_l0", 0) == [-2.5])
      // The input gate is none of them.
      #expect(try bias(.lstm, "bias_l0", 0) != [-2.5])
      let (with, without) = (
        layer(.rnnTanh, .init(scheme, forgetBias: 2.5)), layer(.rnnTanh, .init(scheme))
      )
      #expect(try values(with, "bias_l0") == values(without, "bias_l0"))
    }
  }

  @Test(
    "Chrono biases stand beside any scheme, and weights stay as they are", arguments: ["pytorch", "keras"])
  func chrono(_ name: String) throws {
    let base = try #require(Recurrent.Initialization(named: name))
    var start = base
    start.chronoSteps = 50
    let H = Self.H
    let (plain, chrono) = (layer(.lstm, base), layer(.lstm, start))
    let biases = (plain: try values(plain, "bias_l0"), chrono: try values(chrono, "bias_l0"))
    let (i, f) = (biases.chrono[..<H], biases.chrono[H..<2 * H])
    #expect(Array(i) == f.map { -$0 } && f.allSatisfy { $0 >= 0 && $0 < log(49) })
    #expect(biases.chrono[(2 * H)...] == biases.plain[(2 * H)...])
    #expect(try values(chrono, "weight_hh_l0") == values(plain, "weight_hh_l0"))
    #expect(try values(layer(.lstm, .chrono(50)), "bias_l0")[..<H] == i)
  }

  // MARK: Rules

  @Test("Rules speak of parameters by name, role and gate; the later one counts")
  func rules() throws {
    let H = Self.H
    var start = Recurrent.Initialization.keras
    start.rules = [
      .init(role: .memory, .zero), .init(parameter: "weight_mh", gate: "f", .constant(0.5)),
      .init(parameter: "*hh_l1", .identity(gain: 2)), .init(role: .bias, gate: "f", .chrono(steps: 20)),
      .init(role: .bias, gate: "o", .constant(-1)), .init(parameter: "recurrent.weight_ih_l0", .constant(3)),
    ]
    let layer = layer(.lstmWM, start, layers: 2)
    for suffix in ["_l0", "_l1"] {
      let memory = try values(layer, "weight_mh" + suffix)
      #expect(memory == (0..<3 * H * H).map { $0 / (H * H) == 1 ? 0.5 : 0 })
      let bias = try values(layer, "bias" + suffix)
      #expect(bias[..<H].allSatisfy { $0 == 0 } && bias[(2 * H)..<(3 * H)].allSatisfy { $0 == 0 })
      #expect(bias[H..<2 * H].allSatisfy { $0 >= 0 && $0 < log(19) } && Set(bias[H..<2 * H]).count > H / 2)
      #expect(bias[(3 * H)...].allSatisfy { $0 == -1 })
    }
    #expect(
      try values(layer, "weight_hh_l1")
        == (0..<4 * H * H).map { ($0 / H) % H == $0 % H ? 2 : 0 })
    #expect(try values(layer, "weight_ih_l0").allSatisfy { $0 == 3 })
    let plain = self.layer(.lstmWM, .keras, layers: 2)
    #expect(try values(layer, "weight_hh_l0") == values(plain, "weight_hh_l0"))
    #expect(try values(layer, "weight_ih_l1") == values(plain, "weight_ih_l1"))
  }

  @Test("Starts of rules: bounds, variances, orthogonality per gate and over all gates")
  func starts() throws {
    let H = Double(Self.H), I = Double(Self.I)
    func weight(_ start: Recurrent.Initialization.Start, _ name: String = "weight_ih_l0") throws -> [Double] {
      try values(layer(.lstm, .init(rules: [.init(parameter: "weight_*", start)])), name)
    }
    expect(try weight(.uniform(bound: nil)), bound: 1 / H.squareRoot(), variance: 1 / H / 3, "uniform")
    expect(try weight(.uniform(bound: 0.3)), bound: 0.3, variance: 0.03, "uniform 0.3")
    expect(try weight(.normal(deviation: 0.1)), bound: 0.6, variance: 0.01, "normal")
    for (allGates, rows) in [(false, H), (true, 4 * H)] {
      let bound = 2 * (6 / (I + rows)).squareRoot()
      expect(
        try weight(.xavier(gain: 2, allGates: allGates)), bound: bound, variance: bound * bound / 3, "xavier")
      let square = try weight(.orthogonal(gain: 3, allGates: allGates), "weight_hh_l0")
        .reduce(0) { $0 + $1 * $1 }
      // The squares of an orthogonal matrix [N, K] of gain g sum up to g² min(N, K).
      #expect(abs(square - 9 * H * (allGates ? 1 : 4)) < 1e-3, "\(square)")
    }
  }

  @Test("Rules that speak of nothing in the cells are known by their places")
  func idle() {
    let start = Recurrent.Initialization(
      rules: [
        .init(parameter: "weight_mh", .zero), .init(parameter: "weight_ih_l3_reverse", .zero),
        .init(parameter: "head.*", .zero), .init(role: .gain, .zero), .init(gate: "z", .zero),
        .init(parameter: "recurrent.weight_hh_l0", gate: "f", .zero),
        .init(parameter: "embedding.w*t", .zero),
        .init(role: .bias, gate: "x", .zero),
      ])
    #expect(start.idleRules(cells: [.lstm]) == [1, 4, 5, 8])
    #expect(start.idleRules(cells: [.lstm, .lstmWM]) == [4, 5, 8])
    #expect(start.idleRules(cells: [.gru]) == [1, 4, 6, 8])
  }

  @Test("All parts of a model start as is said: its encoder, its decoder, their vectors and heads")
  func models() throws {
    var options = TranslationModelOptions(cell: .lstm, units: 6, sourceSize: 9, targetSize: 8)
    (options.embeddingSize, options.tiesWeights) = (5, false)
    func values(_ start: Recurrent.Initialization?) throws -> [String: [Float]] {
      let model = try Model(options.description(), seed: 4, initialization: start)
      return Dictionary(
        uniqueKeysWithValues: model.namedParameters().map { ($0.name, $0.parameter.value.scalars) })
    }
    let own = try values(nil)
    #expect(try values(.cellgate) == own)
    let forget = try values(Recurrent.Initialization(forgetBias: 3))
    let changed = Set(own.keys.filter { own[$0] != forget[$0] })
    #expect(
      changed == ["encoder.bias_l0", "encoder.bias_l0_reverse", "decoder.recurrent.bias_l0"], "\(changed)")
    for name in changed { #expect(forget[name]?[6..<12].allSatisfy { $0 == 3 } == true, "\(name)") }
    let ruled = try values(
      Recurrent.Initialization(rules: [
        .init(parameter: "head.bias", .constant(2)), .init(parameter: "embedding.weight", .zero),
        .init(parameter: "weight_hh*", .identity(gain: 1)),
      ]))
    let others = Set(own.keys.filter { own[$0] != ruled[$0] })
    #expect(
      others == [
        "embedding.weight", "decoder.embedding.weight", "decoder.head.bias", "encoder.weight_hh_l0",
        "encoder.weight_hh_l0_reverse",
        "decoder.recurrent.weight_hh_l0",
      ], "\(others)")
    #expect(ruled["decoder.head.bias"] == Array(repeating: 2, count: 8))
    let keras = try values(.keras)
    #expect(keras["decoder.head.bias"] == Array(repeating: 0, count: 8))
    #expect((keras["decoder.embedding.weight"] ?? []).allSatisfy { abs($0) <= 0.05 })
  }

  @Test("Heads and embeddings start as the frameworks' do")
  func ends() {
    let (K, N, V, E) = (50, 40, 200, 30)
    func head(_ start: Recurrent.Initialization) -> Linear {
      Linear(
        inputSize: K, outputSize: N, stream: Self.stream, weightInitializer: start.linearWeight("head"),
        biasInitializer: start.linearBias("head", inputSize: K))
    }
    func table(_ start: Recurrent.Initialization) -> [Double] {
      Embedding(count: V, size: E, stream: Self.stream, initializer: start.embeddingWeight("embedding"))
        .weight.value.scalars.map(Double.init)
    }
    func numbers(_ parameter: Parameter?) -> [Double] { parameter?.value.scalars.map(Double.init) ?? [] }
    for start in [Recurrent.Initialization.cellgate, .pytorch] {
      let linear = head(start)
      for (values, name) in [(numbers(linear.weight), "weight"), (numbers(linear.bias), "bias")] {
        expect(values, bound: 1 / Double(K).squareRoot(), variance: 1 / Double(K) / 3, name)
      }
      expect(table(start), bound: 6, variance: 1, "embedding")
    }
    let dense = head(.keras)
    let bound = (6 / Double(K + N)).squareRoot()
    expect(numbers(dense.weight), bound: bound, variance: bound * bound / 3, "kernel")
    #expect(numbers(dense.bias).allSatisfy { $0 == 0 } && dense.bias != nil)
    expect(table(.keras), bound: 0.05, variance: 0.05 * 0.05 / 3, "embedding")
    #expect(table(.keras).map(abs).max() ?? 0 > 0.0495)

    let ruled = Recurrent.Initialization(
      rules: [
        .init(parameter: "head.bias", .uniform(bound: nil)), .init(parameter: "embedding.*", .constant(2)),
      ])
    expect(
      numbers(head(ruled).bias), bound: 1 / Double(K).squareRoot(), variance: 1 / Double(K) / 3, "rule")
    #expect(table(ruled).allSatisfy { $0 == 2 })
    #expect(numbers(head(ruled).weight) == numbers(head(.cellgate).weight))
  }

  // MARK: Files

  @Test("Initialisations come back from their JSON")
  func roundTrip() throws {
    let all: [Recurrent.Initialization] = [
      .cellgate, .pytorch, .keras, .chrono(7),
      Recurrent.Initialization(
        .pytorch,
        rules: [
          .init(parameter: "weight_*", .zero), .init(role: .bias, gate: "f", .constant(1.5)),
          .init(role: .input, .uniform(bound: nil)), .init(role: .gain, .uniform(bound: 0.25)),
          .init(role: .memory, .normal(deviation: 0.1)), .init(gate: "o", .xavier(gain: 1, allGates: true)),
          .init(role: .recurrent, .orthogonal(gain: 0.5, allGates: false)),
          .init(role: .projection, .identity(gain: 2)), .init(role: .bias, .chrono(steps: 9)),
        ]),
    ]
    for start in all {
      let data = try JSONEncoder().encode(start)
      #expect(try Recurrent.Initialization(json: data) == start)
    }
    #expect(all.map(\.name) == ["cellgate", "pytorch", "keras", "chrono:7", nil])
    #expect(Recurrent.Initialization(named: "chrono:2") == nil)
    #expect(Recurrent.Initialization(named: "chrono:99999999999999999999") == nil)
    #expect(Recurrent.Initialization(named: "Keras") == nil)
  }

  @Test(
    "What is wrong with a file is said in one line",
    arguments: [
      ("", "expected an object with base and rules, found no JSON"),
      ("[]", "expected an object, found another value"),
      (
        "{\"base\": \"torch\"}",
        "base: expected cellgate, pytorch, keras or chrono:T, T from 3, found 'torch'"
      ),
      ("{\"base\": 3}", "base: expected a text, found another value"),
      ("{\"rule\": []}", "expected one of the keys base, rules, found 'rule'"),
      ("{\"rules\": {}}", "rules: expected a list, found another value"),
      ("{\"rules\": [3]}", "rule 1: expected an object, found another value"),
      (
        "{\"rules\": [{\"role\": \"bias\"}]}",
        "rule 1, start: expected zero, constant, uniform, normal, xavier, orthogonal, identity, chrono, found none"
      ),
      (
        "{\"rules\": [{\"role\": \"bias\", \"start\": \"one\"}]}",
        "rule 1, start: expected zero, constant, uniform, normal, xavier, orthogonal, identity, chrono, found 'one'"
      ),
      ("{\"rules\": [{\"start\": \"zero\"}]}", "rule 1: expected a parameter, a role or a gate, found none"),
      (
        "{\"rules\": [{\"role\": \"b\", \"start\": \"zero\"}]}",
        "rule 1, role: expected input, recurrent, memory, projection, bias, gain, found 'b'"
      ),
      (
        "{\"rules\": [{\"gate\": \"f\", \"start\": \"zero\", \"value\": 1}]}",
        "rule 1: expected one of the keys parameter, role, gate, start, found 'value'"
      ),
      (
        "{\"rules\": [{\"gate\": \"f\", \"start\": \"constant\"}]}",
        "rule 1, value: expected a number, found none"
      ),
      (
        "{\"rules\": [{\"gate\": \"f\", \"start\": \"constant\", \"value\": 1e99}]}",
        "rule 1, value: expected a number, found 1e+99"
      ),
      (
        "{\"rules\": [{\"gate\": \"f\", \"start\": \"normal\", \"deviation\": -1}]}",
        "rule 1, deviation: expected a number above 0, found -1.0"
      ),
      (
        "{\"rules\": [{\"gate\": \"f\", \"start\": \"chrono\", \"steps\": 2}]}",
        "rule 1, steps: expected a whole number from 3, found another value"
      ),
      (
        "{\"rules\": [{\"gate\": \"f\", \"start\": \"xavier\", \"over\": \"one\"}]}",
        "rule 1, over: expected gate or all, found 'one'"
      ),
    ])
  func mistakes(json: String, expected: String) {
    #expect {
      try Recurrent.Initialization(json: Data(json.utf8))
    } throws: {
      #expect("\($0)" == expected)
      return "\($0)" == expected
    }
  }
}
