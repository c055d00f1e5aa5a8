import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

/// Decoders with attention against their formulas in Double: loss, penalty and every gradient.
@Suite("Decoders in Double")
struct DecoderReferenceTests {
  private static let V = 6, E = 3, H = 4, A = 5, M = 3, S = 3
  private static let start: Int32 = 1, end: Int32 = 0
  private static let sentences: [[Int32]] = [[2, 3, 4], [5]]
  private static let lengths = [3, 2]

  /// Parameters by name, and the formulas of the decoder.
  private struct Reference {
    var parameters: [String: DoubleArray]
    let memory: DoubleArray
    let placement: AttentionDecoder.Placement
    let gated: Bool

    private func row(_ name: String, _ index: Int) -> [Double] {
      let array = parameters["decoder." + name]!
      return (0..<array.shape[1]).map { array[[index, $0]] }
    }

    /// W x + b.
    private func map(_ name: String, _ x: [Double], weight: String = ".weight", bias: String? = ".bias")
      -> [Double]
    {
      let matrix = parameters["decoder." + name + weight]!
      return (0..<matrix.shape[0]).map { row in
        let start = bias.map { parameters["decoder." + name + $0]![[row]] } ?? 0
        return x.indices.reduce(start) { $0 + matrix[[row, $1]] * x[$1] }
      }
    }

    private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    /// i, f, g, o of the LSTM.
    private func lstm(_ name: String, _ x: [Double], _ state: (h: [Double], c: [Double])) -> (
      h: [Double], c: [Double]
    ) {
      let gates = zip(
        map(name, x, weight: ".weight_ih_l0", bias: ".bias_l0"),
        map(name, state.h, weight: ".weight_hh_l0", bias: nil)
      ).map { $0 + $1 }
      let c = (0..<H).map {
        sigmoid(gates[H + $0]) * state.c[$0] + sigmoid(gates[$0]) * tanh(gates[2 * H + $0])
      }
      return ((0..<H).map { sigmoid(gates[3 * H + $0]) * tanh(c[$0]) }, c)
    }

    private func attend(_ query: [Double], _ sequence: Int) -> (context: [Double], weights: [Double]) {
      let q = map("attention", query, weight: ".query_weight", bias: nil)
      let score = parameters["decoder.attention.score"]!.values
      let scores = (0..<lengths[sequence]).map { place in
        let k = map(
          "attention", (0..<M).map { memory[[place, sequence, $0]] }, weight: ".key_weight", bias: ".bias")
        return exp((0..<A).reduce(0) { $0 + score[$1] * tanh(q[$1] + k[$1]) })
      }
      let weights = scores.map { $0 / scores.reduce(0, +) }
      let context = (0..<M).map { column in
        weights.indices.reduce(0) { $0 + weights[$1] * memory[[$1, sequence, column]] }
      }
      return (context, weights)
    }

    /// The mean −ln p, plus λ of the penalty.
    func loss(penalty: Double) -> Double {
      var (terms, total): ([Double], Double) = ([], 0)
      for (sequence, sentence) in sentences.enumerated() {
        let count = lengths[sequence]
        let summary = (0..<M).map { column in
          (0..<count).reduce(0) { $0 + memory[[$1, sequence, column]] } / Double(count)
        }
        let first = map("first_states", summary).map { tanh($0) }
        func part(_ index: Int) -> [Double] { Array(first[index * H..<(index + 1) * H]) }
        var lower = (h: part(0), c: part(1))
        var upper = placement == .between ? (h: part(2), c: part(3)) : lower
        var looked = [Double](repeating: 0, count: count)
        for (token, target) in zip([start] + sentence, sentence + [end]) {
          let vector = row("embedding.weight", Int(token))
          let weights: [Double]
          let output: [Double]
          if placement == .before {
            var seen = attend(lower.h, sequence)
            if gated {
              seen.context = zip(seen.context, map("gate", lower.h)).map { $0 * sigmoid($1) }
            }
            lower = lstm("recurrent", vector + seen.context, lower)
            (weights, output) = (seen.weights, lower.h)
          } else if placement == .between {
            lower = lstm("recurrent", vector + upper.h + summary, lower)
            let seen = attend(lower.h, sequence)
            upper = lstm("second", seen.context + lower.h, upper)
            (weights, output) = (seen.weights, upper.h)
          } else {
            lower = lstm("recurrent", vector, lower)
            let seen = attend(lower.h, sequence)
            (weights, output) = (seen.weights, map("combination", seen.context + lower.h).map { tanh($0) })
          }
          for place in weights.indices { looked[place] += weights[place] }
          let logits = DoubleArray([V], map("head", output))
          terms.append(-logits.logSoftmax[Int(target)])
        }
        total += looked.reduce(0) { $0 + (1 - $1) * (1 - $1) } / Double(sentences.count)
      }
      return terms.reduce(0, +) / Double(terms.count) + penalty * total
    }
  }

  @Test(
    "Loss, penalty and gradients are those of the formulas",
    arguments: [
      (AttentionDecoder.Placement.before, false), (.before, true), (.between, false), (.after, false),
    ])
  func formulas(_ placement: AttentionDecoder.Placement, _ gated: Bool) throws {
    var options = AttentionDecoder.Options(
      symbols: SymbolOptions(vocabularySize: Self.V, embeddingSize: Self.E),
      recurrent: RecurrentOptions(cell: .lstm, units: Self.H), attention: AdditiveAttention(Self.A),
      placement: placement,
      second: placement == .between ? RecurrentOptions(cell: .lstm, units: Self.H) : nil)
    (options.firstStates, options.gatesContext) = (.summary, gated)
    let layer = AttentionDecoder(options)
    let words = Input(.sequence(), name: "words"), regions = Input(.sequence(Self.M), name: "regions")
    let built = try Model(inputs: [regions, words], outputs: [layer([words, regions])])
    let description = built.description
    var renamed = description
    renamed.layers[0].name = "decoder"
    renamed.calls[0].layer = "decoder"
    let model = try DecodingModel(try Model(renamed))
    for (name, parameter) in model.model.namedParameters() {
      parameter.assign(random(parameter.shape, name, in: -0.9..<0.9))
    }
    let memory = random([Self.S, 2, Self.M], "memory", in: -2..<2)
    let lambda = 0.4
    var loss = DecodingModel.LossOptions()
    loss.attentionPenalty = Float(lambda)
    let found = model.loss(
      of: Self.sentences, about: [LayerValue(memory, mask: .lengths(Self.lengths))], start: Self.start,
      end: Self.end, options: loss, .training(seed: 1, step: 0))
    found.mean.backward()

    let parameters = model.model.namedParameters()
    let reference = Reference(
      parameters: Dictionary(
        uniqueKeysWithValues: parameters.map { ($0.name, DoubleArray($0.parameter.value)) }),
      memory: DoubleArray(memory), placement: placement, gated: gated)
    #expect(abs(Double(found.mean.item) - reference.loss(penalty: lambda)) < 2e-6)
    for (name, parameter) in parameters {
      let gradient = parameter.gradient.scalars.map(Double.init)
      let size = gradient.map(abs).max() ?? 0
      #expect(size > 0, "\(name)")
      for index in gradient.indices {
        // Central differences in Double: good to 1e-9.
        func value(_ step: Double) -> Double {
          var moved = reference
          moved.parameters[name]!.values[index] += step
          return moved.loss(penalty: lambda)
        }
        let slope = (value(1e-5) - value(-1e-5)) / 2e-5
        // Float32, some dozen terms.
        #expect(abs(slope - gradient[index]) < 2e-5 * max(size, 0.05), "\(name) \(index)")
      }
    }
  }
}
