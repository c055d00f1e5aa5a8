import CellgateFiles
import CellgateNN

/// The operators that compute: layers.
extension ONNXImporter {
  // MARK: Arithmetic

  func add(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let (first, second) = (try required(node, 0), try required(node, 1))
    if let sum = try arithmetic(first, second, +) { return [sum] }
    switch (first, second) {
    case (.formula, _), (_, .formula): return try formula(node, 2)
    case (.constant(let bias), .data(let data)), (.data(let data), .constant(let bias)):
      if let shifted = try scaled(data, bias, isScale: false) { return [.data(shifted)] }
      return [.data(try biased(node, data, bias))]
    default: return [.data(try merged(node, Add(), "add"))]
    }
  }

  func multiply(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    if let product = try arithmetic(try required(node, 0), try required(node, 1), *) { return [product] }
    switch (try required(node, 0), try required(node, 1)) {
    case (.formula, _), (_, .formula): return try formula(node, 2)
    case (.constant(let scale), .data(let data)), (.data(let data), .constant(let scale)):
      guard let scaled = try scaled(data, scale, isScale: true) else { return try formula(node, 2) }
      if case .call(let place, _) = scaled.value, let output = node.outputs.first, uses[output] == 1 {
        openShift.insert(place)
      }
      return [.data(scaled)]
    default: return [.data(try merged(node, Multiply(), "multiply"))]
    }
  }

  func unary(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] { try formula(node, 1) }
  func binary(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    if let difference = try arithmetic(node) { return [difference] }
    return try formula(node, 2)
  }
  func choice(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] { try formula(node, 3) }

  /// Differences and the like of sizes, which nothing that is read needs to know.
  private func arithmetic(_ node: ONNXNode) throws(ImportError) -> ONNXValue? {
    guard ["Sub", "Div"].contains(node.operation) else { return nil }
    return try arithmetic(try required(node, 0), try required(node, 1)) { left, right in
      node.operation == "Sub" ? left - right : right == 0 ? 0 : left / right
    }
  }

  /// Arithmetic of one size with another.
  func arithmetic(
    _ first: ONNXValue, _ second: ONNXValue, _ combine: (Int, Int) -> Int
  ) throws(ImportError) -> ONNXValue? {
    guard let (one, isScalar) = try sizes(first), let (other, _) = try sizes(second), one.count == 1,
      other.count == 1
    else { return nil }
    if case .number(let left) = one[0], case .number(let right) = other[0], abs(left) < 1 << 31,
      abs(right) < 1 << 31
    {
      return .sizes([.number(combine(left, right))], isScalar: isScalar)
    }
    return .sizes([.unknown], isScalar: isScalar)
  }

  func merged(_ node: ONNXNode, _ layer: some Layer, _ name: String) throws(ImportError)
    -> ONNXValue.Data
  {
    var (first, second) = (try data(node, 0), try data(node, 1))
    guard joined(first.axes, second.axes), first.factors == second.factors, first.isSorted == second.isSorted
    else {
      throw unsupported(node, "expected two values of the same axes, found others")
    }
    second.axes = first.axes
    first.isMasked = first.isMasked || second.isMasked
    first.value = .call(try call(layer, named: name, [first.value, second.value]), output: 0)
    return first
  }

  /// A dense layer's output with its bias.
  func biased(
    _ node: ONNXNode, _ data: ONNXValue.Data, _ bias: ONNXTensor
  ) throws(ImportError) -> ONNXValue.Data {
    guard case .call(let place, 0) = data.value, let units = openDense[place], data.factors == [units],
      data.axes.last?.factor == 0, bias.dims.last == units, try tensors.count(bias) == units
    else {
      throw unsupported(node, "expected a bias after a matrix product, found numbers \(bias.dims) added")
    }
    openDense[place] = nil
    change(place, to: Dense(units), "bias", try tensors.floats(bias))
    return data
  }

  func matMul(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let data = try data(node, 0)
    guard let weight = try constant(node, 1), weight.dims.count == 2 else {
      throw unsupported(node, "expected a matrix [K, N] of the file, found another value")
    }
    let result = try dense(node, data, weight, isTransposed: false, bias: nil)
    // Another reader of the product sees it without the bias.
    if case .call(let place, _) = result.value, let output = node.outputs.first, uses[output] == 1 {
      openDense[place] = weight.dims[1]
    }
    return [.data(result)]
  }

  func gemm(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let data = try data(node, 0)
    guard try integer(node, "transA", default: 0) == 0, data.axes.count == 2 else {
      throw unsupported(node, "expected rows of numbers, found another value")
    }
    guard var weight = try constant(node, 1), weight.dims.count == 2 else {
      throw unsupported(node, "expected a matrix of the file, found another value")
    }
    let (alpha, beta) = (try float(node, "alpha", default: 1), try float(node, "beta", default: 1))
    let isTransposed = try integer(node, "transB", default: 0) != 0
    let units = weight.dims[isTransposed ? 0 : 1]
    var bias: [Float]?
    if let own = try constant(node, 2) {
      let count = try tensors.count(own)
      guard count == 1 || (count == units && own.dims.last == units), units <= 1 << 24 else {
        throw unsupported(node, "C: expected \(units) numbers, found \(own.dims)")
      }
      let numbers = try tensors.floats(own).map { $0 * beta }
      bias = count == units ? numbers : [Float](repeating: numbers[0], count: max(0, units))
    }
    if alpha != 1 {
      weight = ONNXTensor(weight.name, try tensors.floats(weight).map { $0 * alpha }, dims: weight.dims)
    }
    return [.data(try dense(node, data, weight, isTransposed: isTransposed, bias: bias))]
  }

