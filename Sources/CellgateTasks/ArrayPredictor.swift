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

  private func check(_ scaler: Scaler, _ array: Tensor, _ name: String) throws(ModelDataError) {
    guard array.shape.last == scaler.means.count else {
      throw .wrongShape(
        array: name, expected: "\(scaler.means.count) features as the model's scaler has",
        found: array.shape)
    }
  }
}
