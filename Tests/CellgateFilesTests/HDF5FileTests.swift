import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("HDF5")
struct HDF5FileTests {
  private static let folder = Bundle.module.bundleURL.appendingPathComponent("HDF5")
  private static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private static func sample() -> HDF5Writer.Group {
    var root = HDF5Writer.Group()
    root.attributes["names"] = ["a", "zwei", "三"]
    root.attributes["title"] = ["one string"]
    root["layers/dense/vars/0"] = .floats([1, 2, 3, 4, 5, -.infinity], shape: [2, 3])
    root["layers/dense/vars/1"] = .floats([0.5], shape: [])
    root["layers/dense/vars/2"] = .floats([], shape: [0, 7])
    root["layers/empty"] = .group(HDF5Writer.Group())
    return root
  }

  @Test(
    "Files of h5py are read, whatever their layout",
    arguments: ["compact", "latest", "userblock", "bigendian", "float64", "many_links"])
  func variants(name: String) throws {
    let root = try HDF5File(path: Self.path(name + ".h5")).root
    let expected = try Safetensors(path: Self.path("expected.safetensors"))
    for index in 0..<3 {
      let path = "layers/lstm/cell/vars/\(index)"
      let dataset = try root.dataset(path)
      let info = try expected.info("tensors/out/" + path)
      #expect(dataset.shape == info.shape)
      #expect(try dataset.floats() == expected.floats(info.name))
      #expect(try dataset.doubles() == expected.doubles(info.name))
    }
    let all = try root.datasets()
    #expect(all.count == 3 && all.allSatisfy { $0.path.hasPrefix("layers/lstm/cell/vars/") })
  }

