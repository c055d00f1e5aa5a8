import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining
import Testing

@testable import CellgateData
@testable import CellgateTasks

@Suite("MNIST with noise")
struct NoisyMNISTTaskTests {
  private static let digits: MNIST = {
    func part(_ count: Int) -> MNIST.Part {
      MNIST.Part(
        pixels: (0..<count * MNIST.pixels).map { UInt8(truncatingIfNeeded: $0 / 7) },
        labels: (0..<count).map { UInt8($0 % 10) })
    }
    return MNIST(training: part(5004), test: part(10))
  }()

  private static func task(noise: Int, seed: UInt64 = 1) -> NoisyMNISTTask {
    var settings = NoisyMNISTTask.defaults
    (settings.hidden, settings.batch, settings.seed) = (4, 2, seed)
    settings.taskOptions["noise"] = .whole(noise)
    return NoisyMNISTTask(settings: settings, digits: digits)
  }

  @Test("Its settings are those of sequential MNIST, with noise")
  func settings() {
    var other = SequentialMNISTTask.defaults
    (other.task, other.taskOptions) = ("smnist-noise", ["noise": 216])
    #expect(NoisyMNISTTask.defaults == other)
    #expect(NoisyMNISTTask.shape(other).steps == 1000 && SequentialMNISTTask.shape(other).steps == 784)
    let type: any SequenceTask.Type = NoisyMNISTTask.self
    #expect(type.name == "smnist-noise" && type.options.map(\.name) == ["noise"])
    #expect(type.defaults == other && type.shape(other).steps == 1000)
  }

  @Test("After the pixels come numbers in [0, 1), other ones for every image, update and seed")
  func noise() {
    let (task, plain) = (Self.task(noise: 300), Self.task(noise: 0))
    func noise(_ step: Int, seed: UInt64 = 1, shard: Shard = .whole) -> [Float] {
      let batch = task.batches.batch(seed: seed, step: step, shard: shard)
      let count = batch.classes.count
      #expect(batch.x.shape == [1084, count, 1])
      #expect(
        Array(batch.x.scalars.prefix(784 * count))
          == plain.batches.batch(seed: seed, step: step, shard: shard).x.scalars)
      return Array(batch.x.scalars.suffix(300 * count))
    }
    let first = noise(0)
    #expect(first.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(first.reduce(0, +) / 600 - 0.5) < 0.06)  // five standard errors of 0.0118
    #expect(stride(from: 0, to: 600, by: 2).contains { first[$0] != first[$0 + 1] })
    #expect(noise(1) != first && noise(0, seed: 2) != first && noise(0) == first)
    // An image has the same noise in any shard.
    #expect(noise(0, shard: Shard(1, of: 2)) == stride(from: 1, to: 600, by: 2).map { first[$0] })
  }

  @Test("A model is scored with the same noise every time, and with any length of it")
  func scores() throws {
    let (task, other) = (Self.task(noise: 20), Self.task(noise: 20, seed: 9))
    let model = task.makeModel(cell: .lstmWM)
    let value = task.evaluate(model, on: .test)
    #expect(task.evaluate(model, on: .test) == value && other.evaluate(model, on: .test) == value)
    #expect(task.evaluate(model, on: .validation) != value)
    #expect(Self.task(noise: 40).evaluate(model, on: .test).extras != value.extras)
    let none = Self.task(noise: 0)
    let plain = SequentialMNISTTask(settings: none.settings, digits: Self.digits)
    #expect(none.evaluate(model, on: .test) == plain.evaluate(model, on: .test))
    #expect(task.samples(model, count: 2).count == 2)
    var carried: [Tensor] = []
    let losses = [0, 0].map { step in
      task.loss(model, step: step, carried: &carried, context: .training(seed: 1, step: 0), probe: nil).item
    }
    #expect(losses[0] == losses[1] && losses[0].isFinite)
  }
}
