import CellgateCells
import CellgateFiles
import CellgateNN

extension ONNXImporter {
  typealias Operation = (ONNXNode) throws(ImportError) -> [ONNXValue?]

  /// The operators beside the recurrent ones, by name.
  static let operations: [String: @Sendable (ONNXImporter) -> Operation] = [
    "Constant": { $0.constantNode },
    "Identity": { $0.identity }, "Dropout": { $0.dropout }, "Cast": { $0.cast },
    "Transpose": { $0.transpose }, "Squeeze": { $0.squeeze }, "Unsqueeze": { $0.unsqueeze },
    "Reshape": { $0.reshape }, "Flatten": { $0.flatten }, "Slice": { $0.slice }, "Split": { $0.split },
    "Concat": { $0.concat }, "Gather": { $0.gather },
    "Shape": { $0.shape }, "ConstantOfShape": { $0.constantOfShape }, "Expand": { $0.expand },
    "ReduceProd": { $0.reduceProduct }, "Range": { $0.range }, "TopK": { $0.topK },
    "ScatterElements": { $0.scatter },
    "Less": { $0.less }, "Scan": { $0.scan },
    "Add": { $0.add }, "Mul": { $0.multiply }, "MatMul": { $0.matMul }, "Gemm": { $0.gemm },
    "LayerNormalization": { $0.layerNormalization },
    "Relu": { $0.activation(.relu) }, "Tanh": { $0.activation(.tanh) },
    "Sigmoid": { $0.activation(.sigmoid) }, "Softplus": { $0.activation(.softplus) },
    "Gelu": { $0.gelu }, "Softmax": { $0.softmax(.softmax) }, "LogSoftmax": { $0.softmax(.logSoftmax) },
    "ReduceMean": { $0.reduce(GlobalAveragePooling1D(), "global_average_pooling1d") },
    "ReduceMax": { $0.reduce(GlobalMaxPooling1D(), "global_max_pooling1d") },
  ]

  // MARK: Values in the file

  private func constantNode(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard node.attributes.count == 1, let attribute = node.attributes.first else {
      throw damaged(node, "expected one attribute, found \(node.attributes.count)")
    }
    var tensor: ONNXTensor
    switch (attribute.name, attribute.value) {
    case ("value", .tensor(let own)): tensor = own
    case ("value_int", .integer(let number)): tensor = ONNXTensor("", integers: [number], dims: [])
    case ("value_ints", .integers(let numbers)): tensor = ONNXTensor("", integers: numbers)
    case ("value_float", .float(let number)): tensor = ONNXTensor("", [number], dims: [])
    case ("value_floats", .floats(let numbers)): tensor = ONNXTensor("", numbers, dims: [numbers.count])
    default:
      throw unsupported(node, "expected numbers, found '\(quotedName(attribute.name))'")
    }
    if tensor.name.isEmpty { tensor.name = node.outputs.first ?? "" }
    return [.constant(tensor)]
  }

  // MARK: Values as they are

  private func identity(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] { [try required(node, 0)] }

  private func dropout(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    if let training = try constant(node, 2), try tensors.integers(training)?.first != 0 {
      throw unsupported(node, "training_mode: expected false, found true")
    }
    return [try required(node, 0), nil]
  }

  private func cast(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let value = try required(node, 0)
    let type = ONNXTensor.Element(rawValue: try integer(node, "to", default: 0))
    switch value {
    case .data where type == .float || type == .double:
      findings.append("\(node.title): computed in Float32")
    case .data(let data):
      // Symbols stay what they are as whole numbers.
      guard case .input = data.value, data.factors.isEmpty, type == .int64 || type == .int32 else {
        throw unsupported(node, "to: expected Float32, found \(type.map { "\($0)" } ?? "another type")")
      }
    case .constant, .filled, .stack:
      guard type == .float || type == .double || type == .int64 || type == .int32 || type == .float16 else {
        throw unsupported(node, "to: expected numbers, found \(type.map { "\($0)" } ?? "another type")")
      }
    case .sizes, .lengths, .wholeLengths, .order, .counting, .steps, .valid:
      guard type == .int64 || type == .int32 else {
        throw unsupported(node, "to: expected whole numbers, found \(type.map { "\($0)" } ?? "another type")")
      }
    }
    return [value]
  }

