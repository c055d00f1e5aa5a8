import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Writes models as ONNX files.
///
/// ```swift
/// try ONNXWriter.write(model, to: "model.onnx", streaming: false)
/// ```
///
/// Sequences are `[time, batch, …]`, both sizes open; symbols are whole numbers of 64 bits. A whole-sequence file has an
/// input `lengths` [batch] that may be left out; past a length outputs are 0. A streaming file has the states of its
/// recurrent layers as inputs and outputs instead: `lstm.h_l0` [batch, H] in, `lstm.h_l0.next` out.
///
/// An LSTM, GRU, or RNN is the node of that name; every other cell is a `Scan` over its equations.
public enum ONNXWriter {
  /// The version of the operators that files use.
  static let operatorSet = 17

  /// Writes the file whole or not at all. Throws `unsupported` for a part that ONNX, or Cellgate's writer, lacks.
  public static func write(_ model: Model, to path: String, streaming: Bool) throws(ExportError) {
    let bytes = try encoded(model, streaming: streaming)
    do throws(FileError) { try AtomicFile.write(Data(bytes), to: path) } catch { throw .file(error) }
  }

  /// The file's bytes.
  public static func encoded(_ model: Model, streaming: Bool) throws(ExportError) -> [UInt8] {
    var builder = ONNXBuilder(model, isStreaming: streaming)
    return try builder.model().encoded
  }
}

/// Puts an ONNX graph together from a model's layers.
struct ONNXBuilder {
  /// Which steps are valid.
  enum Mask: Equatable {
    /// The name of lengths of 32 bits, [B].
    case lengths(String)
    /// The name of flags [T, B].
    case flags(String)
  }

  /// A value between layers.
  struct Value {
    var name: String
    var shape: LayerShape
    var mask: Mask?
    /// The value's last valid step, where a node gives it besides.
    var last: String?
    /// The steps the other way round, where a node gives them so, and their mask.
    var unreversed: (name: String, mask: Mask?)?
  }

  let source: Model
  let isStreaming: Bool
  var graph = ONNXGraph(name: "cellgate")
  private var state: StateDictionary
  private var taken: Set<String> = []
  private var constants: [String: String] = [:]
  /// Steps and sequences of the model's sequences, as tensors of one number.
  var stepCount = "", batchCount = ""
  /// The lengths, of 32 and of 64 bits; nil where there are none.
  private var lengths: String?
  /// States that a streaming file gives besides.
  var finalStates: [(name: String, value: String, size: Int)] = []

  init(_ model: Model, isStreaming: Bool) {
    source = model
    self.isStreaming = isStreaming
    state = StateDictionary()
  }

  func unsupported(_ layer: String, _ reason: String) -> ExportError {
    .unsupported(format: "ONNX", reason: "layer '\(quotedName(layer))': \(reason)")
  }

  // MARK: Parts of the graph

  /// Takes names that nodes have by themselves.
  mutating func taken(_ names: [String]) { taken.formUnion(names) }

  /// A name that no value has.
  mutating func free(_ name: String) -> String {
    let own = name.isEmpty ? "value" : name
    if taken.insert(own).inserted { return own }
    var number = 1
    while !taken.insert("\(own)_\(number)").inserted { number += 1 }
    return "\(own)_\(number)"
  }

  /// Adds a node of one output, whose name is the result.
  mutating func node(
    _ operation: String, _ inputs: [String], _ name: String, _ attributes: [ONNXAttribute] = []
  ) -> String {
    let output = free(name)
    graph.nodes.append(ONNXNode(operation, inputs, [output], attributes))
    return output
  }

  mutating func numbers(_ name: String, _ numbers: [Float], _ dims: [Int]) -> String {
    let own = free(name)
    graph.initializers.append(ONNXTensor(own, numbers, dims: dims))
    return own
  }

  /// Whole numbers; those of one kind are written once. `dims` nil for a list.
  mutating func integers(_ values: [Int], dims: [Int]? = nil) -> String {
    let key = "\(values) \(dims ?? [-1])"
    if let known = constants[key] { return known }
    let own = free("int_" + values.map { $0 < 0 ? "m\(-$0)" : "\($0)" }.joined(separator: "_"))
    graph.initializers.append(ONNXTensor(own, integers: values, dims: dims))
    constants[key] = own
    return own
  }

  /// A real number without dimensions.
  mutating func number(_ value: Float) -> String {
    let key = "float \(value.bitPattern)"
    if let known = constants[key] { return known }
    let own = numbers("number_\(value)", [value], [])
    constants[key] = own
    return own
  }

  /// A layer's parameter or buffer.
  func tensor(_ layer: String, _ name: String) throws(ExportError) -> Tensor {
    guard let tensor = state["\(layer).\(name)"] else {
      throw unsupported(layer, "expected a parameter '\(quotedName(name))', found none")
    }
    return tensor
  }

  /// The flags of a mask, [T, B].
  mutating func flags(_ mask: Mask) -> String {
    switch mask {
    case .flags(let name): return name
    case .lengths(let name):
      if let known = constants["flags " + name] { return known }
      let wide = node("Cast", [name], "lengths64", [ONNXAttribute("to", .integer(7))])
      let step = integers([1], dims: []), zero = integers([0], dims: [])
      let count = node("Squeeze", [stepCount, integers([0])], "step_count")
      let range = node("Range", [zero, count, step], "steps")
      let column = node("Unsqueeze", [range, integers([1])], "steps_column")
      let row = node("Unsqueeze", [wide, integers([0])], "lengths_row")
      let flags = node("Less", [column, row], "valid")
      constants["flags " + name] = flags
      return flags
    }
  }

