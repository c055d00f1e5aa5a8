/// The machine that reads a pickle.
struct PickleMachine {
  typealias Value = Pickle.Value
  typealias Object = Pickle.Object

  let bytes: [UInt8]
  var position: Int
  let file: String
  let limit: Int
  let globals: (String) -> Pickle.Global?

  private(set) var objects: [Object] = []
  private var stack: [Value] = []
  /// Where the marks stand in the stack.
  private var marks: [Int] = []
  private var memo: [Value?] = []
  private var used = 0
  /// Where the operation that runs begins.
  private var operation = 0

  init(
    bytes: [UInt8], position: Int, file: String, limit: Int, globals: @escaping (String) -> Pickle.Global?
  ) {
    self.bytes = bytes
    self.position = position
    self.file = file
    self.limit = limit
    self.globals = globals
  }

  /// Runs to the end; gives the value that is left.
  mutating func run() throws(PickleError) -> Value {
    while true {
      operation = position
      let code = try byte("an operation")
      if code == UInt8(ascii: ".") {
        guard marks.isEmpty, stack.count == 1 else {
          throw malformed("one value at the end", "\(stack.count)")
        }
        return stack[0]
      }
      try step(code)
    }
  }

  private mutating func step(_ code: UInt8) throws(PickleError) {
    switch code {
    // The frame
    case 0x80:
      let version = try byte("a protocol")
      guard version <= 5 else { throw malformed("a protocol of 0 to 5", "\(version)") }
    case 0x95:
      let length = try unsigned(8)
      guard length <= UInt64(bytes.count - position) else {
        throw malformed("a frame of at most \(bytes.count - position) bytes", "\(length)")
      }
    // Plain values
    case UInt8(ascii: "N"): try push(.none)
    case 0x88: try push(.bool(true))
    case 0x89: try push(.bool(false))
    case UInt8(ascii: "J"): try push(.integer(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
    case UInt8(ascii: "K"): try push(.integer(Int(try unsigned(1))))
    case UInt8(ascii: "M"): try push(.integer(Int(try unsigned(2))))
    case 0x8A: try push(try integer(Int(try unsigned(1))))
    case 0x8B:
      let length = Int(Int32(truncatingIfNeeded: try unsigned(4)))
      guard length >= 0 else { throw malformed("a length of 0 or more", "\(length)") }
      try push(try integer(length))
    case UInt8(ascii: "G"):
      var bits: UInt64 = 0
      for byte in try take(8, "a real number") { bits = bits << 8 | UInt64(byte) }
      try push(.real(Double(bitPattern: bits)))
    case UInt8(ascii: "X"): try pushText(try unsigned(4))
    case 0x8C: try pushText(try unsigned(1))
    case 0x8D: try pushText(try unsigned(8))
    case UInt8(ascii: "B"): try pushBytes(try unsigned(4))
    case UInt8(ascii: "C"): try pushBytes(try unsigned(1))
    case 0x8E, 0x96: try pushBytes(try unsigned(8))
    case UInt8(ascii: "T"): try pushOldText(try unsigned(4))
    case UInt8(ascii: "U"): try pushOldText(try unsigned(1))
    // Collections
    case UInt8(ascii: "]"): try push(.list([]))
    case UInt8(ascii: "}"): try push(.dictionary([]))
    case UInt8(ascii: ")"): try push(.tuple([]))
    case 0x8F: try push(.set([]))
    case UInt8(ascii: "l"): try push(.list(try popToMark()))
    case UInt8(ascii: "d"): try push(.dictionary(try items(try popToMark())))
    case UInt8(ascii: "t"): try push(.tuple(try popToMark()))
    case 0x91: try push(.set(try popToMark()))
    case 0x85, 0x86, 0x87:
      var values: [Value] = []
      for _ in 0..<code - 0x84 { values.append(try pop()) }
      try push(.tuple(values.reversed()))
    case UInt8(ascii: "a"):
      let value = try pop()
      try append([value])
    case UInt8(ascii: "e"): try append(try popToMark())
    case 0x90: try add(try popToMark())
    case UInt8(ascii: "s"):
      let (value, key) = (try pop(), try pop())
      try set([key, value])
    case UInt8(ascii: "u"): try set(try popToMark())
    // The stack
    case UInt8(ascii: "("):
      try charge(8)
      marks.append(stack.count)
    case UInt8(ascii: "0"):
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): try push(try top())
    // The memo
    case UInt8(ascii: "q"): try remember(try unsigned(1))
    case UInt8(ascii: "r"): try remember(try unsigned(4))
    case 0x94: try remember(UInt64(memo.count))
    case UInt8(ascii: "h"): try recall(try unsigned(1))
    case UInt8(ascii: "j"): try recall(try unsigned(4))
    // Classes, functions and what the writer keeps elsewhere
    case UInt8(ascii: "c"):
      let module = try line()
      try pushGlobal(module, try line())
    case 0x93:
      guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
        throw malformed("a module and a name", "other values")
      }
      try pushGlobal(module, name)
    case UInt8(ascii: "R"):
      let (arguments, function) = (try tuple(), try pop())
      try call(function, arguments)
    case 0x81:
      let (arguments, type) = (try tuple(), try pop())
      try call(type, arguments)
    case UInt8(ascii: "b"):
      // A state changes nothing here: what is read from dictionaries and calls stands in them.
      _ = try pop()
      guard case .object(let number) = try top() else { throw malformed("an object to set up", "a value") }
      switch objects[number] {
      case .dictionary, .call, .set: break
      default: throw malformed("an object to set up", "a collection")
      }
    case UInt8(ascii: "Q"):
      let id = try pop()
      try push(.persistent(id))
    default: throw .refusedOperation(file: file, byte: operation, name: Self.name(code))
    }
  }

