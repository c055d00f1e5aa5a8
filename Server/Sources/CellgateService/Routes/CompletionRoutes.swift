import Cellgate
import Hummingbird

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a request to write text asks for, in OpenAI's names.
struct CompletionOptions: Sendable {
  var sampling = Sampling()
  var seed: UInt64 = 0
  var most = 16
  var stops: [String] = []
  var streams = false
  var showsUsage = false
  var showsGates = false

  /// The names of these options.
  static let names = [
    "max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "stream", "stream_options", "gates",
  ]

  static func schema(_ settings: ServiceSettings) -> [(String, JSONTree)] {
    [
      ("max_tokens", JSONSchema.whole(0...settings.tokens)), ("temperature", JSONSchema.real(0...100)),
      ("top_p", JSONSchema.real(0...1)), ("top_k", JSONSchema.whole(1...1 << 24)),
      ("stop", JSONSchema.either(JSONSchema.text, JSONSchema.list(JSONSchema.text, most: 16))),
      ("seed", JSONSchema.whole(0...largestSeed)), ("stream", JSONSchema.flag),
      ("stream_options", JSONSchema.object([("include_usage", JSONSchema.flag)])), ("gates", JSONSchema.flag),
    ]
  }

  /// The largest whole number that all readers of JSON keep.
  static let largestSeed = (1 << 53) - 1

  init(_ fields: JSONFields, settings: ServiceSettings) throws(ServiceError) {
    most = try fields.whole("max_tokens", in: 0...settings.tokens) ?? 16
    sampling.temperature = try fields.real("temperature", in: 0...100) ?? 1
    // All symbols are what is drawn from without top_p; with 0 the likeliest alone.
    let share = try fields.real("top_p", in: 0...1) ?? 1
    sampling.topP = share == 1 ? nil : max(share, .leastNormalMagnitude)
    sampling.topK = try fields.whole("top_k", in: 1...1 << 24)
    stops = try fields.texts("stop") ?? []
    guard stops.count <= 16 else { throw .expected("at most 16 texts", found: "\(stops.count)", at: "stop") }
    guard stops.allSatisfy({ !$0.isEmpty }) else {
      throw .expected("texts that are not empty", found: "an empty one", at: "stop")
    }
    seed =
      try fields.whole("seed", in: 0...Self.largestSeed).map(UInt64.init)
      ?? UInt64.random(in: 0...UInt64(Self.largestSeed))
    streams = try fields.flag("stream") ?? false
    showsGates = try fields.flag("gates") ?? false
    if let options = fields["stream_options"] {
      let own = try JSONFields(options, at: "stream_options")
      try own.check(names: ["include_usage"])
      showsUsage = try own.flag("include_usage") ?? false
    }
    if showsGates, !streams { throw .expected("stream as well", found: "none", at: "gates") }
  }

  func driver(
    _ tokenizer: TextTokenizer, after prompt: TextPrompt, choice: Int = 0, gates: GateReader? = nil,
    onToken: GenerationDriver.OnToken? = nil
  ) -> GenerationDriver {
    GenerationDriver(
      tokenizer, after: prompt, sampling: sampling, seed: seed &+ UInt64(choice), most: most, stops: stops,
      gates: gates, onToken: onToken)
  }
}

/// Texts by language models, in the shape of OpenAI's completions.
struct CompletionRoutes {
  let models: ModelList
  let settings: ServiceSettings
  let metrics: ServiceMetrics

  /// What OpenAI's clients may send that changes nothing with these values.
  private static let neutral: [(name: String, value: @Sendable (JSONTree) -> Bool, expected: String)] = [
    ("best_of", { $0.integer == 1 }, "1"), ("logprobs", { _ in false }, "none"),
    ("frequency_penalty", { $0.number == 0 }, "0"), ("presence_penalty", { $0.number == 0 }, "0"),
    ("logit_bias", { $0.object?.isEmpty == true }, "none"), ("suffix", { _ in false }, "none"),
  ]
  private static let mostChoices = 128

  static let prompts = JSONSchema.either(
    JSONSchema.text, JSONSchema.list(JSONSchema.text, least: 1),
    JSONSchema.list(JSONSchema.whole(0...1 << 24), least: 1),
    JSONSchema.list(JSONSchema.list(JSONSchema.whole(0...1 << 24), least: 1), least: 1))

