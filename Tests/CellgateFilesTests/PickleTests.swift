import Testing

@testable import CellgateFiles

/// Pickles that Python wrote, or that are made by hand, as data.
@Suite("Pickle")
struct PickleTests {
  private func read(_ bytes: [UInt8], limit: Int = 1 << 20) throws(PickleError) -> Pickle {
    try Pickle(bytes, file: "f", limit: limit) { name in
      ["collections OrderedDict": .dictionary, "builtins set": .set, "m f": .function, "m c": .constant][name]
    }
  }

  private func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test("Plain values are read")
  func values() throws {
    // pickletools: PROTO 2, each value, STOP.
    let cases: [([UInt8], Pickle.Value)] = [
      ([0x4E], .none), ([0x88], .bool(true)), ([0x89], .bool(false)), ([0x4B, 200], .integer(200)),
      ([0x4D, 0, 1], .integer(256)), ([0x4A, 0xFE, 0xFF, 0xFF, 0xFF], .integer(-2)),
      ([0x8A, 0], .integer(0)),
      ([0x8A, 1, 0xFF], .integer(-1)), ([0x8A, 2, 0xFF, 0x7F], .integer(32767)),
      ([0x8A, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1], .bigInteger([0, 0, 0, 0, 0, 0, 0, 0, 1])),
      ([0x47, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0], .real(1.5)), ([0x58, 2, 0, 0, 0] + text("é"), .text("é")),
      ([0x8C, 1] + text("a"), .text("a")), ([0x43, 2, 1, 2], .bytes([1, 2])),
      ([0x55, 1, 0xFF], .bytes([0xFF])),
    ]
    for (bytes, value) in cases {
      let pickle = try read([0x80, 2] + bytes + [0x2E, 9])
      #expect(pickle.root == value)
      #expect(pickle.end == bytes.count + 3)
    }
  }

  @Test("Collections are read, and the memo gives the same object again")
  func collections() throws {
    // {"a": [1, 2], "b": the same list, "c": (1, 2, 3)}
    let pickle = try read(
      text("}(U\u{1}a]q\u{5}(K\u{1}K\u{2}eU\u{1}bh\u{5}U\u{1}cK\u{1}K\u{2}K\u{3}") + [0x87] + text("u."))
    let items = try #require(pickle.items(pickle.root))
    #expect(items.map(\.key) == [.text("a"), .text("b"), .text("c")])
    #expect(items[0].value == items[1].value)
    #expect(pickle.elements(items[0].value) == [.integer(1), .integer(2)])
    #expect(pickle.elements(items[2].value) == [.integer(1), .integer(2), .integer(3)])
  }

  @Test("A dictionary may hold itself, and lists nest as deeply as they like")
  func cyclesAndDepth() throws {
    let cycle = try read(text("}q\u{1}U\u{1}ah\u{1}s."))
    #expect(cycle.items(cycle.root) == [.init(key: .text("a"), value: cycle.root)])
    let deep = try read(
      [UInt8](repeating: 0x5D, count: 5000) + [UInt8](repeating: 0x61, count: 4999) + [0x2E])
    #expect(deep.objects.count == 5000)
  }

  @Test("Allowed classes and functions are data; calls of them are never made")
  func globals() throws {
    let dictionary = try read(text("ccollections\nOrderedDict\n)RU\u{1}aK\u{1}s}b."))
    #expect(dictionary.items(dictionary.root) == [.init(key: .text("a"), value: .integer(1))])
    let call = try read(text("cm\nf\nK\u{1}") + [0x85] + text("R."))
    #expect(call.call(call.root)?.name == "m f")
    #expect(call.call(call.root)?.arguments == [.integer(1)])
    #expect(try read(text("cm\nc\n.")).root == .global("m c"))
    let id = try read(text("U\u{1}xQ."))
    #expect(id.persistent(id.root) == .text("x"))
  }

  @Test("Everything else is refused by its name")
  func refused() throws {
    #expect(throws: PickleError.refusedGlobal(file: "f", byte: 0, name: "posix.system")) {
      try read(text("cposix\nsystem\n(U\u{2}lst") + [0x52, 0x2E])
    }
    #expect(throws: PickleError.refusedGlobal(file: "f", byte: 12, name: "os.system")) {
      try read([0x8C, 2] + text("os") + [0x8C, 6] + text("system") + [0x30, 0x4E, 0x93, 0x2E].dropFirst(2))
    }
    #expect(throws: PickleError.refusedGlobal(file: "f", byte: 6, name: "a call of m.c")) {
      try read(text("cm\nc\n)R."))
    }
    for (bytes, name) in [(text("(im\nf\n."), "INST"), ([0x82, 1, 0x2E], "EXT1"), (text("I1\n."), "0x49")] {
      #expect(throws: PickleError.refusedOperation(file: "f", byte: name == "INST" ? 1 : 0, name: name)) {
        try read(bytes)
      }
    }
    // A zero-width space, and another letter that looks the same.
    for module in ["collections\u{200B}", "c\u{43E}llections"] {
      #expect(throws: PickleError.self) { try read(text("c\(module)\nOrderedDict\n)R.")) }
    }
  }

  @Test(
    "Damage ends in an error",
    arguments: [
      [], [0x80], [0x80, 99, 0x2E], [0x2E], [0x4E], [0x4E, 0x4E, 0x2E], [0x28, 0x4E, 0x2E], [0x74, 0x2E],
      [0x61, 0x2E],
      [0x68, 5, 0x2E], [0x4E, 0x72, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E], [0x58, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E],
      [0x8D, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x2E], [0x95, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x4E, 0x2E],
      [0x58, 1, 0, 0, 0, 0xFF, 0x2E], [0x8B, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E], [0x5D, 0x4E, 0x73, 0x2E],
      [0x4E, 0x4E, 0x52, 0x2E], [0x4E, 0x62, 0x2E], [0x7D, 0x28, 0x4E, 0x75, 0x2E],
    ] as [[UInt8]])
  func damage(bytes: [UInt8]) { #expect(throws: PickleError.self) { try read(bytes) } }

  @Test("Objects take no more memory than is accepted")
  func limit() throws {
    let lists = [UInt8](repeating: 0x5D, count: 100_000) + [0x2E]
    #expect(throws: PickleError.self) { try read(lists, limit: 1 << 20) }
    let error = #expect(throws: PickleError.self) { try read(lists, limit: 1000) }
    #expect("\(try #require(error))".hasSuffix("expected objects of at most 1000 bytes, found more"))
  }
}
