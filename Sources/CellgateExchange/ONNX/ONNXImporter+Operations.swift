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
    "Erf": { $0.unary }, "Sqrt": { $0.unary }, "Sub": { $0.binary }, "Div": { $0.binary },
    "Pow": { $0.binary },
    "Max": { $0.binary }, "Equal": { $0.binary }, "Where": { $0.choice }, "ReduceSum": { $0.unary },
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

  func constantNode(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
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

  func identity(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] { [try required(node, 0)] }

  func dropout(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    if let training = try constant(node, 2), try tensors.integers(training)?.first != 0 {
      throw unsupported(node, "training_mode: expected false, found true")
    }
    return [try required(node, 0), nil]
  }

  func cast(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    let value = try required(node, 0)
    let type = ONNXTensor.Element(rawValue: try integer(node, "to", default: 0))
    switch value {
    case .valid where type == .float, .formula(_, nil) where type == .float: return try formula(node, 1)
    case .formula:
      throw unsupported(node, "expected arithmetic that comes to a layer of Cellgate, found another")
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
}
