import Cellgate

/// Predicts with a model one request after another, on a thread of its own; more than so many that wait are refused with 429.
actor ModelWorker {
  private let executor = ThreadExecutor(label: "cellgate.predictions")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let predictor: Predictor
  private nonisolated let room: WaitingRoom
  private nonisolated let seconds: Double
  private var hidden: StepEngine?
  private let settings: ServiceSettings

  init(_ predictor: sending Predictor, settings: ServiceSettings) {
    self.predictor = predictor
    self.settings = settings
    room = WaitingRoom(limit: settings.predictions, of: "the model", for: "predictions")
    seconds = settings.seconds
  }

  /// The result of a body that has the predictor for itself. Throws 429, 503 where its turn comes too late, and what `body` throws.
  nonisolated func run<Result: Sendable>(
    _ body: @Sendable (Predictor) throws -> Result
  ) async throws -> Result {
    try room.enter()
    defer { room.leave() }
    return try await perform(body, by: ContinuousClock.now.advanced(by: .seconds(seconds)))
  }

  private func perform<Result: Sendable>(
    _ body: @Sendable (Predictor) throws -> Result, by deadline: ContinuousClock.Instant
  ) throws -> Result {
    try Task.checkCancellation()
    if ContinuousClock.now >= deadline { throw ServiceError.late(seconds) }
    return try body(predictor)
  }

  /// The steps of a language model without its head, made when they are first asked for.
  func hiddenEngine() throws -> StepEngine? {
    if hidden == nil, let stream = try predictor.language?.hiddenStream() {
      hidden = StepEngine(stream, settings: settings)
    }
    return hidden
  }
}
