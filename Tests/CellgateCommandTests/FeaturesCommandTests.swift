import CellgateCells
import CellgateData
import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTraining
import Foundation
import Testing

@Suite("cellgate features")
struct FeaturesCommandTests {
  /// A workplace with weights of MobileNetV2, all zero but for the last normalisation's offsets, and some pictures.
  private func workplace() throws -> Workplace {
    let workplace = try Workplace()
    var writer = Safetensors.Writer()
    for (name, shape) in Self.tensors {
      let count = shape.reduce(1, *)
      let floats: [Float] =
        name == "features.18.1.bias"
        ? (0..<count).map { Float($0) / 1000 }
        : .init(repeating: name.hasSuffix("running_var") ? 1 : 0, count: count)
      writer.add(name, shape: shape, floats: floats)
    }
    try writer.write(to: workplace.path + "/weights.safetensors")
    for name in ["photos/b.png", "photos/below/a.PNG", "photos/.hidden.png"] {
      try Self.write(Self.png, workplace, name)
    }
    return workplace
  }

  private static func write(_ bytes: [UInt8], _ workplace: Workplace, _ name: String) throws {
    let url = URL(fileURLWithPath: workplace.path + "/" + name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  /// One grey pixel of 8 bits.
  private static let png: [UInt8] = [
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1,
    8, 0, 0, 0, 0, 58, 126, 155, 85, 0, 0, 0, 10, 73, 68, 65, 84, 120, 156, 99, 240, 5, 0, 0,
    79, 0, 78, 105, 139, 1, 108, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
  ]

  private static let tensors: [(String, [Int])] = {
    var all: [(String, [Int])] = []
    func add(_ name: String, _ norm: String, _ shape: [Int]) {
      all.append((name + ".weight", shape))
      all += ["weight", "bias", "running_mean", "running_var"].map { (norm + "." + $0, [shape[0]]) }
    }
    add("features.0.0", "features.0.1", [32, 3, 3, 3])
    var (channels, index) = (32, 1)
    for (t, c, n) in [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)] {
      for _ in 0..<n {
        let (own, hidden) = ("features.\(index).conv.", t * channels)
        if t > 1 { add(own + "0.0", own + "0.1", [hidden, channels, 1, 1]) }
        let part = t > 1 ? 1 : 0
        add(own + "\(part).0", own + "\(part).1", [hidden, 1, 3, 3])
        add(own + "\(part + 1)", own + "\(part + 2)", [c, hidden, 1, 1])
        (channels, index) = (c, index + 1)
      }
    }
    add("features.18.0", "features.18.1", [1280, 320, 1, 1])
    return all
  }()

  private static let line = "features --model mobilenet-v2 --weights weights.safetensors --size 40 --crop 32"

  @Test("Every picture gets its features under its path, pooled and by region")
  func written() throws {
    let workplace = try workplace()
    let run = try workplace.run(
      line: Self.line + " --images photos --out f.safetensors --grid 2 --grid-out g.safetensors --json")
    #expect(run.status == 0 && run.error.isEmpty, "\(run.error)")
    let record = try #require(try run.records().first)
    #expect(record["pictures"] as? Int == 2 && record["model"] as? String == "mobilenet-v2")
    #expect((record["skipped"] as? [Any])?.isEmpty == true)
    let pooled = try Safetensors(path: workplace.path + "/f.safetensors")
    #expect(pooled.tensors.map(\.name) == ["b.png", "below/a.PNG"])
    let expected = (0..<1280).map { Float($0) / 1000 }
    #expect(try pooled.floats("b.png", shape: [1280]) == expected)
    let regions = try Safetensors(path: workplace.path + "/g.safetensors")
    #expect(try regions.floats("below/a.PNG", shape: [4, 1280]) == expected + expected + expected + expected)
  }

  @Test("A grid alone is written instead of the means, and plain output says what came of it")
  func grid() throws {
    let workplace = try workplace()
    let run = try workplace.run(line: Self.line + " --images photos --out g.safetensors --grid 1 --batch 1")
    #expect(
      run.status == 0 && run.output.contains("2 pictures, [1, 1280] each, in g.safetensors"), "\(run.error)")
    #expect(try Safetensors(path: workplace.path + "/g.safetensors").info("b.png").shape == [1, 1280])
  }

