import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The outputs of any model for arrays with the sample first, with the scalers of its file: numbers of the original scale go in and
/// come out.
///
/// ```swift
/// let predictor = ArrayPredictor(try Model.load("model.safetensors"))
/// let sums = try predictor.predict([x])[0]
/// ```
public struct ArrayPredictor {
  private let model: Model
  private let preprocessing: Preprocessing

  /// The predictor of a model.
  public init(_ model: Model) { (self.model, preprocessing) = (model, model.preprocessing) }

  /// The outputs, `[N, …]` each, of an array for each input, `[N, T, …]` or `[N, …]`. `batch` samples are computed at once, which
  /// changes no result. Throws what is wrong with the arrays.
  public func predict(_ arrays: [Tensor], batch: Int = 32) throws(ModelDataError) -> [Tensor] {
    try checkSteps(arrays)
    var inputs = arrays
    if let scaler = preprocessing.inputScaler, arrays.count == 1 {
      try check(scaler, arrays[0], "inputs")
      inputs = [scaler(arrays[0])]
    }
    let outputs = try model.predict(inputs, batchSize: batch)
    guard let scaler = preprocessing.targetScaler, outputs.count == 1 else { return outputs }
    try check(scaler, outputs[0], "outputs")
    return [scaler.inverse(outputs[0])]
  }

  /// Throws for sequences of other lengths than the layers take together, which no layer could answer.
  private func checkSteps(_ arrays: [Tensor]) throws(ModelDataError) {
    let inputs = model.inputs
    guard model.isBuilt, arrays.count == inputs.count else { return }
    let sequences = zip(inputs, arrays).filter { $0.shape.isSequence && $1.rank > 1 }
    guard let first = sequences.first else { return }
    let isMerged = model.layers.contains { layer in
      switch layer.layer {
      case is MaskFrom, is Concatenate, is Add, is Multiply, is Average: true
      default: false
      }
    }
    for (input, array) in sequences where isMerged && array.shape[1] != first.1.shape[1] {
      throw .wrongShape(
        array: input.name, expected: "\(first.1.shape[1]) steps as in '\(first.0.name)'", found: array.shape)
    }
    var steps = first.1.shape[1]
    for (name, layer, _) in model.calledLayers {
      switch layer {
      case let layer as Conv1D:
        let own = layer.options
        if own.padding == .valid { steps = max(0, steps - own.dilationRate * (own.kernelSize - 1)) }
        steps = (steps + own.strides - 1) / own.strides
      case let layer as MaxPooling1D: steps = Self.windows(layer.options, steps)
      case let layer as AveragePooling1D: steps = Self.windows(layer.options, steps)
      case let layer as RepeatVector: steps = layer.options.n
      case let layer as Flatten:
        guard let expected = layer.options.steps, expected != steps else { continue }
        throw .wrongShape(
          array: first.0.name,
          expected: "so many steps that \(expected) come to layer '\(name)', and not \(steps)",
          found: first.1.shape)
      default: break
      }
    }
  }

  private static func windows(_ options: PoolingOptions, _ steps: Int) -> Int {
    steps < options.poolSize ? 0 : (steps - options.poolSize) / (options.strides ?? options.poolSize) + 1
  }

  private func check(_ scaler: Scaler, _ array: Tensor, _ name: String) throws(ModelDataError) {
    guard array.shape.last == scaler.means.count else {
      throw .wrongShape(
        array: name, expected: "\(scaler.means.count) features as the model's scaler has",
        found: array.shape)
    }
  }
}
