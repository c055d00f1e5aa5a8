import CellgateBasics

/// Collects groups, attributes and datasets, and writes them as an HDF5 file that libhdf5, h5py and Keras open.
///
/// ```swift
/// var root = HDF5Writer.Group()
/// root["layers/dense/vars/0"] = .floats(kernel, shape: [64, 1])
/// root.attributes["backend"] = ["none"]
/// try HDF5Writer(root).write(to: "model.weights.h5")
/// ```
///
/// The file has superblock 0, groups as symbol tables, contiguous little-endian data and attributes of fixed strings; equal
/// contents give equal bytes.
public struct HDF5Writer: Sendable {
  /// A group: objects by name, and attributes of strings by name.
  public struct Group: Sendable {
    /// What it holds.
    public var objects: [String: Object] = [:]
    /// Its attributes: a list of strings each.
    public var attributes: [String: [String]] = [:]

    /// A group of nothing.
    public init() {}

    /// The object of a path "a/b"; groups on the way are made when one is set.
    public subscript(path: String) -> Object? {
      get {
        let (first, rest) = Self.split(path)
        guard let rest else { return objects[first] }
        if case .group(let inner)? = objects[first] { return inner[rest] }
        return nil
      }
      set {
        let (first, rest) = Self.split(path)
        guard let rest else {
          objects[first] = newValue
          return
        }
        var inner = Group()
        if case .group(let own)? = objects[first] { inner = own }
        inner[rest] = newValue
        objects[first] = .group(inner)
      }
    }

    private static func split(_ path: String) -> (first: String, rest: String?) {
      guard let slash = path.firstIndex(of: "/") else { return (path, nil) }
      return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }
  }

  /// A group or a dataset.
  public enum Object: Sendable {
    /// A group.
    case group(Group)
    /// Numbers row by row, as many as the shape has.
    case floats([Float], shape: [Int])
  }

  private let root: Group

  /// A file of this content.
  public init(_ root: Group) { self.root = root }

  /// The file's bytes.
  public func encode() -> [UInt8] {
    var image = Image()
    image.append([UInt8](repeating: 0, count: Image.superblockSize))
    let placed = image.append(root)
    image.finish(placed)
    return image.bytes
  }

  /// Writes the file whole or not at all; throws `cannotCreate` or `cannotWrite`.
  public func write(to path: String) throws(FileError) { try AtomicFile.write(Data(encode()), to: path) }

  /// Where a group lies.
  private struct Placed {
    let header, tree, heap: UInt64
  }

  /// The file as it grows: what is referred to is appended before what refers to it.
  private struct Image {
    static let superblockSize = 96
    /// Half of the links of a symbol table node, and of the children of a B-tree node.
    static let (leaf, inner) = (4, 16)
    var bytes: [UInt8] = []

    /// Appends bytes at a multiple of 8 and gives their address.
    @discardableResult
    mutating func append(_ part: [UInt8]) -> UInt64 {
      while bytes.count % 8 != 0 { bytes.append(0) }
      defer { bytes += part }
      return UInt64(bytes.count)
    }

    mutating func finish(_ root: Placed) {
      while bytes.count % 8 != 0 { bytes.append(0) }
      var block = HDF5File.signature + [0, 0, 0, 0, 0, 8, 8, 0]
      block += littleEndian(UInt16(Self.leaf)) + littleEndian(UInt16(Self.inner)) + littleEndian(UInt32(0))
      block += littleEndian(UInt64(0)) + littleEndian(UInt64.max) + littleEndian(UInt64(bytes.count))
      block += littleEndian(UInt64.max) + Self.entry(name: 0, .group(root))
      bytes.replaceSubrange(0..<block.count, with: block)
    }

    enum Link {
      case group(Placed)
      case dataset(UInt64)
    }

    static func entry(name: Int, _ link: Link) -> [UInt8] {
      switch link {
      case .group(let placed):
        littleEndian(UInt64(name)) + littleEndian(placed.header) + littleEndian(UInt32(1))
          + littleEndian(UInt32(0)) + littleEndian(placed.tree) + littleEndian(placed.heap)
      case .dataset(let header):
        littleEndian(UInt64(name)) + littleEndian(header) + [UInt8](repeating: 0, count: 24)
      }
    }

    mutating func append(_ group: Group) -> Placed {
      let names = group.objects.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      var links: [Link] = []
      for name in names {
        require(
          !name.isEmpty && !name.contains("/") && !name.unicodeScalars.contains("\0"),
          "HDF5Writer: expected a name without '/', found '\(name)'")
        switch group.objects[name] {
        case .group(let inner)?: links.append(.group(append(inner)))
        case .floats(let values, let shape)?: links.append(.dataset(append(values, shape)))
        case nil: fail("HDF5Writer: expected an object '\(name)'")
        }
      }
      // The first 8 bytes of the heap are the empty name, which the B-tree's first key is.
      var heap = [UInt8](repeating: 0, count: 8)
      var offsets: [Int] = []
      for name in names {
        offsets.append(heap.count)
        heap += Array(name.utf8) + [0]
        while heap.count % 8 != 0 { heap.append(0) }
      }
      let data = append(heap)
      // 1 says that there is no free space in the heap.
      let heapAddress = append(
        Array("HEAP".utf8) + [0, 0, 0, 0] + littleEndian(UInt64(heap.count)) + littleEndian(UInt64(1))
          + littleEndian(data))
      let tree = append(tree: offsets, links)
      var messages = [message(17, littleEndian(tree) + littleEndian(heapAddress))]
      for name in group.attributes.keys.sorted() {
        messages.append(attribute(name, group.attributes[name] ?? []))
      }
      return Placed(header: append(header: messages), tree: tree, heap: heapAddress)
    }

