/// A CRC-32C (Castagnoli, reflected polynomial 82F63B78; RFC 3720, appendix B.4), the checksum of TFRecord files.
package enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
  }

  /// The checksum of bytes.
  package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { value, byte in table[Int((value ^ UInt32(byte)) & 0xFF)] ^ value >> 8 }
  }

  /// The checksum rotated by 15 bits and shifted by a constant, as TFRecord files have it, so that the checksum of
  /// data that hold checksums means something
  /// (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
  package static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let value = checksum(bytes)
    return (value >> 15 | value << 17) &+ 0xA282_EAD8
  }
}
