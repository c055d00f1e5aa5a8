extension NumpyArray {
  /// A strict scanner for the one Python dictionary that an npy header may be.
  ///
  ///     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
  ///
  /// Keys come in any order, each once; strings have no escapes. Python 2's `2L` is a number. There is nothing else.
  struct HeaderScanner {
    let file: String
    let array: String?
    let bytes: [UInt8]
    private var position = 0

    init(file: String, array: String?, bytes: [UInt8]) {
      (self.file, self.array, self.bytes) = (file, array, bytes)
    }

    /// Reads the whole header; throws the first thing that is wrong.
    mutating func scan() throws(NumpyError) -> (dtype: Dtype, isFortranOrder: Bool, shape: [Int]) {
      var (dtype, order, shape): (Dtype?, Bool?, [Int]?)
      skipSpace()
      try expect("{")
      skipSpace()
      while peek != UInt8(ascii: "}") {
        let key = try string()
        skipSpace()
        try expect(":")
        skipSpace()
        let isDuplicate: Bool
        switch key {
        case "descr":
          isDuplicate = dtype != nil
          dtype = try self.dtype()
        case "fortran_order":
          isDuplicate = order != nil
          order = try boolean()
        case "shape":
          isDuplicate = shape != nil
          shape = try tuple()
        default: throw .unknownKey(file: file, array: array, key: key)
        }
        if isDuplicate { throw .duplicateKey(file: file, array: array, key: key) }
        skipSpace()
        if peek == UInt8(ascii: "}") { break }
        guard peek == UInt8(ascii: ",") else { throw unexpected("',' or '}'") }
        position += 1
        skipSpace()
      }
      position += 1
      skipSpace()
      guard position == bytes.count else { throw unexpected("only spaces after '}'") }
      guard let dtype else { throw .missingKey(file: file, array: array, key: "descr") }
      guard let order else { throw .missingKey(file: file, array: array, key: "fortran_order") }
      guard let shape else { throw .missingKey(file: file, array: array, key: "shape") }
      return (dtype, order, shape)
    }

    private mutating func dtype() throws(NumpyError) -> Dtype {
      if peek == UInt8(ascii: "[") { throw .unsupportedDtype(file: file, array: array, found: "a record") }
      let text = try string()
      guard let dtype = Dtype(text) else { throw .unsupportedDtype(file: file, array: array, found: text) }
      return dtype
    }

    private mutating func boolean() throws(NumpyError) -> Bool {
      for (word, value) in [("True", true), ("False", false)]
      where bytes[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return value
      }
      throw unexpected("True or False")
    }

    /// `()`, `(2,)`, `(2, 3)`.
    private mutating func tuple() throws(NumpyError) -> [Int] {
      try expect("(")
      var sizes: [Int] = []
      var hasComma = false
      skipSpace()
      while peek != UInt8(ascii: ")") {
        guard sizes.count < rankLimit else {
          throw .tooManyDimensions(file: file, array: array, limit: rankLimit)
        }
        sizes.append(try integer())
        skipSpace()
        if peek == UInt8(ascii: ")") { break }
        guard peek == UInt8(ascii: ",") else { throw unexpected("',' or ')'") }
        hasComma = true
        position += 1
        skipSpace()
      }
      // In Python (2) is a number.
      guard sizes.count != 1 || hasComma else { throw unexpected("','") }
      position += 1
      return sizes
    }

    private mutating func integer() throws(NumpyError) -> Int {
      let start = position
      if peek == UInt8(ascii: "-") { position += 1 }
      while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
      guard position > start else { throw unexpected("an integer") }
      let digits = bytes[start..<position]
      let written = String(decoding: digits, as: UTF8.self)
      let hasLeadingZero = digits.count > 1 && digits.first == UInt8(ascii: "0")
      guard !hasLeadingZero, digits.first != UInt8(ascii: "-"), let value = Int(written) else {
        throw .invalidNumber(file: file, array: array, found: written)
      }
      if peek == UInt8(ascii: "L") { position += 1 }
      return value
    }

    private mutating func string() throws(NumpyError) -> String {
      guard let quote = peek, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
        throw unexpected("a string")
      }
      position += 1
      let start = position
      while let byte = peek {
        if byte == quote {
          position += 1
          return String(decoding: bytes[start..<position - 1], as: UTF8.self)
        }
        guard byte >= 0x20, byte != UInt8(ascii: "\\") else { break }
        position += 1
      }
      throw unexpected("a character of a string")
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
      while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func expect(_ symbol: Unicode.Scalar) throws(NumpyError) {
      guard peek == UInt8(ascii: symbol) else { throw unexpected("'\(symbol)'") }
      position += 1
    }

    private func unexpected(_ expected: String) -> NumpyError {
      let found =
        peek.map { $0 >= 0x20 && $0 < 0x7F ? "'\(Unicode.Scalar($0))'" : "byte \($0)" } ?? "the header's end"
      return .malformedHeader(file: file, array: array, byte: position, expected: expected, found: found)
    }
  }
}
