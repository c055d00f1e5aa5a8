import CellgateNN
import CellgateTensor
import Foundation
import Testing

@Suite struct PredictedClassesTests {
  @Test("The predicted class is the first of the likeliest ones, with its softmax")
  func predicted() {
    let found = predictedClasses(Tensor([0, 2, 2, -1, -1, -1, 100, 0, 0], shape: [3, 3]))
    #expect(found.map(\.label) == [1, 0, 0])
    // Float32.
    #expect(abs(found[0].probability - 1 / (2 + exp(-2))) < 1e-7)
    #expect(abs(found[1].probability - 1.0 / 3) < 1e-7 && found[2].probability == 1)
  }

  @Test("A prediction is correct where its class is the row's")
  func correct() {
    let logits = Tensor([0, 1, 0, 2, 2, 1, -1, -2, -3], shape: [3, 3])
    #expect(correctPredictions(logits, classes: [1, 0, 0]) == 3)
    #expect(correctPredictions(logits, classes: [0, 1, 2]) == 0)
    #expect(correctPredictions(logits, classes: [1, 0, 1]) == 2)
  }

  @Test("No rows have no predictions")
  func empty() {
    let logits = Tensor([], shape: [0, 3])
    #expect(predictedClasses(logits).isEmpty)
    #expect(correctPredictions(logits, classes: []) == 0)
  }
}