    /// The B-tree over symbol table nodes of all links.
    private mutating func append(tree offsets: [Int], _ links: [Link]) -> UInt64 {
      let most = 2 * Self.leaf
      var children: [(address: UInt64, last: Int)] = []
      for begin in stride(from: 0, to: links.count, by: most) {
        let part = begin..<min(begin + most, links.count)
        var node = Array("SNOD".utf8) + [1, 0] + littleEndian(UInt16(part.count))
        for index in part { node += Self.entry(name: offsets[index], links[index]) }
        node += [UInt8](repeating: 0, count: 8 + 40 * most - node.count)
        children.append((append(node), offsets[part.upperBound - 1]))
      }
      var level: UInt8 = 0
      while true {
        let width = 2 * Self.inner
        var parents: [(address: UInt64, last: Int)] = []
        let size = 24 + 8 * (width + 1) + 8 * width
        while bytes.count % 8 != 0 { bytes.append(0) }
        let first = UInt64(bytes.count)
        let count = max(1, (children.count + width - 1) / width)
        var before = 0
        for index in 0..<count {
          let part = children[min(index * width, children.count)..<min((index + 1) * width, children.count)]
          func sibling(_ place: Int) -> UInt64 {
            place >= 0 && place < count ? first + UInt64(place * size) : UInt64.max
          }
          var node = Array("TREE".utf8) + [0, level] + littleEndian(UInt16(part.count))
          node += littleEndian(sibling(index - 1)) + littleEndian(sibling(index + 1))
          node += littleEndian(UInt64(before))
          for child in part {
            node += littleEndian(child.address) + littleEndian(UInt64(child.last))
            before = child.last
          }
          node += [UInt8](repeating: 0, count: size - node.count)
          parents.append((append(node), before))
        }
        if count == 1 { return parents[0].address }
        children = parents
        level += 1
      }
    }

    private mutating func append(_ values: [Float], _ shape: [Int]) -> UInt64 {
      require(
        shape.reduce(1, *) == values.count, "HDF5Writer: expected numbers of \(shape), found \(values.count)")
      var data: [UInt8] = []
      data.reserveCapacity(4 * values.count)
      unsafe values.withUnsafeBytes { unsafe data.append(contentsOf: $0) }
      let address = values.isEmpty ? UInt64.max : append(data)
      return append(header: [
        message(1, Self.space(shape)),
        // IEEE, little-endian, the sign in bit 31; then bits, precision, exponent and mantissa, and the bias.
        message(
          3,
          [0x11, 0x20, 31, 0] + littleEndian(UInt32(4)) + littleEndian(UInt16(0)) + littleEndian(UInt16(32))
            + [23, 8, 0, 23] + littleEndian(UInt32(127))),
        message(5, [2, 2, 2, 1] + littleEndian(UInt32(0))),
        message(8, [3, 1] + littleEndian(address) + littleEndian(UInt64(data.count))),
      ])
    }

    private static func space(_ shape: [Int]) -> [UInt8] {
      [1, UInt8(shape.count), 0, 0, 0, 0, 0, 0] + shape.flatMap { littleEndian(UInt64($0)) }
    }

    private func attribute(_ name: String, _ strings: [String]) -> [UInt8] {
      func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
      }
      let size = max(1, strings.map(\.utf8.count).max() ?? 1)
      let key = Array(name.utf8) + [0]
      // Padded with zeros, UTF-8.
      let type = [0x13, 0x11, 0, 0] + littleEndian(UInt32(size))
      let space = Self.space(strings.count == 1 ? [] : [strings.count])
      var body = [UInt8(1), 0] + littleEndian(UInt16(key.count)) + littleEndian(UInt16(type.count))
      body += littleEndian(UInt16(space.count)) + padded(key) + padded(type) + padded(space)
      for string in strings {
        body += Array(string.utf8) + [UInt8](repeating: 0, count: size - string.utf8.count)
      }
      require(
        body.count < 65_528, "HDF5Writer: expected an attribute below 64 KiB, found \(body.count) bytes")
      return message(12, body)
    }

    private func message(_ type: UInt16, _ body: [UInt8]) -> [UInt8] {
      let padding = (8 - body.count % 8) % 8
      return littleEndian(type) + littleEndian(UInt16(body.count + padding)) + [0, 0, 0, 0] + body
        + [UInt8](repeating: 0, count: padding)
    }

    private mutating func append(header messages: [[UInt8]]) -> UInt64 {
      let body = messages.flatMap { $0 }
      return append(
        [1, 0] + littleEndian(UInt16(messages.count)) + littleEndian(UInt32(1))
          + littleEndian(UInt32(body.count)) + [0, 0, 0, 0] + body)
    }
  }
}
