import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTraining

/// Several cells under the same settings, each with the same seeds.
public struct ComparisonSettings: Codable, Equatable, Sendable {
  /// What the cells have in common.
  public enum Equality: String, Codable, Sendable, CaseIterable {
    /// The number of hidden units.
    case units
    /// As nearly as can be, and never above the first cell's, the number of recurrent parameters; of models that are more than an
    /// embedding, recurrent layers and a head, that of the whole model.
    case parameters
  }

  /// The cells that are compared by default: the plain LSTM, and two with as many parameters more.
  public static let defaultCells = ["lstm", "lstm-ph-full", "lstm-wm"]

  /// The settings of all runs; the cell's name in it is not looked at, and `hidden` is the first cell's.
  public var training: TrainingSettings
  /// The cells' names; the first is the reference.
  public var cells: [String]
  /// The texts of those cells that the program doesn't know by their names, such as those of files; nil for none.
  public var cellTexts: [String]?
  /// How many seeds, counted from the settings' own.
  public var seeds: Int
  /// What the cells have in common.
  public var equal: Equality
  /// The most parameters of each cell's whole model, which then has as many hidden units as fit, whatever `hidden` and
  /// `equal` say; nil for no such budget.
  public var parameters: Int?

  /// What the runs of each cell start from, in the cells' order; nil for first values.
  public var starts: [Start]?

  /// A model that a cell's runs start from.
  public struct Start: Codable, Equatable, Sendable, CustomStringConvertible {
    /// The model, whose cell it is.
    public var model: ModelSource
    /// What is not trained, as in `TrainingSettings.freeze`; nil for nothing.
    public var freeze: [String]?

    /// A model, all or part of which is trained.
    public init(_ model: ModelSource, freeze: [String]? = nil) {
      self.model = model
      self.freeze = freeze
    }

    /// "SHA-256 …, 2 names frozen".
    public var description: String {
      "SHA-256 \(model.sha256)" + (freeze.map { ", \($0.count) names frozen" } ?? "")
    }
  }

  /// A comparison, by default at equal units.
  public init(
    _ training: TrainingSettings, cells: [String] = Self.defaultCells, seeds: Int = 3,
    equal: Equality = .units, parameters: Int? = nil, cellTexts: [String]? = nil
  ) {
    self.training = training
    self.cells = cells
    self.cellTexts = cellTexts
    self.seeds = seeds
    self.equal = equal
    self.parameters = parameters
  }

  /// All that is wrong, in order; empty when the comparison can be made.
  public func problems(
    tasks: [any SequenceTask.Type], cells known: [Cell] = Cell.all
  ) -> [SettingsError] {
    var problems = cellProblems(among: known)
    let known = allCells(known)
    if cells.isEmpty {
      problems.append(.outOfRange(option: "cells", expected: "one or more", found: "none"))
    }
    for (index, name) in cells.enumerated() {
      if !known.contains(where: { $0.name == name }) {
        problems.append(.unknownName(option: "cells", found: name, known: known.map(\.name)))
      } else if cells[..<index].contains(name) {
        problems.append(.outOfRange(option: "cells", expected: "each once", found: "\(name) twice"))
      }
    }
    if !(1...100_000).contains(seeds) {
      problems.append(.outOfRange(option: "seeds", expected: "1 to 100000", found: "\(seeds)"))
    } else if training.seed > .max - UInt64(seeds - 1) {
      let most = UInt64.max - UInt64(seeds - 1)
      problems.append(
        .outOfRange(
          option: "seed", expected: "at most \(most), the first of \(seeds) seeds",
          found: "\(training.seed)"))
    }
    if let starts, starts.count != cells.count || equal != .units || parameters != nil {
      problems.append(
        .outOfRange(
          option: "starts", expected: "a model for each of \(cells.count) cells, at equal units",
          found: "\(starts.count), at equal \(equal.rawValue)"))
    }
    if training.isTransformer {
      problems.append(
        .unsupported(
          option: "model", reason: "is no option of a comparison: name transformer among the cells"))
      return problems
    }
    if hasTransformer, let task = tasks.first(where: { $0.name == training.task }),
      !task.options.contains(TransformerOption.model)
    {
      problems.append(.unsupported(option: "cells", reason: "the task \(task.name) has no Transformer"))
      return problems
    }
    var own = hasTransformer ? training.withoutTransformer : training
    (own.cell, own.cellText) = (known.first?.name ?? "", known.first.flatMap(text))
    problems += own.problems(tasks: tasks, cells: known)
    guard problems.isEmpty else { return problems }
    if let parameters, let task = tasks.first(where: { $0.name == training.task }) {
      for cell in cells.compactMap({ name in known.first { $0.name == name } }) {
        do throws(SettingsError) {
          _ = try settings(of: cell).fitted(parameters: parameters, task: task, cell: cell)
        } catch { problems.append(error) }
      }
      guard problems.isEmpty else { return problems }
    }
    for settings in runs(tasks: tasks, cells: known).prefix(cells.count) {
      for problem in settings.problems(tasks: tasks, cells: known) where !problems.contains(problem) {
        problems.append(problem)
      }
    }
    return problems
  }

