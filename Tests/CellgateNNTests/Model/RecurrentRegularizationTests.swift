import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// Zoneout and weight drop of recurrent layers.
@Suite("Regularised recurrent layers")
struct RecurrentRegularizationTests {
  private func built<Built: Layer>(_ layer: Built, _ features: Int = 3) -> Built {
    layer.build(
      [.sequence(features)], BuildContext(name: "layer", stream: RandomStream(seed: 5, name: "layer")))
    return layer
  }

  private static func training(step: UInt64 = 2) -> ForwardContext { .training(seed: 4, step: step) }

  private static func options(_ cell: Cell, _ change: (inout RecurrentOptions) -> Void) -> RecurrentOptions {
    var options = RecurrentOptions(cell: cell, units: 4)
    (options.returnSequences, options.returnState) = (true, true)
    change(&options)
    return options
  }

  @Test(
    "Zoneout keeps or renews each unit at each step, with masks of their own; inference takes the expected value"
  )
  func zoneout() throws {
    let layer = built(Recurrent(.rnnTanh, 8, returnSequences: true, zoneout: 0.4))
    let plain = built(Recurrent(.rnnTanh, 8, returnSequences: true))
    let x = random([6, 5, 3])
    let found = layer([LayerValue(x)], Self.training())[0].tensor
    var (state, expected) = (Tensor.zeros([1, 5, 8]), Tensor.zeros([1, 5, 8]))
    let averaged = try #require(layer(x).output)
    var kept: [[Bool]] = []
    for time in 0..<6 {
      let new = plain(x[time..<time + 1], states: [state]).finalStates[0].scalars
      let isKept = zip(found[time].scalars, new).map { $0 != $1 }
      for (unit, keeps) in isKept.enumerated() {
        #expect(found[time].scalars[unit] == (keeps ? state.scalars[unit] : new[unit]))
      }
      kept.append(isKept)
      state = found[time].reshaped([1, 5, 8])
      expected = expected * 0.4 + plain(x[time..<time + 1], states: [expected]).finalStates[0] * 0.6
      for (one, other) in zip(expected.scalars, averaged[time].scalars) { #expect(abs(one - other) < 1e-6) }
    }
    #expect(Set(kept).count == 6)
    // 240 numbers: five standard deviations are 0.16.
    #expect(abs(Double(kept.joined().count { $0 }) / 240 - 0.4) < 0.16)
    #expect(layer([LayerValue(x)], Self.training())[0].tensor.scalars == found.scalars)
    #expect(layer([LayerValue(x)], Self.training(step: 3))[0].tensor.scalars != found.scalars)
    let session = layer.streams()[0].session(batch: 5)
    #expect(session.run(x.scalars) == averaged.scalars)
  }

  @Test("Each state has its own probability")
  func states() {
    let x = random([1, 50, 3])
    let first = [Tensor.full([1, 50, 4], 9), Tensor.full([1, 50, 4], 9)]
    func share(_ zoneout: Zoneout) -> [Double] {
      let layer = built(Recurrent(Self.options(.lstm) { $0.zoneout = zoneout }))
      return layer(x, states: first, context: Self.training()).finalStates.map { state in
        Double(state.scalars.count { $0 == 9 }) / 200
      }
    }
    // Five standard deviations of 200 numbers are 0.18 at most.
    #expect(
      abs(share(["h": 0.5, "c": 0.1])[0] - 0.5) < 0.18 && abs(share(["h": 0.5, "c": 0.1])[1] - 0.1) < 0.11)
    #expect(share(["c": 0.5])[0] == 0 && share(["h": 0.5])[1] == 0)
    #expect(share(0) == [0, 0])
  }

  @Test("Weight drop is the plain layer with some weights of recurrent matrices at 0", arguments: Cell.core)
  func weightDrop(_ cell: Cell) throws {
    let layer = built(Recurrent(cell, 6, returnSequences: true, weightDrop: 0.5))
    let plain = built(Recurrent(cell, 6, returnSequences: true))
    let x = random([5, 3, 3])
    let found = layer([LayerValue(x)], Self.training())[0].tensor
    found.backward(gradient: random([5, 3, 6], "weights"))
    let stream = Self.training().stream("layer/weights")
    for (name, parameter) in plain.namedParameters() {
      let own = try #require(layer.parameter(name))
      #expect(own.value.scalars == parameter.value.scalars)
      let isRecurrent = ["weight_hh_l0", "weight_mh_l0", "weight_ph_l0"].contains(name)
      guard isRecurrent, parameter.shape.count == 2 else { continue }
      var child = stream.child(name)
      let mask = dropoutMask(parameter.shape, probability: 0.5, stream: &child)
      let dropped = mask.scalars.count { $0 == 0 }
      #expect(dropped > mask.count / 4 && dropped < mask.count * 3 / 4)
      for (factor, gradient) in zip(mask.scalars, own.gradient.scalars) {
        #expect(factor == 0 ? gradient == 0 : factor == 2)
      }
      parameter.assign(parameter.value * mask)
    }
    #expect(plain([LayerValue(x)], .inference())[0].tensor.scalars == found.scalars)
    #expect(layer([LayerValue(x)], Self.training())[0].tensor.scalars == found.scalars)
    #expect(layer([LayerValue(x)], Self.training(step: 3))[0].tensor.scalars != found.scalars)
    let untouched = built(Recurrent(cell, 6, returnSequences: true))
    #expect(layer(LayerValue(x)).tensor.scalars == untouched(LayerValue(x)).tensor.scalars)
  }

