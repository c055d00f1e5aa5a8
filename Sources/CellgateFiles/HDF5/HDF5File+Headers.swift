extension HDF5File {
  /// A message of an object's header.
  struct Message {
    private let begin: Int
    private let size: UInt16
    private let kind: UInt8
    let flags: UInt8

    init(type: Int, flags: Int, body: Range<Int>) {
      begin = body.lowerBound
      size = UInt16(body.count)
      kind = UInt8(min(type, 255))
      self.flags = UInt8(flags)
    }

    var type: Int { Int(kind) }
    var body: Range<Int> { begin..<begin + Int(size) }
  }

  /// An object: its messages.
  struct ObjectHeader {
    let messages: [Message]

    func first(_ type: Int) -> Message? { messages.first { $0.type == type } }
  }

  /// The kinds of messages that are looked at.
  enum MessageType {
    static let dataspace = 1, linkInfo = 2, datatype = 3, link = 6, externalFiles = 7, layout = 8
    static let filters = 11, attribute = 12, continuation = 16, symbolTable = 17, attributeInfo = 21
  }

  func cursor(_ message: Message, _ what: String) -> Cursor {
    Cursor(bytes, file: file, what: what, message.body)
  }

  /// The object at an address.
  func header(at address: Int, path: String) throws(HDF5Error) -> ObjectHeader {
    if let header = known[address] { return header }
    var cursor = try cursor(UInt64(address), nil, "header of '\(path)'")
    let header: ObjectHeader
    if cursor.left >= 4, bytes[cursor.position..<cursor.position + 4].elementsEqual("OHDR".utf8) {
      header = try secondVersion(&cursor)
    } else {
      header = try firstVersion(&cursor)
    }
    for message in header.messages where message.flags & 2 != 0 {
      throw .unsupported(file: file, object: path, feature: "a shared message")
    }
    known[address] = header
    return header
  }

  private func firstVersion(_ cursor: inout Cursor) throws(HDF5Error) -> ObjectHeader {
    let start = cursor.position
    let version = try cursor.byte()
    guard version == 1 else {
      throw .malformed(
        file: file, byte: start, expected: "an object header of version 1 or 2", found: "version \(version)")
    }
    try cursor.skip(1)
    let count = try cursor.uint16()
    try cursor.skip(4)
    let size = Int(try cursor.uint32())
    try cursor.skip(4)
    var blocks = [try cursor.part(size)]
    var seen: Set<Int> = [blocks[0].position]
    var messages: [Message] = []
    while var block = blocks.popLast() {
      while block.left >= 8, messages.count < count {
        let type = try block.uint16(), size = try block.uint16(), flags = try block.byte()
        try block.skip(3)
        let body = try block.part(size)
        let message = Message(type: type, flags: flags, body: body.position..<body.end)
        messages.append(message)
        try spend(8 + size)
        guard type == MessageType.continuation else { continue }
        // The rest of this block comes after what it continues with, as the order of attributes is none.
        blocks.append(block)
        block = try continuation(message, &seen)
      }
    }
    return ObjectHeader(messages: messages)
  }

  private func continuation(_ message: Message, _ seen: inout Set<Int>) throws(HDF5Error) -> Cursor {
    var body = cursor(message, "continuation of an object header")
    let (address, length) = (try body.uint64(), try body.uint64())
    let next = try self.cursor(address, length, "continuation of an object header")
    guard seen.insert(next.position).inserted else {
      throw .loop(file: file, what: "object header at byte \(next.position)")
    }
    return next
  }

  private func secondVersion(_ cursor: inout Cursor) throws(HDF5Error) -> ObjectHeader {
    let start = cursor.position
    try cursor.expect("OHDR")
    let version = try cursor.byte()
    guard version == 2 else {
      throw .malformed(file: file, byte: start + 4, expected: "version 2", found: "version \(version)")
    }
    let flags = try cursor.byte()
    if flags & 0x20 != 0 { try cursor.skip(16) }
    if flags & 0x10 != 0 { try cursor.skip(4) }
    let claimed = try cursor.number(1 << (flags & 3))
    guard claimed <= UInt64(cursor.left) else {
      throw .outOfBounds(
        file: file, what: "object header", begin: UInt64(start), bytes: claimed, available: bytes.count)
    }
    var blocks = [try cursor.part(Int(claimed))]
    try Self.checksum(bytes, start..<cursor.position, try cursor.uint32(), file: file)
    var seen: Set<Int> = [blocks[0].position]
    var messages: [Message] = []
    let headerSize = flags & 4 == 0 ? 4 : 6
    while var block = blocks.popLast() {
      while block.left >= headerSize {
        let type = try block.byte(), size = try block.uint16(), own = try block.byte()
        if flags & 4 != 0 { try block.skip(2) }
        let body = try block.part(size)
        let message = Message(type: type, flags: own, body: body.position..<body.end)
        messages.append(message)
        try spend(8 + size)
        guard type == MessageType.continuation else { continue }
        blocks.append(block)
        var next = try continuation(message, &seen)
        let begin = next.position
        try next.expect("OCHK")
        guard next.left >= 4 else { throw next.malformed("a checksum", "\(next.left) bytes") }
        block = try next.part(next.left - 4)
        try Self.checksum(bytes, begin..<next.position, try next.uint32(), file: file)
      }
    }
    return ObjectHeader(messages: messages)
  }
}
