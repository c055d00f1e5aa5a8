import CellgateFiles
import CellgateTensor
import Foundation
import Testing

@Suite("cellgate summary, predict, evaluate and generate on a model's file")
struct ModelCommandTests {
  /// A workplace with a short run of adding, and its model alone.
  private func trained() throws -> Workplace {
    let workplace = try Workplace()
    let run = try workplace.run(
      line: "train adding --cell lstm-wm --length 6 --hidden 5 --batch 4 --steps 5 --threads 1 --out run")
    #expect(run.status == 0, "\(run.error)")
    try FileManager.default.copyItem(
      atPath: workplace.path + "/run/model.safetensors", toPath: workplace.path + "/m.safetensors")
    try FileManager.default.removeItem(atPath: workplace.path + "/run")
    return workplace
  }

  /// Writes x [5, 6, 2] and y [5].
  private func writeData(_ workplace: Workplace, y: [Float] = [0.5, 1, 1.5, 0.25, 0.75]) throws {
    var stream = RandomStream(seed: 1, name: "data")
    var writer = NumpyArchive.Writer()
    writer.add("x", shape: [5, 6, 2], floats: stream.uniform([5, 6, 2]).scalars)
    writer.add("y", shape: [y.count], floats: y)
    try writer.write(to: workplace.path + "/data.npz")
  }

  @Test("summary shows a model's layers, shapes and origin without its run")
  func summary() throws {
    let workplace = try trained()
    let text = try workplace.run(line: "summary m.safetensors")
    #expect(text.status == 0 && text.error.isEmpty)
    for part in ["recurrent (lstm-wm)", "[T, B, 2]", "[B, 5]", "head", "[B, 1]", "adding"] {
      #expect(text.output.contains(part), "\(part) in \(text.output)")
    }
    let record = try #require(try workplace.run(line: "summary m.safetensors --json").records().first)
    #expect(record["parameters"] as? Int == 4 * 5 * 2 + 4 * 25 + 3 * 25 + 20 + 6)
    #expect((record["layers"] as? [[String: Any]])?.map { $0["name"] as? String } == ["recurrent", "head"])
    #expect((record["origin"] as? [String: Any])?["task"] as? String == "adding")
  }

