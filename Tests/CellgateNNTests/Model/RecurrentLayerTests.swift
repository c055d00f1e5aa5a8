import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("Recurrent layers")
struct RecurrentLayerTests {
  private func built<Built: Layer>(_ layer: Built, _ features: Int = 3) -> Built {
    layer.build(
      [.sequence(features)], BuildContext(name: "layer", stream: RandomStream(seed: 5, name: "layer")))
    return layer
  }

  @Test(
    "Padding in front and gaps change nothing: a masked sequence is as its valid steps alone",
    arguments: Cell.core)
  func gaps(_ cell: Cell) throws {
    let layer = built(Recurrent(cell, 4, returnSequences: true, returnState: true))
    let x = random([6, 3, 3])
    // Padding in front, a gap, and nothing valid at all.
    let valid = [[3, 4, 5], [0, 2, 3], []]
    let flags = (0..<18).map { valid[$0 % 3].contains($0 / 3) }
    let outputs = layer([LayerValue(x, mask: SequenceMask(flags: flags, batch: 3))], .inference())
    for (sequence, steps) in valid.enumerated() {
      for time in 0..<6 where !steps.contains(time) {
        #expect(outputs[0].tensor[time][sequence].scalars == [0, 0, 0, 0])
      }
      guard !steps.isEmpty else { continue }
      let alone = stacked(steps.map { x[$0][sequence..<sequence + 1] })
      let expected = layer([LayerValue(alone)], .inference())
      for (place, time) in steps.enumerated() {
        #expect(outputs[0].tensor[time][sequence].scalars == expected[0].tensor[place][0].scalars)
      }
      for (state, own) in zip(outputs.dropFirst(), expected.dropFirst()) {
        #expect(state.tensor[sequence].scalars == own.tensor[0].scalars)
      }
    }
  }

  @Test("Masked steps give the last valid output, if that is wanted")
  func previousOutput() {
    let x = random([4, 1, 3])
    let mask = SequenceMask(flags: [false, true, false, true], batch: 1)
    let zeros = built(Recurrent(.lstm, 2, returnSequences: true))([LayerValue(x, mask: mask)], .inference())[
      0
    ].tensor
    let layer = built(Recurrent(.lstm, 2, returnSequences: true, maskedOutput: .previous))
    let held = layer([LayerValue(x, mask: mask)], .inference())[0].tensor
    #expect(held[0].scalars == [0, 0])
    #expect(held[1].scalars == zeros[1].scalars && held[2].scalars == zeros[1].scalars)
    #expect(held[3].scalars == zeros[3].scalars)
    let short = layer([LayerValue(x, mask: .lengths([2]))], .inference())[0].tensor
    #expect(short[3].scalars == short[1].scalars && short[1].scalars != [0, 0])
  }

  @Test("Going backwards is going forwards over the reversed sequence")
  func backwards() {
    let x = random([5, 2, 3])
    let reversed = x.gathered([4, 3, 2, 1, 0])
    let forwards = built(LSTM(4, returnSequences: true))(LayerValue(reversed)).tensor
    let backwards = built(LSTM(4, returnSequences: true, goBackwards: true))(LayerValue(x)).tensor
    #expect(forwards.scalars == backwards.scalars)
  }

  @Test("A stateful layer goes on where the last batch ended, until it is reset")
  func stateful() {
    let x = random([6, 2, 3])
    let whole = built(GRU(4, returnSequences: true))(LayerValue(x)).tensor
    let layer = built(GRU(4, returnSequences: true, stateful: true))
    let first = layer(LayerValue(x[0..<3])).tensor
    #expect(first.scalars + layer(LayerValue(x[3..<6])).tensor.scalars == whole.scalars)
    layer.resetStates()
    #expect(layer(LayerValue(x[0..<3])).tensor.scalars == first.scalars)
  }

