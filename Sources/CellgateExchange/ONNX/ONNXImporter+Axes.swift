import CellgateFiles
import CellgateNN

/// The operators that put the axes of a value into another order, join or part them.
extension ONNXImporter {
  // MARK: Axes

  /// An axis of a value of `count` axes; negative ones count from the end.
  func axis(_ node: ONNXNode, _ number: Int, of count: Int) throws(ImportError) -> Int {
    guard number >= -count, number < count else {
      throw damaged(node, "axis: expected one of \(count), found \(number)")
    }
    return number < 0 ? number + count : number
  }

  func axes(_ node: ONNXNode, _ numbers: [Int], of count: Int) throws(ImportError) -> [Int] {
    guard numbers.count <= 16 else {
      throw damaged(node, "axes: expected at most 16, found \(numbers.count)")
    }
    var found: [Int] = []
    for number in numbers {
      let axis = try axis(node, number, of: count)
      guard !found.contains(axis) else {
        throw damaged(node, "axes: expected different ones, found \(numbers)")
      }
      found.append(axis)
    }
    return found
  }

  func transpose(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let value = try required(node, 0)
    func permuted(_ own: [ONNXAxis]) throws(ImportError) -> [ONNXAxis] {
      let order = try integers(node, 1, or: "perm") ?? Array(own.indices.reversed())
      guard order.sorted() == Array(own.indices) else {
        throw damaged(node, "perm: expected an order of \(own.count) axes, found \(order)")
      }
      return order.map { own[$0] }
    }
    switch value {
    case .data(var data):
      data.axes = try permuted(data.axes)
      return [.data(data)]
    case .stack(var stack):
      stack.axes = try permuted(stack.axes)
      return [.stack(stack)]
    case .constant(let tensor): return [.constant(try transposed(node, tensor))]
    case .filled: return [value]
    default: throw unsupported(node, "expected a value of the model's graph, found one of shapes")
    }
  }

  /// A matrix of the file with its axes exchanged.
  func transposed(_ node: ONNXNode, _ tensor: ONNXTensor) throws(ImportError) -> ONNXTensor {
    let order = try integers(node, 1, or: "perm") ?? [1, 0]
    guard tensor.dims.count == 2, order == [1, 0] else {
      throw unsupported(node, "expected a matrix of the file, found \(tensor.dims) and perm \(order)")
    }
    let numbers = try tensors.floats(tensor)
    return ONNXTensor(
      tensor.name, Self.transposed(numbers, tensor.dims[0], tensor.dims[1]),
      dims: [tensor.dims[1], tensor.dims[0]])
  }

  static func transposed(_ numbers: [Float], _ rows: Int, _ columns: Int) -> [Float] {
    var result = [Float](repeating: 0, count: numbers.count)
    for row in 0..<rows {
      for column in 0..<columns { result[column * rows + row] = numbers[row * columns + column] }
    }
    return result
  }

  func squeeze(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let value = try required(node, 0)
    let given = try integers(node, 1, or: "axes")
    switch value {
    case .sizes(let sizes, _):
      guard sizes.count == 1 else { throw unsupported(node, "expected one size, found \(sizes.count)") }
      return [.sizes(sizes, isScalar: true)]
    case .constant, .filled, .lengths: return [value]
    case .data(var data):
      let places =
        try given.map { (given) throws(ImportError) in try axes(node, given, of: data.axes.count) }
        ?? data.axes.indices.filter { data.axes[$0].isOne }
      for place in places.sorted(by: >) {
        switch data.axes[place] {
        case .one: data.axes.remove(at: place)
        case .role(let role) where role.kind == .time && role.size == 1:
          data = try lastStep(node, data, removing: place)
        case .factor(let index) where data.factors[index] == 1 && data.factors.count > 1:
          data = removing(factor: index, of: data, at: place)
        default: throw unsupported(node, "expected axes of size 1, found axis \(place)")
        }
      }
      return [.data(data)]
    case .stack(var stack):
      let places =
        try given.map { (given) throws(ImportError) in try axes(node, given, of: stack.axes.count) }
        ?? stack.axes.indices.filter {
          stack.axes[$0].isOne || (stack.axes[$0].isRows && stack.rows.count == 1)
        }
      for place in places.sorted(by: >) {
        guard stack.axes[place].isOne || (stack.axes[place].isRows && stack.rows.count == 1) else {
          throw unsupported(node, "expected axes of size 1, found axis \(place)")
        }
        stack.axes.remove(at: place)
      }
      return [flat(stack)]
    default: throw unsupported(node, "expected a value of the model's graph, found another")
    }
  }

