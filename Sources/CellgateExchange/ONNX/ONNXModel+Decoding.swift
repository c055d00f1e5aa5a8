import CellgateFiles

/// What a file's messages may ask of memory: each node, name, attribute and size counts.
struct ONNXBudget {
  /// The most parts of a model.
  static let most = 1 << 18
  private var left = Self.most

  /// Takes one part; throws when there are too many.
  mutating func take(at offset: Int) throws(ProtocolBufferError) {
    left -= 1
    if left < 0 {
      throw ProtocolBufferError(
        offset: offset, expected: "at most \(Self.most) nodes, names, attributes and sizes", found: "more")
    }
  }
}

extension ProtocolBufferReader.Field {
  private func wrong(_ expected: String) -> ProtocolBufferError {
    ProtocolBufferError(offset: offset, expected: "field \(number) as \(expected)", found: "another type")
  }

  func bytes() throws(ProtocolBufferError) -> ArraySlice<UInt8> {
    guard case .bytes(let bytes) = value else { throw wrong("bytes") }
    return bytes
  }

  func text() throws(ProtocolBufferError) -> String { String(decoding: try bytes(), as: UTF8.self) }

  func integer() throws(ProtocolBufferError) -> Int {
    guard case .varint(let bits) = value else { throw wrong("a whole number") }
    return Int(truncatingIfNeeded: bits)
  }

  func float() throws(ProtocolBufferError) -> Float {
    guard case .bits32(let bits) = value else { throw wrong("a number of 4 bytes") }
    return Float(bitPattern: bits)
  }

  /// Whole numbers: one, or several that are packed.
  func eachInteger(
    _ take: (Int) throws(ProtocolBufferError) -> Void
  ) throws(ProtocolBufferError) {
    if case .bytes(let packed) = value {
      var reader = ProtocolBufferReader(packed)
      while !reader.isAtEnd { try take(Int(truncatingIfNeeded: try reader.varint())) }
    } else {
      try take(try integer())
    }
  }

  /// Numbers of four bytes: one, or several that are packed.
  func eachFloat(_ take: (Float) throws(ProtocolBufferError) -> Void) throws(ProtocolBufferError) {
    if case .bytes(let packed) = value {
      var reader = ProtocolBufferReader(packed)
      while !reader.isAtEnd { try take(Float(bitPattern: UInt32(try reader.fixed(4)))) }
    } else {
      try take(try float())
    }
  }

  /// Numbers of eight bytes: one, or several that are packed.
  func eachDouble(_ take: (Double) throws(ProtocolBufferError) -> Void) throws(ProtocolBufferError) {
    switch value {
    case .bytes(let packed):
      var reader = ProtocolBufferReader(packed)
      while !reader.isAtEnd { try take(Double(bitPattern: try reader.fixed(8))) }
    case .bits64(let bits): try take(Double(bitPattern: bits))
    default: throw wrong("a number of 8 bytes")
    }
  }
}

/// A key and its text.
private func entry(
  _ reader: ProtocolBufferReader
) throws(ProtocolBufferError) -> (key: String, value: String) {
  var (reader, key, value) = (reader, "", "")
  while let field = try reader.next() {
    switch field.number {
    case 1: key = try field.text()
    case 2: value = try field.text()
    default: break
    }
  }
  return (key, value)
}

extension ONNXModel {
  /// The model in the bytes of a file.
  init(_ bytes: [UInt8]) throws(ProtocolBufferError) {
    var (reader, budget) = (ProtocolBufferReader(bytes[...]), ONNXBudget())
    while let field = try reader.next() {
      switch field.number {
      case 1: irVersion = try field.integer()
      case 2: producer = try field.text()
      case 3: producerVersion = try field.text()
      case 7:
        guard graph == nil else {
          throw ProtocolBufferError(offset: field.offset, expected: "one graph", found: "a second one")
        }
        graph = try ONNXGraph(try reader.inside(try field.bytes()), &budget)
      case 8:
        try budget.take(at: field.offset)
        var (inside, domain, version) = (try reader.inside(try field.bytes()), "", 0)
        while let field = try inside.next() {
          switch field.number {
          case 1: domain = try field.text()
          case 2: version = try field.integer()
          default: break
          }
        }
        operatorSets.append((domain, version))
      case 14:
        try budget.take(at: field.offset)
        metadata.append(try entry(try reader.inside(try field.bytes())))
      default: break
      }
    }
  }
}

extension ONNXGraph {
  init(_ reader: ProtocolBufferReader, _ budget: inout ONNXBudget) throws(ProtocolBufferError) {
    var reader = reader
    while let field = try reader.next() {
      switch field.number {
      case 2: name = try field.text()
      case 1, 5, 11, 12:
        try budget.take(at: field.offset)
        let inside = try reader.inside(try field.bytes())
        switch field.number {
        case 1: nodes.append(try ONNXNode(inside, &budget))
        case 5: initializers.append(try ONNXTensor(inside, &budget))
        case 11: inputs.append(try ONNXValueInfo(inside, &budget))
        default: outputs.append(try ONNXValueInfo(inside, &budget))
        }
      case 15:
        throw ProtocolBufferError(
          offset: field.offset, expected: "initializers that are dense", found: "a sparse one")
      default: break
      }
    }
  }
}

