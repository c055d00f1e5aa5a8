import CellgateBasics
import CellgateTensor

/// The shapes of several inputs that a layer merges.
private func merged(
  _ kind: String, _ inputs: [LayerShape], lastMayDiffer: Bool = false
) throws(LayerError) -> LayerShape {
  guard inputs.count > 1, let first = inputs.first else {
    throw .badInput(layer: kind, expected: "two inputs or more", found: "\(inputs.count)")
  }
  for input in inputs.dropFirst() {
    let same =
      lastMayDiffer
      ? input.isSequence == first.isSequence && input.features.count == first.features.count
        && !input.features.isEmpty && input.features.dropLast() == first.features.dropLast()
      : input == first
    guard same else { throw .badInput(layer: kind, expected: "inputs like \(first)", found: "\(input)") }
  }
  return first
}

/// The steps that are valid in all inputs.
private func mask(of inputs: [LayerValue]) -> SequenceMask? {
  guard let shape = inputs.first?.tensor.shape, shape.count > 1 else { return nil }
  return inputs.compactMap(\.mask).reduce(nil) { result, mask in
    result?.and(mask, steps: shape[0], batch: shape[1]) ?? mask
  }
}

/// Inputs side by side, along the last dimension.
public final class Concatenate: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "concatenate"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// The sum of the last dimensions.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let first = try merged(Self.kind, inputs, lastMayDiffer: true)
    let size = inputs.reduce(0) { $0 + ($1.features.last ?? 0) }
    guard size <= SizeCheck.most else {
      throw .badInput(layer: Self.kind, expected: "at most \(SizeCheck.most) numbers", found: "\(size)")
    }
    return [first.with(first.features.dropLast() + [size])]
  }

  /// The inputs in order.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    [LayerValue(concatenated(inputs.map(\.tensor)), mask: mask(of: inputs))]
  }
}

/// The sum of inputs of one shape.
public final class Add: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "add"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// The same shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try merged(Self.kind, inputs)]
  }

  /// The sum.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let sum = inputs.dropFirst().reduce(inputs[0].tensor) { $0 + $1.tensor }
    return [LayerValue(sum, mask: mask(of: inputs))]
  }
}

/// The product of inputs of one shape, number by number.
public final class Multiply: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "multiply"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// The same shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try merged(Self.kind, inputs)]
  }

  /// The product.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let product = inputs.dropFirst().reduce(inputs[0].tensor) { $0 * $1.tensor }
    return [LayerValue(product, mask: mask(of: inputs))]
  }
}

/// The mean of inputs of one shape, number by number.
public final class Average: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "average"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// The same shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try merged(Self.kind, inputs)]
  }

  /// The mean.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let sum = inputs.dropFirst().reduce(inputs[0].tensor) { $0 + $1.tensor }
    return [LayerValue(sum / Float(inputs.count), mask: mask(of: inputs))]
  }
}