  // MARK: Axes

  /// An axis of a value of `count` axes; negative ones count from the end.
  private func axis(_ node: ONNXNode, _ number: Int, of count: Int) throws(ImportError) -> Int {
    guard number >= -count, number < count else {
      throw damaged(node, "axis: expected one of \(count), found \(number)")
    }
    return number < 0 ? number + count : number
  }

  private func axes(_ node: ONNXNode, _ numbers: [Int], of count: Int) throws(ImportError) -> [Int] {
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

  private func transpose(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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
  private func transposed(_ node: ONNXNode, _ tensor: ONNXTensor) throws(ImportError) -> ONNXTensor {
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

  private func squeeze(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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
  private func flat(_ stack: ONNXValue.Stack) -> ONNXValue {
    guard stack.rows.count == 1, !stack.axes.contains(where: \.isRows) else { return .stack(stack) }
    if stack.followsLengths { return .stack(stack) }
    return .data(
      ONNXValue.Data(value: stack.rows[0], axes: stack.axes, factors: [stack.size], isSorted: stack.isSorted))
  }

  private func removing(factor index: Int, of data: ONNXValue.Data, at place: Int) -> ONNXValue.Data {
    var data = data
    data.axes.remove(at: place)
    data.factors.remove(at: index)
    data.axes = data.axes.map { axis in
      if case .factor(let other) = axis, other > index { return .factor(other - 1) }
      return axis
    }
    return data
  }

  private func unsqueeze(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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
    case .filled, .steps, .valid: return [value]
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

  private func reshape(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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

  private func flatten(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let data = try data(node, 0)
    guard try integer(node, "axis", default: 1) == 1, let role = data.axes.first?.role else {
      throw unsupported(node, "expected axis 1 of a value of sequences, found another")
    }
    return [.data(try reshaped(node, data, [.role(role), nil]))]
  }

  /// The value under other axes, if neighbours are joined or parted alone; nil is what is left over.
  private func reshaped(
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
  private func merged(
    _ node: ONNXNode, _ stack: ONNXValue.Stack, _ target: [ONNXSize]
  ) throws(ImportError) -> ONNXValue.Data {
    let own = stack.axes.filter { !$0.isOne }
    guard own.count == 3, own[0].role != nil, own[1].isRows, own[2].factor != nil, target.count == 2,
      !stack.followsLengths || lengthsInput != nil
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

  // MARK: Parts

  /// The last step of sequences in place of the steps.
  private func lastStep(
    _ node: ONNXNode, _ data: ONNXValue.Data, removing place: Int
  ) throws(ImportError) -> ONNXValue.Data {
    guard lengthsInput == nil else {
      throw unsupported(node, "expected the last step of sequences without lengths, found some with lengths")
    }
    var data = data
    data.value = .call(try call(LastStep(), named: "last_step", [data.value]), output: 0)
    data.axes.remove(at: place)
    return data
  }

  /// Rows of a stack.
  private func rows(_ stack: ONNXValue.Stack, _ places: [Int], at axis: Int, isScalar: Bool) -> ONNXValue {
    var stack = stack
    stack.rows = places.map { stack.rows[$0] }
    if isScalar { stack.axes.remove(at: axis) }
    return flat(stack)
  }

  private func slice(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let value = try required(node, 0)
    if case .filled = value { return [value] }
    // The lengths of so many sequences as there are.
    if case .lengths = value, let first = try integers(node, 1, or: "starts"), first == [0] { return [value] }
    guard let starts = try integers(node, 1, or: "starts"), let ends = try integers(node, 2, or: "ends"),
      starts.count == ends.count, !starts.isEmpty, starts.count <= 8
    else { throw damaged(node, "expected as many starts as ends, found others") }
    let places = try integers(node, 3, or: "axes") ?? Array(starts.indices)
    let steps = try integers(node, 4, or: "steps") ?? starts.map { _ in 1 }
    guard places.count == starts.count, steps.count == starts.count else {
      throw damaged(node, "expected \(starts.count) axes and steps, found \(places.count) and \(steps.count)")
    }
    if steps == [-1], starts == [-1], ends[0] <= -1 << 31 + 1, case .data(let data) = value {
      return [.data(try backwards(node, data, places[0]))]
    }
    guard steps.allSatisfy({ $0 == 1 }) else { throw unsupported(node, "steps: expected 1, found \(steps)") }
    func range(_ index: Int, _ count: Int) -> Range<Int> {
      func bound(_ number: Int) -> Int { max(0, min(count, number < 0 ? number + count : number)) }
      let (start, end) = (bound(starts[index]), bound(ends[index]))
      return start..<max(start, end)
    }
    if let (sizes, isScalar) = try sizes(value), !isScalar {
      guard starts.count == 1, places == [0] || places == [-1] else {
        throw damaged(node, "expected one axis")
      }
      return [.sizes(Array(sizes[range(0, sizes.count)]), isScalar: false)]
    }
    switch value {
    case .stack(var stack):
      for (index, place) in try axes(node, places, of: stack.axes.count).enumerated() {
        switch stack.axes[place] {
        case .rows:
          let range = range(index, stack.rows.count)
          guard !range.isEmpty else { throw damaged(node, "expected states, found an empty part") }
          stack.rows = Array(stack.rows[range])
        case .factor where range(index, stack.size) == 0..<stack.size: break
        case .role where starts[index] == 0 && ends[index] >= 1 << 31 - 1: break
        case .one where !range(index, 1).isEmpty: break
        default: throw unsupported(node, "expected a part of the layers and directions, found another")
        }
      }
      return [.stack(stack)]
    case .data(var data):
      for (index, place) in try axes(node, places, of: data.axes.count).enumerated() {
        switch data.axes[place] {
        case .role where starts[index] == 0 && ends[index] >= 1 << 31 - 1: break
        case .role(let role)
        where role.kind == .time
          && (starts[index] == -1 && ends[index] >= 1 << 31 - 1
            || role.size.map { range(index, $0) == $0 - 1..<$0 } ?? false):
          data = try lastStep(node, data, removing: place)
          data.axes.insert(.one, at: place)
        case .factor(let own) where range(index, data.factors[own]) == 0..<data.factors[own]: break
        case .one where !range(index, 1).isEmpty: break
        default:
          throw unsupported(node, "expected the last step or all of an axis, found another part")
        }
      }
      return [.data(data)]
    default: throw unsupported(node, "expected a value of the model's graph, found another")
    }
  }

  /// The steps from the last to the first.
  private func backwards(
    _ node: ONNXNode, _ data: ONNXValue.Data, _ number: Int
  ) throws(ImportError) -> ONNXValue.Data {
    let place = try axis(node, number, of: data.axes.count)
    guard data.axes[place].role?.kind == .time else {
      throw unsupported(node, "steps: expected 1, or -1 of the steps of sequences, found another")
    }
    var data = data
    data.value = .call(try call(Reverse(), named: "reverse", [data.value]), output: 0)
    data.isReversed.toggle()
    return data
  }

  private func split(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .stack(let stack) = try required(node, 0) else {
      throw unsupported(node, "expected states to split, found another value")
    }
    let place = try axis(node, try integer(node, "axis", default: 0), of: stack.axes.count)
    guard stack.axes[place].isRows else { throw unsupported(node, "expected layers and directions to split") }
    let count = node.outputs.count
    let sizes =
      try integers(node, 1, or: "split")
      ?? [Int](repeating: count > 0 ? stack.rows.count / count : 0, count: count)
    guard sizes.count == count, sizes.allSatisfy({ $0 > 0 && $0 <= stack.rows.count }),
      sizes.reduce(0, +) == stack.rows.count
    else {
      throw damaged(node, "split: expected parts of \(stack.rows.count) states, found \(sizes.prefix(8))")
    }
    var (results, first): ([ONNXValue?], Int) = ([], 0)
    for size in sizes {
      results.append(rows(stack, Array(first..<first + size), at: place, isScalar: false))
      first += size
    }
    return results
  }

  private func concat(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard !node.inputs.isEmpty else { throw damaged(node, "expected inputs, found none") }
    let number = try integer(node, "axis", default: 0)
    var parts: [ONNXValue] = []
    for place in node.inputs.indices { parts.append(try required(node, place)) }
    // Lengths that may be left out, and what stands for them then.
    if parts.count == 2, case .lengths = parts[0], case .wholeLengths = parts[1] { return [parts[0]] }
    // Shapes.
    var all: [ONNXSize] = []
    var areSizes = true
    for part in parts {
      guard let (sizes, isScalar) = try sizes(part), !isScalar else {
        areSizes = false
        break
      }
      all += sizes
      guard all.count <= 1 << 16 else { throw damaged(node, "expected at most 65,536 sizes, found more") }
    }
    if areSizes { return [.sizes(all, isScalar: false)] }
    if parts.allSatisfy({ if case .filled(0) = $0 { true } else { false } }) { return [.filled(0)] }
    // States one under another.
    var stacks: [ONNXValue.Stack] = []
    for part in parts {
      if case .stack(let stack) = part, stack.axes.contains(where: \.isRows) || stack.axes.count == 3 {
        stacks.append(stack)
      } else if case .data(let data) = part, data.time == nil, data.factors.count == 1, data.axes.count == 3 {
        stacks.append(
          ONNXValue.Stack(rows: [data.value], size: data.factors[0], axes: data.axes, isSorted: data.isSorted)
        )
      }
    }
    if stacks.count == parts.count, let first = stacks.first, first.axes.count == 3 {
      let place = try axis(node, number, of: 3)
      let fit = stacks.allSatisfy { stack in
        stack.axes.count == 3 && (stack.axes[place].isRows || stack.axes[place].isOne)
          && stack.size == first.size
          && stack.isSorted == first.isSorted
          && (0..<3).allSatisfy {
            ($0 == place)
              || ((stack.axes[$0].role != nil) == (first.axes[$0].role != nil)
                && (stack.axes[$0].factor != nil) == (first.axes[$0].factor != nil))
          }
      }
      if fit {
        var result = first
        result.axes[place] = .rows
        result.rows = stacks.flatMap(\.rows)
        result.followsLengths = stacks.contains(where: \.followsLengths)
        guard result.rows.count <= 1024 else {
          throw damaged(node, "expected at most 1024 states, found \(result.rows.count)")
        }
        return [.stack(result)]
      }
    }
    // Numbers side by side.
    var values: [ONNXValue.Data] = []
    for place in node.inputs.indices { values.append(try data(node, place)) }
    let place = try axis(node, number, of: values[0].axes.count)
    for value in values {
      guard value.axes.count == values[0].axes.count, value.axes[place].factor == 0, value.factors.count == 1,
        value.isSorted == values[0].isSorted, joined(value.axes, values[0].axes)
      else { throw unsupported(node, "expected the numbers of steps side by side, found other axes") }
    }
    if values.count == 1 { return [.data(values[0])] }
    var result = values[0]
    result.value = .call(try call(Concatenate(), named: "concatenate", values.map(\.value)), output: 0)
    var total = 0
    for value in values { total += value.factors[0] }
    guard total <= 1 << 30 else { throw damaged(node, "expected at most 2^30 numbers, found more") }
    result.factors = [total]
    return [.data(result)]
  }

  /// Whether the axes are the same, those that are open made so.
  private func joined(_ first: [ONNXAxis], _ second: [ONNXAxis]) -> Bool {
    first.count == second.count
      && zip(first, second).allSatisfy { pair in
        switch pair {
        case (.role(let one), .role(let other)): one.join(other)
        case (.factor(let one), .factor(let other)): one == other
        case (.one, .one): true
        default: false
        }
      }
  }

  private func gather(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let (value, indices) = (try required(node, 0), try required(node, 1))
    let number = try integer(node, "axis", default: 0)
    // A table of vectors.
    if case .constant(let table) = value, case .data(let data) = indices {
      return [try embedding(node, table, data, number)]
    }
    // Another order of the sequences.
    if case .order(let isBack) = indices {
      switch value {
      case .data(var data):
        let place = try axis(node, number, of: data.axes.count)
        guard let role = data.axes[place].role, role.become(.batch), data.isSorted == isBack else {
          throw unsupported(node, "expected an order of the sequences, found one of another axis")
        }
        data.isSorted = !isBack
        return [.data(data)]
      case .stack(var stack):
        let place = try axis(node, number, of: stack.axes.count)
        guard stack.axes[place].role != nil, stack.isSorted == isBack else {
          throw unsupported(node, "expected an order of the sequences, found one of another axis")
        }
        stack.isSorted = !isBack
        return [.stack(stack)]
      case .lengths(let isSorted) where isSorted == isBack: return [.lengths(isSorted: !isBack)]
      default: throw unsupported(node, "expected a value of the model's graph, found another")
      }
    }
    guard let (places, isScalar) = try sizes(indices), !places.isEmpty else {
      throw unsupported(node, "expected indices in the file or symbols, found another value")
    }
    var numbers: [Int] = []
    for place in places {
      guard case .number(let number) = place else {
        throw unsupported(node, "expected indices that are known")
      }
      numbers.append(number)
    }
    if let (sizes, _) = try sizes(value) {
      var found: [ONNXSize] = []
      for place in numbers { found.append(sizes[try axis(node, place, of: sizes.count)]) }
      return [.sizes(found, isScalar: isScalar)]
    }
    switch value {
    case .stack(let stack):
      let place = try axis(node, number, of: stack.axes.count)
      guard stack.axes[place].isRows else {
        throw unsupported(node, "expected layers and directions, found another axis")
      }
      var found: [Int] = []
      for row in numbers { found.append(try axis(node, row, of: stack.rows.count)) }
      return [rows(stack, found, at: place, isScalar: isScalar)]
    case .data(var data):
      let place = try axis(node, number, of: data.axes.count)
      guard numbers.count == 1 else { throw unsupported(node, "expected one index, found \(numbers.count)") }
      switch data.axes[place] {
      case .role(let role)
      where role.kind == .time && (numbers[0] == -1 || role.size.map { $0 - 1 } == numbers[0]):
        data = try lastStep(node, data, removing: place)
      case .one where numbers[0] == 0 || numbers[0] == -1: data.axes.remove(at: place)
      default:
        throw unsupported(node, "expected the last step, found index \(numbers[0]) of axis \(place)")
      }
      if !isScalar { data.axes.insert(.one, at: place) }
      return [.data(data)]
    default: throw unsupported(node, "expected a value of the model's graph, found another")
    }
  }

  private func embedding(
    _ node: ONNXNode, _ table: ONNXTensor, _ data: ONNXValue.Data, _ axis: Int
  ) throws(ImportError) -> ONNXValue {
    guard axis == 0, table.dims.count == 2, data.factors.isEmpty, (1...1 << 30).contains(table.dims[0]),
      (1...1 << 24).contains(table.dims[1]), case .input(let place) = data.value
    else {
      throw unsupported(node, "expected symbols of an input and a table [V, E], found others")
    }
    symbols[place] = min(symbols[place] ?? .max, table.dims[0])
    let numbers = try tensors.floats(table)
    let made = try call(
      Embedding(table.dims[0], table.dims[1]), named: "embedding", [data.value],
      [("weight", numbers, table.dims)])
    return .data(
      ONNXValue.Data(
        value: .call(made, output: 0), axes: data.axes + [.factor(0)], factors: [table.dims[1]],
        isSorted: data.isSorted))
  }

  // MARK: Shapes

  private func shape(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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
    case .filled: throw unsupported(node, "expected a value of the model's graph, found another")
    }
    func bound(_ number: Int) -> Int {
      max(0, min(sizes.count, number < 0 ? number + sizes.count : number))
    }
    let start = bound(try integer(node, "start", default: 0))
    let end = bound(try integer(node, "end", default: sizes.count))
    sizes = Array(sizes[start..<max(start, end)])
    return [.sizes(sizes, isScalar: false)]
  }

  private func constantOfShape(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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

  private func expand(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    switch try required(node, 0) {
    case .sizes(let sizes, _) where sizes.count == 1 && sizes[0].role != nil: return [.wholeLengths]
    case .filled(let number): return [.filled(number)]
    case .constant(let tensor):
      guard try tensors.count(tensor) == 1 else {
        throw unsupported(node, "expected one number to expand, found \(tensor.dims)")
      }
      if let number = try tensors.integers(tensor)?.first { return [.filled(Float(number))] }
      return [.filled(try tensors.floats(tensor)[0])]
    default: throw unsupported(node, "expected one number to expand, found another value")
    }
  }

  private func reduceProduct(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard let (sizes, _) = try sizes(try required(node, 0)) else {
      throw unsupported(node, "expected a shape, found another value")
    }
    return [.sizes([sizes.count == 1 ? sizes[0] : .unknown], isScalar: true)]
  }

  private func range(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .number(0)? = try sizes(try required(node, 0))?.sizes.first,
      case .role(let role)? = try sizes(try required(node, 1))?.sizes.first,
      case .number(1)? = try sizes(try required(node, 2))?.sizes.first
    else { throw unsupported(node, "expected a count of the sequences or steps, found another") }
    return [role.kind == .batch ? .counting : .steps]
  }

  private func less(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .steps = try required(node, 0), case .lengths(false) = try required(node, 1) else {
      throw unsupported(node, "expected steps and lengths, found other values")
    }
    return [.valid]
  }

  private func topK(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .lengths(false) = try required(node, 0), try integer(node, "largest", default: 1) == 1,
      case .role(let role)? = try sizes(try required(node, 1))?.sizes.first, role.kind == .batch
    else { throw unsupported(node, "expected all lengths, the largest first, found another value") }
    return [.lengths(isSorted: true), .order(isBack: false)]
  }

  private func scatter(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .filled = try required(node, 0), case .order(false) = try required(node, 1),
      case .counting = try required(node, 2), try integer(node, "axis", default: 0) == 0
    else {
      throw unsupported(node, "expected the way back from an order of the sequences, found another value")
    }
    return [.order(isBack: true)]
  }

  // MARK: Arithmetic

  private func add(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let (first, second) = (try required(node, 0), try required(node, 1))
    if let sum = try arithmetic(first, second, +) { return [sum] }
    switch (first, second) {
    case (.constant(let bias), .data(let data)), (.data(let data), .constant(let bias)):
      return [.data(try biased(node, data, bias))]
    default: return [.data(try merged(node, Add(), "add"))]
    }
  }

  private func multiply(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    if let product = try arithmetic(try required(node, 0), try required(node, 1), *) { return [product] }
    return [.data(try merged(node, Multiply(), "multiply"))]
  }

  /// Arithmetic of one size with another.
  private func arithmetic(
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

  private func merged(_ node: ONNXNode, _ layer: some Layer, _ name: String) throws(ImportError)
    -> ONNXValue.Data
  {
    var (first, second) = (try data(node, 0), try data(node, 1))
    guard joined(first.axes, second.axes), first.factors == second.factors, first.isSorted == second.isSorted
    else {
      throw unsupported(node, "expected two values of the same axes, found others")
    }
    second.axes = first.axes
    first.value = .call(try call(layer, named: name, [first.value, second.value]), output: 0)
    return first
  }

  /// A dense layer's output with its bias.
  private func biased(
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

  private func matMul(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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

  private func gemm(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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

  private func dense(
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

  private func activation(_ activation: Activation) -> Operation {
    { (node) throws(ImportError) in
      var data = try self.data(node, 0)
      data.value = .call(
        try self.call(ActivationLayer(activation), named: "activation", [data.value]), output: 0)
      return [.data(data)]
    }
  }

  private func gelu(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    if case .text(let text)? = node.attribute("approximate"), text != "none" {
      throw unsupported(node, "approximate: expected none, found '\(quotedName(text))'")
    }
    return try activation(.gelu)(node)
  }

  private func softmax(_ kind: Activation) -> Operation {
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

  private func layerNormalization(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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
  private func reduce(_ layer: some Layer, _ name: String) -> Operation {
    { (node) throws(ImportError) in
      var data = try self.data(node, 0)
      guard let given = try self.integers(node, 1, or: "axes"), given.count == 1 else {
        throw self.unsupported(node, "axes: expected that of the steps, found others")
      }
      let place = try self.axis(node, given[0], of: data.axes.count)
      guard data.axes[place].role?.kind == .time, self.lengthsInput == nil, data.factors.count == 1 else {
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
