import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTraining

/// How much time an experiment may take.
public enum Budget: String, Codable, Sendable, CaseIterable {
  /// Under two minutes: whether everything works, and no result.
  case smoke
  /// Under an hour on two cores.
  case quick
  /// The paper's sizes, lengths, epochs, and as many seeds as make a result.
  case full
}

/// The paper's experiment on one task at one budget: everything that a reproduction depends on besides the data.
///
/// It is the `experiment.json` of a reproduction's folder, with keys in snake case.
public struct Experiment: Codable, Equatable, Sendable {
  /// What the cells are judged by.
  public enum Measure: String, Codable, Sendable {
    /// The task's metric on the test data.
    case value
    /// Updates until the task is solved by the validation data.
    case stepsToSolve = "steps_to_solve"
    /// Updates until the metric on the validation data is at most half of what is reached without learning.
    case stepsToHalfBaseline = "steps_to_half_baseline"
  }

  /// One size or length of the task, with its settings.
  public struct Part: Codable, Equatable, Sendable {
    /// How tables and figures name it: "T = 200".
    public var label: String
    /// The settings of all runs; the cell's name in it is not looked at, and `hidden` is the first cell's.
    public var training: TrainingSettings
    /// What the cells have in common, a comparison for each; without any no run is made of this part.
    public var equal: [ComparisonSettings.Equality]
    /// The most parameters of each cell's whole model, in place of `hidden`; nil for no such budget.
    public var parameters: Int?
    /// The cells of this part; nil for the experiment's.
    public var cells: [String]?
    /// What the paper gives.
    public var paper: [PaperValue]
    /// On what else each run's best model is tested; nil for nothing.
    public var tests: [Test]?

    /// A part, by default with both comparisons.
    public init(
      _ label: String, _ training: TrainingSettings,
      equal: [ComparisonSettings.Equality] = ComparisonSettings.Equality.allCases, parameters: Int? = nil,
      cells: [String]? = nil, paper: [PaperValue] = [], tests: [Test]? = nil
    ) {
      self.label = label
      self.training = training
      self.equal = equal
      self.parameters = parameters
      self.cells = cells
      self.paper = paper
      self.tests = tests
    }
  }

  /// The test data of the task under other options, such as longer sequences than those of the training.
  public struct Test: Codable, Equatable, Sendable {
    /// How tables name it: "T = 1,600".
    public var label: String
    /// The task's options that differ from the run's.
    public var taskOptions: [String: OptionValue]

    /// A test.
    public init(_ label: String, _ taskOptions: [String: OptionValue]) {
      self.label = label
      self.taskOptions = taskOptions
    }

    /// The settings of the task for a run's model.
    func settings(of run: TrainingSettings) -> TrainingSettings {
      var settings = run
      settings.taskOptions.merge(taskOptions) { $1 }
      return settings
    }
  }

  /// A number of the paper: the metric on the test data.
  public struct PaperValue: Codable, Equatable, Sendable {
    /// The cell's name.
    public var cell: String
    /// The comparison that it belongs to.
    public var equal: ComparisonSettings.Equality
    /// The value, in the units of the task's metric.
    public var value: Double

    /// A number of the paper.
    public init(_ cell: String, _ equal: ComparisonSettings.Equality, _ value: Double) {
      self.cell = cell
      self.equal = equal
      self.value = value
    }
  }

  /// The experiment's name; nil for the task's.
  public var name: String?
  /// The task's name.
  public var task: String
  /// How much time it may take.
  public var budget: Budget
  /// The cells' names; the first is the reference.
  public var cells: [String]
  /// The texts of those cells that the program doesn't know by their names, such as those of files; nil for none.
  public var cellTexts: [String]?
  /// The cells of the comparisons at equal parameters; nil for all. The first one is their reference.
  public var parameterCells: [String]?
  /// How many seeds, counted from the settings' own.
  public var seeds: Int
  /// What the cells are judged by.
  public var measure: Measure
  /// The sizes or lengths.
  public var parts: [Part]
  /// What the paper says about this experiment, in a sentence or two.
  public var paperNote: String
  /// The search for each cell's settings that comes first; nil for none: all cells have the settings of their part.
  public var search: SearchSettings?
  /// The file of the data folder that is the task's `--data`, "imdb/imdb_train.tsv.gz"; nil where the task finds its data itself.
  /// Files that are options of the task stand in the parts' options, and lie in the data folder too.
  public var dataFile: String?
  /// What differs from the experiment of the budget, as options of `cellgate reproduce`; nil for nothing.
  public var options: [String]?

  /// An experiment.
  public init(
    task: String, budget: Budget, cells: [String] = ComparisonSettings.defaultCells, seeds: Int,
    measure: Measure, parts: [Part], paperNote: String
  ) {
    self.task = task
    self.budget = budget
    self.cells = cells
    self.seeds = seeds
    self.measure = measure
    self.parts = parts
    self.paperNote = paperNote
  }

  /// The name by which `Experiments.named` knows it.
  public var title: String { name ?? task }

