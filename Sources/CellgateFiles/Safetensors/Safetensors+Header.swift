import CellgateBasics

extension Safetensors {
  /// A strict scanner for the one JSON shape that a safetensors header may have.
  ///
  ///     header = { name : entry, ... }
  ///     entry  = { "dtype": string, "shape": [int, ...], "data_offsets": [int, int] }
  ///     "__metadata__" : { string : string, ... }
  ///
  /// `JSONSerialization` would hide duplicate keys, take fractions for integers and follow any nesting. This
  /// scanner knows the grammar, so it never recurses, and names what it does not like.
  struct HeaderScanner {
    private let file: String
    private let bytes: [UInt8]
    private var position = 0

    /// A tensor's entry as it stands in the header, before the offsets are checked.
    struct Entry {
      var name: String
      var dtype: Dtype
      var shape: [Int]
      var begin: Int
      var end: Int
    }

    init(file: String, bytes: [UInt8]) {
      self.file = file
      self.bytes = bytes
    }

    /// Reads the whole header; throws the first thing that is wrong.
    mutating func scan() throws(SafetensorsError) -> (entries: [Entry], metadata: [String: String]) {
      guard String(validating: bytes, as: UTF8.self) != nil else { throw .notUTF8(file: file) }
      var entries: [Entry] = []
      var metadata: [String: String]?
      var names: Set<String> = []
      guard bytes.first == UInt8(ascii: "{") else { throw unexpected("'{'") }
      try object { (scanner, name) throws(SafetensorsError) in
        if name == "__metadata__" {
          guard metadata == nil else { throw .duplicateTensor(file: scanner.file, tensor: name) }
          metadata = try scanner.metadata()
        } else {
          guard names.insert(name).inserted else {
            throw .duplicateTensor(file: scanner.file, tensor: name)
          }
          entries.append(try scanner.entry(name))
        }
      }
      while position < bytes.count {
        guard bytes[position] == UInt8(ascii: " ") else {
          throw .trailingHeaderBytes(file: file, byte: position)
        }
        position += 1
      }
      return (entries, metadata ?? [:])
    }

    private mutating func metadata() throws(SafetensorsError) -> [String: String] {
      var values: [String: String] = [:]
      skipSpace()
      guard peek == UInt8(ascii: "{") else { throw unexpected("an object of strings under __metadata__") }
      try object { (scanner, key) throws(SafetensorsError) in
        guard scanner.peek == UInt8(ascii: "\"") else {
          throw .metadataNotString(file: scanner.file, key: key)
        }
        let value = try scanner.string()
        guard values.updateValue(value, forKey: key) == nil else {
          throw .duplicateKey(file: scanner.file, tensor: "__metadata__", key: key)
        }
      }
      return values
    }

