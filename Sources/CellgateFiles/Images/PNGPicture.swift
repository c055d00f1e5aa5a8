import CZlib
import CellgateBasics

/// Reads PNG files: all colour types and depths, interlaced or not.
///
/// Written in Swift, as bytes come from outside: lengths, checksums and sizes are checked before memory is taken, and rows
/// are decompressed one after another.
///
/// Source: https://www.w3.org/TR/png-3/
enum PNGPicture {
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// How the numbers of a pixel are stored.
  struct Header {
    let width: Int, height: Int
    /// Bits of a number: 1, 2, 4, 8 or 16.
    let depth: Int
    let colour: Colour
    let isInterlaced: Bool

    /// Bits of a pixel, and bytes from a byte to that of the pixel before it.
    var bits: Int { depth * colour.channels }
    var stride: Int { max(1, bits / 8) }

    /// Bytes of a row of so many pixels, without the filter's.
    func rowBytes(_ width: Int) -> Int { (width * bits + 7) / 8 }
  }

  enum Colour: UInt8 {
    case grey = 0
    case rgb = 2
    case palette = 3
    case greyOpacity = 4
    case rgbOpacity = 6

    var channels: Int {
      switch self {
      case .grey, .palette: 1
      case .greyOpacity: 2
      case .rgb: 3
      case .rgbOpacity: 4
      }
    }

    var depths: [Int] {
      switch self {
      case .grey: [1, 2, 4, 8, 16]
      case .palette: [1, 2, 4, 8]
      case .rgb, .greyOpacity, .rgbOpacity: [8, 16]
      }
    }
  }

  /// Pixels of a pass: the first one and how far apart they are.
  struct Pass {
    let x: Int, y: Int, dx: Int, dy: Int

    static let whole = [Pass(x: 0, y: 0, dx: 1, dy: 1)]
    static let adam7 = [
      Pass(x: 0, y: 0, dx: 8, dy: 8), Pass(x: 4, y: 0, dx: 8, dy: 8), Pass(x: 0, y: 4, dx: 4, dy: 8),
      Pass(x: 2, y: 0, dx: 4, dy: 4), Pass(x: 0, y: 2, dx: 2, dy: 4), Pass(x: 1, y: 0, dx: 2, dy: 2),
      Pass(x: 0, y: 1, dx: 1, dy: 2),
    ]

    func columns(_ width: Int) -> Int { width > x ? (width - x + dx - 1) / dx : 0 }
    func rows(_ height: Int) -> Int { height > y ? (height - y + dy - 1) / dy : 0 }
  }

  static func decode(_ bytes: [UInt8], file: String) throws(PictureError) -> RGBPicture {
    let chunks = try Chunks(bytes, file: file)
    let header = chunks.header
    let passes = header.isInterlaced ? Pass.adam7 : Pass.whole
    // No stream of deflate gives more than 1,032 bytes for one: what can't be there takes no memory.
    var needed = 0
    for pass in passes {
      let columns = pass.columns(header.width)
      if columns > 0 { needed += pass.rows(header.height) * (1 + header.rowBytes(columns)) }
    }
    guard needed / 1032 <= chunks.data.count + 16 else {
      throw .damaged(
        file: file,
        reason:
          "\(chunks.data.count) bytes of data are too few for \(header.width) by \(header.height) pixels")
    }
    var rows = Rows(chunks.data, file: file)
    var pixels = [UInt8](repeating: 0, count: 3 * header.width * header.height)
    let colours = Colours(header, palette: chunks.palette)
    for pass in passes {
      let columns = pass.columns(header.width)
      guard columns > 0 else { continue }
      let count = header.rowBytes(columns)
      var previous = [UInt8](repeating: 0, count: count)
      for row in 0..<pass.rows(header.height) {
        var current = try rows.next(1 + count)
        guard let filter = Filter(rawValue: current[0]) else {
          throw .damaged(file: file, reason: "expected a filter from 0 to 4, found \(current[0])")
        }
        current.removeFirst()
        filter.undo(&current, previous, stride: header.stride)
        let place = ((pass.y + row * pass.dy) * header.width + pass.x) * 3
        if let index = colours.write(current, columns: columns, to: &pixels, from: place, step: 3 * pass.dx) {
          throw .damaged(
            file: file,
            reason: "expected colours below \(chunks.palette.count / 3) of the palette, found \(index)")
        }
        previous = current
      }
    }
    try rows.finish()
    return RGBPicture(width: header.width, height: header.height, bytes: pixels)
  }
}

