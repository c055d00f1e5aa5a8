import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTasks
import CellgateTensor
import CellgateTraining

/// What it costs to write one more symbol of a text, all of whose symbols the model sees.
public struct GenerationCost: Codable, Equatable, Sendable {
  /// The cell's name, or `transformer`.
  public var cell: String
  /// Symbols of the text so far.
  public var length: Int
  /// Milliseconds of a step at batch 1, the median of those that were timed.
  public var msPerSymbol: Double
  /// Bytes that hold what the model keeps of the text.
  public var stateBytes: Int

  /// Symbols that are timed.
  private static let timed = 33

  /// Measures the costs of a language model of these settings at some lengths, rising ones; nil when it was asked to stop. Its weights
  /// are first values: they make no step longer or shorter. A Transformer sees as many symbols as the length says, whatever its
  /// own window is.
  static func measure(
    _ settings: TrainingSettings, cell: Cell, symbols: Int, lengths: [Int], shouldStop: () -> Bool
  ) -> [GenerationCost]? {
    var costs: [GenerationCost] = []
    for length in lengths {
      var settings = settings
      if settings.isTransformer { settings.taskOptions[TransformerOption.context.name] = .whole(length) }
      let model = LanguageModel(settings: settings, symbols: symbols, cell: cell)
      do throws(StreamError) {
        let stream = try ModelStream(embedding: model.embedding, body: model.body, head: model.head)
        let stepper = stream.stepper(batch: 1)
        var logits = [Float](repeating: 0, count: stream.outputSize)
        var draws = RandomStream(seed: settings.seed, name: "symbols")
        func step() throws(StreamError) {
          try stepper.step([Float(draws.nextLong() % UInt64(symbols))], into: &logits)
        }
        for _ in 0..<max(0, length - timed) {
          if shouldStop() { return nil }
          try step()
        }
        var seconds: [Double] = []
        for _ in 0..<timed {
          let start = ContinuousClock.now
          try step()
          seconds.append(start.secondsSince)
        }
        costs.append(
          GenerationCost(
            cell: settings.cell, length: length, msPerSymbol: 1000 * seconds.sorted()[timed / 2],
            stateBytes: stepper.session(row: 0).states.count * MemoryLayout<Float>.size))
      } catch { fail("GenerationCost: \(error)") }
    }
    return costs
  }
}

extension Reproduction {
  /// What it costs to write one more symbol with each of a part's models, by their sizes in the runs of the first seed; empty
  /// where the task is no language model, nil when it was asked to stop.
  public func generationCosts(
    lengths: [Int], shouldStop: () -> Bool = { false }
  ) -> [GenerationCost]? {
    guard queue.task is any LanguageModelTask.Type else { return [] }
    var costs: [GenerationCost] = []
    let seed = experiment.parts.first?.training.seed
    for run in runs where run.settings.seed == seed && run.partIndex == 0 {
      guard let cell = run.settings.definition(among: queue.cells),
        let symbols = queue.task.shape(run.settings).symbols
      else { continue }
      let own = GenerationCost.measure(
        run.settings, cell: cell, symbols: symbols, lengths: lengths, shouldStop: shouldStop)
      guard let own else { return nil }
      costs += own
    }
    return costs
  }
}
