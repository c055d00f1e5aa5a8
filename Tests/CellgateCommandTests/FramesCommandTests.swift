import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train frames, evaluate, predict and report")
struct FramesCommandTests {
  /// Sequences [count, 6, 8, 8] in which a bright column moves on.
  private func write(_ count: Int, _ name: String, steps: Int = 6, in workplace: Workplace) throws {
    let values = (0..<count * steps * 64).map { index -> Float in
      index % 8 == (index / 64 % steps + index / (64 * steps)) % 8 ? 1 : 0
    }
    try NumpyArray(shape: [count, steps, 8, 8], floats: values).write(to: workplace.path + "/" + name)
  }

  private static let sizes = "--given 3 --predicted 2 --cell gru --hidden 6 --threads 1 --batch 4"

  @Test("An array of frames trains a model, which is scored, shown, and writes the frames that follow")
  func all() throws {
    let workplace = try Workplace()
    try write(12, "a.npy", in: workplace)
    let run = try workplace.run(line: "train frames --data a.npy --steps 10 --out run --json \(Self.sizes)")
    #expect(run.status == 0, "\(run.error)")
    let last = try #require(try run.records().last)
    #expect(last["metric"] as? String == "squared_error")
    let extras = try #require(last["extras"] as? [String: Any])
    for name in [
      "absolute_error", "ssim", "black_squared_error", "last_frame_squared_error", "squared_error_2",
    ] {
      #expect(extras[name] is Double, "\(name)")
    }
    let again = try workplace.run(line: "evaluate run --data a.npy --json")
    #expect(try again.records().last?["value"] as? Double == last["value"] as? Double, "\(again.error)")
    try write(5, "new.npy", steps: 3, in: workplace)
    let predicted = try workplace.run(line: "predict run --data new.npy --out next.npy --json")
    #expect(predicted.status == 0, "\(predicted.error)")
    #expect(try NumpyArray(path: workplace.path + "/next.npy").shape == [5, 2, 8, 8])
    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    let page = try workplace.text("report.html")
    #expect(page.contains("test sequences") && page.contains("data:image/png;base64,"))
    for (format, file) in [("pytorch", "a.pt"), ("onnx", "a.onnx"), ("keras", "a.keras"), ("c", "a.c")] {
      let export = try workplace.run(line: "export run --format \(format) --out \(file)")
      #expect(
        export.status != 0 && export.error.split(separator: "\n").count == 1, "\(format): \(export.error)")
      #expect(!FileManager.default.fileExists(atPath: workplace.path + "/" + file))
    }
  }

  @Test("Bad files and options end with one line and leave nothing")
  func mistakes() throws {
    let workplace = try Workplace()
    try write(12, "a.npy", in: workplace)
    try write(12, "short.npy", steps: 4, in: workplace)
    try Data("YUV4MPEG2 W8 H8 Cmono\nFRAME\n123".utf8).write(
      to: URL(fileURLWithPath: workplace.path + "/bad.y4m"))
    for (line, status, part) in [
      ("--data none.npy", 66, "none.npy: no such file"),
      ("--data short.npy", 65, "expected sequences of 5 frames"),
      ("--data bad.y4m", 65, "frame 1: expected 64 bytes"),
      ("--data a.npy --kernel 2", 64, "kernel"), ("--data a.npy --patch 3", 65, "--patch 3 divides"),
      ("--data a.npy --axes time", 64, "axes"),
    ] {
      let run = try workplace.run(line: "train frames \(line) --out run \(Self.sizes)")
      #expect(run.status == status && run.error.contains(part), "\(line): \(run.status) \(run.error)")
      #expect(!FileManager.default.fileExists(atPath: workplace.path + "/run"))
    }
  }
}
