extension String {
  /// Numbers in a format of C's printf, with a point whatever the user's language is.
  package static func printf(_ format: String, _ values: any CVarArg...) -> String {
    unsafe withVaList(values) { (list) in
      var buffer = [CChar](repeating: 0, count: 400)
      let count = unsafe buffer.withUnsafeMutableBufferPointer { (bytes) in
        unsafe vsnprintf(bytes.baseAddress, bytes.count, format, list)
      }
      require(
        count >= 0 && count < buffer.count, "String.printf: expected less than 400 bytes, found \(count)")
      return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
