import Cellgate
import Hummingbird

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Vectors of texts in the shape of OpenAI's embeddings: those of an encoder, or what a language model's last layer has after a text.
struct EmbeddingRoutes {
  let models: ModelList
  let settings: ServiceSettings
  let metrics: ServiceMetrics

  var endpoints: [Endpoint] {
    [
      Endpoint(
        .post, "/v1/embeddings", "createEmbedding",
        "The vectors of an encoder, or what the last layer of a language model has after each text, before the head reads it.",
        body: JSONSchema.object(
          [
            ("model", models.schema { $0.generator != nil || $0.isEncoder }),
            ("input", CompletionRoutes.prompts),
            ("encoding_format", JSONSchema.one(of: ["float", "base64"])),
            ("dimensions", JSONSchema.whole(1...1 << 24)),
            ("user", JSONSchema.text),
          ], required: models.required + ["input"]),
        answer: .init(
          "Vectors.",
          schema: JSONSchema.answer([
            ("object", JSONSchema.text), ("model", JSONSchema.text),
            (
              "data",
              JSONSchema.list(
                JSONSchema.answer([
                  ("object", JSONSchema.text), ("index", JSONSchema.integer),
                  ("embedding", JSONSchema.either(JSONSchema.text, JSONSchema.list(JSONSchema.number))),
                ]))
            ),
          ])), failures: [404]
      ) { request in try await self.embed(request) }
    ]
  }

  private func embed(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(names: ["model", "input", "encoding_format", "dimensions", "user"])
    _ = try fields.text("user")
    let model = try models.model(try fields.text("model"))
    guard let input = fields["input"] else { throw fields.missing("input") }
    let format = try fields.text("encoding_format") ?? "float"
    guard ["float", "base64"].contains(format) else {
      throw ServiceError.expected("float or base64", found: "another", at: "encoding_format")
    }
    let (vectors, tokens) =
      model.isEncoder ? try await encoded(fields, model) : try await read(input, fields, model)
    metrics.tokens(model.id, prompt: tokens, written: 0)
    return .json([
      "object": "list", "model": .string(model.id),
      "data": .array(
        vectors.enumerated().map { place, vector in
          [
            "object": "embedding", "index": .integer(place),
            "embedding": format == "base64"
              ? .string(Self.base64(vector)) : .array(vector.map { .real($0) }),
          ]
        }),
      "usage": ["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)],
    ])
  }

  private static func check(_ fields: JSONFields, size: Int) throws(ServiceError) {
    if let dimensions = try fields.whole("dimensions", in: 1...1 << 24), dimensions != size {
      throw .expected("\(size), the model's", found: "\(dimensions)", at: "dimensions")
    }
  }

  /// The vectors of an encoder, and how many words the texts have.
  private func encoded(_ fields: JSONFields, _ model: ServedModel) async throws -> ([[Float]], Int) {
    guard let texts = try fields.texts("input"), !texts.isEmpty, texts.count <= settings.items else {
      throw ServiceError.expected("1 to \(settings.items) texts", found: "another number", at: "input")
    }
    let words = texts.reduce(0) { $0 + $1.split(whereSeparator: \.isWhitespace).count }
    guard words <= settings.tokens else {
      throw ServiceError.bad(
        "input: expected at most \(settings.tokens) words of all texts together, found \(words)", "input",
        code: "context_length_exceeded")
    }
    let vectors = try await model.worker.run { try $0.vectors(of: texts) }
    try Self.check(fields, size: vectors[0].count)
    return (vectors, words)
  }

  /// What the last layer of a language model has after each text, and how many tokens they have.
  private func read(
    _ input: JSONTree, _ fields: JSONFields, _ model: ServedModel
  ) async throws -> ([[Float]], Int) {
    let generator = try model.requiredGenerator()
    let prompts = try CompletionRoutes.prompts(input, "input", generator)
    let tokens = prompts.reduce(0) { $0 + $1.symbols.count }
    guard tokens <= settings.tokens, prompts.count <= settings.queue else {
      throw ServiceError.bad(
        "input: expected at most \(settings.tokens) tokens of all texts together, found \(tokens)", "input",
        code: "context_length_exceeded")
    }
    guard let engine = try await model.worker.hiddenEngine() else {
      throw ServiceError.bad("model: expected a language model, found '\(model.id)'", "model")
    }
    try Self.check(fields, size: engine.stream.outputSize)
    let start = engine.stream.session()
    let vectors = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
      for (place, prompt) in prompts.enumerated() {
        group.addTask {
          let driver = InputDriver(prompt.symbols.map(Float.init), width: 1, wanted: .last)
          return (place, try await engine.run(driver, from: start).driver.outputs)
        }
      }
      var found = [[Float]](repeating: [], count: prompts.count)
      for try await (place, vector) in group { found[place] = vector }
      return found
    }
    return (vectors, tokens)
  }

  /// The numbers as little-endian Float32 in base 64.
  static func base64(_ numbers: [Float]) -> String {
    var bytes = Data(capacity: numbers.count * 4)
    for number in numbers {
      for shift in stride(from: UInt32(0), to: 32, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> shift))
      }
    }
    return bytes.base64EncodedString()
  }
}
