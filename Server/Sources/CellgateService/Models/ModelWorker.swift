import Cellgate
import Synchronization

/// Predicts with a model one request after another, on a thread of its own; more than so many that wait are refused with 429.
actor ModelWorker {
  private let executor = ThreadExecutor(label: "cellgate.predictions")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let predictor: Predictor
  private nonisolated let waiting = Atomic(0)
  private nonisolated let limit: Int
  private nonisolated let seconds: Double
  private var hidden: StepEngine?
  private let settings: ServiceSettings

  init(_ predictor: sending Predictor, settings: ServiceSettings) {
    self.predictor = predictor
    self.settings = settings
    (limit, seconds) = (settings.predictions, settings.seconds)
  }

  /// The result of a body that has the predictor for itself. Throws 429, 503 where its turn comes too late, and what `body` throws.
  nonisolated func run<Result: Sendable>(
    _ body: @Sendable (Predictor) throws -> Result
  ) async throws -> Result {
    guard waiting.add(1, ordering: .relaxed).newValue <= limit else {
      waiting.subtract(1, ordering: .relaxed)
      throw ServiceError.tooMany("the model is busy: expected at most \(limit) predictions at a time")
    }
    defer { waiting.subtract(1, ordering: .relaxed) }
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