  /// What the runs of all seeds have in the names of their folders: the options of the task in which the parts differ, the cell and
  /// the units, "length200-lstm-128units".
  func folderName(of settings: TrainingSettings) -> String {
    let options = settings.taskOptions.sorted { $0.key < $1.key }.filter { option, _ in
      Set(parts.map { $0.training.taskOptions[option]?.description }).count > 1
    }
    let words = options.map { "\($0.key)\($0.value)" } + [settings.cell, "\(settings.hidden)units"]
    return words.joined(separator: "-")
  }

  /// The comparisons that it is made of: for each part one at equal units, one at equal parameters, or both.
  var comparisons: [(part: Int, settings: ComparisonSettings)] {
    parts.enumerated().flatMap { index, part in
      part.equal.map {
        let settings = ComparisonSettings(
          part.training, cells: cells(of: part, $0), seeds: seeds, equal: $0, parameters: part.parameters,
          cellTexts: cellTexts)
        return (index, settings)
      }
    }
  }

  /// The cells of one of a part's comparisons.
  func cells(of part: Part, _ equality: ComparisonSettings.Equality) -> [String] {
    let all = cells(of: part)
    guard equality == .parameters, part.parameters == nil, let parameterCells else { return all }
    let both = all.filter(parameterCells.contains)
    return both.isEmpty ? Array(all.prefix(1)) : both
  }

  /// A part's cells. Where the part names some, those of them that the experiment has, or the first.
  func cells(of part: Part) -> [String] {
    guard let own = part.cells else { return cells }
    let both = own.filter { cells.contains($0) }
    return both.isEmpty ? Array(own.prefix(1)) : both
  }

  /// The initialisations that a search tries where none are asked for: each part's own and PyTorch's, or the own one alone where a model of
  /// the experiment takes no other, as a Transformer, so that the search is the same for all.
  public func searchedInitializations(
    tasks: [any SequenceTask.Type], cells known: [Cell] = Cell.all
  ) -> [Recurrent.Initialization?] {
    let usual = SearchSettings().initializations
    guard problems(tasks: tasks, cells: known).isEmpty else { return usual }
    let isRefused = comparisons.contains { _, settings in
      settings.runs(tasks: tasks, cells: known).prefix(settings.cells.count).contains { run in
        var other = run
        other.start(from: .pytorch)
        return other.problems(tasks: tasks, cells: settings.allCells(known)).contains {
          $0.option == "initialization"
        }
      }
    }
    return isRefused ? [nil] : usual
  }

  /// All that is wrong, in order; empty when the experiment can be made.
  public func problems(
    tasks: [any SequenceTask.Type], cells known: [Cell] = Cell.all
  ) -> [SettingsError] {
    var problems: [SettingsError] = []
    for name in parameterCells ?? [] where !cells.contains(name) {
      problems.append(.unknownName(option: "parameter-cells", found: name, known: cells))
    }
    for (_, settings) in comparisons {
      for problem in settings.problems(tasks: tasks, cells: known) where !problems.contains(problem) {
        problems.append(problem)
      }
    }
    for part in parts where problems.isEmpty {
      for test in part.tests ?? [] {
        problems += test.settings(of: part.training).problems(tasks: tasks, cells: known)
      }
    }
    if let search, let first = parts.first?.training.seed {
      problems += search.problems(first: first, seeds: seeds)
      guard problems.isEmpty else { return problems }
      for (_, settings) in comparisons {
        for run in settings.runs(tasks: tasks, cells: known).prefix(settings.cells.count) {
          for choice in search.choices(for: run) {
            for problem in choice.problems(tasks: tasks, cells: settings.allCells(known))
            where !problems.contains(problem) {
              problems.append(problem)
            }
          }
        }
      }
    }
    return problems
  }

  /// The first setting in which `other` differs, with both values. The cells, the number of seeds and the comparisons
  /// may differ: each run's folder says what it was made with.
  func firstDifference(from other: Experiment) -> (name: String, own: String, other: String)? {
    func compare<Value: Equatable>(_ name: String, _ own: Value, _ other: Value) -> (String, String, String)?
    {
      own == other ? nil : (name, "\(own)", "\(other)")
    }
    if let difference = compare("experiment", title, other.title) ?? compare("task", task, other.task)
      ?? compare("budget", budget.rawValue, other.budget.rawValue)
      ?? compare("measure", measure.rawValue, other.measure.rawValue)
      ?? compare("parts", Self.list(parts.map(\.label)), Self.list(other.parts.map(\.label)))
    {
      return difference
    }
    if search != other.search {
      return ("search", search?.description ?? "none", other.search?.description ?? "none")
    }
    for (own, other) in zip(parts, other.parts) {
      if let (name, value, found) = own.training.firstDifference(from: other.training) {
        return ("\(own.label): \(name)", value, found)
      }
      let tests = compare(
        "\(own.label): tests", Self.list((own.tests ?? []).map(\.label)),
        Self.list((other.tests ?? []).map(\.label)))
      if let tests { return tests }
      let budget = compare(
        "\(own.label): parameters", own.parameters.map(String.init) ?? "none",
        other.parameters.map(String.init) ?? "none")
      if let budget { return budget }
    }
    return nil
  }

  private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }
}