  var endpoints: [Endpoint] {
    let usage = JSONSchema.answer([
      ("prompt_tokens", JSONSchema.integer), ("completion_tokens", JSONSchema.integer),
      ("total_tokens", JSONSchema.integer),
    ])
    let choice = JSONSchema.answer([
      ("index", JSONSchema.integer), ("text", JSONSchema.text),
      ("finish_reason", JSONSchema.optional(JSONSchema.text)),
    ])
    return [
      Endpoint(
        .post, "/v1/completions", "createCompletion",
        "Writes on after a prompt. The same seed gives the same text, streamed or not, and that of 'cellgate generate'.",
        body: JSONSchema.object(
          [
            ("model", models.schema { $0.generator != nil }), ("prompt", Self.prompts),
            ("n", JSONSchema.whole(1...Self.mostChoices)),
          ]
            + CompletionOptions.schema(settings) + [
              ("echo", JSONSchema.flag), ("user", JSONSchema.text), ("best_of", ["const": 1]),
              ("logprobs", ["type": "null"]), ("frequency_penalty", ["const": 0]),
              ("presence_penalty", ["const": 0]), ("logit_bias", ["type": "object", "maxProperties": 0]),
              ("suffix", ["type": "null"]),
            ], required: models.required),
        answer: .init(
          "The text; with stream, events of its pieces.",
          schema: JSONSchema.answer([
            ("id", JSONSchema.text), ("object", JSONSchema.text), ("created", JSONSchema.integer),
            ("model", JSONSchema.text), ("choices", JSONSchema.list(choice)), ("usage", usage),
          ]), types: ["application/json", "text/event-stream"]),
        failures: [404]
      ) { request in try await self.complete(request) }
    ]
  }

  /// The prompts of a request: a text, texts, or the numbers of tokens; one without any symbol where there is none.
  static func prompts(
    _ value: JSONTree?, _ name: String, _ generator: TextGenerator
  ) throws(ServiceError) -> [TextPrompt] {
    guard let value else { return [try prompt("", name, generator)] }
    if let text = value.string { return [try prompt(text, name, generator)] }
    guard let list = value.array, let first = list.first else {
      throw .expected("a text, a list of texts, or tokens", found: JSONFields.kind(value), at: name)
    }
    if first.integer != nil { return [try tokens(value, name, generator)] }
    return try list.enumerated().map { place, one throws(ServiceError) in
      if let text = one.string { return try prompt(text, "\(name)[\(place)]", generator) }
      return try tokens(one, "\(name)[\(place)]", generator)
    }
  }

  private static func prompt(
    _ text: String, _ name: String, _ generator: TextGenerator
  ) throws(ServiceError) -> TextPrompt {
    do throws(GenerationError) { return try generator.prompt(text) } catch {
      let message = "\(error)"
      throw .bad(
        message.hasPrefix("prompt") && name != "prompt" ? name + message.dropFirst("prompt".count) : message,
        name, code: "unknown_symbol")
    }
  }

  /// Tokens by their numbers.
  static func tokens(
    _ value: JSONTree, _ name: String, _ generator: TextGenerator
  ) throws(ServiceError) -> TextPrompt {
    guard let list = value.array, !list.isEmpty else {
      throw .expected("a list of tokens", found: JSONFields.kind(value), at: name)
    }
    let count = generator.tokenizer.count
    let symbols = try list.enumerated().map { place, one throws(ServiceError) in
      guard let number = one.integer, number >= 0, number < count else {
        throw ServiceError.expected(
          "a token from 0 to \(count - 1)", found: JSONFields.kind(one), at: "\(name)[\(place)]")
      }
      return Int32(number)
    }
    let isApart = generator.tokenizer.decode(symbols.suffix(8)).unicodeScalars.last?.properties.isWhitespace
    return TextPrompt(symbols: symbols, isApart: isApart ?? true)
  }

  private struct Job: Sendable {
    let index: Int
    let driver: GenerationDriver
    let echo: String
  }

