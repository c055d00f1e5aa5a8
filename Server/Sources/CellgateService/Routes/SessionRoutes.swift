import Cellgate
import HTTPTypes
import Hummingbird

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Sequences that go on from request to request: their states are kept by the service, so that each step costs the same whatever
/// came before.
struct SessionRoutes {
  let models: ModelList
  let settings: ServiceSettings
  let metrics: ServiceMetrics
  let pool: SessionPool

  private static let session = JSONSchema.answer([
    ("id", JSONSchema.text), ("object", JSONSchema.text), ("model", JSONSchema.text),
    ("created", JSONSchema.integer),
    ("used", JSONSchema.integer), ("steps", JSONSchema.integer),
  ])
  private static let state = JSONSchema.answer([
    ("id", JSONSchema.text), ("object", JSONSchema.text), ("model", JSONSchema.text),
    ("steps", JSONSchema.integer),
    ("state", JSONSchema.text), ("pending", JSONSchema.optional(JSONSchema.integer)),
  ])
  private static let stateMembers: [(String, JSONTree)] = [
    ("state", JSONSchema.text), ("steps", JSONSchema.whole(0...CompletionOptions.largestSeed)),
    ("pending", JSONSchema.whole(0...1 << 24)),
  ]
  private var symbols: [(String, JSONTree)] {
    [("text", JSONSchema.text), ("tokens", JSONSchema.list(JSONSchema.whole(0...1 << 24)))]
  }

  var endpoints: [Endpoint] {
    [
      Endpoint(
        .post, "/v1/sessions", "createSession", "Begins a session, or goes on from a state that was read.",
        body: JSONSchema.object(
          [("model", models.schema { $0.engine != nil })] + Self.stateMembers, required: models.required),
        status: .created,
        links: [
          "getSession", "deleteSession", "stepSession", "completeSession", "getSessionState",
          "setSessionState",
          "saveSession",
        ],
        answer: .init("The session.", schema: Self.session), failures: [404]
      ) { request in try await self.create(request) },
      Endpoint(
        .get, "/v1/sessions", "listSessions",
        "Sessions in the order of their names: at most 'limit' of those after the name 'after'.",
        query: [("after", JSONSchema.text), ("limit", JSONSchema.whole(1...1000))],
        answer: .init(
          "Sessions.",
          schema: JSONSchema.answer([
            ("object", JSONSchema.text), ("data", JSONSchema.list(Self.session)),
            ("has_more", JSONSchema.flag),
          ]))
      ) { request in
        let query = request.request.uri.queryParameters
        let limit = query["limit"].map { Int($0) ?? 0 } ?? 100
        guard (1...1000).contains(limit) else {
          throw ServiceError.expected("a whole number from 1 to 1000", found: "another", at: "limit")
        }
        let (sessions, hasMore) = await pool.list(
          owner: request.context.keyName, after: query["after"].map(String.init) ?? "", limit: limit)
        return .json(["object": "list", "data": .array(sessions), "has_more": .bool(hasMore)])
      },
      Endpoint(
        .get, "/v1/sessions/{id}", "getSession", "What is known of a session.",
        answer: .init("The session.", schema: Self.session), failures: [404]
      ) { request in
        .json(
          try await pool.description(try request.parameter("id"), owner: request.context.keyName))
      },
      Endpoint(
        .delete, "/v1/sessions/{id}", "deleteSession", "Ends a session.",
        answer: .init(
          "It has ended.",
          schema: JSONSchema.answer([
            ("id", JSONSchema.text), ("object", JSONSchema.text), ("deleted", JSONSchema.flag),
          ])),
        failures: [404]
      ) { request in
        let id = try request.parameter("id")
        try await pool.delete(id, owner: request.context.keyName)
        return .json(["id": .string(id), "object": "session.deleted", "deleted": true])
      },
      Endpoint(
        .post, "/v1/sessions/{id}/steps", "stepSession",
        "Takes steps: of a language model text or tokens, of others inputs, [steps, features]. With stream an event for each.",
        body: JSONSchema.object(
          symbols + [
            (
              "inputs",
              JSONSchema.list(JSONSchema.either(JSONSchema.number, JSONSchema.list(JSONSchema.number)))
            ),
            ("outputs", JSONSchema.one(of: InputDriver.Outputs.allCases.map(\.rawValue))),
            ("top", JSONSchema.whole(0...100)), ("stream", JSONSchema.flag), ("gates", JSONSchema.flag),
          ]),
        answer: .init(
          "The outputs, and of a language model the likeliest next tokens.",
          schema: JSONSchema.answer([
            ("id", JSONSchema.text), ("object", JSONSchema.text), ("model", JSONSchema.text),
            ("steps", JSONSchema.integer),
          ]), types: ["application/json", "text/event-stream"]), failures: [404, 409]
      ) { request in try await self.step(request) },
      Endpoint(
        .post, "/v1/sessions/{id}/completions", "completeSession",
        "Takes text or tokens, if there are any, and writes on; the session stands after what was written.",
        body: JSONSchema.object(symbols + CompletionOptions.schema(settings)),
        answer: .init(
          "The text; with stream, events of its pieces.",
          schema: JSONSchema.answer([
            ("id", JSONSchema.text), ("object", JSONSchema.text), ("model", JSONSchema.text),
            ("choices", ["type": "array"]), ("steps", JSONSchema.integer),
          ]), types: ["application/json", "text/event-stream"]), failures: [404, 409]
      ) { request in try await self.complete(request) },
      Endpoint(
        .get, "/v1/sessions/{id}/state", "getSessionState",
        "The state of a session as bytes in base 64, from which a session can go on later, also with another service.",
        answer: .init("The state.", schema: Self.state), failures: [404, 409]
      ) { request in try await self.read(request) },
      Endpoint(
        .put, "/v1/sessions/{id}/state", "setSessionState",
        "Makes a session go on from a state that was read.",
        body: JSONSchema.object(Self.stateMembers, required: ["state"]),
        answer: .init("The session.", schema: Self.session), failures: [404, 409]
      ) { request in try await self.restore(request) },
      Endpoint(
        .post, "/v1/sessions/{id}/save", "saveSession",
        "Writes a session to the service's store, where it outlives the service.",
        answer: .init("The session.", schema: Self.session), failures: [404, 409, 501, 507]
      ) { request in
        .json(try await pool.save(try request.parameter("id"), owner: request.context.keyName))
      },
    ]
  }

