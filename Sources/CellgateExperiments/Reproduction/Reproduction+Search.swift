import CellgateBasics
import CellgateCells
import CellgateCharts
import CellgateFiles
import CellgateNN
import CellgateTraining

/// The search for the settings of each cell.
extension Reproduction {
  /// Whether all cells have their settings.
  var isSearched: Bool { search?.isComplete ?? true }

  var trialPieces: (ended: Int, all: Int) {
    (search?.groups ?? []).reduce((0, 0)) { sum, group in
      (
        sum.0 + group.reached.reduce(0) { $0 + $1.count },
        sum.1 + group.rounds.reduce(0) { $0 + $1.trials }
      )
    }
  }

  /// A line for each model whose trials end before their rate has risen to what it is to be, which says little of rates.
  public var searchNotices: [String] {
    var lines: [String] = []
    for group in search?.groups ?? [] {
      let trial = group.trials[0], updates = trial.steps ?? 0, warmUp = trial.schedule.warmUpSteps
      let line =
        "search: the trials of \(group.cell) end after \(NumberText.count(updates)) updates, and its rate rises over "
        + "\(NumberText.count(warmUp)); a larger --search-fraction says more of its rates"
      if warmUp >= updates, !lines.contains(line) { lines.append(line) }
    }
    return lines
  }

  /// Plans the search, with what an earlier start in this folder found.
  func makeSearch() {
    guard let settings = experiment.search else { return }
    var search = SettingsSearch(settings, measure: experiment.measure, metric: queue.task.metric)
    for run in ownRuns {
      search.add(
        experiment.folderName(of: run.settings), part: (run.partIndex, run.part), final: run.settings,
        updates: steps(of: run), interval: evaluationInterval(of: run))
    }
    if let path, let data = try? RunDirectory.read(path + "/search.json"),
      let known = try? ConfigFile.decode(SearchResults.self, data, file: path)
    {
      search.take(known)
    }
    self.search = search
    if search.isComplete { planFinal() }
  }

  /// Gives each run the settings that its cell got.
  func planFinal() {
    (runs, members) = Self.plan(experiment, task: queue.task, cells: queue.cells, search: search)
  }

  var searchCost: Double {
    (search?.updatesLeft ?? []).reduce(0) { sum, left in
      sum + Double(left.updates) * queue.updateCost(search?.groups[left.group].trials[0] ?? runs[0].settings)
    }
  }

  /// Makes the trials that are left, round by round; false when it was asked to stop.
  func makeTrials(
    _ onEvent: (_ run: Run, _ job: Int, _ event: RunEvent) -> Void, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> Bool {
    guard !isSearched, var search else {
      // What several shards have searched is one table.
      try writeSearch()
      return true
    }
    for round in 0..<search.roundCount {
      guard let pieces = search.pieces(of: round) else { break }
      let trials = pieces.map { trial(of: $0, search) }
      let groups = search.groups
      let isWhole = try queue.run(
        zip(pieces, trials).map {
          RunQueue.Entry(
            name: $1.name, settings: $1.settings, pause: groups[$0.group].end(of: round))
        }, jobs: jobs,
        receive: { (index, job, message) throws(TrainingError) in
          let (piece, run) = (pieces[index], trials[index])
          let from = round == 0 ? 0 : groups[piece.group].end(of: round - 1)
          let range = from..<groups[piece.group].end(of: round)
          let cost = queue.updateCost(run.settings) * Double(range.count)
          switch message {
          case .training(let event):
            note(event, run.index, range, cost: cost)
            onEvent(run, job, .training(event))
          case .ended(let end):
            search.note(piece, end, task: queue.task, baseline: baselines[run.partIndex].value)
            self.search = search
            work.finish(run.index, cost: cost)
            try writeSearch()
            onEvent(run, job, end.event)
          }
        }, shouldStop: shouldStop)
      if !isWhole { return false }
    }
    planFinal()
    try writeSearch()
    return true
  }

  /// A trial as a run; its index is none of the others'.
  func trial(of piece: SettingsSearch.Piece, _ search: SettingsSearch) -> Run {
    let group = search.groups[piece.group]
    let before = search.groups[..<piece.group].reduce(0) { $0 + $1.trials.count }
    return Run(
      index: runs.count + before + piece.trial, name: group.names[piece.trial], part: group.part,
      settings: group.trials[piece.trial], isTrial: true, partIndex: group.partIndex)
  }

  func writeSearch() throws(TrainingError) {
    guard let path, let results = search?.results else { return }
    do throws(FileError) {
      try AtomicFile.write(results.encoded(), to: path + "/search.json")
      try AtomicFile.write(Data(results.csv().utf8), to: path + "/search.csv")
    } catch { throw .run(.file(error)) }
  }
}
