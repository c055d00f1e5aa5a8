import CellgateNN
import CellgateTensor

extension Model {
  /// Builds the model for arrays with the sample first, unless it is built. A chain takes arrays `[N, T, K]` as sequences
  /// and `[N, K]` as vectors, or as sequences of symbols where its first layer is an embedding.
  package func build(for arrays: [Tensor], seed: UInt64 = 1) throws(ModelDataError) {
    if isBuilt { return }
    do throws(LayerError) {
      guard inputs.isEmpty, arrays.count == 1, let array = arrays.first, array.rank > 0 else {
        try build(seed: seed)
        return
      }
      let sample = Array(array.shape.dropFirst())
      let vector = LayerShape(isSequence: false, features: sample)
      let sequence = LayerShape(isSequence: true, features: Array(sample.dropFirst()))
      let candidates =
        sample.isEmpty ? [vector] : sample.count == 1 ? [vector, sequence] : [sequence, vector]
      var first: LayerError?
      for shape in candidates {
        do throws(LayerError) {
          try build([shape], seed: seed)
          return
        } catch { first = first ?? error }
      }
      if let first { throw first }
    } catch { throw .model(error) }
  }

  /// Arrays with the sample first, checked: as many as inputs, of their shapes, symbols in range. Throws what is wrong.
  package func checked(inputs arrays: [Tensor]) throws(ModelDataError) -> [Tensor] {
    guard arrays.count == inputs.count else {
      throw .wrongCount(of: "inputs", expected: inputs.count, found: arrays.count)
    }
    let samples = arrays[0].shape.first ?? 0
    for (input, array) in zip(inputs, arrays) {
      let leading = input.shape.isSequence ? 2 : 1
      guard array.rank == leading + input.shape.features.count,
        array.shape.suffix(input.shape.features.count).elementsEqual(input.shape.features)
      else {
        throw .wrongShape(array: input.name, expected: Self.text(input.shape), found: array.shape)
      }
      guard array.shape[0] == samples else {
        throw .wrongShape(
          array: input.name, expected: "\(samples) samples as in the others", found: array.shape)
      }
      if input.shape.isSequence, array.shape[1] == 0 {
        throw .wrongShape(array: input.name, expected: "1 or more steps", found: array.shape)
      }
    }
    for (place, layer) in embeddings {
      try check(arrays[place], inputs[place].name, wholeBelow: layer.options.inputDim)
    }
    return arrays
  }

  /// Embeddings that read an input, with the number of that input.
  private var embeddings: [(input: Int, layer: Embedding)] {
    description.calls.compactMap { call in
      guard let layer = self[call.layer] as? Embedding, let value = call.inputs.first,
        value.node < inputs.count
      else { return nil }
      return (value.node, layer)
    }
  }

  private func check(_ array: Tensor, _ name: String, wholeBelow bound: Int) throws(ModelDataError) {
    let wrong = unsafe array.withScalars { values in
      unsafe values.firstIndex { !($0 >= 0 && $0 < Float(bound) && $0.rounded() == $0) }
    }
    guard let wrong else { return }
    let size = max(1, array.count / max(1, array.shape[0]))
    throw .badValue(
      array: name, sample: wrong / size, expected: "whole numbers in 0..<\(bound)",
      found: "\(array.scalars[wrong])")
  }

  /// Targets with the sample first, of the shapes that the losses compare outputs with. Throws what is wrong.
  package func checked(
    targets arrays: [Tensor], for inputs: [Tensor], losses: [Loss]
  ) throws(ModelDataError) -> [Tensor] {
    let shapes = outputShapes
    guard arrays.count == shapes.count else {
      throw .wrongCount(of: "targets", expected: shapes.count, found: arrays.count)
    }
    guard losses.count == shapes.count else {
      throw .wrongCount(of: "losses", expected: shapes.count, found: losses.count)
    }
    let samples = inputs[0].shape[0]
    var result: [Tensor] = []
    for (place, (array, shape)) in zip(arrays, shapes).enumerated() {
      let name = arrays.count == 1 ? "targets" : "targets \(place + 1)"
      let loss = losses[place]
      let features = loss.takesClasses ? Array(shape.features.dropLast()) : shape.features
      let expected = LayerShape(isSequence: shape.isSequence, features: features)
      let leading = shape.isSequence ? 2 : 1
      var target = array
      // One number may stand alone, or a class in an array of its own.
      if target.rank + 1 == leading + features.count, features.last == 1 {
        target = target.unsqueezed(axis: -1)
      }
      if target.rank == leading + features.count + 1, loss.takesClasses, target.shape.last == 1 {
        target = target.squeezed(axis: -1)
      }
      guard target.rank == leading + features.count, target.shape[0] == samples,
        target.shape.suffix(features.count).elementsEqual(features)
      else {
        throw .wrongShape(
          array: name, expected: Self.text(expected) + ", N = \(samples)", found: array.shape)
      }
      if loss.takesClasses { try check(target, name, wholeBelow: shape.features.last ?? 1) }
      result.append(target)
    }
    return result
  }

  /// "[N, T, 64]".
  private static func text(_ shape: LayerShape) -> String {
    "[" + ((shape.isSequence ? ["N", "T"] : ["N"]) + shape.features.map(String.init)).joined(separator: ", ")
      + "]"
  }
}