  // MARK: States

  /// The session and the symbol that a body's state, steps and pending say.
  private func session(
    _ fields: JSONFields, _ engine: StepEngine
  ) throws(ServiceError) -> (session: ModelSession, steps: Int, pending: Int32?) {
    let symbols = engine.stream.symbols ?? 0
    guard let text = try fields.text("state") else {
      for name in ["steps", "pending"] where fields[name] != nil {
        throw .expected("state as well", found: "none", at: name)
      }
      return (engine.stream.session(), 0, nil)
    }
    guard let data = Data(base64Encoded: text) else {
      throw .expected("bytes in base 64", found: "another text", at: "state")
    }
    let pending = try fields.whole("pending", in: 0...1 << 24)
    if let pending, pending >= symbols {
      throw .expected(
        symbols == 0 ? "none of a model without tokens" : "a token from 0 to \(symbols - 1)",
        found: "\(pending)", at: "pending")
    }
    let steps = try fields.whole("steps", in: 0...CompletionOptions.largestSeed) ?? 0
    do throws(StreamError) {
      let session = try engine.stream.session(Array(data))
      guard session.states.allSatisfy({ $0.isFinite }) else {
        throw StreamError.badSession(expected: "finite states", found: "others")
      }
      return (session, steps, pending.map(Int32.init))
    } catch { throw .bad("state: \(error)", "state", code: "invalid_state") }
  }

  private func create(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(names: ["model"] + Self.stateMembers.map(\.0))
    let model = try models.model(try fields.text("model"))
    let own = try session(fields, try model.requiredEngine())
    let record = try await pool.create(
      model: model.id, owner: request.context.keyName, session: own.session, pending: own.pending,
      steps: own.steps)
    var response = Response.json(SessionPool.tree(record), status: .created)
    response.headers[.location] = "/v1/sessions/\(record.id)"
    return response
  }

  private func read(_ request: ServiceRequest) async throws -> Response {
    let (record, session) = try await taken(request)
    await pool.give(record.id, session, pending: record.pending)
    return .json([
      "id": .string(record.id), "object": "session.state", "model": .string(record.model),
      "steps": .integer(record.steps), "state": .string(Data(session.bytes).base64EncodedString()),
      "pending": record.pending.map { .integer(Int($0)) } ?? .null,
    ])
  }

