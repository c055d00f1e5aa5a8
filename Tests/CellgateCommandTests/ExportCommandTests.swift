import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation
import Testing

struct ExportCommandTests {
  let workplace: Workplace

  init() throws { workplace = try Workplace() }

  private func cellgate(_ arguments: [String]) throws -> CommandRun { try workplace.start(arguments).wait() }

  private func place(_ name: String) -> String { workplace.path + "/" + name }

  private func train(_ name: String, _ options: String...) throws -> String {
    let folder = place(name)
    let result = try cellgate(
      ["train", "adding", "--length", "10", "--steps", "3", "--batch", "4", "--hidden", "5", "--out", folder]
        + options)
    try #require(result.status == 0, "\(result.error)")
    return folder
  }

  /// Exports, and gives the files.
  private func export(_ model: String, _ format: String, _ options: String...) throws -> [String] {
    let result = try cellgate(["export", model, "--format", format, "--json"] + options)
    try #require(result.status == 0, "\(result.error)")
    let record = try #require(try result.records().first)
    return try #require(record["files"] as? [String])
  }

  @Test(
    "What holds the whole model comes back with the same bits", arguments: ["keras", "onnx"],
    ["lstm", "gru", "rnn-tanh"])
  func roundTrips(_ format: String, _ cell: String) throws {
    let run = try train("run", "--cell", cell)
    let file = try export(run, format, "--out", place("model.\(format)"))[0]
    let back = place("back.safetensors")
    let result = try cellgate(["import", file, "--out", back])
    #expect(result.status == 0, "\(result.error)")
    let (old, new) = (try Model.load(run), try Model.load(back))
    // All numbers but zeros, which stand for biases that the other tool has twice.
    func bits(_ model: Model) -> [UInt32] {
      let numbers: [Float] = model.state.entries.flatMap { $0.tensor.scalars }
      return numbers.filter { $0 != 0 }.map { $0.bitPattern }.sorted()
    }
    #expect(bits(old) == bits(new))
    let again = try export(back, format, "--out", place("again.\(format)"))[0]
    let second = try cellgate(["import", again, "--out", place("second.safetensors")])
    #expect(second.status == 0, "\(second.error)")
    let third = try Model.load(place("second.safetensors"))
    for entry in new.state.entries {
      #expect(
        third.state[entry.name]?.scalars.map(\.bitPattern) == entry.tensor.scalars.map(\.bitPattern),
        "\(entry.name)")
    }
  }

  @Test(
    "Weights come back with the same bits", arguments: ["pytorch", "safetensors", "npz"],
    ["lstm", "gru", "lstm-wm"])
  func weights(_ format: String, _ cell: String) throws {
    let run = try train("run", "--cell", cell)
    let ending = ["pytorch": "pt", "safetensors": "safetensors", "npz": "npz"][format] ?? ""
    let file = try export(run, format, "--out", place("w.\(ending)"))[0]
    let back = place("back.safetensors")
    let result = try cellgate(["import", file, "--out", back, "--json"])
    #expect(result.status == 0, "\(result.error)")
    let tensors = try Safetensors(path: back)
    let old = try Model.load(run).state
    for entry in old.entries where !entry.name.contains("bias") {
      let found = try tensors.floats(entry.name, shape: entry.tensor.shape)
      #expect(found.map(\.bitPattern) == entry.tensor.scalars.map(\.bitPattern), "\(entry.name)")
    }
  }

  @Test("A cell that the other tool lacks is printed from its equations")
  func equations() throws {
    let run = try train("run", "--cell", "lstm-wm")
    let files = try export(run, "pytorch", "--out", place("m.pt"))
    #expect(files == [place("m.pt"), place("m.py")])
    let python = try String(contentsOfFile: files[1], encoding: .utf8)
    #expect(python.contains("class LSTMWM(nn.Module):"))
    #expect(python.contains("i = torch.sigmoid(x @ W_ix.T + h @ W_ih.T + torch.tanh(c @ W_ic.T) + b_i)"))
    let c = try String(contentsOfFile: try export(run, "c", "--out", place("m.c"))[0], encoding: .utf8)
    #expect(c.contains("m_step(m_state *s, const float x[2], float y[1])"))
  }

  @Test("What a format can't hold is named, and nothing is written")
  func refused() throws {
    let run = try train("run", "--bidirectional")
    func check(_ options: String..., status: Int32, _ text: String) throws {
      let result = try cellgate(["export", run] + options)
      #expect(result.status == status)
      #expect(result.error.contains(text), "\(result.error)")
      #expect(result.error.split(separator: "\n").count == 1)
    }
    try check(
      "--format", "c", "--out", place("m.c"), status: 65,
      "layer recurrent: expected the forward direction alone")
    #expect(!FileManager.default.fileExists(atPath: place("m.c")))
    try check("--format", "onnxx", status: 64, "did you mean onnx")
    try check("--format", "c", "--streaming", status: 64, "--streaming: expected the format onnx")
    try check("--format", "npz", "--out", "/nowhere/x.npz", status: 73, "/nowhere")
    let wm = try train("wm", "--cell", "lstm-wm")
    let result = try cellgate(["export", wm, "--format", "keras", "--out", place("m.keras")])
    #expect(result.status == 65 && result.error.contains("lstm-wm"))
  }

  @Test(
    "The C file compiles without a warning, and computes the same, with floats and with bytes",
    .enabled(if: Self.compiler != nil, "no C compiler"), arguments: ["lstm-wm", "lstm-ph"], [false, true])
  func compiles(_ cell: String, _ ofBytes: Bool) throws {
    let run = try train("run", "--cell", cell, "--layers", "2")
    let options = ["--out", place("m.c")] + (ofBytes ? ["--quantize", "int8"] : [])
    let export = try cellgate(["export", run, "--format", "c"] + options)
    try #require(export.status == 0, "\(export.error)")
    let source = place("m.c")
    #expect(try String(contentsOfFile: source, encoding: .utf8).contains("signed char") == ofBytes)
    let program = place("m")
    let compile = Process()
    compile.executableURL = URL(fileURLWithPath: try #require(Self.compiler))
    compile.arguments = [
      "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-DCELLGATE_MAIN", source, "-lm", "-o", program,
    ]
    try compile.run()
    compile.waitUntilExit()
    try #require(compile.terminationStatus == 0)
    var stream = RandomStream(seed: 1, name: "x")
    let x = stream.uniform([12, 1, 2])
    var model = try Model.load(run)
    // What matrices are multiplied with is float in C.
    if ofBytes { model = try model.computing(in: .int8).computing(in: .float32) }
    let expected = model(x).scalars[0]
    let run2 = Process(), input = Pipe(), output = Pipe()
    run2.executableURL = URL(fileURLWithPath: program)
    (run2.standardInput, run2.standardOutput) = (input, output)
    try run2.run()
    input.fileHandleForWriting.write(Data(x.scalars.map { "\($0)" }.joined(separator: " ").utf8))
    input.fileHandleForWriting.closeFile()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    run2.waitUntilExit()
    let last = try #require(text.split(separator: "\n").last.flatMap { Float($0) })
    #expect(abs(last - expected) <= 1e-5)
  }

  private static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
}