  @Test("predict writes the same numbers in every kind of file, for any batch and number of threads")
  func predict() throws {
    let workplace = try trained()
    try writeData(workplace)
    for (out, more) in [
      ("a.npz", ""), ("b.npy", " --batch 2"), ("c.safetensors", " --threads 1"), ("d.csv", ""),
    ] {
      let run = try workplace.run(line: "predict m.safetensors --data data.npz --out \(out)\(more)")
      #expect(run.status == 0 && run.output.contains("5 samples"), "\(run.error)")
    }
    let values = try NumpyArchive(path: workplace.path + "/a.npz").array("output", shape: [5, 1]).floats()
    #expect(values.allSatisfy { $0.isFinite } && Set(values).count == 5)
    #expect(try NumpyArray(path: workplace.path + "/b.npy").floats() == values)
    #expect(try Safetensors(path: workplace.path + "/c.safetensors").floats("output") == values)
    let csv = try workplace.text("d.csv").split(separator: "\n")
    #expect(csv.first == "sample,output")
    #expect(csv.dropFirst().map { Float($0.split(separator: ",")[1]) } == values)
    // What was written is read again.
    #expect(try workplace.run(line: "predict m.safetensors --data b.npy --out e.npy").status == 65)
    let record = try #require(
      try workplace.run(line: "predict m.safetensors --data data.npz --out f.npz --json").records().first)
    #expect(record["samples"] as? Int == 5)
  }

  @Test("evaluate scores a model on arrays by a loss")
  func evaluate() throws {
    let workplace = try trained()
    try writeData(workplace)
    _ = try workplace.run(line: "predict m.safetensors --data data.npz --out p.npy")
    let p = try NumpyArray(path: workplace.path + "/p.npy").floats()
    let y: [Float] = [0.5, 1, 1.5, 0.25, 0.75]
    let expected = zip(p, y).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) } / 5
    let line = "evaluate m.safetensors --data data.npz --loss mse --metrics mean_absolute_error"
    let record = try #require(try workplace.run(line: line + " --json").records().first)
    let value = try #require(record["value"].flatMap { Double("\($0)") })
    #expect(abs(value - expected) < 1e-6)
    #expect(record["loss"] as? String == "mean_squared_error")
    let text = try workplace.run(line: line)
    #expect(text.status == 0 && text.output.contains("mean absolute error"))
  }

  /// A line, its exit code, and what its error names.
  private static let mistakes: [(line: String, status: Int32, part: String)] = [
    ("summary nothing", 66, "nothing"), ("summary data.npz", 65, "data.npz"),
    ("predict m.safetensors --data data.npz --out out.txt", 64, "out.txt"),
    ("predict m.safetensors --data nothing.npz --out out.npz", 66, "nothing.npz"),
    ("predict m.safetensors --data m.safetensors --out out.npz", 65, "'x'"),
    ("predict m.safetensors --data data.npz --out no/out.npz", 73, "no/out.npz"),
    ("predict m.safetensors --data data.npz --out out.npz --batch 0", 64, "--batch"),
    ("evaluate m.safetensors --data data.npz --loss msee", 64, "--loss"),
    ("evaluate m.safetensors --loss mse", 64, "--data"),
    ("evaluate m.safetensors --data data.npz", 64, "--loss"),
    ("evaluate m.safetensors --data data.npz --loss mse --metrics accurate", 64, "accuracy"),
    ("evaluate m.safetensors --data short.npz --loss mse", 65, "N = 5"),
    ("generate m.safetensors", 65, "language model"),
  ]

  @Test("What is wrong is one line with its exit code")
  func mistakes() throws {
    let workplace = try trained()
    try writeData(workplace, y: [1, 2])
    try FileManager.default.moveItem(
      atPath: workplace.path + "/data.npz", toPath: workplace.path + "/short.npz")
    try writeData(workplace)
    for (line, status, part) in Self.mistakes {
      let run = try workplace.run(line: line)
      #expect(run.status == status, "\(line): \(run.error)")
      #expect(run.error.contains(part), "\(line): \(run.error)")
      #expect(run.errorLines.allSatisfy { $0.utf8.count < 1000 } && run.output.isEmpty, "\(line)")
    }
  }

  @Test("train starts from a model's weights and sizes, and freezes layers")
  func trainFrom() throws {
    let workplace = try trained()
    let line = "train adding --length 6 --batch 4 --steps 3 --threads 1 --from m.safetensors"
    let run = try workplace.run(line: line + " --freeze recurrent --out next")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("5 units") || run.output.contains("lstm-wm"))
    let (old, new) = (
      try Safetensors(path: workplace.path + "/m.safetensors"),
      try Safetensors(path: workplace.path + "/next/model.safetensors")
    )
    #expect(
      try old.floats("recurrent.weight_mh_l0") == new.floats("recurrent.weight_mh_l0"))
    #expect(try old.floats("head.weight") != new.floats("head.weight"))
    #expect(try workplace.text("next/config.json").contains("\"sha256\""))
    let resumed = try workplace.run(line: "train adding --out next --resume --steps 5 --threads 1")
    #expect(resumed.status == 0, "\(resumed.error)")
    let unknown = try workplace.run(line: line + " --freeze recurent --out other")
    #expect(unknown.status == 64 && unknown.error.contains("did you mean recurrent"))
    let missing = try workplace.run(line: "train adding --from nothing --out other")
    #expect(missing.status == 66)
  }

  @Test(
    "A language model is trained further on another text, with its own vocabulary, and goes on without its file"
  )
  func trainTextFrom() throws {
    let workplace = try Workplace()
    for (name, text) in [("first", "the cat sat on the mat\n"), ("second", "the zebra sat: on tea\n")] {
      try Data(String(repeating: text, count: 40).utf8)
        .write(to: URL(fileURLWithPath: workplace.path + "/\(name).txt"))
    }
    let line = "train text --length 10 --embedding 4 --batch 4 --threads 1"
    let first = try workplace.run(line: line + " --hidden 8 --steps 5 --data first.txt --out one")
    #expect(first.status == 0, "\(first.error)")
    let second = try workplace.run(line: line + " --steps 5 --data second.txt --from one --out two")
    #expect(second.status == 0, "\(second.error)")
    let metadata = try ["one", "two"].map {
      try Safetensors(path: workplace.path + "/\($0)/model.safetensors").metadata
    }
    #expect(
      metadata[0]["vocabulary"] == "\n acehmnost" && metadata[1]["vocabulary"] == metadata[0]["vocabulary"])
    try FileManager.default.removeItem(atPath: workplace.path + "/one")
    let resumed = try workplace.run(line: "train text --out two --resume --steps 8 --threads 1")
    #expect(resumed.status == 0, "\(resumed.error)")
    let scored = try workplace.run(line: "evaluate two --json")
    #expect(scored.status == 0 && scored.output.contains("unknown_share"), "\(scored.error)")
  }

  @Test("A language model writes from its file as from its run's folder")
  func generate() throws {
    let workplace = try Workplace()
    let text = String(repeating: "To be, or not to be:\nthat is the question.\n", count: 30)
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/my.txt"))
    let run = try workplace.run(
      line:
        "train text --hidden 8 --length 10 --embedding 4 --batch 4 --steps 20 --threads 1 --data my.txt --out run"
    )
    #expect(run.status == 0)
    let own = try workplace.run(line: "generate run --length 50 --seed 3")
    let file = try workplace.run(line: "generate run/model.safetensors --length 50 --seed 3")
    #expect(file.status == 0 && file.output == own.output)
    let record = try #require(
      try workplace.run(line: "generate run/model.safetensors --length 5 --json").records().first)
    #expect(record["task"] as? String == "text")
    let summary = try workplace.run(line: "summary run")
    #expect(summary.output.contains("characters"))
  }
}