  private func restore(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(names: Self.stateMembers.map(\.0))
    if fields["state"] == nil { throw fields.missing("state") }
    let (record, old) = try await taken(request)
    do {
      let own = try session(fields, try model(record).requiredEngine())
      let after = await pool.give(
        record.id, own.session, steps: own.steps - record.steps, pending: own.pending)
      return .json(SessionPool.tree(after ?? record))
    } catch {
      await pool.give(record.id, old, pending: record.pending)
      throw error
    }
  }

  private func taken(_ request: ServiceRequest) async throws -> (SessionRecord, ModelSession) {
    try await pool.take(try request.parameter("id"), owner: request.context.keyName)
  }

  /// The model of a session. A session of the store may be of a model that is not served any more.
  private func model(_ record: SessionRecord) throws(ServiceError) -> ServedModel {
    do throws(ServiceError) { return try models.model(record.model) } catch {
      throw ServiceError(
        .conflict, "session: expected one of a model that is served, found one of '\(record.model)'",
        code: "model_not_served")
    }
  }

  /// Takes a session, does something with it and gives it back, as it was where that failed.
  private func with<Result: Sendable>(
    _ id: String, owner: String,
    _ body:
      @Sendable (SessionRecord, ModelSession) async throws -> (
        session: ModelSession, steps: Int, pending: Int32?, result: Result
      )
  ) async throws -> (record: SessionRecord, result: Result) {
    let (record, session) = try await pool.take(id, owner: owner)
    do {
      let after = try await body(record, session)
      let given = await pool.give(id, after.session, steps: after.steps, pending: after.pending)
      return (given ?? record, after.result)
    } catch {
      await pool.give(id, session, pending: record.pending)
      throw error
    }
  }

  // MARK: Steps

  /// The symbols of a body's text or tokens, after one that is pending; nil where there are none.
  private func prompt(
    _ fields: JSONFields, _ record: SessionRecord, _ generator: TextGenerator
  ) throws(ServiceError) -> TextPrompt? {
    let text = try fields.text("text")
    if text != nil, fields["tokens"] != nil {
      throw .bad("body: expected text or tokens, found both", "tokens")
    }
    var own: TextPrompt?
    if let text, !text.isEmpty {
      do throws(GenerationError) { own = try generator.prompt(text) } catch {
        throw .bad("text: \(error)", "text", code: "unknown_symbol")
      }
    } else if let tokens = fields["tokens"], tokens.array?.isEmpty != true {
      own = try CompletionRoutes.tokens(tokens, "tokens", generator)
    }
    if let own, own.symbols.count > settings.tokens {
      throw .bad(
        "body: expected at most \(settings.tokens) tokens, found \(own.symbols.count)",
        code: "context_length_exceeded")
    }
    let before = record.pending.map { [$0] } ?? []
    guard let own else { return before.isEmpty ? nil : TextPrompt(symbols: before, isApart: false) }
    return TextPrompt(symbols: before + own.symbols, isApart: own.isApart)
  }

  /// The most numbers of an answer.
  private static let mostNumbers = 1 << 20

  private struct Steps: Sendable {
    var inputs: [Float]
    var outputs: InputDriver.Outputs
    var top: Int
    var gates: GateReader?
  }

