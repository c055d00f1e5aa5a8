import CellgateFiles

/// An ONNX file's model: the messages that recurrent models need, as values
/// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
struct ONNXModel {
  /// The version of the file's layout.
  var irVersion = 0
  /// What wrote it.
  var producer = ""
  /// Its version.
  var producerVersion = ""
  /// The versions of the sets of operators, by domain; "" is ONNX's own.
  var operatorSets: [(domain: String, version: Int)] = []
  /// What belongs to the model besides.
  var metadata: [(key: String, value: String)] = []
  /// The graph; nil of a file without one.
  var graph: ONNXGraph?

  /// The version of ONNX's own operators; nil where the file names none.
  var operatorSet: Int? {
    operatorSets.first { $0.domain.isEmpty || $0.domain == "ai.onnx" }?.version
  }
}

/// Nodes and what they read and give.
struct ONNXGraph {
  var name = ""
  var nodes: [ONNXNode] = []
  var initializers: [ONNXTensor] = []
  var inputs: [ONNXValueInfo] = []
  var outputs: [ONNXValueInfo] = []
}

/// A call of an operator.
struct ONNXNode {
  var name = ""
  var operation: String
  var domain = ""
  /// Names of values; "" for one that is left out.
  var inputs: [String]
  var outputs: [String]
  var attributes: [ONNXAttribute] = []

  init(
    _ operation: String, _ inputs: [String] = [], _ outputs: [String] = [], name: String = "",
    _ attributes: [ONNXAttribute] = []
  ) {
    self.operation = operation
    self.inputs = inputs
    self.outputs = outputs
    self.name = name
    self.attributes = attributes
  }

  /// The attribute of a name; nil where the node has none.
  func attribute(_ name: String) -> ONNXAttribute.Value? { attributes.first { $0.name == name }?.value }

  /// What errors call it.
  var title: String {
    let own = name.isEmpty ? outputs.first { !$0.isEmpty } ?? "" : name
    return "\(quotedName(operation)) '\(quotedName(own))'"
  }
}

/// An attribute of a node.
struct ONNXAttribute {
  enum Value {
    case integer(Int)
    case float(Float)
    case text(String)
    case integers([Int])
    case floats([Float])
    case texts([String])
    case tensor(ONNXTensor)
    /// A graph, such as the body of a Scan.
    case graph(ONNXGraph)
    /// Whatever else: no operator that is read has one.
    case other
  }
  var name: String
  var value: Value

  init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}

/// The name, type and shape of a graph's input or output.
struct ONNXValueInfo {
  /// A size: known, or the name of one that is open.
  enum Size: Equatable {
    case number(Int)
    case name(String)
  }
  var name: String
  /// The kind of its numbers; nil where it isn't said.
  var type: ONNXTensor.Element?
  /// The sizes; nil where they aren't said.
  var shape: [Size]?
}

/// A tensor in a file.
struct ONNXTensor {
  /// A kind of numbers, by its number in files.
  enum Element: Int {
    case float = 1
    case uint8, int8, uint16, int16, int32, int64, text, bool, float16, double, uint32, uint64
    case complex64, complex128, bfloat16

    /// Bytes of each number; nil for those that don't lie as raw bytes.
    var size: Int? {
      switch self {
      case .uint8, .int8, .bool: 1
      case .uint16, .int16, .float16, .bfloat16: 2
      case .float, .int32, .uint32: 4
      case .double, .int64, .uint64, .complex64: 8
      case .complex128: 16
      case .text: nil
      }
    }
  }

  var name = ""
  /// The sizes as the file has them: any numbers.
  var dims: [Int] = []
  /// The number of the kind.
  var type = 0
  /// The numbers as bytes, the lowest first; nil where they lie otherwise.
  var raw: ArraySlice<UInt8>?
  var floats: [Float] = []
  var doubles: [Double] = []
  var integers: [Int64] = []
  /// Where the numbers lie in another file; empty for none.
  var external: [(key: String, value: String)] = []
  var isExternal = false
}
