import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation
import Testing

@Suite("cellgate import")
struct ImportCommandTests {
  let workplace: Workplace

  init() throws { workplace = try Workplace() }

  /// Writes a state dict of an LSTM, and samples whose outputs are those of the model that it becomes.
  private func writeLSTM(change: Float = 0) throws {
    let model = Sequential([LSTM(3, returnSequences: true)])
    try model.build([.sequence(2)])
    let state = PyTorchWriter.stateDictionary(of: model).entries.map {
      ($0.name, $0.tensor.shape, $0.tensor.scalars)
    }
    try TorchArchive.writer(state).write(to: workplace.path + "/lstm.pt")
    var stream = RandomStream(seed: 1, name: "x")
    let x = stream.uniform([4, 2, 2])
    var samples = Safetensors.Writer()
    samples.add("a/in/x", shape: [4, 2, 2], floats: x.scalars)
    samples.add("a/out/y", shape: [4, 2, 3], floats: model(x).scalars.map { $0 + change })
    try samples.write(to: workplace.path + "/samples.safetensors")
  }

  @Test("A model that is still the same ends with 0, another one with 1, and both are written")
  func verified() throws {
    try writeLSTM()
    let run = try workplace.run(
      line: "import lstm.pt --out m.safetensors --verify samples.safetensors --json")
    #expect(run.status == 0, "\(run.error)")
    let record = try #require(try run.records().first)
    #expect(record["runnable"] as? Bool == true)
    let differences = try #require(record["differences"] as? [[String: Any]])
    #expect(differences.count == 1 && (differences[0]["difference"] as? Double ?? 1) < 1e-6)
    #expect(try Model.load(workplace.path + "/m.safetensors").metadata["origin"]?.contains("lstm.pt") == true)
    let text = try workplace.run(line: "import lstm.pt --verify samples.safetensors")
    #expect(text.status == 0 && text.output.contains("lstm.cellgate.safetensors"))
    #expect(workplace.has("lstm.cellgate.safetensors"))
    try writeLSTM(change: 0.001)
    let other = try workplace.run(line: "import lstm.pt --verify samples.safetensors")
    #expect(other.status == 1 && other.error.contains("a/y: expected a difference of at most 1e-05"))
    #expect(other.error.split(separator: "\n").count == 1)
  }

  @Test(
    "Weights whose use isn't known are written with a proposal, run with --architecture, and nothing else takes them"
  )
  func weightsAlone() throws {
    let shapes = [
      ("emb.weight", [7, 4]), ("rnn.weight_ih_l0", [3, 4]), ("rnn.weight_hh_l0", [3, 3]),
      ("rnn.bias_ih_l0", [3]),
      ("rnn.bias_hh_l0", [3]), ("out.weight", [2, 3]), ("out.bias", [2]),
    ]
    try TorchArchive.writer(shapes.map { ($0.0, $0.1, [Float](repeating: 0.1, count: $0.1.reduce(1, *))) })
      .write(to: workplace.path + "/c.pt")
    let run = try workplace.run(line: "import c.pt --out w.safetensors --json")
    #expect(run.status == 0, "\(run.error)")
    let record = try #require(try run.records().first)
    #expect(record["runnable"] as? Bool == false)
    let proposal = try #require(record["proposal"] as? String)
    #expect(proposal.contains("\"kind\":\"text_classifier\""))
    let summary = try workplace.run(line: "summary w.safetensors")
    #expect(summary.status == 65 && summary.error.contains("--architecture"))
    let missing = try workplace.run(line: "import c.pt --architecture none.json")
    #expect(missing.status == 66)
    try Data("{\"kinds\": 1}".utf8).write(to: URL(fileURLWithPath: workplace.path + "/a.json"))
    let wrong = try workplace.run(line: "import c.pt --architecture a.json")
    #expect(wrong.status == 65 && wrong.error.contains("expected an object with the member 'kind'"))
  }

  @Test("What can't be imported ends in one line with the code of its kind")
  func refused() throws {
    try Data("hello".utf8).write(to: URL(fileURLWithPath: workplace.path + "/text.pt"))
    for (line, status, text) in [
      ("import none.pt", 66, "none.pt: no such file"),
      ("import text.pt", 65, "text.pt: expected a file of PyTorch"),
      ("import text.pt --max-size 0", 64, "--max-size"),
      ("import text.pt --verify none", 66, "none: no such file"),
      ("import .", 66, "is a folder"),
    ] as [(String, Int32, String)] {
      let run = try workplace.run(line: line)
      #expect(run.status == status, "\(line): \(run.error)")
      #expect(run.error.contains(text), "\(run.error)")
      #expect(run.error.split(separator: "\n").count == 1)
    }
  }
}
