import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation
import Testing

struct RetrofitCommandTests {
  let workplace: Workplace

  init() throws { workplace = try Workplace() }

  private func cellgate(_ arguments: [String]) throws -> CommandRun { try workplace.start(arguments).wait() }

  private func place(_ name: String) -> String { workplace.path + "/" + name }

  private func train(_ name: String, _ options: String...) throws -> String {
    let folder = place(name)
    let result = try cellgate(
      ["train", "adding", "--length", "10", "--steps", "4", "--batch", "4", "--out", folder] + options)
    try #require(result.status == 0, "\(result.error)")
    return folder
  }

  @Test("The new model has the old one's outputs, says where it comes from, and is trained further")
  func converts() throws {
    let run = try train("run", "--hidden", "5", "--layers", "2")
    let out = place("new.safetensors")
    let result = try cellgate(["retrofit", run, "--cell", "lstm-wm", "--out", out, "--json"])
    #expect(result.status == 0, "\(result.error)")
    let record = try #require(try result.records().first)
    #expect(record["largest_difference"] as? Double == 0)
    #expect(record["parameters"] as? Int == (record["parameters_before"] as? Int ?? 0) + 2 * 3 * 5 * 5)
    let (old, new) = (try Model.load(run), try Model.load(out))
    var stream = RandomStream(seed: 1, name: "x")
    let x = stream.uniform([7, 3, 2])
    #expect(old(x).scalars.map(\.bitPattern) == new(x).scalars.map(\.bitPattern))
    #expect(new.metadata["cell"] == "lstm-wm")
    #expect(new.metadata["origin"]?.contains("retrofitted from lstm to lstm-wm") == true)
    let further = try cellgate([
      "train", "adding", "--from", out, "--length", "10", "--steps", "2", "--batch", "4", "--out",
      place("further"),
    ])
    #expect(further.status == 0, "\(further.error)")
    #expect(try Model.load(place("further")).metadata["cell"] == "lstm-wm")
  }

