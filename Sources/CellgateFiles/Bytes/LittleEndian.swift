/// The bytes of an integer, the lowest first.
package func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  (0..<MemoryLayout<Value>.size).map { UInt8(truncatingIfNeeded: value >> (8 * Value($0))) }
}

/// The integer of two, four or eight bytes from `offset` on, the lowest first; the caller has compared the count.
func littleEndian<Value: FixedWidthInteger & UnsignedInteger>(
  _ bytes: [UInt8], at offset: Int, as type: Value.Type = Value.self
) -> Value {
  (0..<MemoryLayout<Value>.size).reduce(0) { $0 | Value(bytes[offset + $1]) << (8 * Value($1)) }
}
