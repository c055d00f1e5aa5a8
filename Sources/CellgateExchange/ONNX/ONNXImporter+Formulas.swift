import CellgateFiles
import CellgateNN

/// Arithmetic that comes to a layer: layer normalisation and GELU as older exporters write them, and what Cellgate
/// writes of masked steps.
extension ONNXImporter {
  /// The most operators of a formula.
  private static let largestFormula = 64

  /// A value as a part of a formula, with the value of the graph that it is made of; nil for what can't be one.
  private func part(_ value: ONNXValue) throws(ImportError) -> (formula: ONNXFormula, data: ONNXValue.Data?)?
  {
    switch value {
    case .data(let data): return (.data(data.value), data)
    case .formula(let formula, let data): return (formula, data)
    case .valid: return (.valid, nil)
    case .steps: return (.steps, nil)
    case .filled(let number): return (.number(number), nil)
    case .sizes(let sizes, _):
      guard sizes.count == 1, case .number(let number) = sizes[0] else { return nil }
      return (.number(Float(number)), nil)
    case .constant(let tensor):
      guard tensor.dims.allSatisfy({ $0 == 1 }) else { return nil }
      if let number = try tensors.integers(tensor)?.first { return (.number(Float(number)), nil) }
      return try tensors.floats(tensor).first.map { (.number($0), nil) }
    default: return nil
    }
  }

  /// The operator as a formula of its first `count` inputs, or the layer that it comes to.
  func formula(_ node: ONNXNode, _ count: Int) throws(ImportError) -> [ONNXValue?] {
    var (parts, base): ([ONNXFormula], ONNXValue.Data?) = ([], nil)
    for place in 0..<count {
      guard let part = try part(try required(node, place)) else {
        throw unsupported(node, "expected an operator that comes to a layer of Cellgate, found another")
      }
      parts.append(part.formula)
      if let data = part.data {
        guard base == nil || base?.value == data.value else {
          throw unsupported(node, "expected arithmetic that comes to a layer of Cellgate, found another")
        }
        base = data
      }
    }
    let formula = ONNXFormula.of(node.operation, parts)
    guard formula.size <= Self.largestFormula else {
      throw unsupported(node, "expected arithmetic that comes to a layer of Cellgate, found more")
    }
    guard var data = base, let meaning = formula.meaning(of: data.value) else {
      return [.formula(formula, base)]
    }
    switch meaning {
    case .gelu:
      data.value = .call(try call(ActivationLayer(.gelu), named: "activation", [data.value]), output: 0)
    case .normalized(let epsilon):
      guard data.axes.last?.factor == 0, data.factors.count == 1, epsilon.isFinite else {
        throw unsupported(node, "expected the numbers of a step to be normalised, found others")
      }
      let size = data.factors[0]
      let place = try call(
        LayerNormalization(epsilon: epsilon), named: "layer_normalization", [data.value],
        [
          ("weight", [Float](repeating: 1, count: size), [size]),
          ("bias", [Float](repeating: 0, count: size), [size]),
        ])
      data.value = .call(place, output: 0)
      if let output = node.outputs.first, uses[output] == 1 { openScale.insert(place) }
    case .mean, .largest, .last:
      guard let time = data.time, data.factors.count == 1, !data.isReversed else {
        throw unsupported(node, "expected the steps of a sequence, found others")
      }
      let place: Int
      switch meaning {
      case .mean: place = try call(GlobalAveragePooling1D(), named: "global_average_pooling1d", [data.value])
      case .largest: place = try call(GlobalMaxPooling1D(), named: "global_max_pooling1d", [data.value])
      default: place = try call(LastStep(), named: "last_step", [data.value])
      }
      data.value = .call(place, output: 0)
      data.axes.remove(at: time)
    }
    return [.data(data)]
  }

  /// The formula of a mean over the numbers of a step, or of steps that are masked; nil for others.
  func reducedFormula(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?]? {
    switch try required(node, 0) {
    case .formula: return try formula(node, 1)
    case .data(let data) where node.operation == "ReduceMean":
      guard let axes = try integers(node, 1, or: "axes"), axes.count == 1,
        axes[0] == -1 || axes[0] == data.axes.count - 1, data.axes.last?.factor == 0,
        try integer(node, "keepdims", default: 1) == 1
      else { return nil }
      return try formula(node, 1)
    default: return nil
    }
  }

  /// A normalised value times its scale, or with its shift added; nil for others.
  func scaled(
    _ data: ONNXValue.Data, _ numbers: ONNXTensor, isScale: Bool
  ) throws(ImportError) -> ONNXValue.Data? {
    guard case .call(let place, 0) = data.value, (isScale ? openScale : openShift).contains(place),
      data.factors.count == 1, numbers.dims.last == data.factors[0],
      try tensors.count(numbers) == data.factors[0]
    else { return nil }
    openScale.remove(place)
    openShift.remove(place)
    replace(place, isScale ? "weight" : "bias", try tensors.floats(numbers))
    return data
  }
}
