import CellgateFiles
import CellgateNN
import CellgateTensor

/// Runs a model that came from Keras on Keras' samples: inputs x, or x0, x1, …, and outputs y, or y0, y1, …, with the batch
/// first, and `layer/NAME` for the first output of a layer.
struct KerasSampler: Sampler {
  /// Numbers of steps that the model demands of its inputs; nil for any.
  let steps: [Int?]
  /// How many symbols an input may have.
  let symbols: [Int: Int]
  /// Where the outputs of Keras' layers are.
  let layers: [String: (layer: String, output: Int)]

  func outputs(of inputs: SampleInputs, by model: Model) throws(ImportError) -> [String: SampleArray] {
    func bad(_ reason: String) -> ImportError { .badSample(run: inputs.run, reason: reason) }
    var values: [LayerValue] = []
    var batch: Int?
    for (index, input) in model.inputs.enumerated() {
      let name = model.inputs.count == 1 ? "x" : "x\(index)"
      guard let array = inputs.arrays[name] else { throw bad("expected an input \(name), found none") }
      guard array.shape.count == input.shape.rank,
        array.shape.suffix(input.shape.features.count).elementsEqual(input.shape.features),
        array.shape.reduce(1, *) == array.values.count
      else {
        throw bad("input \(name): expected \(input.shape) with the batch first, found \(array.shape)")
      }
      guard batch == nil || batch == array.shape[0] else {
        throw bad("input \(name): expected \(batch ?? 0) samples, found \(array.shape[0])")
      }
      batch = array.shape[0]
      if input.shape.isSequence, let demanded = steps[index], demanded != array.shape[1] {
        throw bad("input \(name): expected \(demanded) steps, found \(array.shape[1])")
      }
      if let count = symbols[index],
        let wrong = array.values.first(where: { !($0 >= 0 && $0 < Double(count) && $0 == $0.rounded()) })
      {
        throw bad("input \(name): expected symbols of 0 to \(count - 1), found \(wrong)")
      }
      let tensor = Tensor(array.values.map { Float($0) }, shape: array.shape)
      values.append(LayerValue(input.shape.isSequence ? tensor.transposed(0, 1) : tensor))
    }
    var wanted: [String: [(name: String, output: Int)]] = [:]
    for name in inputs.outputs where name.hasPrefix("layer/") {
      guard let place = layers[String(name.dropFirst(6))] else { continue }
      wanted[place.layer, default: []].append((name, place.output))
    }
    var found: [String: SampleArray] = [:]
    let outputs = model(values) { layer, outputs in
      for (name, output) in wanted[layer] ?? [] where output < outputs.count && found[name] == nil {
        let shapes = model.description.layers.contains { $0.name == layer }
        if shapes { found[name] = Self.array(outputs[output], isSequence: outputs[output].tensor.rank > 2) }
      }
    }
    for (index, output) in outputs.enumerated() {
      let name = outputs.count == 1 ? "y" : "y\(index)"
      found[name] = Self.array(output, isSequence: model.outputShapes[index].isSequence)
    }
    return found
  }

  private static func array(_ value: LayerValue, isSequence: Bool) -> SampleArray {
    let tensor = isSequence ? value.tensor.transposed(0, 1) : value.tensor
    return SampleArray(shape: tensor.shape, values: tensor.scalars.map { Double($0) })
  }
}
