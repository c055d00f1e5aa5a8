import CellgateFiles
import CellgateNN
import CellgateTensor

/// Runs an imported ONNX model on samples under the file's names and in its layouts.
///
/// An empty sequence's last states are 0, as ONNX Runtime gives them; Cellgate's are the first states.
struct ONNXSampler: Sampler {
  /// An input of the file.
  struct Input {
    enum Kind {
      case data(ONNXValue.Data, isSymbols: Bool)
      case states(ONNXValue.Stack)
      case lengths(isOptional: Bool)
    }
    let name: String
    let kind: Kind
  }

  /// An output of the file, and where its values stand among those of the model.
  struct Output {
    enum Kind {
      case data(ONNXValue.Data, place: Int)
      case states(ONNXValue.Stack, first: Int)
    }
    let name: String
    let kind: Kind
  }

  let inputs: [Input]
  let outputs: [Output]
  /// The input that holds lengths.
  let lengths: String?
  /// The number of symbols of inputs that an embedding reads, by the inputs' numbers.
  let symbols: [Int: Int]

  /// T and B of a sample, as its arrays show them.
  private struct Sizes {
    var steps: Int?
    var batch: Int?
  }

  func outputs(of sample: SampleInputs, by model: Model) throws(ImportError) -> [String: SampleArray] {
    func wrong(_ reason: String) -> ImportError { .badSample(run: sample.run, reason: reason) }
    var sizes = Sizes()
    var tensors: [Tensor?] = model.inputs.map { _ in nil }
    for input in inputs {
      guard let array = sample.arrays[input.name] else {
        if case .lengths(isOptional: true) = input.kind { continue }
        throw wrong("input '\(quotedName(input.name))': expected an array, found none")
      }
      var count: Int? = 1
      for size in array.shape {
        count = count.flatMap { size < 0 ? nil : $0.multipliedReportingOverflow(by: size) }.flatMap {
          $0.overflow ? nil : $0.partialValue
        }
      }
      guard count == array.values.count else {
        throw wrong(
          "input '\(quotedName(input.name))': expected numbers for \(array.shape), found \(array.values.count)"
        )
      }
      switch input.kind {
      case .lengths: continue
      case .states(let stack):
        let rows = try unstacked(array, stack, input.name, &sizes, wrong)
        for (reference, tensor) in zip(stack.rows, rows) {
          if case .input(let place) = reference { tensors[place] = tensor }
        }
      case .data(let data, _):
        guard case .input(let place) = data.value else { continue }
        let tensor = try canonical(array, data, input.name, &sizes, wrong)
        if let count = symbols[place] {
          for number in tensor.scalars
          where !(number >= 0 && number < Float(count) && number == number.rounded()) {
            throw wrong(
              "input '\(quotedName(input.name))': expected symbols in 0..<\(count), found \(number)")
          }
        }
        tensors[place] = tensor
      }
    }
    var mask: SequenceMask?
    var isEmpty: [Bool] = []
    if let lengths, let array = sample.arrays[lengths] {
      let steps = sizes.steps ?? 0
      guard array.values.count == sizes.batch ?? 0,
        array.values.allSatisfy({ $0 >= 0 && $0 <= Double(steps) && $0 == $0.rounded() })
      else {
        throw wrong(
          "input '\(quotedName(lengths))': expected \(sizes.batch ?? 0) lengths of at most \(steps), found "
            + "\(array.values.prefix(8))")
      }
      mask = .lengths(array.values.map { Int($0) })
      isEmpty = array.values.map { $0 == 0 }
    }
    var given: [LayerValue] = []
    for (input, tensor) in zip(model.inputs, tensors) {
      guard let tensor, tensor.rank == input.shape.rank,
        tensor.shape.suffix(input.shape.features.count).elementsEqual(input.shape.features)
      else {
        throw wrong(
          "input '\(quotedName(input.name))': expected \(input.shape), found \(tensor?.shape ?? [])")
      }
      given.append(LayerValue(tensor, mask: input.shape.isSequence ? mask : nil))
    }
    let results = model(given).map(\.tensor)
    var found: [String: SampleArray] = [:]
    for output in outputs where sample.outputs.contains(output.name) {
      switch output.kind {
      case .data(let data, let place): found[output.name] = laidOut(results[place], data)
      case .states(let stack, let first):
        found[output.name] = stacked(
          Array(results[first..<first + stack.rows.count]), stack,
          isEmpty: stack.followsLengths ? isEmpty : [])
      }
    }
    return found
  }

  // MARK: Layouts