  private func step(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(names: ["text", "tokens", "inputs", "outputs", "top", "stream", "gates"])
    let streams = try fields.flag("stream") ?? false
    let showsGates = try fields.flag("gates") ?? false
    let top = try fields.whole("top", in: 0...100)
    let wanted = try fields.text("outputs").map { name throws(ServiceError) in
      guard let wanted = InputDriver.Outputs(rawValue: name) else {
        throw ServiceError.expected("last, all or none", found: "another", at: "outputs")
      }
      return wanted
    }
    if showsGates, !streams { throw ServiceError.expected("stream as well", found: "none", at: "gates") }
    let (id, owner) = (try request.parameter("id"), request.context.keyName)

    /// What a session of this record takes.
    @Sendable func steps(_ record: SessionRecord, _ model: ServedModel) throws -> Steps {
      let own = try given(record, model)
      let (engine, count) = (try model.requiredEngine(), own.inputs.count)
      let most = Self.mostNumbers, numbers = count / engine.stream.inputSize * engine.stream.outputSize
      if own.outputs == .all || (streams && own.outputs == .last), numbers > most {
        throw ServiceError.bad(
          "outputs: expected at most \(most) numbers of all steps together, found \(numbers)", "outputs")
      }
      return own
    }
    @Sendable func given(_ record: SessionRecord, _ model: ServedModel) throws -> Steps {
      let engine = try model.requiredEngine()
      if showsGates, model.gates == nil {
        throw ServiceError.bad("gates: expected a model with gates, found '\(model.id)'", "gates")
      }
      let gates = showsGates ? model.gates : nil
      if let generator = model.generator {
        if fields["inputs"] != nil {
          throw ServiceError.bad(
            "inputs: expected text or tokens of a language model, found inputs", "inputs")
        }
        guard let prompt = try prompt(fields, record, generator) else {
          throw ServiceError.bad("body: expected text or tokens, found neither", code: "missing_parameter")
        }
        return Steps(
          inputs: prompt.symbols.map(Float.init), outputs: wanted ?? .none, top: top ?? 5, gates: gates)
      }
      for name in ["text", "tokens", "top"] where fields[name] != nil {
        throw ServiceError.bad("\(name): expected inputs of a model without text, found \(name)", name)
      }
      guard let list = try fields.list("inputs"), !list.isEmpty else { throw fields.missing("inputs") }
      let width = engine.stream.inputSize
      guard list.count <= settings.tokens else {
        throw ServiceError.bad(
          "inputs: expected at most \(settings.tokens) steps, found \(list.count)", "inputs")
      }
      var numbers: [Float]
      if list.first?.array == nil {
        numbers = try JSONTree.array(list).floats("inputs")
        guard numbers.count.isMultiple(of: width), width == 1 || numbers.count == width else {
          throw ServiceError.expected("\(width) numbers", found: "\(numbers.count)", at: "inputs")
        }
      } else {
        numbers = try JSONTree.array(list).rows("inputs", width: width)
      }
      if let symbols = engine.stream.symbols,
        let wrong = numbers.first(where: { !($0 >= 0 && $0 < Float(symbols) && $0 == $0.rounded()) })
      {
        throw ServiceError.expected("symbols from 0 to \(symbols - 1)", found: "\(wrong)", at: "inputs")
      }
      if let scaler = model.inputScaler {
        numbers = scaler(Tensor(numbers, shape: [numbers.count / width, width])).scalars
      }
      return Steps(inputs: numbers, outputs: wanted ?? .last, top: 0, gates: gates)
    }

    guard streams else {
      let (record, tree) = try await with(id, owner: owner) { record, session in
        let model = try self.model(record)
        let own = try steps(record, model)
        let engine = try model.requiredEngine()
        let isText = model.generator != nil && own.top > 0
        let width = engine.stream.inputSize
        let driver = InputDriver(
          own.inputs, width: width, wanted: own.outputs == .none && isText ? .last : own.outputs)
        let (ended, after) = try await engine.run(driver, from: session)
        var members: [JSONTree.Member] = []
        if own.outputs != .none {
          members.append(.init("outputs", Self.rows(ended.outputs[...], model)))
        }
        if isText {
          members.append(
            .init("next", Self.likeliest(own.top, ended.outputs.suffix(engine.stream.outputSize), model)))
        }
        metrics.tokens(model.id, prompt: own.inputs.count / width, written: 0)
        return (after, own.inputs.count / width, nil, members)
      }
      return .json(.object(Self.head(record, "session.step") + tree))
    }
    // What is wrong with the request is said by its status, before the stream begins; the session is taken once it does.
    _ = try await with(id, owner: owner) { record, session in
      _ = try steps(record, try self.model(record))
      return (session, 0, record.pending, ())
    }
    return EventStream.response(request) { send in
      _ = try await with(id, owner: owner) { record, session in
        let model = try self.model(record)
        let (own, engine) = (try steps(record, model), try model.requiredEngine())
        let width = engine.stream.inputSize
        let driver = InputDriver(
          own.inputs, width: width, wanted: .none, watches: own.gates != nil
        ) { step, output, watched in
          var members: [JSONTree.Member] = [
            .init("id", .string(id)), .init("object", "session.step"),
            .init("steps", .integer(record.steps + step)),
          ]
          if own.outputs != .none { members.append(.init("outputs", Self.rows(output, model))) }
          if own.top > 0 { members.append(.init("next", Self.likeliest(own.top, output, model))) }
          if let watched, let gates = own.gates {
            members.append(
              .init(
                "gates",
                gates.activities(input: watched.input, before: watched.before, after: watched.after)))
          }
          send(.object(members))
        }
        return (try await engine.run(driver, from: session).session, own.inputs.count / width, nil, ())
      }
    }
  }

