import Cellgate
import CellgateBasics

/// A run of `cellgate reproduce` that makes all experiments of a study, one after the other.
struct StudySession {
  let study: Study
  let data: DataDirectory
  let folder: String
  let jobs: Int?
  let recording: RunRecording
  let json: Bool

  /// Makes what is left to make, and the table.
  func run() throws {
    var results = try study.open(folder)
    (results.complete, results.leftOut) = (false, [])
    var divergences: [String] = []
    for experiment in study.experiments {
      let path = Study.folder(of: experiment.title, in: folder)
      guard let (reproduction, task) = try reproduction(of: experiment, in: path, &results) else { continue }
      reproduction.lockWarning.map(Console.warn)
      reproduction.recording = recording
      let ended = try ReproductionSession(
        reproduction: reproduction, task: task, folder: path, jobs: jobs, json: json
      ).run()
      divergences += ended.divergences
      results.take(ended.results)
      try study.write(results, to: folder)
      if results.costs.isEmpty, !study.lengths.isEmpty {
        try measureCosts(reproduction, &results)
        try study.write(results, to: folder)
      }
    }
    guard !results.experiments.isEmpty else {
      throw CommandFailure(.noInput, lines: ["\(study.name): the data of no experiment are there"])
    }
    results.complete = results.experiments.allSatisfy(\.complete)
    try study.write(results, to: folder)
    if json { record(results).print() } else { print(results) }
    if !divergences.isEmpty { throw CommandFailure(.failed, lines: divergences) }
  }

  /// Says how long each experiment will take, and makes no run.
  func estimate() throws {
    var seconds = 0.0
    var results = StudyResults(study)
    for experiment in study.experiments {
      let path = Study.folder(of: experiment.title, in: folder)
      let isThere = try Reproduction.experiment(of: path) != nil
      guard let (reproduction, task) = try reproduction(of: experiment, in: isThere ? path : nil, &results)
      else { continue }
      seconds += try ReproductionSession(
        reproduction: reproduction, task: task, folder: path, jobs: jobs, json: json
      ).estimate()
    }
    if !json { Console.print("  All experiments together: \(Text.duration(seconds)) at most.\n") }
  }

  /// An experiment with its data; nil where they aren't there, which is said and noted.
  private func reproduction(
    of experiment: Experiment, in path: String?, _ results: inout StudyResults
  ) throws -> (Reproduction, any SequenceTask.Type)? {
    let task = try Tasks.named(experiment.task)
    do throws(TrainingError) {
      let (prepared, source) = try experiment.prepared(task, in: data)
      return (try Reproduction(prepared, task: task, data: source, directory: path), task)
    } catch {
      guard case .data(let reason) = error else { throw error }
      Console.warn("\(experiment.title): left out: \(reason)")
      results.leftOut.append("\(experiment.title): \(reason)")
      return nil
    }
  }

  private func measureCosts(_ reproduction: Reproduction, _ results: inout StudyResults) throws {
    if !json {
      let lengths = study.lengths.map { Text.count($0) }.joined(separator: ", ")
      Console.print("  Measuring the cost of one more symbol after \(lengths) …\n")
    }
    guard
      let costs = reproduction.generationCosts(
        lengths: study.lengths, shouldStop: { Interruption.isRequested })
    else {
      let command = TypedCommand.repeated(replaced: [:])
      try RunFolders.reportInterruption(at: nil, folder: folder, command: command, json: json)
    }
    results.costs = costs
  }

  /// The last record.
  private func record(_ results: StudyResults) -> JSONValue {
    let rows = results.experiments.flatMap { own in
      own.comparisons.flatMap { comparison in
        comparison.rows.map { row -> JSONValue in
          .object(
            [("experiment", .string(own.experiment)), ("part", .string(comparison.part))]
              + RunRecord.row(row.summary) + [
                ("steps_to_reach", .optional(row.stepsToReach)),
                ("equal_seconds", .optional(comparison.equalSeconds)),
                ("equal_time_value", .optional(row.equalTimeValue)),
                ("training_bytes", .optional(row.trainingBytes)),
              ])
        }
      }
    }
    let costs = results.costs.map { cost -> JSONValue in
      [
        "cell": .string(cost.cell), "length": .integer(cost.length),
        "ms_per_symbol": .number(cost.msPerSymbol),
        "state_bytes": .integer(cost.stateBytes),
      ]
    }
    return [
      "record": "study", "study": .string(study.name), "budget": .string(study.budget.rawValue),
      "complete": .bool(results.complete), "rows": .array(rows), "costs": .array(costs),
      "left_out": .array(results.leftOut.map { .string($0) }), "directory": .string(folder),
    ]
  }

  private func print(_ results: StudyResults) {
    Console.print("\n  \(Terminal.output.styled(study.question, .bold))\n")
    var table = Table([
      .left("experiment"), .left("model"), .right("parameters"), .right("test"), .right("ms per update"),
      .right("validation, equal time"),
    ])
    for own in results.experiments {
      let metric = Text.metric(own.metric)
      for comparison in own.comparisons {
        for (place, row) in comparison.rows.enumerated() {
          let value = row.summary.mean.map { "\(metric) \(Text.number($0))" } ?? "–"
          table.add([
            place == 0 ? own.experiment : "", row.summary.cell, Text.count(row.summary.parameters), value,
            row.summary.msPerStep.map { Text.number($0, digits: 3) } ?? "–",
            row.equalTimeValue.map { Text.number($0) } ?? "–",
          ])
        }
      }
    }
    table.print()
    if !results.costs.isEmpty {
      Console.print("\n  One more symbol of a text, all of whose symbols the model sees:\n")
      var table = Table([
        .left("model"), .right("symbols"), .right("ms"), .right("kept of the text"),
      ])
      for cost in results.costs {
        table.add([
          cost.cell, Text.count(cost.length), Text.number(cost.msPerSymbol, digits: 3),
          Text.bytes(Double(cost.stateBytes)),
        ])
      }
      table.print()
    }
    Console.print("\n  All of it, with how it was made: \(folder)/results.md\n")
  }
}