  /// The steps that are valid in both.
  mutating func both(_ first: Mask?, _ second: Mask?) -> Mask? {
    guard let first else { return second }
    guard let second, second != first else { return first }
    return .flags(node("And", [flags(first), flags(second)], "valid"))
  }

  // MARK: The whole

  mutating func model() throws(ExportError) -> ONNXModel {
    guard source.isBuilt else {
      throw .unsupported(
        format: "ONNX", reason: "model: expected one that is built, found one without inputs")
    }
    state = source.state
    guard state.count < 500_000_000 else {
      throw .unsupported(
        format: "ONNX", reason: "model: expected fewer than 500,000,000 numbers, found \(state.count)")
    }
    let description = source.description
    let shapes = source.calledLayers.map(\.shapes)
    var values: [[Value]] = []
    let isSequential = description.inputs.contains { $0.shape.isSequence }
    taken = Set(description.inputs.map(\.name))
    // An output bears its layer's name, which no value inside the graph then has.
    let outputs = description.outputs.map { value in
      let stem =
        value.node < description.inputs.count
        ? "output" : description.calls[value.node - description.inputs.count].layer
      return free(stem + (value.output == 0 ? "" : ".\(value.output)"))
    }
    for (place, input) in description.inputs.enumerated() {
      values.append([try read(input, place, description)])
    }
    if isSequential, let first = description.inputs.first(where: { $0.shape.isSequence }) {
      readSizes(first.name)
      if !isStreaming { readLengths() }
      for place in values.indices where values[place][0].shape.isSequence {
        values[place][0].mask = lengths.map { .lengths($0) }
      }
    } else if let first = description.inputs.first {
      let shape = node("Shape", [first.name], "shape")
      batchCount = node("Slice", [shape, integers([0]), integers([1])], "batch_count")
    }
    for (call, shapes) in zip(description.calls, shapes) {
      guard let layer = description.layers.first(where: { $0.name == call.layer }) else { continue }
      let inputs = call.inputs.map { values[$0.node][$0.output] }
      values.append(try add(layer, inputs, shapes))
    }
    for (value, name) in zip(description.outputs, outputs) {
      let result = values[value.node][value.output]
      graph.nodes.append(ONNXNode("Identity", [result.name], [name]))
      graph.outputs.append(ONNXValueInfo(name: name, type: .float, shape: Self.sizes(result.shape)))
    }
    for (name, value, size) in finalStates {
      let output = node("Identity", [value], name)
      graph.outputs.append(
        ONNXValueInfo(name: output, type: .float, shape: [.name("batch"), .number(size)]))
    }
    prune()
    var model = ONNXModel()
    model.irVersion = 8
    model.producer = "cellgate"
    model.operatorSets = [("", ONNXWriter.operatorSet)]
    model.graph = graph
    for key in source.metadata.keys.sorted() { model.metadata.append((key, source.metadata[key] ?? "")) }
    return model
  }

  private static func sizes(_ shape: LayerShape) -> [ONNXValueInfo.Size] {
    (shape.isSequence ? [.name("time"), .name("batch")] : [.name("batch")])
      + shape.features.map { .number($0) }
  }

  private mutating func read(
    _ input: ModelDescription.Input, _ place: Int, _ description: ModelDescription
  ) throws(ExportError) -> Value {
    let readers = description.calls.filter { $0.inputs.contains { $0.node == place } }
    let isSymbols =
      input.shape.features.isEmpty
      && readers.allSatisfy { call in
        description.layers.contains { $0.name == call.layer && $0.kind == Embedding.kind }
      }
    graph.inputs.append(
      ONNXValueInfo(name: input.name, type: isSymbols ? .int64 : .float, shape: Self.sizes(input.shape)))
    return Value(name: input.name, shape: input.shape)
  }

  private mutating func readSizes(_ name: String) {
    let shape = node("Shape", [name], "shape")
    stepCount = node("Slice", [shape, integers([0]), integers([1])], "step_count")
    batchCount = node("Slice", [shape, integers([1]), integers([2])], "batch_count")
  }

  /// The lengths: those that are given, or T for each sequence.
  private mutating func readLengths() {
    let name = free("lengths")
    graph.inputs.append(ONNXValueInfo(name: name, type: .int64, shape: [.name("lengths")]))
    graph.initializers.append(ONNXTensor(name, integers: []))
    let whole = node("Expand", [stepCount, batchCount], "whole_lengths")
    let all = node("Concat", [name, whole], "all_lengths", [ONNXAttribute("axis", .integer(0))])
    let used = node("Slice", [all, integers([0]), batchCount], "used_lengths")
    lengths = node("Cast", [used], "lengths32", [ONNXAttribute("to", .integer(6))])
  }

  /// Leaves out nodes that no output needs, and initializers that no node reads.
  private mutating func prune() {
    var needed = Set(graph.outputs.map(\.name))
    var kept: [ONNXNode] = []
    for node in graph.nodes.reversed() where node.outputs.contains(where: { needed.contains($0) }) {
      needed.formUnion(node.inputs)
      for case .graph(let body) in node.attributes.map(\.value) {
        needed.formUnion(body.nodes.flatMap(\.inputs))
      }
      kept.append(node)
    }
    graph.nodes = kept.reversed()
    graph.initializers.removeAll { !needed.contains($0.name) }
    graph.inputs.removeAll { input in
      !needed.contains(input.name) && !source.inputs.contains { $0.name == input.name }
    }
  }
}