  private static func head(_ record: SessionRecord, _ object: JSONTree) -> [JSONTree.Member] {
    [
      .init("id", .string(record.id)), .init("object", object), .init("model", .string(record.model)),
      .init("steps", .integer(record.steps)),
    ]
  }

  /// The outputs of steps, one after another, as rows, in the original scale where the model has one.
  private static func rows(_ outputs: ArraySlice<Float>, _ model: ServedModel) -> JSONTree {
    guard let size = model.engine?.stream.outputSize, size > 0 else { return [] }
    var numbers = Array(outputs)
    if let scaler = model.targetScaler, scaler.means.count == size {
      numbers = scaler.inverse(Tensor(numbers, shape: [numbers.count / size, size])).scalars
    }
    return .array(
      stride(from: 0, to: numbers.count, by: size).map { start in
        .array(numbers[start..<start + size].map { .real($0) })
      })
  }

  /// The likeliest next tokens by their logits.
  private static func likeliest(_ count: Int, _ logits: ArraySlice<Float>, _ model: ServedModel) -> JSONTree {
    guard let tokenizer = model.generator?.tokenizer else { return [] }
    let probabilities = Sampling().probabilities(Array(logits))
    let best = probabilities.indices.sorted { (-probabilities[$0], $0) < (-probabilities[$1], $1) }.prefix(
      count)
    return .array(
      best.map { token in
        [
          "token": .integer(token), "text": .string(tokenizer.decode([Int32(token)])),
          "probability": .real(probabilities[token]),
        ]
      })
  }

  // MARK: Texts

  private func complete(_ request: ServiceRequest) async throws -> Response {
    let fields = try await request.json()
    try fields.check(names: ["text", "tokens"] + CompletionOptions.names)
    let options = try CompletionOptions(fields, settings: settings)
    let (id, owner) = (try request.parameter("id"), request.context.keyName)
    /// What a session of this record goes on after.
    @Sendable func start(_ record: SessionRecord, _ model: ServedModel) throws -> TextPrompt {
      let generator = try model.requiredGenerator()
      if options.showsGates, model.gates == nil {
        throw ServiceError.bad("gates: expected a model with gates, found '\(model.id)'", "gates")
      }
      if let own = try prompt(fields, record, generator) { return own }
      guard record.steps == 0 else {
        throw ServiceError.bad(
          "text: expected text or tokens, as the session stands after a step, found neither", "text",
          code: "missing_parameter")
      }
      return try CompletionRoutes.prompts(nil, "text", generator)[0]
    }

    /// Writes on.
    @Sendable func write(
      _ onToken: GenerationDriver.OnToken?
    ) async throws -> (record: SessionRecord, result: GenerationDriver) {
      try await with(id, owner: owner) { record, session in
        let model = try self.model(record)
        let prompt = try start(record, model)
        let (generator, engine) = (try model.requiredGenerator(), try model.requiredEngine())
        let driver = options.driver(
          generator.tokenizer, after: prompt, gates: options.showsGates ? model.gates : nil,
          onToken: onToken)
        let (ended, after) = try await engine.run(driver, from: session)
        metrics.tokens(model.id, prompt: prompt.symbols.count, written: ended.count)
        return (after, prompt.symbols.count + max(0, ended.count - 1), ended.last, ended)
      }
    }
    guard options.streams else {
      let (record, driver) = try await write(nil)
      return .json(
        .object(
          Self.head(record, "session.completion") + [
            .init("choices", [CompletionRoutes.choice(0, driver.text, driver.ending)])
          ]))
    }
    // What is wrong with the request is said by its status, before the stream begins; the session is taken once it does.
    _ = try await with(id, owner: owner) { record, session in
      _ = try start(record, try self.model(record))
      return (session, 0, record.pending, ())
    }
    return EventStream.response(request) { send in
      let (record, driver) = try await write { text, gates in
        send([
          "id": .string(id), "object": "session.completion",
          "choices": [CompletionRoutes.choice(0, text, nil, gates)],
        ])
      }
      send(
        .object(
          Self.head(record, "session.completion") + [
            .init("choices", [CompletionRoutes.choice(0, "", driver.ending)])
          ]))
    }
  }
}
