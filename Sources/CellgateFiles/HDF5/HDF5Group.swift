extension HDF5File {
  /// A group: objects by name, and attributes.
  public struct Group {
    let file: HDF5File
    /// Its path from the root, "/layers/lstm".
    public let path: String
    let address: Int
    let header: ObjectHeader
    let links: [(name: String, address: Int)]

    /// The names of what it holds, as the file has them.
    public var names: [String] { links.map(\.name) }

    /// What a group holds under a name.
    public enum Object {
      /// A group.
      case group(Group)
      /// A dataset.
      case dataset(Dataset)
    }

    /// The object of a name, which may be a path "a/b"; nil where there is none.
    public func object(_ name: String) throws(HDF5Error) -> Object? {
      var group = self
      var parts = name.split(separator: "/", omittingEmptySubsequences: false)[...]
      guard parts.count <= HDF5File.depthLimit, let last = parts.popLast() else { return nil }
      for part in parts {
        guard case .group(let next)? = try group.child(String(part)) else { return nil }
        group = next
      }
      return try group.child(String(last))
    }

    private func child(_ name: String) throws(HDF5Error) -> Object? {
      guard let link = links.first(where: { $0.name == name }) else { return nil }
      return try file.object(at: link.address, path: joined(name))
    }

    func joined(_ name: String) -> String { path == "/" ? "/" + name : path + "/" + name }

    /// The group of a path; throws `missing` or `wrongKind`.
    public func group(_ name: String) throws(HDF5Error) -> Group {
      switch try object(name) {
      case .group(let group): return group
      case .dataset:
        throw .wrongKind(file: file.file, object: joined(name), expected: "a group", found: "a dataset")
      case nil: throw .missing(file: file.file, object: joined(name))
      }
    }

    /// The dataset of a path; throws `missing` or `wrongKind`.
    public func dataset(_ name: String) throws(HDF5Error) -> Dataset {
      switch try object(name) {
      case .dataset(let dataset): return dataset
      case .group:
        throw .wrongKind(file: file.file, object: joined(name), expected: "a dataset", found: "a group")
      case nil: throw .missing(file: file.file, object: joined(name))
      }
    }

    /// All datasets here and below with their paths from here, in the order of the groups. A group that is reached twice
    /// is walked into once; one that holds itself throws `loop`.
    public func datasets() throws(HDF5Error) -> [(path: String, dataset: Dataset)] {
      var found: [(String, Dataset)] = []
      var seen: Set<Int> = []
      try collect(prefix: "", within: [], &seen, &found)
      return found
    }

    private func collect(
      prefix: String, within: Set<Int>, _ seen: inout Set<Int>, _ found: inout [(String, Dataset)]
    ) throws(HDF5Error) {
      guard within.count < HDF5File.depthLimit else {
        throw .tooLarge(
          file: file.file, what: "expected at most \(HDF5File.depthLimit) groups in one another, found more")
      }
      seen.insert(address)
      let inside = within.union([address])
      for (name, address) in links {
        guard !inside.contains(address) else {
          throw .loop(file: file.file, what: "group '\(quotedName(joined(name)))'")
        }
        if seen.contains(address) { continue }
        switch try file.object(at: address, path: joined(name)) {
        case .dataset(let dataset): found.append((prefix + name, dataset))
        case .group(let group):
          try group.collect(prefix: prefix + name + "/", within: inside, &seen, &found)
        }
      }
    }
  }

  func object(at address: Int, path: String) throws(HDF5Error) -> Group.Object {
    let header = try header(at: address, path: path)
    if header.first(MessageType.layout) != nil || header.first(MessageType.dataspace) != nil {
      return .dataset(try dataset(header, path: path))
    }
    return .group(try group(at: address, path: path))
  }

  func group(at address: Int, path: String) throws(HDF5Error) -> Group {
    let header = try header(at: address, path: path)
    let links: [(name: String, address: Int)]
    if let known = knownLinks[address] {
      links = known
    } else {
      links = try self.links(of: header, at: address, path: path)
      knownLinks[address] = links
    }
    return Group(file: self, path: path, address: address, header: header, links: links)
  }

  private func links(
    of header: ObjectHeader, at address: Int, path: String
  ) throws(HDF5Error) -> [(name: String, address: Int)] {
    var links: [(name: String, address: Int)] = []
    var isGroup = false
    for message in header.messages {
      switch message.type {
      case MessageType.symbolTable:
        isGroup = true
        var body = cursor(message, "symbol table of '\(path)'")
        let (tree, heap) = (try body.uint64(), try body.uint64())
        var names = try LocalHeap(self, heap, path: path)
        var seen: Set<UInt64> = []
        try symbols(tree, level: nil, &names, path: path, &seen, &links)
      case MessageType.linkInfo:
        isGroup = true
        var body = cursor(message, "links of '\(path)'")
        try body.skip(1)
        let flags = try body.byte()
        if flags & 1 != 0 { try body.skip(8) }
        guard try body.uint64() == Self.undefined else {
          throw .unsupported(file: file, object: path, feature: "links in a fractal heap")
        }
      case MessageType.link:
        isGroup = true
        links.append(try link(message, path: path))
      default: break
      }
    }
    guard isGroup else {
      throw .wrongKind(file: file, object: path, expected: "a group or a dataset", found: "another object")
    }
    var names: Set<String> = []
    for link in links where !names.insert(link.name).inserted {
      throw .malformed(
        file: file, byte: base + address, expected: "different names in '\(quotedName(path))'",
        found: "'\(quotedName(link.name))' twice")
    }
    return links
  }

  /// The names of a group.
  private struct LocalHeap {
    let range: Range<Int>

    init(_ file: HDF5File, _ address: UInt64, path: String) throws(HDF5Error) {
      let what = "local heap of '\(path)'"
      var cursor = try file.cursor(address, 32, what)
      try cursor.expect("HEAP")
      try cursor.skip(4)
      let size = try cursor.uint64()
      try cursor.skip(8)
      range = try file.range(try cursor.uint64(), size, what)
    }

    func name(_ file: HDF5File, _ offset: UInt64, path: String) throws(HDF5Error) -> String {
      guard offset < UInt64(range.count) else {
        throw .outOfBounds(
          file: file.file, what: "name in '\(path)'", begin: offset, bytes: 1, available: range.count)
      }
      let begin = range.lowerBound + Int(offset)
      let part = file.bytes[begin..<min(range.upperBound, begin + HDF5File.nameLimit + 1)]
      guard let end = part.firstIndex(of: 0) else {
        throw .malformed(
          file: file.file, byte: begin, expected: "a name of at most \(HDF5File.nameLimit) bytes",
          found: "more")
      }
      return try file.name(Array(part[..<end]), at: begin)
    }
  }

  static let nameLimit = 1024

  func name(_ bytes: [UInt8], at place: Int) throws(HDF5Error) -> String {
    try spend(bytes.count)
    guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty, !name.contains("/"),
      !name.unicodeScalars.contains("\0"), name != ".", name != ".."
    else {
      throw .malformed(
        file: file, byte: place, expected: "a name in UTF-8 without '/'",
        found: "'\(quotedName(String(decoding: bytes, as: UTF8.self)))'")
    }
    return name
  }

  /// The links below a node of a group's B-tree, which is of the level that its parent says.
  private func symbols(
    _ address: UInt64, level: Int?, _ heap: inout LocalHeap, path: String, _ seen: inout Set<UInt64>,
    _ links: inout [(name: String, address: Int)]
  ) throws(HDF5Error) {
    guard seen.insert(address).inserted else {
      throw .loop(file: file, what: "B-tree of '\(quotedName(path))'")
    }
    var node = try cursor(address, nil, "B-tree of '\(path)'")
    try node.expect("TREE")
    let kind = try node.byte(), own = try node.byte(), count = try node.uint16()
    guard kind == 0 else { throw node.malformed("a B-tree of a group", "one of kind \(kind)") }
    // Levels of this width hold more links than any file.
    guard own == level ?? own, own <= 8 else {
      throw node.malformed("a node of level \(level ?? 8)", "level \(own)")
    }
    try node.skip(16)
    for _ in 0..<count {
      try node.skip(8)
      let child = try node.uint64()
      try spend(16)
      if own > 0 {
        try symbols(child, level: own - 1, &heap, path: path, &seen, &links)
      } else {
        guard seen.insert(child).inserted else {
          throw .loop(file: file, what: "B-tree of '\(quotedName(path))'")
        }
        try entries(child, &heap, path: path, &links)
      }
    }
  }

  /// The links of a symbol table node.
  private func entries(
    _ address: UInt64, _ heap: inout LocalHeap, path: String,
    _ links: inout [(name: String, address: Int)]
  ) throws(HDF5Error) {
    var node = try cursor(address, nil, "symbol table of '\(path)'")
    try node.expect("SNOD")
    try node.skip(2)
    for _ in 0..<(try node.uint16()) {
      var entry = try node.part(40)
      try spend(40)
      let name = try heap.name(self, try entry.uint64(), path: path)
      let header = try entry.uint64()
      guard try entry.uint32() != 2 else {
        throw .unsupported(
          file: file, object: path == "/" ? "/" + name : path + "/" + name, feature: "a soft link")
      }
      links.append((name, try addressOfObject(header, name)))
    }
  }

  private func addressOfObject(_ address: UInt64, _ name: String) throws(HDF5Error) -> Int {
    _ = try range(address, 16, "header of '\(name)'")
    return Int(address)
  }

  /// A link in a group's header.
  private func link(_ message: Message, path: String) throws(HDF5Error) -> (name: String, address: Int) {
    var body = cursor(message, "link in '\(path)'")
    try body.skip(1)
    let flags = try body.byte()
    let kind = flags & 8 != 0 ? try body.byte() : 0
    if flags & 4 != 0 { try body.skip(8) }
    if flags & 16 != 0 { try body.skip(1) }
    let length = try body.number(1 << (flags & 3))
    guard length <= UInt64(Self.nameLimit) else {
      throw body.malformed("a name of at most \(Self.nameLimit) bytes", "\(length)")
    }
    let place = body.position
    let name = try name(try body.array(Int(length)), at: place)
    guard kind == 0 else {
      let feature =
        kind == 1 ? "a soft link" : kind == 64 ? "a link to another file" : "a link of kind \(kind)"
      throw .unsupported(file: file, object: path == "/" ? "/" + name : path + "/" + name, feature: feature)
    }
    return (name, try addressOfObject(try body.uint64(), name))
  }
}
