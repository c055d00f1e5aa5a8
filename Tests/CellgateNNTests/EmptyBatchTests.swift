import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// No steps, or no sequences, through layers and losses and back.
@Suite("Empty batches")
struct EmptyBatchTests {
  let stream = RandomStream(seed: 1, name: "initialisation")

  @Test(
    "Recurrent layers give empty outputs, states that stay, and gradients of zero", arguments: Cell.core,
    [[0, 3], [4, 0], [0, 0]])
  func recurrent(_ cell: Cell, _ sizes: [Int]) {
    let (steps, batch) = (sizes[0], sizes[1])
    for (lengths, learns) in [(nil, false), (Array(repeating: 0, count: batch), true)] {
      let layer = Recurrent(
        cell: cell, inputSize: 3, hiddenSize: 5, layers: 2, bidirectional: true, dropout: 0.5,
        learnsFirstStates: learns, stream: stream)
      let x = Parameter(.zeros([steps, batch, 3]))
      let first = learns ? nil : cell.states.map { random([4, batch, 5], $0) }
      let result = layer(x.tensor, states: first, lengths: lengths, context: .training(seed: 1, step: 0))
      #expect(result.output?.shape == [steps, batch, 10])
      #expect(result.last.shape == [batch, 10])
      for (index, state) in result.finalStates.enumerated() {
        #expect(state.shape == [4, batch, 5])
        let before = first?[index].scalars ?? Array(repeating: 0, count: 20 * batch)
        #expect(state.scalars == before)
      }
      let parameters = ParameterSet(layer)
      ((result.output ?? x.tensor).sum() + result.last.sum()).backward()
      #expect(x.gradient.shape == [steps, batch, 3])
      for entry in parameters.entries where !entry.name.hasSuffix("0") || entry.name.contains("_l") {
        #expect(entry.parameter.gradient.scalars.allSatisfy { $0 == 0 }, "\(entry.name)")
      }
      #expect(layer(x.value, context: .inference(), wantsOutput: false).output == nil)
    }
  }

  @Test(
    "Layers and operations on nothing give nothing, and their parameters no gradient",
    arguments: [[0, 3], [2, 0]])
  func layers(_ sizes: [Int]) {
    let embedding = Embedding(count: 4, size: 6, stream: stream)
    let (norm, linear) = (LayerNormalization(size: 6), Linear(inputSize: 6, outputSize: 2, stream: stream))
    var y = norm(embedding([], shape: sizes))
    y = Dropout(probability: 0.5, name: "d")(y, .training(seed: 1, step: 0))
    y = concatenated([y.tanh(), y.sigmoid(), y.relu()])[0..<sizes[0]].reshaped(sizes + [18])
    #expect(y.shape == sizes + [18] && y.count == 0)
    let z = linear(norm(embedding([], shape: sizes)) * 2 + 1)
    #expect(z.shape == sizes + [2])
    #expect(PackedLinear(weight: linear.weight.value)(Tensor.zeros(sizes + [6])).shape == sizes + [2])
    (z.sum() + y.sum()).backward()
    for module in [embedding, norm, linear] as [any Module] {
      for (name, parameter) in module.namedParameters() {
        #expect(parameter.gradient.scalars.allSatisfy { $0 == 0 }, "\(name)")
      }
    }
  }

  @Test("Operations on no rows give none, and reductions over them the value of nothing")
  func operations() {
    let x = Parameter(.zeros([0, 4]))
    let t = x.tensor
    let none = [
      t.softmax(), t.logSoftmax(), t.gelu(), t.silu(), t.softplus(), t.exp(), t.square(), t.abs(), t / 2,
      t - t,
      t.maximum(t * 2), t.clamp(min: 0, max: 1), t + Tensor([1, 2, 3, 4]), t.transposed().transposed(),
      matmul(t, .zeros([4, 4])), concatenated([t, t], axis: 0), t.gathered([], axis: 0),
      t.broadcast(to: [0, 4]), t.sliced(0..<4, axis: 1), t.filled(where: t .> 0, with: 1),
    ]
    for value in none { #expect(value.shape == [0, 4]) }
    let rows = [t.sum(axis: 1), t.mean(axis: 1), t.variance(axes: [1]), t.max(axis: 1), t.min(axis: 1)]
    for value in rows { #expect(value.shape == [0]) }
    #expect(t.argMax().isEmpty)
    #expect(t.sum(axis: 0).scalars == [0, 0, 0, 0])
    #expect(t.mean(axis: 0).scalars.allSatisfy { $0.isNaN })
    #expect(matmul(t.transposed(), t).scalars == [Float](repeating: 0, count: 16))
    let total = (none + rows).map { $0.sum() }.reduce(t.sum(axis: 0).sum()) { $0 + $1 }
    #expect(total.item == 0)
    total.backward()
    #expect(x.gradient.shape == [0, 4])
  }

  @Test("Losses of nothing are 0, and so are their gradients")
  func losses() {
    for loss in [
      { meanSquaredError($0, target: .zeros([3, 0, 4])) },
      { crossEntropy($0, classes: []) }, { crossEntropy($0, classes: [], mask: [], labelSmoothing: 0.1) },
      { binaryCrossEntropy($0, targets: .zeros([3, 0, 4])) },
      { binaryCrossEntropy($0, targets: .zeros([3, 0, 4]), mask: .zeros([3, 0, 4])) },
    ] as [(Tensor) -> Tensor] {
      let x = Parameter(.zeros([3, 0, 4]))
      let value = loss(x.tensor * 2)
      #expect(value.shape == [] && value.item == 0)
      value.backward()
      #expect(x.gradient.shape == [3, 0, 4])
    }
    #expect(Tensor.zeros([0, 2]).sum().item == 0)
    #expect(Tensor.zeros([0, 2]).mean().item.isNaN)
  }
}
