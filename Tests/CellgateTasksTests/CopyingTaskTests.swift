import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Copying")
struct CopyingTaskTests {
  private func task(_ length: Int = 5) -> CopyingTask {
    var settings = CopyingTask.defaults
    settings.taskOptions["length"] = .whole(length)
    settings.hidden = 8
    settings.batch = 4
    return CopyingTask(settings: settings)
  }

  @Test("A sequence is ten symbols, T − 1 blanks, a delimiter and ten blanks", arguments: [1, 2, 5])
  func input(length: Int) {
    var stream = RandomStream(seed: 3, name: "test")
    let (count, steps) = (6, length + 20)
    let batch = task(length).batches.samples(count, from: &stream)
    let (x, classes) = (batch.x, batch.classes)
    #expect(x.shape == [steps, count, 10])
    #expect(classes.count == steps * count)
    let values = x.scalars
    for sample in 0..<count {
      let categories = (0..<steps).map { step -> Int in
        let row = values[((step * count + sample) * 10)..<((step * count + sample + 1) * 10)]
        #expect(row.reduce(0, +) == 1 && row.allSatisfy { $0 == 0 || $0 == 1 })
        return (row.firstIndex(of: 1) ?? row.startIndex) - row.startIndex
      }
      let symbols = Array(categories[..<10])
      #expect(symbols.allSatisfy { $0 < 8 })
      #expect(
        Array(categories[10...]) == [Int](repeating: 8, count: length - 1) + [9]
          + [Int](repeating: 8, count: 10))
      let targets = (0..<steps).map { Int(classes[$0 * count + sample]) }
      #expect(targets == [Int](repeating: 8, count: length + 10) + symbols)
    }
  }

  @Test("The baseline is the reference table's", arguments: [(100, 0.1733), (200, 0.0945), (500, 0.0400)])
  func baseline(length: Int, expected: Double) {
    // The table has four digits.
    #expect(abs(task(length).baseline.value - expected) < 0.00005)
  }

  @Test(
    "A model that answers a blank and then any symbol has the baseline's cross-entropy, and an eighth right")
  func memoryless() {
    let task = task(3)
    var stream = RandomStream(seed: 1, name: "test")
    let (count, steps) = (200, 23)
    let classes = task.batches.samples(count, from: &stream).classes
    let rows = (0..<steps).flatMap { step -> [Float] in
      let row: [Float] =
        step < 13 ? [Float](repeating: -40, count: 8) + [0] : [Float](repeating: 0, count: 8) + [-40]
      return (0..<count).flatMap { _ in row }
    }
    let logits = Tensor(rows, shape: [steps, count, 9])
    #expect(abs(Double(crossEntropy(logits, classes: classes).item) - task.baseline.value) < 1e-6)
    // 2,000 guesses of 8: a standard deviation of 0.0074.
    let right = correctPredictions(logits[13..<23], classes: classes.suffix(10 * count))
    #expect(abs(Double(right) / Double(10 * count) - 0.125) < 0.03)
  }

  @Test("Evaluation is the same each time, and starts near a guess among nine")
  func evaluation() {
    let task = task(1)
    let model = task.makeModel(cell: .gru)
    let first = task.evaluate(model, on: .validation)
    #expect(first == task.evaluate(model, on: .validation))
    #expect(abs(first.value - log(9)) < 0.7)
    #expect(first.extras.count == 1 && (0...1).contains(first.extras[0]))
    var carried: [Tensor] = []
    let loss = task.loss(model, step: 0, carried: &carried, context: .inference(), probe: nil)
    #expect(loss.item.isFinite && carried.isEmpty)
  }

  @Test("Samples are the first test sequences with the answers of the last ten steps")
  func predictionSamples() throws {
    let task = self.task()
    let model = task.makeModel(cell: .lstm)
    // Whatever it reads, this model says 3.
    for (_, parameter) in model.namedParameters() { parameter.assign(.zeros(parameter.shape)) }
    model.head.bias?.assign(Tensor((0..<9).map { $0 == 3 ? 1 : 0 }, shape: [9]))
    let samples = task.samples(model, count: 4)
    #expect(samples.count == 4)
    var stream = RandomStream(seed: 0, name: "copying/test")
    let classes = task.batches.samples(4, from: &stream).classes
    for (index, sample) in samples.enumerated() {
      guard case .symbols(let symbols) = sample else {
        Issue.record("\(sample)")
        continue
      }
      #expect(symbols.found == [String](repeating: "3", count: 10))
      #expect(symbols.expected == (15..<25).map { "\(classes[$0 * 4 + index])" })
      #expect(symbols.shown == symbols.expected)
      #expect(symbols.rightCount == symbols.expected.count { $0 == "3" })
    }
    // A blank where a symbol is to be is shown as one.
    model.head.bias?.assign(Tensor((0..<9).map { $0 == 8 ? 1 : 0 }, shape: [9]))
    guard case .symbols(let blanks) = try #require(task.samples(model, count: 1).first) else { return }
    #expect(blanks.found == [String](repeating: "–", count: 10) && blanks.rightCount == 0)
    #expect(task.samples(model, count: 100).count == 6)
  }
}