  @Test("Bidirectional layers merge their directions")
  func merges() {
    let x = random([4, 2, 3])
    func outputs(_ mode: Bidirectional.MergeMode) -> [[Float]] {
      built(Bidirectional(LSTM(2, returnSequences: true), mergeMode: mode))([LayerValue(x)], .inference())
        .map(\.tensor.scalars)
    }
    let parts = outputs(.none)
    #expect(parts.count == 2)
    #expect(outputs(.sum)[0] == zip(parts[0], parts[1]).map { $0 + $1 })
    #expect(outputs(.mul)[0] == zip(parts[0], parts[1]).map { $0 * $1 })
    #expect(outputs(.ave)[0] == zip(parts[0], parts[1]).map { ($0 + $1) / 2 })
    let both = outputs(.concat)[0]
    #expect(both[0..<2] == parts[0][0..<2] && both[2..<4] == parts[1][0..<2])
  }

  // MARK: Recurrent dropout

  @Test("Recurrent dropout multiplies what matrices read of the last output by one mask for each sequence")
  func recurrentDropout() throws {
    // The plain cell reads its state by a matrix alone: the mask can be put on the state between single steps.
    let layer = built(Recurrent(.rnnTanh, 8, returnSequences: true, recurrentDropout: 0.5))
    let x = random([5, 3, 3])
    let found = layer([LayerValue(x)], .training(seed: 4, step: 2))[0].tensor
    var stream = ForwardContext.training(seed: 4, step: 2).stream("layer/recurrent")
    let mask = dropoutMask([1, 3, 8], probability: 0.5, stream: &stream)
    #expect(mask.scalars.contains(0) && mask.scalars.contains(2))
    var state = Tensor.zeros([1, 3, 8])
    for time in 0..<5 {
      state = layer(x[time..<time + 1], states: [state * mask]).finalStates[0]
      for (one, other) in zip(state.scalars, found[time].scalars) { #expect(abs(one - other) < 1e-6) }
    }
    #expect(layer([LayerValue(x)], .training(seed: 4, step: 2))[0].tensor.scalars == found.scalars)
    #expect(layer([LayerValue(x)], .training(seed: 4, step: 3))[0].tensor.scalars != found.scalars)
    let plain = built(Recurrent(.rnnTanh, 8, returnSequences: true))([LayerValue(x)], .inference())[0].tensor
    #expect(layer([LayerValue(x)], .inference())[0].tensor.scalars == plain.scalars)
  }

  @Test("Recurrent dropout has the gradient of central differences in every parameter", arguments: Cell.core)
  func recurrentDropoutGradient(_ cell: Cell) throws {
    expectGradients(
      of: built(Recurrent(cell, 3, returnSequences: true, recurrentDropout: 0.4)), .training(seed: 9, step: 0)
    )
  }
}

/// Checks the gradients of a layer of 3 inputs and 3 units against central differences, under the masks of a pass.
func expectGradients(of layer: Recurrent, _ context: @autoclosure () -> ForwardContext) {
  let x = random([3, 2, 3])
  let weights = random([3, 2, 3], "weights").scalars
  func loss() -> Double {
    zip(layer([LayerValue(x)], context())[0].tensor.scalars, weights)
      .reduce(0) { $0 + Double($1.0 * $1.1) }
  }
  layer([LayerValue(x)], context())[0].tensor.backward(gradient: Tensor(weights, shape: [3, 2, 3]))
  for (name, parameter) in layer.namedParameters() {
    for index in stride(from: 0, to: parameter.value.count, by: 5) {
      var values = parameter.value.scalars
      let (value, step) = (values[index], Float(0.01))
      func at(_ offset: Float) -> Double {
        values[index] = value + offset
        parameter.assign(Tensor(values, shape: parameter.shape))
        return withoutGradient { loss() }
      }
      let slope = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * Double(step))
      _ = at(0)
      #expect(abs(slope - Double(parameter.gradient.scalars[index])) < 1e-3, "\(name) \(index)")
    }
  }
}
