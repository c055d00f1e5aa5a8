import CellgateBasics
import CellgateTensor

/// A rule that updates parameters from their gradients. Its state lies in flat buffers, entry for entry as
/// the parameters'.
public protocol Optimizer: AnyObject {
  /// The name in the registry, and in checkpoints.
  static var name: String { get }

  /// The learning rate when the settings give none.
  static var defaultLearningRate: Float { get }

  /// An optimiser of `count` numbers that has made no update yet. Settings that it does not use are ignored.
  init(count: Int, settings: OptimizerSettings)

  /// What it was made with.
  var settings: OptimizerSettings { get }

  /// The rate of the next update; a schedule sets it.
  var learningRate: Float { get set }

  /// Updates made so far.
  var stepCount: Int { get set }

  /// The buffers that the next update depends on, [count] each, by names that never change.
  var state: [(name: String, values: Tensor)] { get }

  /// Changes the values of numbers `range`, of one update. `stepCount` already counts it.
  func update(
    _ range: Range<Int>, values: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>)
}

extension Optimizer {
  /// Makes one update of all `parameters` from their gradients, which stay as they are.
  public func step(_ parameters: ParameterSet) {
    step(values: parameters.values, gradients: parameters.gradients, ranges: [0..<parameters.count])
  }

  /// Makes one update of the numbers `ranges` of `parameters`; the others keep their bits.
  public func step(_ parameters: ParameterSet, in ranges: [Range<Int>]) {
    step(values: parameters.values, gradients: parameters.gradients, ranges: ranges)
  }

  /// Makes one update of `values` [count] from `gradients` [count], in these ranges of both.
  func step(values: Tensor, gradients: Tensor, ranges: [Range<Int>]) {
    for (name, buffer) in state {
      require(
        buffer.count == values.count,
        "\(Self.name): expected \(name) of \(values.count) numbers, found \(buffer.count)")
    }
    stepCount += 1
    let (value, gradient) = unsafe (values.pointer, UnsafePointer(gradients.pointer))
    for whole in ranges {
      require(
        whole.lowerBound >= 0 && whole.upperBound <= values.count,
        "\(Self.name): expected a range in 0..<\(values.count), found \(whole)")
      ThreadPool.current.run(over: whole.count) { part in
        unsafe update(
          (whole.lowerBound + part.lowerBound)..<(whole.lowerBound + part.upperBound), values: value,
          gradients: gradient)
      }
    }
    withExtendedLifetime((values, gradients)) {}
  }

  /// Continues from a saved `stepCount` and `state`; nothing changes when it throws.
  public func restore(stepCount: Int, state saved: [String: Tensor]) throws(OptimizerError) {
    guard stepCount >= 0 else { throw .negativeStepCount(optimizer: Self.name, found: stepCount) }
    for (name, buffer) in state {
      guard let values = saved[name] else { throw .missingState(optimizer: Self.name, state: name) }
      guard values.count == buffer.count else {
        throw .wrongCount(
          optimizer: Self.name, state: name, expected: buffer.count, found: values.count)
      }
    }
    for (name, buffer) in state {
      guard let values = saved[name] else { continue }
      unsafe buffer.pointer.update(from: values.pointer, count: buffer.count)
    }
    self.stepCount = stepCount
  }
}