  @Test("A damaged picture ends the command with its name, or is left out with --skip-bad")
  func damaged() throws {
    let workplace = try workplace()
    try Self.write(Array(Self.png.dropLast(20)), workplace, "photos/c.png")
    try Self.write(Array("hello".utf8), workplace, "photos/d.txt")
    let line = Self.line + " --images photos --out f.safetensors"
    let run = try workplace.run(line: line)
    #expect(run.status == 65 && run.errorLines.count == 1 && !workplace.has("f.safetensors"))
    #expect(run.error.contains("photos/c.png: damaged picture: ") && run.error.contains("--skip-bad"))
    let skipping = try workplace.run(line: line + " --skip-bad --json")
    #expect(skipping.status == 0)
    let record = try #require(try skipping.records().first)
    let skipped = try #require(record["skipped"] as? [[String: String]])
    #expect(skipped.map { $0["file"] } == ["photos/c.png", "photos/d.txt"])
    #expect(
      skipped.last?["reason"]
        == "photos/d.txt: expected a JPEG or PNG picture, found a file that begins with the bytes 68 65 6c 6c"
    )
    #expect(record["pictures"] as? Int == 2)
    #expect(try Safetensors(path: workplace.path + "/f.safetensors").tensors.count == 2)
  }

  @Test("Without libturbojpeg a JPEG picture is refused, also with --skip-bad")
  func noLibrary() throws {
    let workplace = try workplace()
    try Self.write([0xFF, 0xD8, 0xFF, 0xE0], workplace, "photos/a.jpg")
    let run = try workplace.run(
      line: Self.line + " --images photos --out f.safetensors --skip-bad",
      environment: ["CELLGATE_TURBOJPEG": "/nowhere/libturbojpeg.so.0"])
    #expect(run.status == 69 && run.errorLines.count == 1 && run.error.contains("libturbojpeg"))
    #expect(!workplace.has("f.safetensors"))
  }

  @Test("Ctrl-C ends the command with exit code 130 and leaves nothing")
  func interruption() throws {
    let workplace = try workplace()
    for index in 0..<2000 { try Self.write(Self.png, workplace, "photos/many/\(index).png") }
    let started = try workplace.start(
      (Self.line + " --images photos --out f.safetensors --batch 1").split(separator: " ").map(String.init))
    #expect(
      started.wait {
        let names = try? FileManager.default.contentsOfDirectory(atPath: workplace.path)
        return names?.contains { $0.hasPrefix(".f.safetensors") } == true
      })
    started.interrupt()
    let stopped = try started.wait()
    #expect(stopped.status == 130 && stopped.error.isEmpty)
    let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
    #expect(!names.contains { $0.contains("f.safetensors") })
  }

  @Test("Mistakes in options and files are named")
  func mistakes() throws {
    let workplace = try workplace()
    let options = try workplace.run(
      line: "features --model resnet51 --weights w --images photos --out f --size 10 --crop 11 --grid-out f")
    #expect(options.status == 64)
    #expect(
      options.errorLines == [
        "cellgate: --model: unknown model 'resnet51'; did you mean resnet50, resnet152 or resnet101?",
        "cellgate: --crop: expected at most the 10 of --size, found 11",
        "cellgate: --grid-out: expected --grid beside it, found none",
        "cellgate: --grid-out: expected another file than --out, found 'f' for both",
      ])
    let line = "features --model mobilenet-v2 --out f.safetensors"
    #expect(try workplace.run(line: line + " --weights no.safetensors --images photos").status == 66)
    #expect(try workplace.run(line: line + " --weights weights.safetensors --images none").status == 66)
    let other = try workplace.run(
      line: "features --model resnet50 --weights weights.safetensors --images photos --out f.safetensors")
    #expect(other.status == 65 && other.error.contains("which is another network's"))
    try FileManager.default.createDirectory(
      atPath: workplace.path + "/empty", withIntermediateDirectories: true)
    let empty = try workplace.run(line: line + " --weights weights.safetensors --images empty")
    #expect(empty.status == 65 && empty.error.contains("found no files"))
    let folder = try workplace.run(
      line: "features --model mobilenet-v2 --weights weights.safetensors --images photos --out photos")
    #expect(folder.status == 73)
  }

  @Test("caption reads pictures themselves, with weights of a PyTorch file too, as from their features")
  func captionsOfPictures() throws {
    let workplace = try workplace()
    var options = CaptionModelOptions(.showAndTell, cell: .lstmWM, vocabularySize: 8, featureSize: 1280)
    (options.units, options.embeddingSize) = (6, 5)
    let model = try options.model()
    var preprocessing = Preprocessing()
    preprocessing.captions = CaptionVocabulary(
      of: ["a grey picture of"], minimum: 1, length: 6)
    model.preprocessing = preprocessing
    #expect(preprocessing.captions?.count == 8)
    try model.save(workplace.path + "/model.safetensors")
    // The same weights as torch.save writes them.
    let weights = try Safetensors(path: workplace.path + "/weights.safetensors")
    let state = try weights.tensors.map { ($0.name, $0.shape, try weights.floats($0.name)) }
    try TorchArchive.writer(state).write(to: workplace.path + "/weights.pth")
    let line = "--network mobilenet-v2 --threads 1 --json --weights"
    let own = try workplace.run(
      line: "caption model.safetensors photos/b.png photos/below/a.PNG \(line) weights.pth")
    #expect(own.status == 0, "\(own.error)")
    #expect(try own.records().map { $0["image_id"] as? String } == ["photos/b.png", "photos/below/a.PNG"])
    let features = try workplace.run(
      line: "features --model mobilenet-v2 --weights weights.pth --images photos --out f.safetensors")
    #expect(features.status == 0, "\(features.error)")
    let other = try workplace.run(
      line: "caption model.safetensors --features f.safetensors --threads 1 --json")
    #expect(
      try own.records().map { $0["score"] as? Double } == other.records().map { $0["score"] as? Double })
    let none = try workplace.run(line: "caption model.safetensors photos/b.png")
    #expect(none.status == 64 && none.error.contains("--features: expected features, or pictures"))
    let missing = try workplace.run(line: "caption model.safetensors photos/c.png \(line) weights.pth")
    #expect(missing.status == 66 && missing.error.contains("photos/c.png"))
  }
}