extension PNGPicture {
  /// What a file's chunks hold.
  struct Chunks {
    let header: Header
    /// Red, green and blue of each colour.
    private(set) var palette: [UInt8] = []
    /// The compressed rows.
    private(set) var data: [UInt8] = []

    init(_ bytes: [UInt8], file: String) throws(PictureError) {
      func damaged(_ reason: String) -> PictureError { .damaged(file: file, reason: reason) }
      func number(_ place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
      var place = signature.count
      var header: Header?
      while true {
        guard bytes.count - place >= 12 else {
          throw damaged("the file ends at byte \(bytes.count), inside a chunk")
        }
        let length = number(place)
        guard length <= bytes.count - place - 12 else {
          throw damaged("a chunk at byte \(place) of \(length) bytes, more than the file has")
        }
        let (type, content) = (bytes[place + 4..<place + 8], place + 8..<place + 8 + length)
        let name = String(decoding: type, as: UTF8.self)
        // An upper-case first letter: no picture without it.
        let isCritical = bytes[place + 4] & 0x20 == 0
        if isCritical {
          var checksum = CRC32()
          checksum.update(Array(bytes[place + 4..<content.upperBound]))
          guard Int(checksum.value) == number(content.upperBound) else {
            throw damaged("the chunk \(quotedName(name)) at byte \(place) has a wrong checksum")
          }
        }
        place = content.upperBound + 4
        guard header != nil || name == "IHDR" else {
          throw damaged("expected the chunk IHDR first, found \(quotedName(name))")
        }
        switch name {
        case "IHDR":
          guard header == nil, length == 13 else { throw damaged("expected one IHDR chunk of 13 bytes") }
          header = try Self.header(Array(bytes[content]), file: file)
        case "PLTE":
          guard palette.isEmpty, data.isEmpty, length > 0, length <= 768, length % 3 == 0 else {
            throw damaged("expected one palette of 1 to 256 colours before the data, found \(length) bytes")
          }
          palette = Array(bytes[content])
        case "IDAT": data += bytes[content]
        case "IEND":
          guard let header, !data.isEmpty else { throw damaged("it has no data") }
          guard header.colour != .palette || !palette.isEmpty else { throw damaged("its palette is missing") }
          self.header = header
          return
        default:
          guard !isCritical else {
            throw damaged("the chunk \(quotedName(name)), which is not known, is needed")
          }
        }
      }
    }

    private static func header(_ bytes: [UInt8], file: String) throws(PictureError) -> Header {
      func number(_ place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
      let (width, height, depth) = (number(0), number(4), Int(bytes[8]))
      try RGBPicture.check(width: width, height: height, file: file)
      guard let colour = Colour(rawValue: bytes[9]), colour.depths.contains(depth) else {
        throw .damaged(
          file: file, reason: "expected a colour type and depth of the format, found \(bytes[9]) and \(depth)"
        )
      }
      guard bytes[10] == 0, bytes[11] == 0, bytes[12] <= 1 else {
        throw .damaged(
          file: file,
          reason:
            "expected compression 0, filter 0 and interlacing 0 or 1, found \(bytes[10]), \(bytes[11]) and \(bytes[12])"
        )
      }
      return Header(
        width: width, height: height, depth: depth, colour: colour, isInterlaced: bytes[12] == 1)
    }
  }

  /// How the bytes of a row were changed before compression.
  enum Filter: UInt8 {
    case none, left, above, average, paeth

    /// Makes the bytes of a row again; `previous` is the row above, `stride` the distance to the pixel before.
    func undo(_ row: inout [UInt8], _ previous: [UInt8], stride: Int) {
      let count = row.count
      switch self {
      case .none: break
      case .left:
        for i in stride..<max(stride, count) { row[i] &+= row[i - stride] }
      case .above:
        for i in 0..<count { row[i] &+= previous[i] }
      case .average:
        for i in 0..<count {
          let left = i >= stride ? Int(row[i - stride]) : 0
          row[i] &+= UInt8((left + Int(previous[i])) / 2)
        }
      case .paeth:
        for i in 0..<min(stride, count) { row[i] &+= previous[i] }
        for i in stride..<max(stride, count) {
          let (a, b, c) = (Int(row[i - stride]), Int(previous[i]), Int(previous[i - stride]))
          let (toA, toB, toC) = (abs(b - c), abs(a - c), abs(a + b - 2 * c))
          row[i] &+= UInt8(toA <= toB && toA <= toC ? a : toB <= toC ? b : c)
        }
      }
    }
  }

  /// Decompressed bytes, some at a time.
  struct Rows {
    private let file: String
    private let data: [UInt8]
    private var inflation: Inflation
    private var position = 0
    private var isEnded = false
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)
    /// Bytes of the buffer that are there, and those that were given.
    private var filled = 0, given = 0

    init(_ data: [UInt8], file: String) {
      (self.data, self.file) = (data, file)
      inflation = Inflation()
    }

    /// The next `count` bytes.
    mutating func next(_ count: Int) throws(PictureError) -> [UInt8] {
      var result: [UInt8] = []
      result.reserveCapacity(count)
      while result.count < count {
        if given == filled {
          guard try fill() else {
            throw .damaged(file: file, reason: "its data end before the last row")
          }
        }
        let part = min(count - result.count, filled - given)
        result += buffer[given..<given + part]
        given += part
      }
      return result
    }

    /// Throws unless the stream ends well: its checksum is at the end.
    mutating func finish() throws(PictureError) {
      var rest = filled - given
      while try fill() {
        rest += filled
        guard rest <= 1 << 20 else { throw .damaged(file: file, reason: "there are more data than rows") }
      }
    }

    /// Whether there are more bytes.
    private mutating func fill() throws(PictureError) -> Bool {
      (filled, given) = (0, 0)
      while filled == 0, !isEnded {
        guard position < data.count else { throw .damaged(file: file, reason: "its data end too early") }
        let (status, taken, written) = inflation.step(data, from: position, into: &buffer)
        position += taken
        filled = written
        isEnded = status == Z_STREAM_END
        guard isEnded || (status == Z_OK && taken + written > 0) else {
          throw .damaged(file: file, reason: "its compressed data are wrong")
        }
      }
      return filled > 0
    }
  }