  /// The settings of each run: for each seed every cell in turn. The comparison must be valid.
  public func runs(tasks: [any SequenceTask.Type], cells known: [Cell] = Cell.all) -> [TrainingSettings] {
    let known = allCells(known)
    guard let task = tasks.first(where: { $0.name == training.task }),
      let reference = known.first(where: { $0.name == cells.first })
    else { return [] }
    let inputSize = task.shape(training).inputSize
    return (0..<seeds).flatMap { seed in
      cells.enumerated().map { index, name in
        guard let cell = known.first(where: { $0.name == name }) else { return training }
        var settings = settings(of: cell)
        settings.seed = training.seed &+ UInt64(seed)
        if let start = starts?.indices.contains(index) == true ? starts?[index] : nil {
          settings.from = start.model
          settings.freeze = start.freeze
        }
        if let parameters {
          // What fits no unit is a problem, and reported as one.
          return (try? settings.fitted(parameters: parameters, task: task, cell: cell)) ?? settings
        }
        if equal == .parameters {
          let first = self.settings(of: reference)
          if task.description.hasOwnModel {
            let budget = Int(exactly: task.parameterCount(first, cell: reference)) ?? .max
            return (try? settings.fitted(parameters: budget, task: task, cell: cell)) ?? settings
          }
          settings.hidden = settings.hidden(
            of: cell, inputSize: inputSize,
            most: first.bodyParameters(reference, inputSize: inputSize, hidden: training.hidden))
        }
        return settings
      }
    }
  }

  /// The first setting that keeps two comparisons from being one: all but the cells and seeds, of which one may have more.
  func firstDifference(from other: ComparisonSettings) -> (name: String, own: String, other: String)? {
    if let difference = training.firstDifference(from: other.training) { return difference }
    for text in cellTexts ?? [] {
      guard let cell = try? Cell(text: text),
        let now = other.allCells(Cell.all).first(where: { $0.name == cell.name }),
        now.text != text
      else { continue }
      let (own, found) = TextDifference.shortened(text, now.text)
      return ("cell \(cell.name)", own, found)
    }
    if equal != other.equal { return ("equal", equal.rawValue, other.equal.rawValue) }
    for (cell, (own, now)) in zip(cells, zip(starts ?? [], other.starts ?? []))
    where own.model.sha256 != now.model.sha256 || own.freeze != now.freeze {
      return ("start of \(cell)", "\(own)", "\(now)")
    }
    guard parameters == other.parameters else {
      return (
        "parameters", parameters.map(String.init) ?? "none", other.parameters.map(String.init) ?? "none"
      )
    }
    return nil
  }

  /// As the bytes of the comparison's `config.json`.
  func encoded() -> Data { ConfigFile.encode(self) }
}
