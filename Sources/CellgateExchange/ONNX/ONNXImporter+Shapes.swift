import CellgateFiles
import CellgateNN

/// The operators on shapes, lengths and orders of sequences.
extension ONNXImporter {
  func shape(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    var sizes: [ONNXSize]
    switch try required(node, 0) {
    case .constant(let tensor): sizes = tensor.dims.map { .number($0) }
    case .data(let data):
      sizes = data.axes.map { axis in
        switch axis {
        case .role(let role): .role(role)
        case .factor(let index): .number(data.factors[index])
        case .one, .rows: .number(1)
        }
      }
    case .stack(let stack):
      sizes = stack.axes.map { axis in
        switch axis {
        case .role(let role): .role(role)
        case .factor: .number(stack.size)
        case .rows: .number(stack.rows.count)
        case .one: .number(1)
        }
      }
    case .lengths, .wholeLengths, .order, .counting, .steps, .valid: sizes = [.role(ONNXRole(.batch))]
    case .sizes(let own, let isScalar): sizes = isScalar ? [] : [.number(own.count)]
    case .filled, .formula:
      throw unsupported(node, "expected a value of the model's graph, found another")
    }
    func bound(_ number: Int) -> Int {
      max(0, min(sizes.count, number < 0 ? number + sizes.count : number))
    }
    let start = bound(try integer(node, "start", default: 0))
    let end = bound(try integer(node, "end", default: sizes.count))
    sizes = Array(sizes[start..<max(start, end)])
    return [.sizes(sizes, isScalar: false)]
  }

  func constantOfShape(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard try sizes(try required(node, 0)) != nil else {
      throw unsupported(node, "expected a shape, found another value")
    }
    switch node.attribute("value") {
    case nil: return [.filled(0)]
    case .tensor(let tensor)?:
      if let number = try tensors.integers(tensor)?.first { return [.filled(Float(number))] }
      guard try tensors.count(tensor) == 1, let number = try tensors.floats(tensor).first else {
        throw damaged(node, "value: expected one number, found \(tensor.dims)")
      }
      return [.filled(number)]
    default: throw damaged(node, "value: expected a tensor, found another type")
    }
  }

  func expand(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    switch try required(node, 0) {
    case .sizes(let sizes, _) where sizes.count == 1 && sizes[0].role != nil: return [.wholeLengths]
    case .filled(let number): return [.filled(number)]
    case .data, .stack: return [.data(try repeated(node, try data(node, 0)))]
    case .constant(let tensor):
      guard try tensors.count(tensor) >= 1 else {
        throw damaged(node, "expected numbers to expand, found \(tensor.dims)")
      }
      if tensor.dims.reduce(1, *) == 1, let number = try tensors.integers(tensor)?.first {
        return [.filled(Float(number))]
      }
      // A row for each sequence.
      if tensor.dims.count == 1, let target = try sizes(try required(node, 1))?.sizes, target.count == 2,
        target[0].role != nil
      {
        var row = tensor
        row.dims = [1, tensor.dims[0]]
        return [.constant(row)]
      }
      let numbers = try tensors.floats(tensor)
      guard numbers.allSatisfy({ $0 == numbers[0] }) else {
        throw unsupported(node, "expected one number to expand, found different ones in \(tensor.dims)")
      }
      return [.filled(numbers[0])]
    default: throw unsupported(node, "expected one number to expand, found another value")
    }
  }

  /// A vector at each of n steps.
  private func repeated(_ node: ONNXNode, _ data: ONNXValue.Data) throws(ImportError) -> ONNXValue.Data {
    guard let target = try integers(node, 1, or: ""), target.count == data.axes.count,
      target.dropFirst().allSatisfy({ $0 == 1 }), (1...1 << 20).contains(target[0]), data.axes[0].isOne,
      data.axes.count == 3, data.time == nil, data.factors.count == 1, data.axes[2].factor == 0
    else { throw unsupported(node, "expected one vector at each of some steps, found another value") }
    // A recurrent node makes one step of a vector by itself.
    if target[0] == 1 { return data }
    var data = data
    data.value = .call(try call(RepeatVector(target[0]), named: "repeat_vector", [data.value]), output: 0)
    data.axes[0] = .role(ONNXRole(.time, size: target[0]))
    data.isMasked = false
    return data
  }

  func reduceProduct(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard let (sizes, _) = try sizes(try required(node, 0)) else {
      throw unsupported(node, "expected a shape, found another value")
    }
    return [.sizes([sizes.count == 1 ? sizes[0] : .unknown], isScalar: true)]
  }

  func range(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .number(0)? = try sizes(try required(node, 0))?.sizes.first,
      case .role(let role)? = try sizes(try required(node, 1))?.sizes.first,
      case .number(1)? = try sizes(try required(node, 2))?.sizes.first
    else { throw unsupported(node, "expected a count of the sequences or steps, found another") }
    return [role.kind == .batch ? .counting : .steps]
  }

  func less(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .steps = try required(node, 0), case .lengths(false) = try required(node, 1) else {
      throw unsupported(node, "expected steps and lengths, found other values")
    }
    return [.valid]
  }

  func topK(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .lengths(false) = try required(node, 0), try integer(node, "largest", default: 1) == 1,
      case .role(let role)? = try sizes(try required(node, 1))?.sizes.first, role.kind == .batch
    else { throw unsupported(node, "expected all lengths, the largest first, found another value") }
    return [.lengths(isSorted: true), .order(isBack: false)]
  }

  func scatter(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .filled = try required(node, 0), case .order(false) = try required(node, 1),
      case .counting = try required(node, 2), try integer(node, "axis", default: 0) == 0
    else {
      throw unsupported(node, "expected the way back from an order of the sequences, found another value")
    }
    return [.order(isBack: true)]
  }
}