  /// A zlib stream that is being decompressed.
  @safe final class Inflation {
    private var stream = unsafe z_stream()

    init() {
      let status = unsafe inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
      require(status == Z_OK, "PNGPicture: expected zlib to start, found status \(status)")
    }

    deinit { unsafe inflateEnd(&stream) }

    func step(
      _ bytes: [UInt8], from position: Int, into buffer: inout [UInt8]
    ) -> (status: Int32, taken: Int, given: Int) {
      unsafe Gzip.inflateOnce(&stream, bytes, from: position, into: &buffer)
    }
  }

  /// Writes the red, green and blue of a row's pixels.
  struct Colours {
    private let header: Header
    /// Red, green and blue of each number that a pixel of one channel below 16 bits can have.
    private let table: [UInt8]

    init(_ header: Header, palette: [UInt8]) {
      self.header = header
      switch header.colour {
      case .palette: table = palette
      case .grey where header.depth <= 8:
        let most = (1 << header.depth) - 1
        table = (0...most).flatMap { value in [UInt8](repeating: UInt8(value * 255 / most), count: 3) }
      default: table = []
      }
    }

    /// Pixels from a place on, `step` apart; gives a colour that the palette lacks.
    func write(
      _ row: [UInt8], columns: Int, to pixels: inout [UInt8], from place: Int, step: Int
    ) -> Int? {
      if !table.isEmpty {
        let (depth, mask) = (header.depth, (1 << header.depth) - 1)
        for column in 0..<columns {
          let bit = column * depth
          let value = Int(row[bit / 8]) >> (8 - depth - bit % 8) & mask
          guard 3 * value < table.count else { return value }
          let to = place + column * step
          (pixels[to], pixels[to + 1], pixels[to + 2]) = (
            table[3 * value], table[3 * value + 1], table[3 * value + 2]
          )
        }
        return nil
      }
      // Of a number of two bytes the first one.
      let size = header.depth / 8
      let (pixel, second) = (size * header.colour.channels, header.colour.channels >= 3 ? size : 0)
      for column in 0..<columns {
        let (from, to) = (column * pixel, place + column * step)
        (pixels[to], pixels[to + 1], pixels[to + 2]) = (row[from], row[from + second], row[from + 2 * second])
      }
      return nil
    }
  }
}