  @Test("The gradient is that of central differences in every parameter", arguments: Cell.core)
  func gradient(_ cell: Cell) {
    let layer = built(
      Recurrent(cell, 3, returnSequences: true, recurrentDropout: 0.3, zoneout: 0.3, weightDrop: 0.3))
    expectGradients(of: layer, Self.training())
  }

  @Test("It works in layers, directions and lengths, and with recomputation gives the same bits")
  func shapes() {
    for (layers, both) in [(1, true), (2, false), (2, true)] {
      func outcome(recomputeEvery: Int?) -> [[Float]] {
        let layer = built(
          Recurrent(
            Self.options(.lstmWM) {
              ($0.layers, $0.isBidirectional, $0.recomputeEvery) = (layers, both, recomputeEvery)
              ($0.zoneout, $0.weightDrop) = (["h": 0.1, "c": 0.5], 0.4)
            }))
        let x = Parameter(random([40, 9, 3]))
        let mask = SequenceMask.lengths([40, 3, 0, 7, 40, 1, 39, 20, 5])
        let outputs = layer([LayerValue(x.tensor, mask: mask)], Self.training())
        outputs[0].tensor.backward(gradient: random(outputs[0].tensor.shape, "weights"))
        #expect(outputs[0].tensor[39][1].scalars.allSatisfy { $0 == 0 })
        return [outputs[0].tensor.scalars, x.gradient.scalars]
          + layer.namedParameters().map { $0.parameter.gradient.scalars }
      }
      let expected = outcome(recomputeEvery: nil)
      #expect(expected.allSatisfy { $0.contains { $0 != 0 } })
      #expect(outcome(recomputeEvery: 7) == expected)
    }
  }

  @Test("A description has the options, and one of an earlier version has none of them")
  func description() throws {
    func text(_ layer: Recurrent) -> String {
      Sequential([layer], input: .sequence(3)).description.encoded()
    }
    let plain = text(LSTM(4))
    #expect(!plain.contains("zoneout") && !plain.contains("weight_drop"))
    let all = text(LSTM(4, zoneout: 0.25, weightDrop: 0.5))
    #expect(all.contains("\"zoneout\":0.25") && all.contains("\"weight_drop\":0.5"))
    let own = text(LSTM(4, zoneout: ["h": 0.25, "c": 0.5]))
    #expect(own.contains("\"zoneout\":{\"c\":0.5,\"h\":0.25}"))
    for text in [plain, all, own] { #expect(try ModelDescription(decoding: text).encoded() == text) }
  }

  @Test("Probabilities out of range and states that the cell doesn't have are refused")
  func problems() {
    func problem(_ change: (inout RecurrentOptions) -> Void) -> String? {
      Self.options(.lstm, change).problem
    }
    #expect(problem { $0.zoneout = 1 } == "zoneout: expected 0 or more, below 1, found 1.0")
    #expect(problem { $0.zoneout = ["c": -0.1] } == "zoneout: c: expected 0 or more, below 1, found -0.1")
    #expect(
      problem { $0.zoneout = ["m": 0.1] } == "zoneout: expected states of the cell lstm, h, c, found 'm'")
    #expect(problem { $0.weightDrop = 1 }?.hasPrefix("weight_drop: ") == true)
    #expect(problem { ($0.zoneout, $0.weightDrop) = (["h": 0.05, "c": 0.5], 0.5) } == nil)
  }

  @Test("Zoneout is read from a text and written as one")
  func text() {
    #expect(Zoneout("0.1") == 0.1 && Zoneout("h=0.05,c=0.5") == ["h": 0.05, "c": 0.5])
    for text in ["", "h", "h=", "=0.1", "h=0.1,", "h=0.1,h=0.2", "h=x"] { #expect(Zoneout(text) == nil) }
    let own: Zoneout = ["h": 0.05, "c": 0.5]
    #expect(own.description == "c=0.5,h=0.05")
    for zoneout in [0.25, ["h": 0.5]] as [Zoneout] { #expect(Zoneout("\(zoneout)") == zoneout) }
  }
}
