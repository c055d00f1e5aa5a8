import AgentMemory
import Cellgate
import Foundation
import Testing

@Suite struct ModelEncoderTests {
  /// A model of the task `encoder` as training starts with it, saved.
  private func model(in folder: Folder, seed: UInt64) throws -> String {
    let pairs = folder.file("pairs.tsv")
    let words = ["lamp", "door", "cup", "chair", "book", "shoe"]
    try (0..<36).map { "the \(words[$0 % 6]) is \($0)\ta \(words[$0 % 6]) with \($0)\n" }.joined()
      .write(toFile: pairs, atomically: true, encoding: .utf8)
    var settings = EncoderTask.defaults
    settings.taskOptions["pairs"] = .text(pairs)
    settings.taskOptions["embedding"] = 8
    settings.taskOptions["dimension"] = 12
    (settings.hidden, settings.seed) = (6, seed)
    let task = try EncoderTask(
      settings: try EncoderTask.prepared(settings, data: .unspecified), data: .unspecified)
    let model = task.makeModel(cell: .lstmWM)
    model.metadata.merge(task.modelMetadata) { $1 }
    let file = folder.file("encoder-\(seed).safetensors")
    try model.save(file)
    return file
  }

  @Test func `A trained model makes the vectors, under a name of its own`() throws {
    let folder = try Folder()
    let (one, other) = try (
      ModelEncoder(model(in: folder, seed: 1)), ModelEncoder(model(in: folder, seed: 2))
    )
    #expect(one.dimension == 12 && one.name.hasPrefix("model-") && one.name != other.name)
    var options = MemoryStore.Options()
    options.encoder = one
    let memory = try MemoryStore(folder.file("memory.sqlite"), options: options)
    try memory.createSession("s")
    for number in 0..<10 { try memory.say("the lamp is \(number)", in: "s") }
    let found = try memory.search(SearchRequest(query: "the lamp is 3"))
    let first = try #require(found.results.first)
    #expect(first.record.content == "the lamp is 3" && first.textRank == 1)
    #expect(abs(try #require(first.similarity) - 1) < 0.01)
  }

  @Test func `A file that is no encoder is refused in one line`() throws {
    let folder = try Folder()
    let file = folder.file("x.safetensors")
    #expect(throws: MemoryError.self) { try ModelEncoder(file) }
    try "nothing".write(toFile: file, atomically: true, encoding: .utf8)
    let error = #expect(throws: MemoryError.self) { try ModelEncoder(file) }
    #expect(error?.description.hasPrefix("encoder: \(file)") == true, "\(String(describing: error))")
  }
}
