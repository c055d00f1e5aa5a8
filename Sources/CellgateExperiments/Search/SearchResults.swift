import CellgateBasics
import CellgateFiles
import CellgateTraining

/// What a search has found so far: the `search.json` of a reproduction's folder, with keys in snake case.
public struct SearchResults: Codable, Equatable, Sendable {
  /// The layout of the file.
  public var formatVersion = 1
  /// The metric's name; all values are of the validation data.
  public var metric: String
  /// Whether "lower" or "higher" values are better.
  public var better: String
  /// What trials are ranked by.
  public var measure: Experiment.Measure
  /// Whether all cells have their settings.
  public var complete: Bool
  /// A search for each cell and size of each part.
  public var cells: [SearchedCell]

  /// As the bytes of `search.json`.
  func encoded() -> Data { ConfigFile.encode(self) }

  /// As the text of `search.csv`: a line for each trial and round.
  func csv() -> String {
    let header = [
      "part", "cell", "hidden", "learning_rate", "initialization", "round", "steps", "metric", "value",
      "steps_to_reach", "diverged_at_step", "chosen",
    ]
    let lines = cells.flatMap { cell in
      cell.trials.flatMap { trial in
        trial.rounds.enumerated().map { index, round in
          CSVWriter.line([
            cell.part, cell.cell, "\(cell.hidden)", "\(trial.learningRate)", trial.initialization,
            "\(index + 1)", "\(round.steps)", metric, round.value.map { "\($0)" } ?? "",
            round.stepsToReach.map { "\($0)" } ?? "", round.divergedAtStep.map { "\($0)" } ?? "",
            cell.chosen == trial.run ? "yes" : "",
          ])
        }
      }
    }
    return CSVWriter.line(header) + lines.joined()
  }
}

/// The search for the settings of a cell of one size on one part of an experiment.
public struct SearchedCell: Codable, Equatable, Sendable {
  /// The part's label: "T = 200".
  public var part: String
  /// The cell's name.
  public var cell: String
  /// Hidden units.
  public var hidden: Int
  /// The trials.
  public var trials: [SearchTrial]
  /// The `run` of the best trial; nil until the search is over.
  public var chosen: String?

  /// The best trial's learning rate where a better one may lie beyond what was tried, and whether it is the largest or the smallest of
  /// the rates.
  var rateAtEdge: (rate: Double, isLargest: Bool)? {
    let rates = trials.map(\.learningRate)
    guard let best = trials.first(where: { $0.run == chosen })?.learningRate, let least = rates.min(),
      let most = rates.max(), least < most, best == least || best == most
    else { return nil }
    return (best, best == most)
  }
}

/// One learning rate with one initialisation.
public struct SearchTrial: Codable, Equatable, Sendable {
  /// The name of its folder.
  public var run: String
  /// The learning rate.
  public var learningRate: Double
  /// The initialisation's name.
  public var initialization: String
  /// What it had reached at the end of each round that it took part in.
  public var rounds: [Round]

  /// The end of a round.
  public struct Round: Codable, Equatable, Sendable {
    /// Updates made by then.
    public var steps: Int
    /// The best value of the metric on the validation data until then; nil where it diverged before the first.
    public var value: Double?
    /// The step at which it reached what is measured, until then; nil where it did not.
    public var stepsToReach: Int?
    /// The step at which it diverged.
    public var divergedAtStep: Int?
  }
}
