import CellgateData
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("Files of arrays")
struct ArrayFileTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test(
    "Arrays are read back as they were written, from every kind of file",
    arguments: ["npz", "npy", "safetensors"])
  func roundTrip(_ ending: String) throws {
    let x = random([2, 3, 2])
    let path = scratch.file("a.\(ending)")
    try ArrayFile.write([("y", x)], to: path)
    #expect(ArrayFile.isOne(path))
    let found = try ArrayFile.read(path)
    #expect(found.map(\.name) == [ending == "npy" ? "x" : "y"])
    #expect(found[0].tensor.shape == [2, 3, 2] && found[0].tensor.scalars == x.scalars)
  }

  @Test("CSV has a row for each sample, or for each step of each sample")
  func csv() throws {
    try ArrayFile.write([("p", Tensor([0.5, 1, 2, 3], shape: [2, 2]))], to: scratch.file("a.csv"))
    #expect(
      scratch.read("a.csv").map { String(decoding: $0, as: UTF8.self) }
        == "sample,p_0,p_1\n0,0.5,1.0\n1,2.0,3.0\n")
    try ArrayFile.write([("p", Tensor([1, 2], shape: [1, 2, 1]))], to: scratch.file("b.csv"))
    #expect(
      scratch.read("b.csv").map { String(decoding: $0, as: UTF8.self) } == "sample,step,p\n0,0,1.0\n0,1,2.0\n"
    )
    #expect(!ArrayFile.isOne(scratch.file("a.csv")))
  }

  @Test("Files that can't hold what is written, and files of no kind, are refused in one line")
  func mistakes() throws {
    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "nothing"
      } catch { return "\(error)" }
    }
    let two = [("a", Tensor(1)), ("b", Tensor(2))].map { (name: $0.0, tensor: $0.1) }
    #expect(message { try ArrayFile.write(two, to: scratch.file("a.csv")) }.contains("found 2"))
    #expect(message { try ArrayFile.write(two, to: scratch.file("a")) }.contains(".npz"))
    #expect(message { _ = try ArrayFile.read(scratch.file("none.npz")) }.contains("no such file"))
    try scratch.write(Array("sample,p\n".utf8), as: "c.npz")
    #expect(message { _ = try ArrayFile.read(scratch.file("c.npz")) }.hasPrefix(scratch.file("c.npz")))
    try scratch.write([], as: "d.npz")
    #expect(message { _ = try ArrayFile.read(scratch.file("d.npz")) }.hasPrefix(scratch.file("d.npz")))
  }

  @Test("Lines of a text end with newlines, with or without a carriage return")
  func lines() throws {
    try scratch.write(Array("one\r\ntwo\n\nfour".utf8), as: "t.txt")
    #expect(try TextLines.read(scratch.file("t.txt")) == ["one", "two", "", "four"])
    try scratch.write(Array("\n".utf8), as: "u.txt")
    #expect(try TextLines.read(scratch.file("u.txt")) == [""])
    #expect(throws: TaskDataError.self) { try TextLines.read(scratch.file("none.txt")) }
  }
}
