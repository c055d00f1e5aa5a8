import CellgateBasics
import CellgateTensor

/// The last valid step of each sequence: `[T, B, …]` gives `[B, …]`; zeros where there is none.
public final class LastStep: Layer {
  /// "last_step".
  public static let kind = "last_step"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// One value for each sequence.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard input.isSequence else {
      throw .badInput(layer: Self.kind, expected: "a sequence [T, B, …]", found: "\(input)")
    }
    return [LayerShape(isSequence: false, features: input.features)]
  }

  /// The last valid steps.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let (steps, batch, rest) = (x.shape[0], x.shape[1], Array(x.shape.dropFirst(2)))
    guard steps > 0 else { return [LayerValue(.zeros([batch] + rest))] }
    guard let mask = inputs[0].mask else { return [LayerValue(x[steps - 1])] }
    let flags = mask.flags(steps: steps, batch: batch)
    let last = (0..<batch).map { sequence in
      (0..<steps).last { flags[$0 * batch + sequence] }
    }
    let rows = last.enumerated().map { Int32(($1 ?? 0) * batch + $0) }
    let picked = x.reshaped([steps * batch] + rest).gathered(rows)
    let none = Tensor(
      last.map { $0 == nil ? 1 : 0 }, shape: [batch] + rest.map { _ in 1 })
    return [LayerValue(last.contains(nil) ? picked.filled(where: none, with: 0) : picked)]
  }
}

/// Masks the steps whose numbers all equal a value: later layers leave them out.
public final class Masking: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "masking"

  /// The value of masked steps.
  public struct Options: LayerOptions {
    /// The value.
    public var maskValue: Float
  }
  /// What it was made with.
  public let options: Options

  /// A layer of these options.
  public init(_ options: Options) { self.options = options }
  /// Masks the steps of this value.
  public convenience init(maskValue: Float = 0) { self.init(Options(maskValue: maskValue)) }

  /// The same shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try sequence(inputs).shape]
  }

  /// The same numbers, masked.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let (steps, batch, size, values) = (x.shape[0], x.shape[1], x.shape[2], x.scalars)
    let own = SequenceMask(
      flags: (0..<steps * batch).map { row in
        values[row * size..<(row + 1) * size].contains { $0 != options.maskValue }
      }, batch: batch)
    return [LayerValue(x, mask: inputs[0].mask?.and(own, steps: steps, batch: batch) ?? own)]
  }
}

/// All numbers of a value in one vector: `[B, 3, 4]` gives `[B, 12]`, at each step of a sequence. With `steps` T the numbers of
/// all steps of a sequence, `[T, B, 4]` gives `[B, T · 4]`, as in Keras.
public final class Flatten: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "flatten"

  /// What is flattened.
  public struct Options: LayerOptions {
    /// T: sequences of so many steps become one vector each; nil leaves the steps.
    public var steps: Int?
    /// Options with their default.
    public init(steps: Int? = nil) { self.steps = steps }
    /// 1 or more.
    public var problem: String? { SizeCheck.problem(("steps", steps ?? 1)) }
  }
  /// What it was made with.
  public let options: Options
  /// Dimensions that stay: T and B, or B.
  private var leading = 1

  /// A layer of these options.
  public init(_ options: Options = Options()) {
    require(options.problem == nil, "Flatten: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer that makes one vector of sequences of `steps` steps.
  public convenience init(steps: Int) { self.init(Options(steps: steps)) }

  /// One vector.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    let (count, overflows) = input.count.multipliedReportingOverflow(by: options.steps ?? 1)
    guard !overflows, count <= SizeCheck.most else {
      throw .badInput(layer: Self.kind, expected: "at most \(SizeCheck.most) numbers", found: "\(input)")
    }
    guard options.steps == nil || input.isSequence else {
      throw .badInput(layer: Self.kind, expected: "a sequence [T, B, …]", found: "\(input)")
    }
    return [options.steps == nil ? input.with([count]) : .vector(count)]
  }

  /// Notes whether the input is a sequence.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    leading = inputs[0].isSequence ? 2 : 1
  }

  /// The same numbers.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor, shape = x.shape
    guard let steps = options.steps else {
      let flat = Array(shape[..<leading]) + [shape[leading...].reduce(1, *)]
      return [inputs[0].with(x.reshaped(flat))]
    }
    require(shape[0] == steps, "Flatten: expected sequences of \(steps) steps, found \(shape[0])")
    return [LayerValue(x.transposed(0, 1).reshaped([shape[1], steps * shape[2...].reduce(1, *)]))]
  }
}

/// A value at each of n steps: `[B, K]` gives `[n, B, K]`, and `[B, height, width, K]` `[n, B, height, width, K]`.
public final class RepeatVector: Layer {
  /// "repeat_vector".
  public static let kind = "repeat_vector"

  /// How many steps.
  public struct Options: LayerOptions {
    /// n.
    public var n: Int
    /// 1 or more.
    public var problem: String? { SizeCheck.problem(("n", n)) }
  }
  /// What it was made with.
  public let options: Options

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "RepeatVector: \(options.problem ?? "")")
    self.options = options
  }
  /// `n` steps.
  public convenience init(_ n: Int) { self.init(Options(n: n)) }

  /// A sequence of such values.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard !input.isSequence, !input.features.isEmpty else {
      throw .badInput(layer: Self.kind, expected: "one vector [B, K]", found: "\(input)")
    }
    return [LayerShape(isSequence: true, features: input.features)]
  }

  /// The value at each step.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    return [LayerValue(x.unsqueezed(axis: 0).broadcast(to: [options.n] + x.shape))]
  }
}

/// The steps of sequences in reverse order, masked ones too: `[T, B, …]` gives `[T, B, …]`.
public final class Reverse: Layer {
  /// "reverse".
  public static let kind = "reverse"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// The same shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard input.isSequence else {
      throw .badInput(layer: Self.kind, expected: "a sequence [T, B, …]", found: "\(input)")
    }
    return [input]
  }

  /// The last step first; the mask goes with the steps.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let (steps, batch) = (x.shape[0], x.shape[1])
    let reversed = x.gathered((0..<Int32(steps)).reversed())
    return [LayerValue(reversed, mask: inputs[0].mask?.reversed(steps: steps, batch: batch))]
  }
}

/// The first input with the mask of the others: a step is valid that is valid in any of them; without others every step is.
public final class MaskFrom: Layer {
  /// "mask_from".
  public static let kind = "mask_from"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// The first input's shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    guard let first = inputs.first, inputs.allSatisfy(\.isSequence) else {
      throw .badInput(
        layer: Self.kind, expected: "sequences [T, B, …]", found: "\(inputs.map(\.description))")
    }
    return [first]
  }

  /// The first input's numbers; all inputs have as many steps.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let (steps, batch) = (x.shape[0], x.shape[1])
    for other in inputs.dropFirst() {
      require(
        other.tensor.shape[0] == steps && other.tensor.shape[1] == batch,
        "MaskFrom: expected masks of [\(steps), \(batch)], found \(other.tensor.shape.prefix(2))")
    }
    let masks = inputs.dropFirst().map { $0.mask?.flags(steps: steps, batch: batch) }
    guard let first = masks.first, var flags = first else { return [LayerValue(x)] }
    for mask in masks.dropFirst() {
      guard let mask else { return [LayerValue(x)] }
      for place in flags.indices where mask[place] { flags[place] = true }
    }
    return [LayerValue(x, mask: SequenceMask(flags: flags, batch: batch))]
  }
}
