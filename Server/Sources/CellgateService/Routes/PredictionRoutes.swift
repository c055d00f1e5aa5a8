import Cellgate
import Hummingbird

/// Predictions of any model, and captions of pictures' features.
struct PredictionRoutes {
  let models: ModelList
  let settings: ServiceSettings

  private var columns: JSONTree { JSONSchema.list(JSONSchema.text) }

  var endpoints: [Endpoint] {
    [
      Endpoint(
        .post, "/v1/predict", "predict",
        "What 'cellgate predict' finds: of rows with the model's columns, of texts, of sentences as lists of tokens, of arrays with the sample first, or of files: sounds (WAV), tunes (MIDI), and clips.",
        body: JSONSchema.object(
          [
            ("model", models.schema()), ("rows", JSONSchema.list(["type": "object"], most: settings.items)),
            ("texts", JSONSchema.list(JSONSchema.text, most: settings.items)),
            ("sentences", JSONSchema.list(JSONSchema.list(JSONSchema.text), most: settings.items)),
            ("inputs", JSONSchema.either(["type": "array"], ["type": "object"])),
            (
              "files",
              JSONSchema.list(
                JSONSchema.object(
                  [("name", JSONSchema.text), ("data", JSONSchema.base64)], required: ["data"]),
                most: settings.items)
            ),
            ("samples", JSONSchema.whole(1...10_000)),
            ("seed", JSONSchema.whole(0...CompletionOptions.largestSeed)),
          ], required: models.required),
        answer: .init(
          "A table of the columns of 'cellgate predict' in data, or arrays in outputs.",
          schema: JSONSchema.answer([("object", JSONSchema.text), ("model", JSONSchema.text)])),
        failures: [404]
      ) { request in try await self.predict(request) },
      Endpoint(
        .post, "/v1/captions", "createCaptions",
        "Captions of pictures by their features, [pictures, D] or [pictures, regions, D].",
        body: JSONSchema.object(
          [
            ("model", models.schema { $0.kind == "captions" }),
            ("features", JSONSchema.list(["type": "array"], least: 1)),
            ("n", JSONSchema.whole(1...100)), ("beam", JSONSchema.whole(1...100)),
            ("max_words", JSONSchema.whole(1...1000)),
          ], required: models.required + ["features"]),
        answer: .init(
          "Of each picture its captions, the best first.",
          schema: JSONSchema.answer([
            ("object", JSONSchema.text), ("model", JSONSchema.text), ("data", ["type": "array"]),
          ])),
        failures: [404]
      ) { request in try await self.caption(request) },
    ]
  }

  private func predict(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(names: ["model", "rows", "texts", "sentences", "inputs", "files", "samples", "seed"])
    let model = try models.model(try fields.text("model"))
    var asked = PredictionRequest(limit: settings.items)
    asked.rows = try fields.list("rows")
    if fields["texts"] != nil {
      asked.texts = try fields.list("texts")?.enumerated().map { place, value throws(ServiceError) in
        guard let text = value.string else {
          throw ServiceError.expected("a text", found: JSONFields.kind(value), at: "texts[\(place)]")
        }
        return text
      }
    }
    asked.sentences = try fields.list("sentences")?.enumerated().map { place, value throws(ServiceError) in
      guard let list = value.array, list.allSatisfy({ $0.string != nil }) else {
        throw ServiceError.expected(
          "a list of tokens", found: JSONFields.kind(value), at: "sentences[\(place)]")
      }
      return list.compactMap(\.string)
    }
    if let inputs = fields["inputs"] {
      if let members = inputs.object {
        asked.inputs = members.map { ($0.key, $0.value) }
      } else {
        asked.inputs = [(nil, inputs)]
      }
    }
    asked.files = try fields.list("files")?.enumerated().map { place, value throws(ServiceError) in
      try RequestFile(value, at: "files[\(place)]")
    }
    let given = [
      asked.rows != nil, asked.texts != nil, asked.sentences != nil, !asked.inputs.isEmpty,
      asked.files != nil,
    ]
    guard given.count(where: { $0 }) == 1 else {
      throw ServiceError.bad(
        "body: expected one of rows, texts, sentences, inputs and files, found \(given.count { $0 })")
    }
    let count =
      (asked.rows?.count ?? 0) + (asked.texts?.count ?? 0) + (asked.sentences?.count ?? 0)
      + (asked.files?.count ?? 0)
    guard count <= settings.items, asked.inputs.allSatisfy({ $0.array.array?.count ?? 0 <= settings.items })
    else { throw ServiceError.bad("body: expected at most \(settings.items) items, found more") }
    guard count > 0 || !asked.inputs.isEmpty else {
      throw ServiceError.bad("body: expected 1 item or more, found none")
    }
    if let samples = try fields.whole("samples", in: 1...10_000) {
      let seed = try fields.whole("seed", in: 0...CompletionOptions.largestSeed) ?? 1
      asked.paths = (samples, UInt64(seed))
    } else if fields["seed"] != nil {
      throw ServiceError.expected("samples as well", found: "none", at: "seed")
    }
    let job = asked
    switch try await model.worker.run({ try $0.predict(job) }) {
    case .table(let columns, let rows):
      return .json([
        "object": "table", "model": .string(model.id), "columns": .array(columns.map { .string($0) }),
        "data": .array(rows.map { row in .object(zip(columns, row).map { .init($0, $1) }) }),
      ])
    case .arrays(let arrays):
      return .json([
        "object": "arrays", "model": .string(model.id),
        "outputs": .array(
          arrays.map { array in
            [
              "name": .string(array.name), "shape": .array(array.shape.map { .integer($0) }),
              "data": Self.nested(array.numbers[...], array.shape[...]),
            ]
          }),
      ])
    }
  }

  /// Numbers as lists in lists.
  private static func nested(_ numbers: ArraySlice<Float>, _ shape: ArraySlice<Int>) -> JSONTree {
    guard let first = shape.first, shape.count > 1 else { return .array(numbers.map { .real($0) }) }
    let size = shape.dropFirst().reduce(1, *)
    return .array(
      (0..<first).map { place in
        let start = numbers.startIndex + place * size
        return nested(numbers[start..<start + size], shape.dropFirst())
      })
  }

  private func caption(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(names: ["model", "features", "n", "beam", "max_words"])
    let model = try models.model(try fields.text("model"))
    guard let features = try fields.list("features") else { throw fields.missing("features") }
    guard features.count <= settings.items else {
      throw ServiceError.bad(
        "features: expected at most \(settings.items) pictures, found \(features.count)", "features")
    }
    let beam = try fields.whole("beam", in: 1...100) ?? 5
    let count = try fields.whole("n", in: 1...100) ?? 1
    guard count <= beam else {
      throw ServiceError.expected("at most \(beam), the beam", found: "\(count)", at: "n")
    }
    let words = try fields.whole("max_words", in: 1...1000)
    let found = try await model.worker.run {
      try $0.captions(of: .array(features), count: count, beam: beam, mostWords: words)
    }
    return .json([
      "object": "list", "model": .string(model.id),
      "data": .array(
        found.enumerated().map { place, captions in
          [
            "index": .integer(place),
            "captions": .array(captions.map { ["text": .string($0.text), "score": .real($0.score)] }),
          ]
        }),
    ])
  }
}