  /// What Python calls operations that are not read.
  private static func name(_ code: UInt8) -> String {
    switch code {
    case UInt8(ascii: "i"): "INST"
    case UInt8(ascii: "o"): "OBJ"
    case 0x82: "EXT1"
    case 0x83: "EXT2"
    case 0x84: "EXT4"
    case 0x92: "NEWOBJ_EX"
    case 0x97: "NEXT_BUFFER"
    case 0x98: "READONLY_BUFFER"
    case UInt8(ascii: "P"): "PERSID"
    default: "0x" + (code < 16 ? "0" : "") + String(code, radix: 16)
    }
  }

  private func malformed(_ expected: String, _ found: String) -> PickleError {
    .malformed(file: file, byte: operation, expected: expected, found: found)
  }

  // MARK: Bytes

  private mutating func byte(_ expected: String) throws(PickleError) -> UInt8 {
    guard position < bytes.count else { throw .truncated(file: file, byte: position, expected: expected) }
    position += 1
    return bytes[position - 1]
  }

  private mutating func take(_ count: Int, _ expected: String) throws(PickleError) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else {
      throw .truncated(file: file, byte: position, expected: expected)
    }
    position += count
    return bytes[position - count..<position]
  }

  /// A number of `count` bytes, the lowest first.
  private mutating func unsigned(_ count: Int) throws(PickleError) -> UInt64 {
    var value: UInt64 = 0
    for (place, byte) in try take(count, "a number of \(count) bytes").enumerated() {
      value |= UInt64(byte) << (8 * UInt64(place))
    }
    return value
  }

  /// A length that is in the file.
  private mutating func content(_ length: UInt64) throws(PickleError) -> ArraySlice<UInt8> {
    guard length <= UInt64(bytes.count - position) else {
      throw .truncated(file: file, byte: position, expected: "\(length) bytes")
    }
    try charge(Int(length))
    return try take(Int(length), "bytes")
  }

  /// A whole number of `length` bytes in two's complement.
  private mutating func integer(_ length: Int) throws(PickleError) -> Value {
    let digits = try content(UInt64(length))
    guard let last = digits.last else { return .integer(0) }
    if length > 8 { return .bigInteger(Array(digits)) }
    var value: UInt64 = last >= 0x80 ? .max : 0
    for digit in digits.reversed() { value = value << 8 | UInt64(digit) }
    return .integer(Int(Int64(bitPattern: value)))
  }

  /// A line of ASCII without its end.
  private mutating func line() throws(PickleError) -> String {
    let start = position
    while try byte("the end of a line") != UInt8(ascii: "\n") {
      guard position - start <= 1024 else { throw malformed("a line of at most 1024 bytes", "more") }
    }
    return String(decoding: bytes[start..<position - 1], as: UTF8.self)
  }

  private mutating func pushText(_ length: UInt64) throws(PickleError) {
    guard let text = String(validating: try content(length), as: UTF8.self) else {
      throw malformed("text in UTF-8", "other bytes")
    }
    try push(.text(text))
  }

  /// A string of Python 2, which may be bytes.
  private mutating func pushOldText(_ length: UInt64) throws(PickleError) {
    let content = try content(length)
    try push(String(validating: content, as: UTF8.self).map { .text($0) } ?? .bytes(Array(content)))
  }

  private mutating func pushBytes(_ length: UInt64) throws(PickleError) {
    try push(.bytes(Array(try content(length))))
  }

  // MARK: The stack and the memo

  private mutating func charge(_ count: Int) throws(PickleError) {
    guard count <= limit - used else { throw .tooLarge(file: file, byte: operation, limit: limit) }
    used += count
  }

  private mutating func push(_ value: Value) throws(PickleError) {
    try charge(MemoryLayout<Value>.stride)
    stack.append(value)
  }

  private mutating func push(_ object: Object) throws(PickleError) {
    // The object itself, and a collection's own memory.
    try charge(MemoryLayout<Object>.stride + 48)
    objects.append(object)
    try push(.object(objects.count - 1))
  }

  private mutating func pop() throws(PickleError) -> Value {
    guard stack.count > marks.last ?? 0, let value = stack.popLast() else {
      throw malformed("a value on the stack", "none")
    }
    return value
  }

  private func top() throws(PickleError) -> Value {
    guard stack.count > marks.last ?? 0, let value = stack.last else {
      throw malformed("a value on the stack", "none")
    }
    return value
  }

  private mutating func popToMark() throws(PickleError) -> [Value] {
    guard let mark = marks.popLast() else { throw malformed("a mark on the stack", "none") }
    let values = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return values
  }

  private mutating func remember(_ place: UInt64) throws(PickleError) {
    // Each place takes an operation of its own.
    guard place <= UInt64(bytes.count) else {
      throw malformed("a place in the memo of at most \(bytes.count)", "\(place)")
    }
    let value = try top()
    while memo.count <= Int(place) {
      try charge(MemoryLayout<Value?>.stride)
      memo.append(nil)
    }
    memo[Int(place)] = value
  }

  private mutating func recall(_ place: UInt64) throws(PickleError) {
    guard place < UInt64(memo.count), let value = memo[Int(place)] else {
      throw malformed("a place in the memo that is filled", "\(place)")
    }
    try push(value)
  }

  // MARK: Collections

  private mutating func tuple() throws(PickleError) -> [Value] {
    guard case .object(let number) = try pop(), case .tuple(let values) = objects[number] else {
      throw malformed("a tuple of arguments", "another value")
    }
    return values
  }

  private func items(_ values: [Value]) throws(PickleError) -> [Pickle.Item] {
    guard values.count.isMultiple(of: 2) else { throw malformed("keys and values", "\(values.count) values") }
    return stride(from: 0, to: values.count, by: 2).map {
      Pickle.Item(key: values[$0], value: values[$0 + 1])
    }
  }

  /// Changes the object on the stack's top in its place.
  private mutating func change(
    _ expected: String, _ count: Int, _ body: (inout Object) throws(PickleError) -> Bool
  ) throws(PickleError) {
    try charge(count * MemoryLayout<Value>.stride)
    guard case .object(let number) = try top() else { throw malformed(expected, "another value") }
    var object = Object.changing
    swap(&object, &objects[number])
    let isChanged = try body(&object)
    swap(&object, &objects[number])
    guard isChanged else { throw malformed(expected, "another object") }
  }

  private mutating func append(_ values: [Value]) throws(PickleError) {
    try change("a list to append to", values.count) { object in
      guard case .list(var list) = object else { return false }
      object = .changing
      list += values
      object = .list(list)
      return true
    }
  }

  private mutating func add(_ values: [Value]) throws(PickleError) {
    try change("a set to add to", values.count) { object in
      guard case .set(var set) = object else { return false }
      object = .changing
      set += values
      object = .set(set)
      return true
    }
  }

  private mutating func set(_ values: [Value]) throws(PickleError) {
    let items = try items(values)
    try change("a dictionary to add to", values.count) { object in
      guard case .dictionary(var dictionary) = object else { return false }
      object = .changing
      dictionary += items
      object = .dictionary(dictionary)
      return true
    }
  }

  // MARK: Classes and functions

  private mutating func pushGlobal(_ module: String, _ name: String) throws(PickleError) {
    let full = module + " " + name
    // Only ASCII: other letters can look the same, or count as the same.
    guard full.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }), globals(full) != nil else {
      throw .refusedGlobal(file: file, byte: operation, name: module + "." + name)
    }
    try push(.global(full))
  }

  private mutating func call(_ function: Value, _ arguments: [Value]) throws(PickleError) {
    guard case .global(let name) = function else {
      throw malformed("a class or function to call", "another value")
    }
    try charge(arguments.count * MemoryLayout<Value>.stride)
    switch globals(name) {
    case .dictionary: try push(.dictionary(try self.items(of: arguments.first)))
    case .set: try push(.set(try elements(of: arguments.first)))
    case .function: try push(.call(name, arguments))
    case .constant, nil:
      throw .refusedGlobal(
        file: file, byte: operation,
        name: "a call of " + name.split(separator: " ").joined(separator: "."))
    }
  }

  /// What a dictionary begins with: the items of another, or pairs.
  private mutating func items(of argument: Value?) throws(PickleError) -> [Pickle.Item] {
    guard case .object(let number) = argument else { return [] }
    switch objects[number] {
    case .dictionary(let items):
      try charge(items.count * 2 * MemoryLayout<Value>.stride)
      return items
    case .list(let pairs):
      try charge(pairs.count * 2 * MemoryLayout<Value>.stride)
      var items: [Pickle.Item] = []
      for pair in pairs {
        guard case .object(let number) = pair else { throw malformed("pairs", "other values") }
        switch objects[number] {
        case .tuple(let values), .list(let values):
          guard values.count == 2 else { throw malformed("pairs", "\(values.count) values") }
          items.append(Pickle.Item(key: values[0], value: values[1]))
        default: throw malformed("pairs", "other values")
        }
      }
      return items
    default: return []
    }
  }

  private mutating func elements(of argument: Value?) throws(PickleError) -> [Value] {
    guard case .object(let number) = argument else { return [] }
    switch objects[number] {
    case .list(let values), .tuple(let values), .set(let values):
      try charge(values.count * MemoryLayout<Value>.stride)
      return values
    default: return []
    }
  }
}
