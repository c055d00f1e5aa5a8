import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining
import Testing

@testable import CellgateTasks

@Suite("ArrayPredictor")
struct ArrayPredictorTests {
  @Test("Numbers of the original scale go in and come out")
  func scalers() throws {
    let model = Sequential(LSTM(4), Dense(2), input: .sequence(3))
    try model.build(seed: 2)
    let x = Tensor((0..<12).map { Float($0) / 3 }, shape: [2, 2, 3])
    let plain = try model.predict(x)
    #expect(try ArrayPredictor(model).predict([x])[0].scalars == plain.scalars)
    var own = Preprocessing()
    own.inputScaler = Scaler(means: [1, 2, 3], deviations: [2, 1, 0.5])
    own.targetScaler = Scaler(means: [10, -5], deviations: [3, 4])
    model.preprocessing = own
    let scaled = own.inputScaler.map { $0(x) } ?? x
    let scaledOutput = try model.predict(scaled)
    let expected = own.targetScaler.map { $0.inverse(scaledOutput) }
    #expect(try ArrayPredictor(model).predict([x])[0].scalars == expected?.scalars)
    #expect(throws: ModelDataError.self) { try ArrayPredictor(model).predict([Tensor.zeros([2, 2, 4])]) }
  }

  @Test("Sequences of lengths that the layers don't take are refused", arguments: [1, 2])
  func steps(strides: Int) throws {
    var convolution = Conv1D.Options(filters: 3, kernelSize: 3)
    convolution.strides = strides
    let steps = 8
    let windows = (steps - 2 + strides - 1) / strides / 2
    let model = Sequential(
      Conv1D(convolution), MaxPooling1D(2), Flatten(steps: windows), Dense(1), input: .sequence(2))
    try model.build(seed: 1)
    let predictor = ArrayPredictor(model)
    #expect(try predictor.predict([Tensor.zeros([1, steps, 2])])[0].shape == [1, 1])
    for other in [1, 2, 3, 4, 20] {
      #expect(throws: ModelDataError.self, "\(other)") {
        try predictor.predict([Tensor.zeros([1, other, 2])])
      }
    }
  }
}
