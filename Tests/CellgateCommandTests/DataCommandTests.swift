import Foundation
import Testing

@Suite("cellgate data")
struct DataCommandTests {
  @Test("The list says which sets are here and where")
  func list() throws {
    let workplace = try Workplace()
    let sets = try workplace.run(line: "data list --json --data here").list()
    let mnist = try #require(sets.first { $0["name"] as? String == "mnist" })
    #expect(mnist["present"] as? Bool == false)
    #expect(mnist["directory"] as? String == "here")
    let run = try workplace.run(line: "data list", environment: ["CELLGATE_DATA": "elsewhere"])
    #expect(run.output.contains("Data folder: elsewhere"))
    #expect(run.output.contains("cellgate data fetch mnist"))
  }

  @Test("Verify names the file that is wrong and how, and those that are missing")
  func verify() throws {
    let workplace = try Workplace()
    let folder = workplace.path + "/mnist"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data("short".utf8).write(to: URL(fileURLWithPath: folder + "/t10k-labels-idx1-ubyte.gz"))
    let run = try workplace.run(line: "data verify mnist --data .")
    #expect(run.status == 65)
    #expect(run.errorLines.count == 4)
    let wrong = try #require(run.errorLines.first { $0.contains("t10k-labels-idx1-ubyte.gz") })
    #expect(wrong == "cellgate: ./mnist/t10k-labels-idx1-ubyte.gz: expected 4542 bytes, found 5")
    #expect(run.errorLines.filter { $0.hasSuffix(": missing") }.count == 3)

    let record = try #require(try workplace.run(line: "data verify mnist --data . --json").records().first)
    #expect(record["whole"] as? Bool == false)
    #expect((record["files"] as? [[String: Any]])?.count == 4)
  }

  @Test("Fetching below a file is refused")
  func cannotCreate() throws {
    let workplace = try Workplace()
    try Data().write(to: URL(fileURLWithPath: workplace.path + "/file"))
    let run = try workplace.run(line: "data fetch mnist --data file/data")
    #expect(run.status == 73)
    #expect(run.errorLines.count == 1)
    #expect(run.error.contains("file/data/mnist"))
  }

  @Test("Without the program curl fetching ends with one line and exit code 69")
  func noCurl() throws {
    let workplace = try Workplace()
    let run = try workplace.run(
      line: "data fetch mnist --data here --mirror http://127.0.0.1:9/", environment: ["PATH": "/nowhere"])
    #expect(run.status == 69)
    #expect(run.errorLines.count == 1)
    #expect(
      run.error.contains(
        "train-images-idx3-ubyte.gz: cannot fetch: the program curl can't be started: No such"))
  }
}