extension ONNXNode {
  init(_ reader: ProtocolBufferReader, _ budget: inout ONNXBudget) throws(ProtocolBufferError) {
    self.init("")
    var reader = reader
    while let field = try reader.next() {
      switch field.number {
      case 1, 2:
        try budget.take(at: field.offset)
        if field.number == 1 { inputs.append(try field.text()) } else { outputs.append(try field.text()) }
      case 3: name = try field.text()
      case 4: operation = try field.text()
      case 5:
        try budget.take(at: field.offset)
        attributes.append(try ONNXAttribute(try reader.inside(try field.bytes()), &budget))
      case 7: domain = try field.text()
      default: break
      }
    }
  }
}

extension ONNXAttribute {
  init(_ reader: ProtocolBufferReader, _ budget: inout ONNXBudget) throws(ProtocolBufferError) {
    self.init("", .other)
    var reader = reader
    var (integers, floats, texts): ([Int], [Float], [String]) = ([], [], [])
    var found: Value?
    var type: Int?
    while let field = try reader.next() {
      switch field.number {
      case 1: name = try field.text()
      case 2: found = .float(try field.float())
      case 3: found = .integer(try field.integer())
      case 4: found = .text(try field.text())
      case 5: found = .tensor(try ONNXTensor(try reader.inside(try field.bytes()), &budget))
      case 7:
        try field.eachFloat { (number) throws(ProtocolBufferError) in
          try budget.take(at: field.offset)
          floats.append(number)
        }
      case 8:
        try field.eachInteger { (number) throws(ProtocolBufferError) in
          try budget.take(at: field.offset)
          integers.append(number)
        }
      case 9:
        try budget.take(at: field.offset)
        texts.append(try field.text())
      case 6: found = .graph(try ONNXGraph(try reader.inside(try field.bytes()), &budget))
      case 10, 11, 14, 15, 22: found = .other
      case 20: type = try field.integer()
      default: break
      }
    }
    // A list that is empty is named by the type alone, and so is a number that is 0.
    switch type {
    case 1: value = found ?? .float(0)
    case 2: value = found ?? .integer(0)
    case 3: value = found ?? .text("")
    case 6: value = .floats(floats)
    case 7: value = .integers(integers)
    case 8: value = .texts(texts)
    default:
      value =
        !floats.isEmpty
        ? .floats(floats)
        : !integers.isEmpty ? .integers(integers) : !texts.isEmpty ? .texts(texts) : found ?? .other
    }
  }
}

extension ONNXValueInfo {
  init(_ reader: ProtocolBufferReader, _ budget: inout ONNXBudget) throws(ProtocolBufferError) {
    name = ""
    var reader = reader
    while let field = try reader.next() {
      switch field.number {
      case 1: name = try field.text()
      case 2:
        var type = try reader.inside(try field.bytes())
        while let field = try type.next() {
          guard field.number == 1 else { continue }
          var tensor = try type.inside(try field.bytes())
          while let field = try tensor.next() {
            switch field.number {
            case 1: self.type = ONNXTensor.Element(rawValue: try field.integer())
            case 2: shape = try Self.sizes(try tensor.inside(try field.bytes()), &budget)
            default: break
            }
          }
        }
      default: break
      }
    }
  }

  private static func sizes(
    _ reader: ProtocolBufferReader, _ budget: inout ONNXBudget
  ) throws(ProtocolBufferError) -> [Size] {
    var (reader, sizes): (ProtocolBufferReader, [Size]) = (reader, [])
    while let field = try reader.next() {
      guard field.number == 1 else { continue }
      try budget.take(at: field.offset)
      var (inside, size) = (try reader.inside(try field.bytes()), Size.name(""))
      while let field = try inside.next() {
        switch field.number {
        case 1: size = .number(try field.integer())
        case 2: size = .name(try field.text())
        default: break
        }
      }
      sizes.append(size)
    }
    return sizes
  }
}

extension ONNXTensor {
  init(_ reader: ProtocolBufferReader, _ budget: inout ONNXBudget) throws(ProtocolBufferError) {
    var reader = reader
    while let field = try reader.next() {
      switch field.number {
      case 1:
        try field.eachInteger { (number) throws(ProtocolBufferError) in
          try budget.take(at: field.offset)
          dims.append(number)
        }
      case 2: type = try field.integer()
      case 3:
        throw ProtocolBufferError(offset: field.offset, expected: "a whole tensor", found: "a segment")
      case 4: try field.eachFloat { floats.append($0) }
      case 5, 7, 11: try field.eachInteger { integers.append(Int64($0)) }
      case 8: name = try field.text()
      case 9: raw = try field.bytes()
      case 10: try field.eachDouble { doubles.append($0) }
      case 13:
        try budget.take(at: field.offset)
        external.append(try entry(try reader.inside(try field.bytes())))
      case 14: isExternal = try field.integer() == 1
      default: break
      }
    }
  }
}