    private mutating func entry(_ name: String) throws(SafetensorsError) -> Entry {
      var dtype: Dtype?
      var shape: [Int]?
      var offsets: [Int]?
      try object { (scanner, key) throws(SafetensorsError) in
        let isDuplicate: Bool
        switch key {
        case "dtype":
          isDuplicate = dtype != nil
          try scanner.refuseNesting(name, allowing: nil)
          dtype = Dtype(rawValue: try scanner.string())
        case "shape":
          isDuplicate = shape != nil
          shape = try scanner.integers(name, key)
        case "data_offsets":
          isDuplicate = offsets != nil
          offsets = try scanner.integers(name, key)
        default: throw .unknownKey(file: scanner.file, tensor: name, key: key)
        }
        if isDuplicate { throw .duplicateKey(file: scanner.file, tensor: name, key: key) }
      }
      guard let dtype else { throw .missingKey(file: file, tensor: name, key: "dtype") }
      guard let shape else { throw .missingKey(file: file, tensor: name, key: "shape") }
      guard let offsets else { throw .missingKey(file: file, tensor: name, key: "data_offsets") }
      guard offsets.count == 2 else {
        throw .offsetCount(file: file, tensor: name, found: offsets.count)
      }
      return Entry(name: name, dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
    }

    /// `{ "key" : value, ... }`; `member` reads each value and is called on its first byte.
    private mutating func object(
      _ member: (inout HeaderScanner, String) throws(SafetensorsError) -> Void
    ) throws(SafetensorsError) {
      try expect("{")
      skipSpace()
      if peek == UInt8(ascii: "}") {
        position += 1
        return
      }
      while true {
        skipSpace()
        let key = try string()
        skipSpace()
        try expect(":")
        skipSpace()
        try member(&self, key)
        skipSpace()
        if peek == UInt8(ascii: "}") { break }
        guard peek == UInt8(ascii: ",") else { throw unexpected("',' or '}'") }
        position += 1
      }
      position += 1
    }

    private mutating func integers(_ tensor: String, _ key: String) throws(SafetensorsError) -> [Int] {
      try refuseNesting(tensor, allowing: UInt8(ascii: "["))
      try expect("[")
      var values: [Int] = []
      skipSpace()
      if peek == UInt8(ascii: "]") {
        position += 1
        return values
      }
      while true {
        skipSpace()
        try refuseNesting(tensor, allowing: nil)
        values.append(try integer(tensor, key))
        skipSpace()
        if peek == UInt8(ascii: "]") { break }
        guard peek == UInt8(ascii: ",") else { throw unexpected("',' or ']'") }
        position += 1
      }
      position += 1
      return values
    }

    private mutating func integer(_ tensor: String, _ key: String) throws(SafetensorsError) -> Int {
      let start = position
      while let byte = peek, Self.numberBytes.contains(byte) { position += 1 }
      guard position > start else { throw unexpected("an integer") }
      let text = bytes[start..<position]
      let isPlain = text.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      let hasLeadingZero = text.count > 1 && text.first == UInt8(ascii: "0")
      let written = String(decoding: text, as: UTF8.self)
      guard isPlain, !hasLeadingZero, let value = Int(written) else {
        throw .invalidNumber(file: file, tensor: tensor, key: key, found: written)
      }
      return value
    }

    private static let numberBytes = Set("0123456789+-.eE".utf8)

    private mutating func string() throws(SafetensorsError) -> String {
      try expect("\"")
      var text: [UInt8] = []
      while let byte = peek {
        switch byte {
        case UInt8(ascii: "\""):
          position += 1
          return String(decoding: text, as: UTF8.self)
        case UInt8(ascii: "\\"):
          position += 1
          text += Array(String(try escaped()).utf8)
        case ..<0x20: throw unexpected("a character of a string")
        default:
          text.append(byte)
          position += 1
        }
      }
      throw unexpected("'\"'")
    }

    /// The character after a backslash.
    private mutating func escaped() throws(SafetensorsError) -> Unicode.Scalar {
      guard let letter = peek else { throw unexpected("an escape") }
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
        position += 1
        return Unicode.Scalar(letter)
      case UInt8(ascii: "u"): return try unicodeEscape()
      default:
        guard let control = Self.escapes[letter] else { throw unexpected("an escape") }
        position += 1
        return control
      }
    }

    private static let escapes: [UInt8: Unicode.Scalar] = [
      UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "f"): "\u{c}", UInt8(ascii: "n"): "\n",
      UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]

    private mutating func unicodeEscape() throws(SafetensorsError) -> Unicode.Scalar {
      let first = try hexadecimal()
      if let scalar = Unicode.Scalar(first) { return scalar }
      guard first < 0xDC00, peek == UInt8(ascii: "\\") else { throw unexpected("a surrogate pair") }
      position += 1
      guard peek == UInt8(ascii: "u") else { throw unexpected("a surrogate pair") }
      let second = try hexadecimal()
      guard (0xDC00...0xDFFF).contains(second) else { throw unexpected("a surrogate pair") }
      let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
      guard let scalar = Unicode.Scalar(value) else { throw unexpected("a surrogate pair") }
      return scalar
    }

    /// `u` and four hexadecimal digits.
    private mutating func hexadecimal() throws(SafetensorsError) -> UInt16 {
      position += 1
      var value: UInt16 = 0
      for _ in 0..<4 {
        guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
          throw unexpected("a hexadecimal digit")
        }
        value = value << 4 | UInt16(digit)
        position += 1
      }
      return value
    }

    private func refuseNesting(_ tensor: String, allowing bracket: UInt8?) throws(SafetensorsError) {
      guard let byte = peek, byte != bracket else { return }
      if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
        throw .unexpectedNesting(file: file, tensor: tensor, byte: position)
      }
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
      while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func expect(_ symbol: Unicode.Scalar) throws(SafetensorsError) {
      guard peek == UInt8(ascii: symbol) else { throw unexpected("'\(symbol)'") }
      position += 1
    }

    private func unexpected(_ expected: String) -> SafetensorsError {
      let found =
        peek.map { $0 >= 0x20 && $0 < 0x7F ? "'\(Unicode.Scalar($0))'" : "byte \($0)" } ?? "the header's end"
      return .malformedHeader(file: file, byte: position, expected: expected, found: found)
    }
  }
}
