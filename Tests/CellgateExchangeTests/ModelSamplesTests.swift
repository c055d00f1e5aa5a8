import CellgateExchange
import CellgateFiles
import Foundation
import Testing

@Suite("Samples of models")
struct ModelSamplesTests {
  @Test("A continuation is as long as the sample's", arguments: [1, 3, 12])
  func continuations(_ count: Int) throws {
    let folder = Interchange.bundled + "/torch/char_lm"
    var options = ImportOptions()
    options.architecture = try JSONTree(path: folder + "/case.json")["model"].flatMap(Architecture.init)
    let imported = try ModelImporter.read(folder + "/checkpoint.pt", options: options)
    let file = try Safetensors(path: folder + "/expected.safetensors")
    let prompt = try ModelSamples.array("greedy/in/prompt_ids", of: file)
    let ids = try ModelSamples.array("greedy/out/ids", of: file)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("samples-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var writer = Safetensors.Writer()
    writer.add("greedy/in/prompt_ids", shape: prompt.shape, int64s: prompt.values.map { Int64($0) })
    writer.add(
      "greedy/out/ids", shape: ids.shape.dropLast() + [count],
      int64s: ids.values.prefix(count).map { Int64($0) })
    try writer.write(to: path)
    let differences = try imported.differences(from: ModelSamples(path))
    #expect(differences.map(\.difference) == [0], "\(differences)")
  }
}