  private func complete(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(
      names: ["model", "prompt", "n", "echo", "user"] + CompletionOptions.names + Self.neutral.map(\.name))
    for (name, isNeutral, expected) in Self.neutral {
      if let value = fields[name], !isNeutral(value) {
        throw ServiceError.expected(
          "\(expected), as this service has no other", found: JSONFields.kind(value), at: name)
      }
    }
    _ = try fields.text("user")
    let model = try models.model(try fields.text("model"))
    let generator = try model.requiredGenerator()
    let engine = try model.requiredEngine()
    let options = try CompletionOptions(fields, settings: settings)
    let prompts = try Self.prompts(fields["prompt"], "prompt", generator)
    let count = try fields.whole("n", in: 1...Self.mostChoices) ?? 1
    let echoes = try fields.flag("echo") ?? false
    let promptTokens = prompts.reduce(0) { $0 + $1.symbols.count }
    let tokens = count * (promptTokens + prompts.count * options.most)
    guard tokens <= settings.tokens, prompts.count * count <= settings.queue else {
      throw ServiceError.bad(
        "max_tokens: expected at most \(settings.tokens) tokens of all prompts and choices together, found \(tokens)",
        "max_tokens", code: "context_length_exceeded")
    }
    if options.showsGates, model.gates == nil {
      throw ServiceError.bad("gates: expected a model with gates, found '\(model.id)'", "gates")
    }
    let (id, created) = ("cmpl-" + Self.randomText(), Int(Date().timeIntervalSince1970))
    let start = generator.stream.session()
    /// The choices in their order, of each prompt `count`.
    @Sendable func jobs(_ onToken: (@Sendable (Int, String, JSONTree?) -> Void)?) -> [Job] {
      var jobs: [Job] = []
      for prompt in prompts {
        let echo = echoes ? generator.tokenizer.decode(prompt.symbols) : ""
        for choice in 0..<count {
          let index = jobs.count
          var own: GenerationDriver.OnToken?
          if let onToken { own = { text, gates in onToken(index, text, gates) } }
          let driver = options.driver(
            generator.tokenizer, after: prompt, choice: choice,
            gates: options.showsGates ? model.gates : nil, onToken: own)
          jobs.append(Job(index: index, driver: driver, echo: echo))
        }
      }
      return jobs
    }
    @Sendable func run(_ jobs: [Job]) async throws -> [GenerationDriver] {
      try await withThrowingTaskGroup(of: (Int, GenerationDriver).self) { group in
        for job in jobs {
          group.addTask { (job.index, try await engine.run(job.driver, from: start).driver) }
        }
        var found: [Int: GenerationDriver] = [:]
        for try await (index, driver) in group { found[index] = driver }
        return jobs.compactMap { found[$0.index] }
      }
    }
    @Sendable func usage(_ drivers: [GenerationDriver]) -> JSONTree {
      let written = drivers.reduce(0) { $0 + $1.count }
      metrics.tokens(model.id, prompt: promptTokens, written: written)
      return [
        "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(written),
        "total_tokens": .integer(promptTokens + written),
      ]
    }
    @Sendable func record(_ choices: [JSONTree], _ rest: [JSONTree.Member] = []) -> JSONTree {
      .object(
        [
          .init("id", .string(id)), .init("object", "text_completion"), .init("created", .integer(created)),
          .init("model", .string(model.id)), .init("choices", .array(choices)),
        ] + rest)
    }
    guard options.streams else {
      let all = jobs(nil)
      let drivers = try await run(all)
      let choices = zip(all, drivers).map { job, driver in
        Self.choice(job.index, job.echo + driver.text, driver.ending)
      }
      return Response.json(record(choices, [JSONTree.Member("usage", usage(drivers))]))
    }
    return EventStream.response(request) { send in
      let all = jobs { index, text, gates in
        send(record([Self.choice(index, text, nil, gates)]))
      }
      for job in all where !job.echo.isEmpty { send(record([Self.choice(job.index, job.echo, nil)])) }
      let drivers = try await run(all)
      for (job, driver) in zip(all, drivers) { send(record([Self.choice(job.index, "", driver.ending)])) }
      let counts = usage(drivers)
      if options.showsUsage { send(record([], [JSONTree.Member("usage", counts)])) }
    }
  }

  static func choice(
    _ index: Int, _ text: String, _ ending: GenerationDriver.Ending?, _ gates: JSONTree? = nil
  ) -> JSONTree {
    .object(
      [
        .init("index", .integer(index)), .init("text", .string(text)), .init("logprobs", .null),
        .init("finish_reason", ending.map { .string($0.rawValue) } ?? .null),
      ] + (gates.map { [.init("gates", $0)] } ?? []))
  }

  static func randomText() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