  @Test("What the reader doesn't read is refused by its name")
  func unsupported() throws {
    let root = try HDF5File(path: Self.path("gzip.h5")).root
    #expect(
      throws: HDF5Error.unsupported(
        file: Self.path("gzip.h5"), object: "/layers/lstm/cell/vars/0", feature: "compressed or filtered data"
      )
    ) { try root.dataset("layers/lstm/cell/vars/0") }
    #expect(throws: HDF5Error.file(.missing(file: "/no/file"))) {
      try HDF5File(path: "/no/file")
    }
  }

  @Test("What is written is read again: groups, attributes, numbers of any shape")
  func roundTrip() throws {
    let bytes = HDF5Writer(Self.sample()).encode()
    #expect(bytes == HDF5Writer(Self.sample()).encode())
    let root = try HDF5File(data: bytes, file: "x.h5").root
    #expect(root.names == ["layers"])
    #expect(try root.strings("names") == ["a", "zwei", "三"])
    #expect(try root.strings("title") == ["one string"])
    #expect(try root.strings("none") == nil)
    #expect(try root.dataset("layers/dense/vars/0").floats() == [1, 2, 3, 4, 5, -.infinity])
    #expect(try root.dataset("layers/dense/vars/1").shape == [])
    #expect(try root.dataset("layers/dense/vars/2").shape == [0, 7])
    #expect(try root.dataset("layers/dense/vars/2").floats().isEmpty)
    #expect(try root.group("layers/empty").names.isEmpty)
    #expect(throws: HDF5Error.missing(file: "x.h5", object: "/layers/dense/vars/9")) {
      try root.group("layers/dense/vars").dataset("9")
    }
    #expect(throws: HDF5Error.self) { try root.dataset("layers/dense") }
    #expect(throws: HDF5Error.self) { try root.group("layers/dense/vars/0") }
    #expect(throws: HDF5Error.self) { try root.dataset("layers/dense/vars/0").int64s() }
  }

  @Test(
    "Groups of any number of links, in B-trees of several levels", arguments: [0, 1, 8, 9, 256, 257, 9000])
  func manyLinks(count: Int) throws {
    var root = HDF5Writer.Group()
    for index in 0..<count { root.objects["x\(index)"] = .floats([Float(index)], shape: [1]) }
    let read = try HDF5File(data: HDF5Writer(root).encode(), file: "x.h5").root
    #expect(read.names == (0..<count).map { "x\($0)" }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    #expect(try read.datasets().count == count)
    if count > 0 { #expect(try read.dataset("x\(count - 1)").floats() == [Float(count - 1)]) }
  }

  @Test("A file that is cut off anywhere is refused")
  func truncated() throws {
    let bytes = HDF5Writer(Self.sample()).encode()
    for length in stride(from: 0, to: bytes.count, by: 13) {
      #expect(throws: HDF5Error.self, "\(length)") {
        try HDF5File(data: Array(bytes[..<length]), file: "x.h5").root.datasets()
      }
    }
  }

  @Test("A group that holds itself, and a tree that leads back to itself, are refused")
  func loops() throws {
    var inner = HDF5Writer.Group()
    inner.objects["b"] = .group(HDF5Writer.Group())
    var root = HDF5Writer.Group()
    root.objects["a"] = .group(inner)
    let bytes = HDF5Writer(root).encode()
    let file = try HDF5File(data: bytes, file: "x.h5")
    let outer = UInt64(try file.root.address), a = UInt64(try file.root.group("a").address)
    // The link to a leads to the root.
    let place = try #require(Self.places(of: a, in: bytes).first)
    var looped = bytes
    looped.replaceSubrange(place..<place + 8, with: littleEndian(outer))
    #expect(throws: HDF5Error.loop(file: "x.h5", what: "group '/a'")) {
      try HDF5File(data: looped, file: "x.h5").root.datasets()
    }
    // A node of the B-tree is its own child, of the level 1.
    let tree = try #require(Self.places(of: Array("TREE".utf8), in: bytes).last)
    var own = bytes
    own[tree + 5] = 1
    own.replaceSubrange(tree + 32..<tree + 40, with: littleEndian(UInt64(tree)))
    #expect(throws: HDF5Error.self) { try HDF5File(data: own, file: "x.h5").root.datasets() }
  }

  @Test("Structures that are used over and over again are refused before they cost much")
  func overuse() throws {
    // Every group of a chain of 60 has two links to the next one: 2⁶⁰ paths.
    var inner = HDF5Writer.Group()
    for _ in 0..<60 {
      var outer = HDF5Writer.Group()
      outer.objects["a"] = .group(inner)
      outer.objects["b"] = .floats([1], shape: [1])
      inner = outer
    }
    var bytes = HDF5Writer(inner).encode()
    // The entries of b lead to a's group.
    for place in Self.places(of: Array("SNOD".utf8), in: bytes) where bytes[place + 6] == 2 {
      bytes.replaceSubrange(place + 8 + 40 + 8..<place + 8 + 80, with: bytes[place + 8 + 8..<place + 8 + 40])
    }
    let root = try HDF5File(data: bytes, file: "x.h5").root
    #expect(try root.datasets().isEmpty)
    // 4,000 links whose names are the same 1,001 bytes of the file.
    var many = HDF5Writer.Group()
    let long = String(repeating: "n", count: 1000)
    for index in 0..<4000 { many.objects["\(index)" + (index == 0 ? long : "")] = .group(HDF5Writer.Group()) }
    var crowded = HDF5Writer(many).encode()
    let tables = Self.places(of: Array("SNOD".utf8), in: crowded)
    let first = try #require(tables.first { littleEndian(crowded, at: $0 + 8, as: UInt64.self) == 8 })
    let name = Array(crowded[first + 8..<first + 16])
    for table in tables {
      for entry in 0..<8 {
        crowded.replaceSubrange(table + 8 + 40 * entry..<table + 16 + 40 * entry, with: name)
      }
    }
    #expect(throws: HDF5Error.self) { try HDF5File(data: crowded, file: "x.h5").root }
  }

  private static func places(of value: UInt64, in bytes: [UInt8]) -> [Int] {
    places(of: littleEndian(value), in: bytes)
  }

  private static func places(of part: [UInt8], in bytes: [UInt8]) -> [Int] {
    (0...bytes.count - part.count).filter { bytes[$0..<$0 + part.count].elementsEqual(part) }
  }

  @Test("Halves are exact")
  func halves() {
    for bits in UInt16.min...UInt16.max {
      let found = HDF5File.Dataset.half(bits)
      let expected = Float(Float16(bitPattern: bits))
      #expect(found == expected || found.isNaN && expected.isNaN)
    }
  }

  @Test("Any bytes at all are read or refused, in time")
  func fuzz() throws {
    let rounds = ProcessInfo.processInfo.environment["CELLGATE_FUZZ_ROUNDS"].flatMap { Int($0) } ?? 10_000
    var files: [[UInt8]] = [HDF5Writer(Self.sample()).encode()]
    for name in ["compact", "latest", "userblock", "bigendian"] {
      files.append(Array(try Data(contentsOf: URL(fileURLWithPath: Self.path(name + ".h5")))))
    }
    var random = Mutations(seed: 11)
    var readable = 0
    for round in 0..<rounds {
      let bytes = random.mutated(files[round % files.count])
      do throws(HDF5Error) {
        let root = try HDF5File(data: bytes, file: "x.h5").root
        _ = try root.strings("names")
        for (_, dataset) in try root.datasets() { _ = try? dataset.floats() }
        readable += 1
      } catch {
        #expect(!"\(error)".contains("\n"))
      }
    }
    // Some change numbers alone, so that the files' insides are reached.
    #expect(readable > rounds / 20 && readable < rounds)
  }
}
