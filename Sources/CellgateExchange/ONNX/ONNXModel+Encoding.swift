import CellgateFiles

extension ProtocolBufferWriter {
  fileprivate mutating func add(_ number: Int, field: UInt64) {
    add(integer: UInt64(bitPattern: Int64(number)), field: field)
  }

  fileprivate mutating func add(key: String, value: String, field: UInt64) {
    var entry = ProtocolBufferWriter()
    entry.add(text: key, field: 1)
    entry.add(text: value, field: 2)
    add(bytes: entry.bytes, field: field)
  }
}

extension ONNXModel {
  /// The file's bytes.
  var encoded: [UInt8] {
    var message = ProtocolBufferWriter()
    message.add(irVersion, field: 1)
    message.add(text: producer, field: 2)
    if !producerVersion.isEmpty { message.add(text: producerVersion, field: 3) }
    if let graph { message.add(bytes: graph.encoded, field: 7) }
    for (domain, version) in operatorSets {
      var set = ProtocolBufferWriter()
      set.add(text: domain, field: 1)
      set.add(version, field: 2)
      message.add(bytes: set.bytes, field: 8)
    }
    for (key, value) in metadata { message.add(key: key, value: value, field: 14) }
    return message.bytes
  }
}

extension ONNXGraph {
  var encoded: [UInt8] {
    var message = ProtocolBufferWriter()
    for node in nodes { message.add(bytes: node.encoded, field: 1) }
    message.add(text: name, field: 2)
    for tensor in initializers { message.add(bytes: tensor.encoded, field: 5) }
    for input in inputs { message.add(bytes: input.encoded, field: 11) }
    for output in outputs { message.add(bytes: output.encoded, field: 12) }
    return message.bytes
  }
}

extension ONNXNode {
  fileprivate var encoded: [UInt8] {
    var message = ProtocolBufferWriter()
    for input in inputs { message.add(text: input, field: 1) }
    for output in outputs { message.add(text: output, field: 2) }
    if !name.isEmpty { message.add(text: name, field: 3) }
    message.add(text: operation, field: 4)
    for attribute in attributes { message.add(bytes: attribute.encoded, field: 5) }
    if !domain.isEmpty { message.add(text: domain, field: 7) }
    return message.bytes
  }
}

extension ONNXAttribute {
  fileprivate var encoded: [UInt8] {
    var message = ProtocolBufferWriter()
    message.add(text: name, field: 1)
    let type: Int
    switch value {
    case .float(let number):
      message.add(float: number, field: 2)
      type = 1
    case .integer(let number):
      message.add(number, field: 3)
      type = 2
    case .text(let text):
      message.add(text: text, field: 4)
      type = 3
    case .tensor(let tensor):
      message.add(bytes: tensor.encoded, field: 5)
      type = 4
    case .graph(let graph):
      message.add(bytes: graph.encoded, field: 6)
      type = 5
    case .floats(let numbers):
      for number in numbers { message.add(float: number, field: 7) }
      type = 6
    case .integers(let numbers):
      for number in numbers { message.add(number, field: 8) }
      type = 7
    case .texts(let texts):
      for text in texts { message.add(text: text, field: 9) }
      type = 8
    case .other: type = 0
    }
    message.add(type, field: 20)
    return message.bytes
  }
}

extension ONNXValueInfo {
  fileprivate var encoded: [UInt8] {
    var message = ProtocolBufferWriter()
    message.add(text: name, field: 1)
    var tensor = ProtocolBufferWriter()
    tensor.add((type ?? .float).rawValue, field: 1)
    if let shape {
      var sizes = ProtocolBufferWriter()
      for size in shape {
        var one = ProtocolBufferWriter()
        switch size {
        case .number(let number): one.add(number, field: 1)
        case .name(let name): one.add(text: name, field: 2)
        }
        sizes.add(bytes: one.bytes, field: 1)
      }
      tensor.add(bytes: sizes.bytes, field: 2)
    }
    var whole = ProtocolBufferWriter()
    whole.add(bytes: tensor.bytes, field: 1)
    message.add(bytes: whole.bytes, field: 2)
    return message.bytes
  }
}

extension ONNXTensor {
  fileprivate var encoded: [UInt8] {
    var message = ProtocolBufferWriter()
    for size in dims { message.add(size, field: 1) }
    message.add(type, field: 2)
    message.add(text: name, field: 8)
    message.add(bytes: Array(raw ?? []), field: 9)
    return message.bytes
  }

  /// Numbers of four bytes to write.
  init(_ name: String, _ numbers: [Float], dims: [Int]) {
    self.name = name
    self.dims = dims
    type = Element.float.rawValue
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * numbers.count)
    for number in numbers {
      let bits = number.bitPattern
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    }
    raw = bytes[...]
  }

  /// Whole numbers of eight bytes to write; `dims` nil for a list of them.
  init(_ name: String, integers: [Int], dims: [Int]? = nil) {
    self.name = name
    self.dims = dims ?? [integers.count]
    type = Element.int64.rawValue
    var bytes: [UInt8] = []
    for number in integers {
      for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * shift))) }
    }
    raw = bytes[...]
  }
}
