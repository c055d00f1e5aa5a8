import CellgateFiles
import CellgateNN

/// The operators that take parts of values, or put values together.
extension ONNXImporter {
  /// The last step of sequences in place of the steps.
  func lastStep(
    _ node: ONNXNode, _ data: ONNXValue.Data, removing place: Int
  ) throws(ImportError) -> ONNXValue.Data {
    guard !data.isMasked else {
      throw unsupported(node, "expected the last step of sequences without lengths, found some with lengths")
    }
    var data = data
    data.value = .call(try call(LastStep(), named: "last_step", [data.value]), output: 0)
    data.axes.remove(at: place)
    return data
  }

  /// Rows of a stack.
  func rows(_ stack: ONNXValue.Stack, _ places: [Int], at axis: Int, isScalar: Bool) -> ONNXValue {
    var stack = stack
    stack.rows = places.map { stack.rows[$0] }
    if isScalar { stack.axes.remove(at: axis) }
    return flat(stack)
  }

  func slice(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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
  func backwards(
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

  func split(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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

  func concat(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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
    result.isMasked = values.contains(where: \.isMasked)
    result.value = .call(try call(Concatenate(), named: "concatenate", values.map(\.value)), output: 0)
    var total = 0
    for value in values { total += value.factors[0] }
    guard total <= 1 << 30 else { throw damaged(node, "expected at most 2^30 numbers, found more") }
    result.factors = [total]
    return [.data(result)]
  }

  /// Whether the axes are the same, those that are open made so.
  func joined(_ first: [ONNXAxis], _ second: [ONNXAxis]) -> Bool {
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

  func gather(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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

  func embedding(
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
        isSorted: data.isSorted, isMasked: data.isMasked))
  }
}