  @Test("Some layers alone, beside the model's file")
  func someLayers() throws {
    let run = try train("run", "--hidden", "4", "--layers", "3")
    let result = try cellgate(["retrofit", run, "--cell", "lstm-wm", "--layers", "1"])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("the same to the bit"))
    let new = try Model.load(run + "/model-lstm-wm.safetensors")
    #expect(new.description.recurrentParts.map(\.options.cell.cell.name) == ["lstm", "lstm-wm", "lstm"])
    // Its cells differ, so it is no run's model any more.
    #expect(new.metadata["settings"] == nil)
  }

  @Test(
    "Both models are trained further with the same budget, and the report has what the old one reached before"
  )
  func compares() throws {
    let run = try train("run", "--hidden", "4")
    let out = place("further")
    func command(_ seeds: String, _ more: String...) throws -> CommandRun {
      try cellgate(
        [
          "retrofit", run, "--cell", "lstm-wm", "--task", "adding", "--length", "10", "--steps", "3",
          "--batch",
          "4", "--seeds", seeds, "--out", out, "--json",
        ] + more)
    }
    let result = try command("2")
    #expect(result.status == 0, "\(result.error)")
    let summary = try #require(try result.records().last)
    #expect(summary["before"] is Double)
    let rows = try #require(summary["rows"] as? [[String: Any]])
    #expect(rows.map { $0["cell"] as? String } == ["lstm", "lstm-wm"])
    #expect(rows.map { $0["runs"] as? Int } == [2, 2])
    // The first update of both begins with the same weights and data.
    let losses = try result.records().filter { $0["record"] as? String == "evaluation" }
    #expect(!losses.isEmpty)
    let more = try command("3", "--resume")
    #expect(more.status == 0, "\(more.error)")
    let last = try #require(try more.records().last)
    #expect(last["seeds"] as? Int == 3)
    let again = try command("2")
    #expect(again.status == 73 && again.error.contains("exists already"))
  }

  @Test("With --train memory nothing but the new parameters changes")
  func memoryAlone() throws {
    let run = try train("run", "--hidden", "4")
    let out = place("memory")
    let result = try cellgate([
      "retrofit", run, "--cell", "lstm-wm", "--task", "adding", "--length", "10", "--steps", "3", "--batch",
      "4",
      "--seeds", "1", "--train", "memory", "--out", out,
    ])
    #expect(result.status == 0, "\(result.error)")
    let old = try Model.load(run).state, new = try Model.load(out + "/lstm-wm-seed1").state
    for entry in new.entries {
      if entry.name.contains("weight_mh") {
        #expect(entry.tensor.scalars.contains { $0 != 0 })
      } else {
        #expect(entry.tensor.scalars == old[entry.name]?.scalars, "\(entry.name)")
      }
    }
  }

  @Test("A model of another tool, with names and symbols of its own, is retrofitted and trained further")
  func importedModel() throws {
    let symbols = "ab c\n"
    let model = try Model(
      ModelDescription(
        chain: [
          LayerDescription(Embedding(5, 3), name: "words"),
          LayerDescription(LSTM(4, returnSequences: true), name: "rnn"),
          LayerDescription(Dense(5), name: "out"),
        ], input: .init("ids", .sequence())))
    model.metadata = Vocabulary(ordered: Array(symbols.unicodeScalars)).metadata
    try model.save(place("lm.safetensors"))
    let text = String(repeating: "abc cab\nbac ", count: 400)
    try Data(text.utf8).write(to: URL(fileURLWithPath: place("t.txt")))
    let result = try cellgate([
      "retrofit", place("lm.safetensors"), "--cell", "lstm-wm", "--task", "text", "--data", place("t.txt"),
      "--length",
      "20", "--steps", "3", "--batch", "4", "--seeds", "1", "--train", "memory", "--out", place("further"),
      "--json",
    ])
    #expect(result.status == 0, "\(result.error)")
    let new = try Model.load(place("further/lstm-wm-seed1")).state
    #expect(new["embedding.weight"]?.scalars == model.state["words.weight"]?.scalars)
    #expect(new["recurrent.weight_mh_l0"]?.scalars.contains { $0 != 0 } == true)
    #expect(new["head.bias"]?.scalars == model.state["out.bias"]?.scalars)
    // The file itself is scored on texts, and shown on a page.
    let score = try cellgate(["evaluate", place("lm.safetensors"), "--data", place("t.txt"), "--json"])
    #expect(score.status == 0, "\(score.error)")
    let value = try #require(try score.records().first?["value"] as? Double)
    #expect(value > 0.5 && value < 4)
    let page = try cellgate(["report", place("lm.safetensors"), "--json"])
    #expect(page.status == 0, "\(page.error)")
    let html = try workplace.text("lm.html")
    #expect(html.contains("rnn.weight_hh_l0") && html.contains("long short-term memory"))
    try Data("xyz".utf8).write(to: URL(fileURLWithPath: place("u.txt")))
    let unknown = try cellgate(["evaluate", place("lm.safetensors"), "--data", place("u.txt")])
    #expect(unknown.status == 65 && unknown.error.contains("u.txt"))
    let generated = try cellgate(["generate", place("further/lstm-wm-seed1"), "--length", "20"])
    #expect(generated.status == 0, "\(generated.error)")
  }

  @Test("What is wrong is one line with the exit code of its kind")
  func refused() throws {
    let run = try train("run", "--hidden", "4")
    func check(_ options: String..., status: Int32, _ text: String) throws {
      let result = try cellgate(["retrofit"] + options)
      #expect(result.status == status)
      #expect(result.error.contains(text), "\(result.error)")
      #expect(result.error.split(separator: "\n").count == 1)
    }
    try check(
      run, "--cell", "gru", status: 64, "lstm can't become gru: expected 2 states (h, c), found 1 (h)")
    try check(
      run, "--cell", "lstm-coupled", status: 64,
      "at no values of its own parameters does cₜ = (1 − iₜ) ⊙ cₜ₋₁ + iₜ ⊙ gₜ become cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ"
    )
    try check(run, "--cell", "lstm-w", status: 64, "did you mean lstm-wm")
    try check(run, "--cell", "lstm-wm", "--layers", "1", status: 64, "expected numbers from 0 to 0, found 1")
    try check(run, "--cell", "lstm-wm", "--layers", "a", status: 64, "--layers: expected numbers")
    try check(run, "--cell", "lstm-wm", "--seeds", "3", status: 64, "expected --task as well")
    try check(
      run, "--cell", "lstm-wm", "--task", "adding", "--train", "some", status: 64, "unknown part 'some'")
    try check(run, "--cell", "lstm", "--task", "adding", status: 64, "expected another cell")
    try check(place("none"), "--cell", "lstm-wm", status: 66, "no such file")
  }
}
