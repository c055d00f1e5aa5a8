import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("Recurrent layers on a grid")
struct RecurrentGridTests {
  /// The fixtures are of Double; sums of some hundred terms in Float32 stay within a few roundings.
  @Test(
    "The convolutional LSTM is PyTorch's of conv2d, with working memory connections too",
    arguments: [("lstm", Cell.lstm, 3), ("lstm-wm", .lstmWM, 3), ("lstm-wm-5", .lstmWM, 5)])
  func golden(_ file: String, _ cell: Cell, _ kernel: Int) throws {
    let folder = Bundle.module.bundleURL.appendingPathComponent("Grid").path
    let file = try Safetensors(path: "\(folder)/\(file).safetensors")
    func tensor(_ name: String) throws -> Tensor {
      Tensor(try file.floats(name), shape: try file.info(name).shape)
    }
    let x = try tensor("x"), first = [try tensor("h0"), try tensor("c0")]
    var options = RecurrentOptions(cell: cell, units: first[0].shape[3])
    options.kernel = kernel
    (options.returnSequences, options.returnState) = (true, true)
    let frame = Array(x.shape.dropFirst(2)), states = Array(first[0].shape.dropFirst())
    let layer = Recurrent(options)
    let shapes =
      [LayerShape(isSequence: true, features: frame)]
      + first.map { _ in LayerShape(isSequence: false, features: states) }
    #expect(
      try layer.outputShapes(shapes)
        == [LayerShape(isSequence: true, features: states)]
        + first.map { _ in LayerShape(isSequence: false, features: states) })
    layer.build(shapes, BuildContext(name: "grid", stream: RandomStream(seed: 1, name: "grid")))
    let parameters = layer.namedParameters()
    for (name, parameter) in parameters {
      unsafe parameter.value.pointer.update(
        from: try tensor(String(name.dropLast("_l0".count))).pointer, count: parameter.value.count)
    }
    #expect(
      Array(layer.parameterShapes(shapes))
        == parameters.map { ParameterShape($0.name, $0.parameter.value.shape) })
    let inputs = ([x] + first).map { Parameter($0) }
    let outputs = layer(inputs.map { LayerValue($0.tensor) }, .inference()).map(\.tensor)
    func compare(_ found: Tensor?, _ name: String) throws {
      let expected = try tensor(name)
      #expect(found?.shape == expected.shape, "\(name)")
      let error = zip(found?.scalars ?? [], expected.scalars).map { abs($0 - $1) }.max() ?? .infinity
      let scale = expected.scalars.map(abs).max() ?? 0
      #expect(error < 1e-5 * scale, "\(name): \(error) of \(scale)")
    }
    try compare(outputs[0], "y")
    try compare(outputs[2], "cn")
    ((outputs[0] * (try tensor("dy"))).sum() + (outputs[2] * (try tensor("dc"))).sum()).backward()
    for (input, name) in zip(inputs, ["x", "h0", "c0"]) { try compare(input.gradient, "grad/" + name) }
    for (name, parameter) in parameters {
      try compare(parameter.gradient, "grad/" + name.dropLast("_l0".count))
    }
  }

  @Test("A kernel is an odd number, and inputs are sequences of frames")
  func badOptions() throws {
    var options = RecurrentOptions(cell: .lstm, units: 4)
    options.kernel = 2
    #expect(options.problem == "kernel: expected an odd number of 1 to 99, found 2")
    options.kernel = 3
    let layer = Recurrent(options)
    #expect(
      throws: LayerError.badInput(
        layer: "recurrent", expected: "sequences [T, B, height, width, channels]", found: "[T, B, 7]")
    ) { try layer.outputShapes([.sequence(7)]) }
  }

  @Test("Two layers in both directions with lengths are those of the places' rows")
  func directions() throws {
    var options = RecurrentOptions(cell: .gru, units: 3)
    (options.kernel, options.layers, options.isBidirectional, options.returnSequences) = (3, 2, true, true)
    let layer = Recurrent(options)
    let shape = LayerShape(isSequence: true, features: [2, 3, 2])
    layer.build([shape], BuildContext(name: "grid", stream: RandomStream(seed: 1, name: "grid")))
    var stream = RandomStream(seed: 2, name: "x")
    let x = stream.uniform([4, 3, 2, 3, 2])
    let value = LayerValue(x, mask: .lengths([4, 2, 3]))
    let found = layer([value], .inference())[0]
    #expect(found.tensor.shape == [4, 3, 2, 3, 6])
    #expect(found.mask == .lengths([4, 2, 3]))
    // The second sequence alone.
    let one = layer([LayerValue(x.sliced(1..<2, axis: 1)[0..<2])], .inference())[0].tensor
    let same = found.tensor.sliced(1..<2, axis: 1)
    #expect(zip(same[0..<2].scalars, one.scalars).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(same[2..<4].scalars.allSatisfy { $0 == 0 })
  }
}
