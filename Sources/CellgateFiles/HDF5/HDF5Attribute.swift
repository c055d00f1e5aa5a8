extension HDF5File {
  /// A small value that belongs to a group or dataset.
  struct Attribute {
    let name: String
    let type: Datatype
    let shape: [Int]
    let data: Range<Int>
  }

  /// The attribute of a name; nil where the object has none.
  func attribute(_ name: String, of header: ObjectHeader, path: String) throws(HDF5Error) -> Attribute? {
    if let info = header.first(MessageType.attributeInfo) {
      var body = cursor(info, "attributes of '\(path)'")
      try body.skip(1)
      if try body.byte() & 1 != 0 { try body.skip(2) }
      guard try body.uint64() == Self.undefined else {
        throw .unsupported(file: file, object: path, feature: "attributes in a fractal heap")
      }
    }
    for message in header.messages where message.type == MessageType.attribute {
      try scan(64)
      if let found = try attribute(message, named: name, path: path) { return found }
    }
    return nil
  }

  private func attribute(
    _ message: Message, named wanted: String, path: String
  ) throws(HDF5Error) -> Attribute? {
    var body = cursor(message, "attribute of '\(path)'")
    let version = try body.byte(), flags = try body.byte()
    guard (1...3).contains(version) else {
      throw body.malformed("an attribute of version 1 to 3", "version \(version)")
    }
    let nameSize = try body.uint16(), typeSize = try body.uint16(), spaceSize = try body.uint16()
    if version == 3 { try body.skip(1) }
    func padded(_ size: Int) -> Int { version == 1 ? (size + 7) / 8 * 8 : size }
    let name = try body.array(nameSize)
    try body.skip(padded(nameSize) - nameSize)
    guard name.prefix(while: { $0 != 0 }).elementsEqual(wanted.utf8) else { return nil }
    if version > 1, flags != 0 {
      throw .unsupported(file: file, object: path, feature: "a shared type of an attribute")
    }
    var type = try body.part(padded(typeSize)), space = try body.part(padded(spaceSize))
    let found = try Datatype(&type)
    let shape = try Self.shape(&space) ?? [0]
    let (_, count) = try byteCount(shape, found, "\(path) attribute \(wanted)")
    let data = try body.part(count)
    return Attribute(name: wanted, type: found, shape: shape, data: data.position..<data.end)
  }

  /// The strings of an attribute. No strings at all are numbers of the shape [0] in Keras' files.
  func strings(_ attribute: Attribute, path: String) throws(HDF5Error) -> [String] {
    let count = attribute.shape.contains(0) ? 0 : attribute.shape.reduce(1, *)
    if count == 0 { return [] }
    var cursor = Cursor(bytes, file: file, what: "attribute \(attribute.name)", attribute.data)
    var strings: [String] = []
    for _ in 0..<count {
      let text: [UInt8]
      switch attribute.type {
      case .string(let size): text = try cursor.array(size)
      case .text:
        let length = Int(try cursor.uint32())
        let (address, index) = (try cursor.uint64(), try cursor.uint32())
        text = length == 0 ? [] : try heapObject(address, Int(index), length: length)
      default:
        throw .wrongKind(
          file: file, object: path, expected: "strings in the attribute \(attribute.name)",
          found: "\(attribute.type)")
      }
      try scan(16 * text.count)
      let content = Array(text.prefix { $0 != 0 })
      guard let string = String(validating: content, as: UTF8.self) else {
        throw .wrongKind(
          file: file, object: path, expected: "UTF-8 in the attribute \(attribute.name)", found: "other bytes"
        )
      }
      strings.append(string)
    }
    return strings
  }

  /// Bytes of an object of a global heap.
  private func heapObject(_ address: UInt64, _ index: Int, length: Int) throws(HDF5Error) -> [UInt8] {
    let what = "global heap"
    var cursor = try cursor(address, nil, what)
    let start = cursor.position
    try cursor.expect("GCOL")
    try cursor.skip(4)
    let size = try cursor.uint64()
    guard size >= 16, size <= UInt64(bytes.count - start) else {
      throw .outOfBounds(
        file: file, what: what, begin: UInt64(start), bytes: size, available: bytes.count)
    }
    while cursor.position <= start + Int(size) - 16 {
      let own = try cursor.uint16()
      try cursor.skip(6)
      let count = try cursor.uint64()
      try scan(16)
      if own == 0 { break }
      guard count <= UInt64(start + Int(size) - cursor.position) else {
        throw .outOfBounds(
          file: file, what: what, begin: UInt64(cursor.position), bytes: count, available: start + Int(size))
      }
      if own == index {
        guard length <= Int(count) else {
          throw cursor.malformed("a string of at most \(count) bytes", "\(length)")
        }
        return try cursor.array(length)
      }
      try cursor.skip(min((Int(count) + 7) / 8 * 8, cursor.left))
    }
    throw .malformed(
      file: file, byte: start, expected: "an object \(index) in the global heap", found: "none")
  }
}

extension HDF5File.Group {
  /// The strings of an attribute; nil where there is none of this name. Throws `wrongKind` where it holds no strings.
  public func strings(_ attribute: String) throws(HDF5Error) -> [String]? {
    guard let found = try file.attribute(attribute, of: header, path: path) else { return nil }
    return try file.strings(found, path: path)
  }
}