  /// A stack without rows is one vector for each sequence.
  func flat(_ stack: ONNXValue.Stack) -> ONNXValue {
    guard stack.rows.count == 1, !stack.axes.contains(where: \.isRows) else { return .stack(stack) }
    if stack.followsLengths { return .stack(stack) }
    return .data(
      ONNXValue.Data(value: stack.rows[0], axes: stack.axes, factors: [stack.size], isSorted: stack.isSorted))
  }

  func removing(factor index: Int, of data: ONNXValue.Data, at place: Int) -> ONNXValue.Data {
    var data = data
    data.axes.remove(at: place)
    data.factors.remove(at: index)
    data.axes = data.axes.map { axis in
      if case .factor(let other) = axis, other > index { return .factor(other - 1) }
      return axis
    }
    return data
  }

  func unsqueeze(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let value = try required(node, 0)
    guard let given = try integers(node, 1, or: "axes") else {
      throw damaged(node, "expected axes, found none")
    }
    func inserted(_ own: [ONNXAxis]) throws(ImportError) -> [ONNXAxis] {
      let places = try axes(node, given, of: own.count + given.count)
      var result = own
      for place in places.sorted() { result.insert(.one, at: min(place, result.count)) }
      return result
    }
    switch value {
    case .sizes(let sizes, true): return [.sizes(sizes, isScalar: false)]
    case .constant(var tensor):
      let places = try axes(node, given, of: tensor.dims.count + given.count)
      for place in places.sorted() { tensor.dims.insert(1, at: min(place, tensor.dims.count)) }
      return [.constant(tensor)]
    case .filled, .steps, .valid, .formula(_, nil): return [value]
    case .lengths where given == [0]: return [value]
    case .data(var data):
      data.axes = try inserted(data.axes)
      return [.data(data)]
    case .stack(var stack):
      stack.axes = try inserted(stack.axes)
      return [.stack(stack)]
    default: throw unsupported(node, "expected a value of the model's graph, found another")
    }
  }

  // MARK: Reshapes

  func reshape(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let value = try required(node, 0)
    if case .sizes(let sizes, _) = value, let target = try integers(node, 1, or: "shape"), target.count <= 1 {
      return [.sizes(sizes, isScalar: target.isEmpty)]
    }
    if case .filled = value { return [value] }
    if case .constant(var tensor) = value {
      guard let target = try integers(node, 1, or: "shape"), target.allSatisfy({ $0 >= 1 }) else {
        throw unsupported(node, "expected a shape in the file, found another")
      }
      let before = try tensors.count(tensor)
      tensor.dims = target
      guard try tensors.count(tensor) == before else {
        throw damaged(node, "expected a shape of \(before) numbers, found \(target)")
      }
      return [.constant(tensor)]
    }
    guard let (target, _) = try sizes(try required(node, 1)) else {
      throw unsupported(node, "expected a shape in the file or computed of shapes, found another value")
    }
    let copiesZeros = try integer(node, "allowzero", default: 0) == 0
    if case .stack(let stack) = value { return [.data(try merged(node, stack, target))] }
    let data = try data(node, 0)
    var target2: [ONNXSize?] = []
    for (place, size) in target.enumerated() {
      switch size {
      case .number(0) where copiesZeros:
        guard place < data.axes.count else { throw damaged(node, "expected sizes of axes, found 0") }
        target2.append(.unknown)
        switch data.axes[place] {
        case .role(let role): target2[place] = .role(role)
        case .factor(let index): target2[place] = .number(data.factors[index])
        case .one, .rows: target2[place] = .number(1)
        }
      case .number(-1): target2.append(nil)
      default: target2.append(size)
      }
    }
    return [.data(try reshaped(node, data, target2))]
  }

  func flatten(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let data = try data(node, 0)
    guard try integer(node, "axis", default: 1) == 1, let role = data.axes.first?.role else {
      throw unsupported(node, "expected axis 1 of a value of sequences, found another")
    }
    return [.data(try reshaped(node, data, [.role(role), nil]))]
  }