  /// The numbers of an array whose axes are put into another order; `order` says which old axis each new one is.
  private static func permuted(_ values: [Double], _ shape: [Int], _ order: [Int]) -> [Double] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    let (sizes, steps) = (order.map { shape[$0] }, order.map { strides[$0] })
    var index = [Int](repeating: 0, count: order.count)
    var result: [Double] = []
    result.reserveCapacity(values.count)
    for _ in 0..<values.count {
      result.append(values[zip(index, steps).reduce(0) { $0 + $1.0 * $1.1 }])
      for axis in index.indices.reversed() {
        index[axis] += 1
        if index[axis] < sizes[axis] { break }
        index[axis] = 0
      }
    }
    return result
  }

  /// An input as the model takes it: [T, B, …] or [B, …].
  private func canonical(
    _ array: SampleArray, _ data: ONNXValue.Data, _ name: String, _ sizes: inout Sizes,
    _ wrong: (String) -> ImportError
  ) throws(ImportError) -> Tensor {
    guard array.shape.count == data.axes.count else {
      throw wrong(
        "input '\(quotedName(name))': expected \(data.axes.count) dimensions, found \(array.shape)")
    }
    var order: [Int] = []
    var shape: [Int] = []
    if let time = data.time {
      order.append(time)
      shape.append(array.shape[time])
      if let known = sizes.steps, known != array.shape[time] {
        throw wrong("input '\(quotedName(name))': expected \(known) steps, found \(array.shape[time])")
      }
      sizes.steps = array.shape[time]
    }
    let batch = data.batch.map { array.shape[$0] } ?? 1
    if let place = data.batch { order.append(place) }
    shape.append(batch)
    try check(batch, name, &sizes, wrong)
    for (place, axis) in data.axes.enumerated() {
      guard case .factor(let index) = axis else { continue }
      guard array.shape[place] == data.factors[index] else {
        throw wrong(
          "input '\(quotedName(name))': expected \(data.factors[index]) numbers a step, found \(array.shape)")
      }
      order.append(place)
      shape.append(array.shape[place])
    }
    let values = Self.permuted(array.values, array.shape, order)
    return Tensor(values.map { Float($0) }, shape: shape)
  }

  private func check(
    _ batch: Int, _ name: String, _ sizes: inout Sizes, _ wrong: (String) -> ImportError
  ) throws(ImportError) {
    if let known = sizes.batch, known != batch {
      throw wrong("input '\(quotedName(name))': expected \(known) sequences, found \(batch)")
    }
    sizes.batch = batch
  }

  /// States, each [B, H].
  private func unstacked(
    _ array: SampleArray, _ stack: ONNXValue.Stack, _ name: String, _ sizes: inout Sizes,
    _ wrong: (String) -> ImportError
  ) throws(ImportError) -> [Tensor] {
    guard array.shape.count == 3, let rows = stack.axes.firstIndex(where: \.isRows),
      let last = stack.axes.firstIndex(where: { $0.factor != nil }), array.shape[rows] == stack.rows.count,
      array.shape[last] == stack.size
    else {
      throw wrong(
        "input '\(quotedName(name))': expected \(stack.rows.count) states of \(stack.size) numbers, found \(array.shape)"
      )
    }
    let batch = 3 - rows - last
    try check(array.shape[batch], name, &sizes, wrong)
    let values = Self.permuted(array.values, array.shape, [rows, batch, last])
    let count = array.shape[batch] * stack.size
    return (0..<stack.rows.count).map { row in
      Tensor(
        values[row * count..<(row + 1) * count].map { Float($0) }, shape: [array.shape[batch], stack.size])
    }
  }

  /// An output as the file has it.
  private func laidOut(_ tensor: Tensor, _ data: ONNXValue.Data) -> SampleArray {
    let hasTime = data.time != nil
    let (steps, batch) = (hasTime ? tensor.shape[0] : 1, tensor.shape[hasTime ? 1 : 0])
    let own = [steps, batch] + data.factors
    var (order, shape): ([Int], [Int]) = ([], [])
    for axis in data.axes {
      switch axis {
      case .role(let role):
        order.append(role.kind == .time ? 0 : 1)
        shape.append(role.kind == .time ? steps : batch)
      case .factor(let index):
        order.append(2 + index)
        shape.append(data.factors[index])
      case .one, .rows: shape.append(1)
      }
    }
    // Axes that the file lacks have a size of 1.
    order += own.indices.filter { !order.contains($0) }
    return SampleArray(shape: shape, values: Self.permuted(tensor.scalars.map { Double($0) }, own, order))
  }

  private func stacked(_ rows: [Tensor], _ stack: ONNXValue.Stack, isEmpty: [Bool]) -> SampleArray {
    let batch = rows.first?.shape[0] ?? 0
    var values: [Double] = []
    for row in rows {
      for (index, number) in row.scalars.enumerated() {
        let sequence = index / stack.size
        values.append(sequence < isEmpty.count && isEmpty[sequence] ? 0 : Double(number))
      }
    }
    var (order, shape): ([Int], [Int]) = ([], [])
    for axis in stack.axes {
      switch axis {
      case .rows:
        order.append(0)
        shape.append(rows.count)
      case .role:
        order.append(1)
        shape.append(batch)
      case .factor:
        order.append(2)
        shape.append(stack.size)
      case .one: shape.append(1)
      }
    }
    order += (0..<3).filter { !order.contains($0) }
    return SampleArray(
      shape: shape, values: Self.permuted(values, [rows.count, batch, stack.size], order))
  }
}
