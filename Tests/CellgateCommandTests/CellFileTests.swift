import Foundation
import Testing

@Suite("Cells from files")
struct CellFileTests {
  /// A GRU-like cell without a reset gate.
  static let own = """
    cell own: one gate
    state h
    matrices W = weight_ih (z, n)
    matrices U = weight_hh (z, n) start orthogonal
    vectors b = bias (z, n) start z at 0 chrono +
    z = sigmoid(W_z x + U_z h + b_z)
    n = tanh(W_n x + U_n h + b_n)
    h' = z * h + (1 - z) * n

    """
  static let tiny = "--length 6 --hidden 4 --batch 4 --threads 1 --evaluation-interval 10"

  private func workplace(_ files: [String: String]) throws -> Workplace {
    let workplace = try Workplace()
    for (name, text) in files { try write(text, name, workplace) }
    return workplace
  }

  private func write(_ text: String, _ name: String, _ workplace: Workplace) throws {
    try text.write(toFile: workplace.path + "/" + name, atomically: true, encoding: .utf8)
  }

  private func expect(_ run: CommandRun, _ status: Int32 = 0) {
    #expect(run.status == status, "\(run.error)\(run.output)")
  }

  @Test("A run goes on, and is scored and reported, without the file, with the same bits")
  func run() throws {
    let workplace = try workplace(["my.cell": Self.own])
    expect(try workplace.run(line: "train adding --cell my.cell \(Self.tiny) --steps 30 --out whole"))
    expect(try workplace.run(line: "train adding --cell my.cell \(Self.tiny) --steps 20 --out run"))
    try FileManager.default.removeItem(atPath: workplace.path + "/my.cell")
    expect(try workplace.run(line: "train adding --out run --resume --steps 30"))
    #expect(try workplace.text("run/metrics.csv") == workplace.text("whole/metrics.csv"))
    expect(try workplace.run(line: "train adding --cell own --out run --resume"))
    let score = try workplace.run(line: "evaluate run --json").records().first
    let other = try workplace.run(line: "evaluate whole --json").records().first
    #expect(score?["cell"] as? String == "own" && score?["value"] as? Double == other?["value"] as? Double)
    expect(try workplace.run(line: "report run"))
    #expect(
      try workplace.text("run/report.html").contains("<td class=\"left\"><i>h</i><sub><i>t</i></sub></td>"))
    // The settings and the model carry the cell.
    let config = try JSONSerialization.jsonObject(with: workplace.data("run/config.json")) as? [String: Any]
    let text = try #require(config?["cell_text"] as? String)
    #expect(text.hasPrefix("cell own: one gate\n") && text.contains("hₜ = zₜ ⊙ hₜ₋₁ + (1 − zₜ) ⊙ nₜ\n"))
    #expect(
      try workplace.data("run/model.safetensors").range(of: Data("\"cell_text\":\"cell own".utf8)) != nil)
  }

  @Test("A run's own cell is refused where its file has other equations now, and without its text")
  func changed() throws {
    let workplace = try workplace(["my.cell": Self.own])
    expect(try workplace.run(line: "train adding --cell my.cell \(Self.tiny) --steps 10 --out run"))
    // Comments and spellings change nothing.
    try write("# mine\n" + Self.own.replacing("sigmoid", with: "σ"), "my.cell", workplace)
    expect(try workplace.run(line: "train adding --cell my.cell --out run --resume"))
    try write(Self.own.replacing("(1 - z) * n", with: "n"), "my.cell", workplace)
    let changed = try workplace.run(line: "train adding --cell my.cell --out run --resume")
    expect(changed, 64)
    #expect(changed.errorLines.count == 1 && changed.error.contains("made with other settings: cell_text"))
    let text = try workplace.text("run/config.json")
    try write(text.replacing("\"cell_text\"", with: "\"cell_note\""), "run/config.json", workplace)
    expect(try workplace.run(line: "evaluate run"), 65)
    try write(
      text.replacing("sigmoid", with: "σ").replacing("zₜ ⊙", with: "zz ⊙"), "run/config.json", workplace)
    let broken = try workplace.run(line: "evaluate run")
    expect(broken, 65)
    #expect(broken.error.contains("run/config.json: cell_text: line ") && broken.errorLines.count == 1)
  }

  @Test("A cell that is called like one of this program's, with other equations, is never taken for it")
  func sameName() throws {
    let workplace = try workplace(["lstm.cell": Self.own.replacing("cell own", with: "cell lstm")])
    expect(try workplace.run(line: "train adding --cell lstm.cell \(Self.tiny) --steps 10 --out file"))
    expect(try workplace.run(line: "train adding --cell lstm \(Self.tiny) --steps 10 --out name"))
    let values = try ["file", "name"].map {
      try #require(try workplace.run(line: "evaluate \($0) --json").records().first?["value"] as? Double)
    }
    #expect(values[0] != values[1])
    expect(try workplace.run(line: "report file name --out both.html"))
    let page = try workplace.text("both.html")
    #expect(page.contains("lstm (equations 1)") && page.contains("lstm (equations 2)"))
    // One run's model is not the other's.
    try FileManager.default.removeItem(atPath: workplace.path + "/name/model.safetensors")
    try FileManager.default.copyItem(
      atPath: workplace.path + "/file/model.safetensors", toPath: workplace.path + "/name/model.safetensors")
    expect(try workplace.run(line: "evaluate name"), 65)
    // In one table a name is a cell.
    let refused = try workplace.run(line: "compare adding --cells gru,lstm.cell \(Self.tiny) --steps 10")
    expect(refused, 65)
    #expect(refused.error.contains("lstm.cell: expected a name of its own, found 'lstm'"))
    expect(try workplace.run(line: "reproduce adding --budget smoke --cells lstm.cell"), 65)
  }

  @Test("A comparison with a cell from a file goes on without the file")
  func compare() throws {
    let workplace = try workplace(["my.cell": Self.own])
    let line = "compare adding \(Self.tiny) --steps 10 --out c"
    expect(try workplace.run(line: line + " --cells lstm,my.cell"))
    try FileManager.default.removeItem(atPath: workplace.path + "/my.cell")
    let more = try workplace.run(line: line + " --cells lstm,own --seeds 2 --resume")
    expect(more)
    #expect(workplace.has("c/own-seed2/result.json"))
    #expect(more.output.contains("\n  own "))
    expect(try workplace.run(line: "compare adding --cells lstm,own \(Self.tiny) --steps 10"), 64)
    expect(try workplace.run(line: "report c"))
  }

  @Test("An interrupted run prints a command that needs no file")
  func interrupted() throws {
    let workplace = try workplace(["my.cell": Self.own])
    let line =
      "train adding --cell my.cell --length 6 --hidden 4 --batch 4 --threads 1 --steps 100000 --out run --json"
    let started = try workplace.start(line.split(separator: " ").map(String.init))
    #expect(started.wait { started.output.contains("progress") })
    started.interrupt()
    let run = try started.wait()
    expect(run, 130)
    let resume = try #require(try run.records().last?["resume"] as? String)
    #expect(!resume.contains("my.cell") && resume.hasSuffix("--out run --resume"))
  }

  @Test("An experiment of the paper takes a cell from a file")
  func reproduce() throws {
    let workplace = try workplace(["my.cell": Self.own])
    let line = "reproduce adding --budget smoke --seeds 1 --out r --cells"
    expect(try workplace.run(line: line + " lstm,my.cell"))
    try FileManager.default.removeItem(atPath: workplace.path + "/my.cell")
    let again = try workplace.run(line: line + " lstm,own")
    expect(again)
    #expect(again.output.contains("complete already"))
  }

  /// Trained from the program's own file, and from its text in another.
  @Test("A published cell learns, by its name and from a file", arguments: ["janet", "cfn.cell"])
  func published(argument: String) throws {
    let name = argument.replacing(".cell", with: ""), file = argument
    let workplace = try Workplace()
    if argument != name {
      let text = try workplace.run(line: "cells \(name) --as cell").output
      try text.write(toFile: workplace.path + "/" + file, atomically: true, encoding: .utf8)
    }
    let run = try workplace.start([
      "train", "adding", "--cell", file, "--length", "6", "--hidden", "8", "--batch", "16", "--steps", "300",
      "--json",
      "--learning-rate", "0.01", "--out", "run",
    ]).wait()
    expect(run)
    let result = try #require(try run.records().last)
    #expect(result["cell"] as? String == name)
    let value = try #require(result["value"] as? Double),
      baseline = try #require(result["baseline"] as? Double)
    #expect(value < 0.5 * baseline, "\(value) of \(baseline)")
  }
}