  /// The value under other axes, if neighbours are joined or parted alone; nil is what is left over.
  func reshaped(
    _ node: ONNXNode, _ data: ONNXValue.Data, _ target: [ONNXSize?]
  ) throws(ImportError) -> ONNXValue.Data {
    func refused() -> ImportError {
      unsupported(node, "expected a shape that joins or parts the numbers of a step, found another")
    }
    guard target.count <= 8, target.filter({ $0 == nil }).count <= 1 else { throw refused() }
    /// The axes that are not of size 1, and those of the result.
    let source = data.axes.filter { !$0.isOne }
    var (axes, factors, place): ([ONNXAxis], [Int], Int) = ([], [], 0)
    /// The part of a factor that is not taken yet.
    var rest: Int?
    var nextFactor = 0
    /// Sizes that are still to come after this one, of those that take an axis.
    func later(_ index: Int) -> Int {
      target[(index + 1)...].filter { if case .number(1)? = $0 { false } else { true } }.count
    }
    for (index, size) in target.enumerated() {
      switch size {
      case .number(1)?:
        if place < source.count, case .role(let role) = source[place], role.size == 1,
          source.count - place > later(index)
        {
          axes.append(source[place])
          place += 1
        } else if place < source.count, case .factor(let own) = source[place], data.factors[own] == 1,
          source.count - place > later(index)
        {
          guard own == nextFactor else { throw refused() }
          (nextFactor, place) = (nextFactor + 1, place + 1)
          axes.append(.factor(factors.count))
          factors.append(1)
        } else {
          axes.append(.one)
        }
      case .role(let role)?:
        guard place < source.count, let own = source[place].role, own.isSame(as: role) || own.join(role),
          rest == nil
        else { throw refused() }
        axes.append(source[place])
        place += 1
      case .number(let number)? where number > 1:
        guard place < source.count else { throw refused() }
        if case .role(let role) = source[place] {
          guard rest == nil, role.size == nil || role.size == number else { throw refused() }
          axes.append(source[place])
          place += 1
          continue
        }
        var product = 1
        while product < number {
          guard place < source.count, case .factor(let own) = source[place], own == nextFactor else {
            throw refused()
          }
          let available = rest ?? data.factors[own]
          if product * available <= number {
            product *= available
            (rest, place, nextFactor) = (nil, place + 1, nextFactor + 1)
          } else {
            guard number % product == 0, available % (number / product) == 0 else { throw refused() }
            rest = available / (number / product)
            product = number
          }
        }
        guard product == number else { throw refused() }
        axes.append(.factor(factors.count))
        factors.append(number)
      case nil, .unknown?:
        let count = source.count - place - later(index)
        guard count >= 1 || rest != nil else { throw refused() }
        if rest == nil, case .role = source[place] {
          guard count == 1 else { throw refused() }
          axes.append(source[place])
          place += 1
          continue
        }
        var product = 1
        for _ in 0..<max(1, count) {
          guard place < source.count, case .factor(let own) = source[place], own == nextFactor else {
            throw refused()
          }
          product *= rest ?? data.factors[own]
          (rest, place, nextFactor) = (nil, place + 1, nextFactor + 1)
        }
        axes.append(.factor(factors.count))
        factors.append(product)
      default: throw refused()
      }
    }
    guard place == source.count, rest == nil else { throw refused() }
    var result = data
    (result.axes, result.factors) = (axes, factors)
    return result
  }

  /// States of all rows side by side: [B, rows·H].
  func merged(
    _ node: ONNXNode, _ stack: ONNXValue.Stack, _ target: [ONNXSize]
  ) throws(ImportError) -> ONNXValue.Data {
    let own = stack.axes.filter { !$0.isOne }
    guard own.count == 3, own[0].role != nil, own[1].isRows, own[2].factor != nil, target.count == 2
    else {
      throw unsupported(node, "expected states with the sequences first, as one vector each, found others")
    }
    if case .number(let number) = target[1], number != -1, number != stack.rows.count * stack.size {
      throw damaged(node, "expected \(stack.rows.count * stack.size) numbers, found \(number)")
    }
    let value =
      stack.rows.count == 1
      ? stack.rows[0]
      : .call(try call(Concatenate(), named: "concatenate", stack.rows), output: 0)
    return ONNXValue.Data(
      value: value, axes: [own[0], .factor(0)], factors: [stack.rows.count * stack.size],
      isSorted: stack.isSorted)
  }
}
