import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

@Suite("TensorBoard event files")
struct TensorBoardWriterTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A field of a protocol-buffer message.
  private enum Field: Equatable {
    case integer(UInt64)
    case bytes([UInt8])
    case fixed64(UInt64)
    case fixed32(UInt32)
  }

  private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The fields of a message in order, read by the rules of the encoding alone.
  private func fields(_ message: [UInt8]) throws -> [(number: UInt64, field: Field)] {
    var rest = message[...]
    func varint() throws -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while let byte = rest.popFirst() {
        value |= UInt64(byte & 0x7F) << shift
        if byte & 0x80 == 0 { return value }
        shift += 7
      }
      throw FileError.missing(file: "the end of a varint")
    }
    func take(_ count: Int) throws -> ArraySlice<UInt8> {
      try #require(rest.count >= count)
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    var result: [(UInt64, Field)] = []
    while !rest.isEmpty {
      let key = try varint()
      switch key & 7 {
      case 0: result.append((key >> 3, .integer(try varint())))
      case 1: result.append((key >> 3, .fixed64(number(try take(8)))))
      case 2: result.append((key >> 3, .bytes(Array(try take(Int(try varint()))))))
      case 5: result.append((key >> 3, .fixed32(UInt32(number(try take(4))))))
      default: Issue.record("wire type \(key & 7)")
      }
    }
    return result
  }

  /// The data of each record, whose checksums are looked at.
  private func records(_ path: String) throws -> [[UInt8]] {
    var rest = try InputFile(path).readAll()[...]
    var result: [[UInt8]] = []
    while !rest.isEmpty {
      let length = rest.prefix(8)
      #expect(UInt32(number(rest.dropFirst(8).prefix(4))) == CRC32C.masked(length))
      let data = rest.dropFirst(12).prefix(Int(number(length)))
      try #require(data.count == Int(number(length)))
      #expect(UInt32(number(rest.dropFirst(12 + data.count).prefix(4))) == CRC32C.masked(data))
      result.append(Array(data))
      rest = rest.dropFirst(16 + data.count)
    }
    return result
  }

  @Test("A file says its version, where the run starts, and then its scalars with their tags and steps")
  func contents() throws {
    let writer = try TensorBoardWriter(folder: scratch.path, after: 299, time: 1_700_000_000.25)
    try writer.write([("train/loss", 0.5), ("größe", -2)], step: 300, time: 1_700_000_001)
    let records = try records(writer.path)
    #expect(records.count == 3)
    let time = { (seconds: Double) in Field.fixed64(seconds.bitPattern) }

    let version = try fields(records[0])
    #expect(version.map(\.number) == [1, 3])
    #expect(version.map(\.field) == [time(1_700_000_000.25), .bytes(Array("brain.Event:2".utf8))])
    // As TensorFlow's own files begin: 24 bytes, and their checksum.
    #expect(
      try InputFile(writer.path).readAll().prefix(12) == [24, 0, 0, 0, 0, 0, 0, 0, 0xA3, 0x7F, 0x4B, 0x22])

    let start = try fields(records[1])
    #expect(start.map(\.number) == [1, 2, 7])
    #expect(start.map(\.field) == [time(1_700_000_000.25), .integer(300), .bytes([8, 1])])

    let event = try fields(records[2])
    #expect(event.map(\.number) == [1, 2, 5])
    #expect(event[1].field == .integer(300))
    guard case .bytes(let summary) = event[2].field else {
      Issue.record("no summary")
      return
    }
    let values = try fields(summary).map { value -> [(number: UInt64, field: Field)] in
      guard value.number == 1, case .bytes(let message) = value.field else { return [] }
      return try fields(message)
    }
    #expect(values.map { $0.map(\.number) } == [[1, 2], [1, 2]])
    #expect(values[0].map(\.field) == [.bytes(Array("train/loss".utf8)), .fixed32(Float(0.5).bitPattern)])
    #expect(values[1].map(\.field) == [.bytes(Array("größe".utf8)), .fixed32(Float(-2).bitPattern)])
  }

  @Test("A later file sorts after all others, also when the clock went back or stands still")
  func order() throws {
    let names = try [1_700_000_000, 1_700_000_000, 5, 1_700_000_100].map { time -> String in
      let writer = try TensorBoardWriter(folder: scratch.path, after: 0, time: Double(time))
      return String(writer.path.dropFirst(scratch.path.count + 1))
    }
    #expect(names == scratch.names())
    #expect(names.count == 4)
    #expect(names.allSatisfy { $0.hasPrefix("events.out.tfevents.") })
    try scratch.write([], as: "events.out.tfevents.1800000000.another-host.77.v2")
    let last = try TensorBoardWriter(folder: scratch.path, after: 0, time: 1_700_000_200)
    #expect(scratch.names().last.map { last.path.hasSuffix($0) } == true)
  }

  @Test("An event that can't be written whole is cut off again and the error names the file")
  func failingWrite() throws {
    let writer = try TensorBoardWriter(folder: scratch.path, after: 0)
    let before = try InputFile(writer.path).readAll()
    let failure = FileError.cannotWrite(file: writer.path, reason: systemReason(ENOSPC))
    #expect(throws: failure) {
      try WriteFault.$injected.withValue({ operation, _ in operation == .write ? ENOSPC : 0 }) {
        try writer.write([("a", 1)], step: 1)
      }
    }
    #expect(try InputFile(writer.path).readAll() == before)
    try writer.write([("a", 1)], step: 1)
    #expect(try records(writer.path).count == 3)
  }
}
