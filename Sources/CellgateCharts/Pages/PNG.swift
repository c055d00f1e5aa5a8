import CZlib
import CellgateBasics

/// Small pictures as PNG (RFC 2083).
package enum PNG {
  /// Grey values 0 (black) to 255 in rows from the top, as the bytes of a file; equal pictures give equal bytes.
  package static func grey(_ pixels: [UInt8], width: Int) -> [UInt8] {
    require(
      width > 0 && !pixels.isEmpty && pixels.count % width == 0,
      "PNG: expected whole rows of \(width) pixels, found \(pixels.count) pixels")
    let height = pixels.count / width
    var file = signature
    file += chunk("IHDR", bytes(width) + bytes(height) + [8, 0, 0, 0, 0])
    file += chunk("IDAT", deflated(rows(pixels, width)))
    file += chunk("IEND", [])
    return file
  }

  /// Grey pictures of one size after another, without end, each for so many milliseconds, as the bytes of an animated PNG
  /// (https://www.w3.org/TR/png-3): programs that know no animations show the first one.
  package static func animation(_ pictures: [[UInt8]], width: Int, milliseconds: Int) -> [UInt8] {
    require(
      width > 0 && !pictures.isEmpty
        && pictures.allSatisfy { !$0.isEmpty && $0.count % width == 0 && $0.count == pictures[0].count },
      "PNG: expected pictures of whole rows of \(width) pixels, found \(pictures.map(\.count)) pixels")
    let height = pictures[0].count / width
    var file = signature
    file += chunk("IHDR", bytes(width) + bytes(height) + [8, 0, 0, 0, 0])
    file += chunk("acTL", bytes(pictures.count) + bytes(0))
    var number = 0
    for (index, picture) in pictures.enumerated() {
      let place = bytes(width) + bytes(height) + bytes(0) + bytes(0)
      // Delay as a fraction of a second; the frame replaces the one before.
      let delay = [
        UInt8(truncatingIfNeeded: milliseconds >> 8), UInt8(truncatingIfNeeded: milliseconds), 3, 232,
      ]
      file += chunk("fcTL", bytes(number) + place + delay + [0, 0])
      number += 1
      let data = deflated(rows(picture, width))
      if index == 0 {
        file += chunk("IDAT", data)
      } else {
        file += chunk("fdAT", bytes(number) + data)
        number += 1
      }
    }
    file += chunk("IEND", [])
    return file
  }

  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Each row begins with its filter: 0, none.
  private static func rows(_ pixels: [UInt8], _ width: Int) -> [UInt8] {
    (0..<pixels.count / width).flatMap { [0] + pixels[$0 * width..<($0 + 1) * width] }
  }

  /// A chunk: length, type, data, and the CRC of the latter two.
  private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + data
    let check = unsafe crc32(0, body, uInt(body.count))
    return bytes(data.count) + body + bytes(Int(check))
  }

  private static func bytes(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func deflated(_ input: [UInt8]) -> [UInt8] {
    var size = compressBound(uLong(input.count))
    var output = [UInt8](repeating: 0, count: Int(size))
    let status = unsafe compress2(&output, &size, input, uLong(input.count), Z_BEST_COMPRESSION)
    require(status == Z_OK, "PNG: expected zlib to end, found status \(status)")
    return Array(output[..<Int(size)])
  }
}
