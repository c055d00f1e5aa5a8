import CellgateBasics
import CellgateTensor

/// The parameters of a module, all values in one buffer and all gradients in another, with a table of names,
/// shapes and offsets; so clipping, an optimiser's update and a checkpoint are each one loop.
///
/// Making the set moves the parameters' memory; what they hold stays.
public final class ParameterSet {
  /// A line of the table.
  public struct Entry {
    /// The dotted name; the first one, of a parameter that the module holds twice.
    public let name: String
    /// The parameter itself, whose value and gradient are windows of the buffers.
    public let parameter: Parameter
    /// Where its numbers begin in both buffers.
    public let offset: Int
    /// Whether it is learned; running means and their like aren't.
    public let isLearned: Bool

    /// The parameter's shape.
    public var shape: [Int] { parameter.shape }
    /// How many numbers it has.
    public var count: Int { parameter.value.count }
  }

  /// The parameters in the module's order, each once.
  public let entries: [Entry]
  /// All values, [count].
  public let values: Tensor
  /// All gradients, [count].
  public let gradients: Tensor

  /// Moves the parameters of `module` into buffers of their own; with `withBuffers` what it keeps without learning it, too.
  public init(_ module: any Module, withBuffers: Bool = false) {
    var entries: [Entry] = []
    var seen: Set<ObjectIdentifier> = []
    var offset = 0
    for (name, held) in module.namedTensors() {
      let parameter: Parameter
      let isLearned: Bool
      switch held {
      case .parameter(let own): (parameter, isLearned) = (own, true)
      case .buffer(let own):
        if !withBuffers { continue }
        (parameter, isLearned) = (own.parameter, false)
      }
      guard seen.insert(ObjectIdentifier(parameter)).inserted else { continue }
      entries.append(Entry(name: name, parameter: parameter, offset: offset, isLearned: isLearned))
      offset += parameter.value.count
    }
    self.entries = entries
    values = .zeros([offset])
    gradients = .zeros([offset])
    for entry in entries {
      entry.parameter.move(
        value: Tensor(storage: values.storage, offset: entry.offset, shape: entry.shape),
        gradient: Tensor(storage: gradients.storage, offset: entry.offset, shape: entry.shape))
    }
  }

  /// How many numbers there are.
  public var count: Int { values.count }
  /// How many numbers are learned.
  public var learnedCount: Int { entries.reduce(0) { $0 + ($1.isLearned ? $1.count : 0) } }

  /// The parameter of that name.
  public subscript(name: String) -> Parameter? {
    entries.first { $0.name == name }?.parameter
  }

  /// Sets all gradients to zero.
  public func zeroGradients() {
    unsafe gradients.pointer.update(repeating: 0, count: count)
  }

  /// Sets the gradients of numbers `range` to zero.
  public func zeroGradients(in range: Range<Int>) {
    require(
      range.lowerBound >= 0 && range.upperBound <= count,
      "zeroGradients: expected a range in 0..<\(count), found \(range)")
    unsafe (gradients.pointer + range.lowerBound).update(repeating: 0, count: range.count)
  }

  // MARK: Clipping

  /// √Σ g² over all gradients, summed in Double in a fixed order.
  public func gradientNorm() -> Double {
    let gradient = unsafe gradients.pointer
    return Reduction.sum(count) { range in
      var sum = 0.0
      for index in range {
        let value = unsafe Double(gradient[index])
        sum += value * value
      }
      return sum
    }.squareRoot()
  }

  /// Scales all gradients so that their norm is at most `maximum` (Pascanu et al. 2013,
  /// https://arxiv.org/abs/1211.5063), and returns the norm before. A norm that is not finite changes nothing.
  @discardableResult
  public func clipGradients(norm maximum: Double) -> Double {
    require(maximum > 0, "clipGradients: expected a norm above 0, found \(maximum)")
    let norm = gradientNorm()
    guard norm > maximum, norm.isFinite else { return norm }
    let (gradient, scale) = unsafe (gradients.pointer, Float(maximum / norm))
    ThreadPool.current.run(over: count) { range in
      for index in range { unsafe gradient[index] *= scale }
    }
    return norm
  }

  /// Brings every gradient into −maximum ... maximum; NaN stays NaN.
  public func clipGradients(value maximum: Float) {
    require(maximum > 0, "clipGradients: expected a value above 0, found \(maximum)")
    let gradient = unsafe gradients.pointer
    ThreadPool.current.run(over: count) { range in
      for index in range {
        let value = unsafe gradient[index]
        unsafe gradient[index] = value > maximum ? maximum : value < -maximum ? -maximum : value
      }
    }
  }

  // MARK: Divergence

  /// The name of the first parameter with a value that is NaN or infinite.
  public func firstNonFiniteValue() -> String? { firstNonFinite(values) }

  /// The name of the first parameter with a gradient that is NaN or infinite.
  public func firstNonFiniteGradient() -> String? { firstNonFinite(gradients) }

  private func firstNonFinite(_ buffer: Tensor) -> String? {
    entries.first { entry in
      let start = unsafe buffer.pointer + entry.offset
      return unsafe UnsafeBufferPointer(start: start, count: entry.count).contains { !$0.isFinite }
    }?.name
  }
}