  func dense(
    _ node: ONNXNode, _ data: ONNXValue.Data, _ weight: ONNXTensor, isTransposed: Bool, bias: [Float]?
  ) throws(ImportError) -> ONNXValue.Data {
    let (rows, columns) = (weight.dims[0], weight.dims[1])
    let (size, units) = isTransposed ? (columns, rows) : (rows, columns)
    guard data.axes.last?.factor == 0, data.factors.count == 1, size >= 1, units >= 1, units <= 1 << 24 else {
      throw unsupported(node, "expected the numbers of a step last, found other axes")
    }
    guard data.factors[0] == size else {
      throw damaged(node, "expected a matrix for \(data.factors[0]) numbers, found one for \(size)")
    }
    let numbers = try tensors.floats(weight)
    let own = isTransposed ? numbers : Self.transposed(numbers, rows, columns)
    var parameters: [(name: String, numbers: [Float], shape: [Int])] = [("weight", own, [units, size])]
    if let bias { parameters.append(("bias", bias, [units])) }
    let place = try call(Dense(units, useBias: bias != nil), named: "dense", [data.value], parameters)
    var result = data
    result.value = .call(place, output: 0)
    result.factors = [units]
    return result
  }

  // MARK: Functions

  func activation(_ activation: Activation) -> Operation {
    { (node) throws(ImportError) in
      var data = try self.data(node, 0)
      data.value = .call(
        try self.call(ActivationLayer(activation), named: "activation", [data.value]), output: 0)
      return [.data(data)]
    }
  }

  func gelu(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    if case .text(let text)? = node.attribute("approximate"), text != "none" {
      throw unsupported(node, "approximate: expected none, found '\(quotedName(text))'")
    }
    return try activation(.gelu)(node)
  }

  func softmax(_ kind: Activation) -> Operation {
    { (node) throws(ImportError) in
      let data = try self.data(node, 0)
      let number = try self.integer(node, "axis", default: self.operatorSet < 13 ? 1 : -1)
      let place = try self.axis(node, number, of: data.axes.count)
      guard place == data.axes.count - 1, data.axes[place].factor == 0, data.factors.count == 1 else {
        throw self.unsupported(node, "axis: expected that of the numbers of a step, found \(number)")
      }
      return try self.activation(kind)(node)
    }
  }

  func layerNormalization(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    var data = try data(node, 0)
    let place = try axis(node, try integer(node, "axis", default: -1), of: data.axes.count)
    guard place == data.axes.count - 1, data.axes[place].factor == 0, data.factors.count == 1 else {
      throw unsupported(node, "axis: expected that of the numbers of a step, found another")
    }
    let size = data.factors[0]
    guard let weight = try constant(node, 1), weight.dims == [size] else {
      throw damaged(node, "Scale: expected [\(size)], found another")
    }
    var bias = [Float](repeating: 0, count: size)
    if let own = try constant(node, 2) {
      guard own.dims == [size] else { throw damaged(node, "B: expected [\(size)], found \(own.dims)") }
      bias = try tensors.floats(own)
    }
    let epsilon = try float(node, "epsilon", default: 1e-5)
    guard epsilon > 0, epsilon.isFinite else {
      throw damaged(node, "epsilon: expected above 0, found \(epsilon)")
    }
    let made = try call(
      LayerNormalization(epsilon: epsilon), named: "layer_normalization", [data.value],
      [("weight", try tensors.floats(weight), [size]), ("bias", bias, [size])])
    data.value = .call(made, output: 0)
    return [.data(data), nil, nil]
  }

  /// A pooling over the steps.
  func reduce(_ layer: some Layer, _ name: String) -> Operation {
    { (node) throws(ImportError) in
      if let formula = try self.reducedFormula(node) { return formula }
      var data = try self.data(node, 0)
      guard let given = try self.integers(node, 1, or: "axes"), given.count == 1 else {
        throw self.unsupported(node, "axes: expected that of the steps, found others")
      }
      let place = try self.axis(node, given[0], of: data.axes.count)
      guard data.axes[place].role?.kind == .time, !data.isMasked, data.factors.count == 1 else {
        throw self.unsupported(node, "axes: expected the steps of sequences without lengths, found others")
      }
      data.value = .call(try self.call(layer, named: name, [data.value]), output: 0)
      if try self.integer(node, "keepdims", default: 1) != 0 {
        data.axes[place] = .one
      } else {
        data.axes.remove(at: place)
      }
      return [.data(data)]
    }
  }
}
