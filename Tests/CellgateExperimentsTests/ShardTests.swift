import CellgateNN
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateExperiments
@testable import CellgateTraining

@Suite("Shards")
struct RunShardTests {
  @Test("K/N is read, and nothing else")
  func text() {
    #expect(RunShard("3/8") == RunShard(3, of: 8) && RunShard("3/8")?.description == "3/8")
    for text in [
      "", "3", "0/8", "9/8", "3/8/1", "a/b", "-1/3", "1/0", "1/10001", "1/99999999999999999999", "1 / 2",
    ] {
      #expect(RunShard(text) == nil, "\(text)")
    }
  }

  @Test("Every piece is one shard's, and none has much more work than another", arguments: [1, 2, 3, 7, 40])
  func dealing(count: Int) throws {
    let costs = (0..<30).map { Double(($0 * 7) % 5 + 1) }
    let shards = try (1...count).map { try #require(RunShard($0, of: count)).takes(costs) }
    for piece in costs.indices { #expect(shards.count { $0[piece] } == 1) }
    let loads = shards.map { own in zip(costs, own).reduce(0) { $0 + ($1.1 ? $1.0 : 0) } }
    #expect((loads.max() ?? 0) - (loads.min() ?? 0) <= 5)
    #expect(try #require(RunShard(1, of: count)).takes([]) == [])
  }

  /// The numbers of a comparison without those of time.
  private func timeless(_ summary: ComparisonSummary) -> ComparisonSummary {
    var summary = summary
    for row in summary.rows.indices { summary.rows[row].msPerStep = nil }
    for run in summary.runs.indices { (summary.runs[run].seconds, summary.runs[run].msPerStep) = (0, 0) }
    return summary
  }

  private func summary(_ comparison: Comparison) throws -> ComparisonSummary {
    guard case .completed(let summary) = try comparison.run() else {
      throw TrainingError.run(.notARun(folder: "interrupted"))
    }
    return summary
  }

  @Test("Shards of a comparison, put together, are the comparison", arguments: [2, 5, 9])
  func comparison(count: Int) throws {
    let settings = ComparisonSettings(MeanTask.defaults, cells: ["lstm", "gru", "lstm-wm"], seeds: 2)
    let whole = try summary(Comparison(settings, task: MeanTask.self))
    let scratch = try Scratch()
    let folders = (1...count).map { scratch.file("part\($0)") }
    var made: [String] = []
    for (index, folder) in folders.enumerated() {
      let part = try Comparison(
        settings, task: MeanTask.self, directory: folder, shard: RunShard(index + 1, of: count))
      let own = try summary(part)
      made += part.runs.map(Comparison.folder)
      #expect(own.runs.count == part.runs.count && own.rows.allSatisfy { $0.parameters > 0 })
    }
    #expect(made.sorted() == settings.runs(tasks: [MeanTask.self]).map(Comparison.folder).sorted())

    // One folder alone lacks runs; the rest is added later, and nothing twice.
    let all = scratch.file("all")
    let first = try FolderMerge([folders[0]], into: all)
    #expect(first.subject == .comparison(settings))
    var comparison: Comparison? = try Comparison(
      settings, task: MeanTask.self, directory: all, resuming: true)
    #expect(try comparison?.missingRuns().count == 6 - first.copied.count)
    comparison = nil
    #expect(try FolderMerge(folders, into: all).copied.count == 6 - first.copied.count)
    #expect(try FolderMerge(folders, into: all).copied == [])
    let merged = try Comparison(settings, task: MeanTask.self, directory: all, resuming: true)
    #expect(try merged.missingRuns() == [])
    #expect(timeless(try summary(merged)) == timeless(whole))
  }

  private func experiment(_ search: SearchSettings?) -> Experiment {
    var settings = MeanTask.defaults
    settings.steps = 32
    settings.evaluationInterval = 8
    var experiment = Experiment(
      task: MeanTask.name, budget: .quick, cells: ["lstm", "lstm-wm"], seeds: 2, measure: .value,
      parts: [Experiment.Part("T = 5", settings, equal: [.units, .parameters])], paperNote: "nothing.")
    experiment.search = search
    return experiment
  }

  @Test("Shards of an experiment, its search with them, are the experiment", arguments: [false, true])
  func reproduction(searches: Bool) throws {
    let experiment = experiment(
      searches ? SearchSettings(.grid, learningRates: [0.01, 0.02], initializations: [nil]) : nil)
    let scratch = try Scratch()
    let (alone, all) = (scratch.file("alone"), scratch.file("all"))
    _ = try Reproduction(experiment, task: MeanTask.self, directory: alone).run(jobs: 1)
    let folders = (1...2).map { scratch.file("part\($0)") }
    for (index, folder) in folders.enumerated() {
      let part = try Reproduction(
        experiment, task: MeanTask.self, directory: folder, shard: RunShard(index + 1, of: 2))
      guard case .completed(let results) = try part.run(jobs: 1) else {
        Issue.record("interrupted")
        return
      }
      #expect(!results.complete && part.ownRuns.count == part.endedRuns && part.endedRuns > 0)
      #expect(part.endedPieces == part.pieceCount)
    }
    // One after the other is as good as at once.
    for folder in folders { _ = try FolderMerge([folder], into: all) }
    let merged = try Reproduction(experiment, task: MeanTask.self, directory: all)
    #expect(try merged.missingRuns() == [])
    _ = try merged.run(jobs: 1)
    func numbers(_ folder: String) throws -> [Double?] {
      let file = folder + "/results.json"
      let data = try Data(contentsOf: URL(fileURLWithPath: file))
      let results = try ConfigFile.decode(ReproductionResults.self, data, file: file)
      #expect(results.complete)
      return results.runs.map { $0.result?.value }
        + results.comparisons.flatMap { $0.rows.map(\.summary.mean) }
        + results.comparisons.flatMap { $0.rows.map(\.learningRate) }
    }
    #expect(try numbers(all) == numbers(alone))
    if searches {
      func chosen(_ folder: String) throws -> [String?] {
        let file = folder + "/search.json"
        let data = try Data(contentsOf: URL(fileURLWithPath: file))
        return try ConfigFile.decode(SearchResults.self, data, file: file).cells.map(\.chosen)
      }
      #expect(try chosen(all) == chosen(alone))
    }
  }

  @Test("Folders of other settings, and of nothing, are refused by name; no folder changes")
  func refused() throws {
    let scratch = try Scratch()
    let (a, b, all) = (scratch.file("a"), scratch.file("b"), scratch.file("all"))
    var settings = ComparisonSettings(MeanTask.defaults, cells: ["lstm"], seeds: 1)
    _ = try summary(Comparison(settings, task: MeanTask.self, directory: a))
    settings.training.batch += 1
    _ = try summary(Comparison(settings, task: MeanTask.self, directory: b))
    func message(_ folders: [String], _ out: String) -> String {
      do throws(RunError) {
        _ = try FolderMerge(folders, into: out)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message([a, b], all).contains(b) && message([a, b], all).contains("batch"))
    #expect(message([a, scratch.file("none")], all).contains("none"))
    #expect(!FileManager.default.fileExists(atPath: all))
    #expect(message([b], a).contains("batch"))
    try FileManager.default.createDirectory(atPath: scratch.file("full/x"), withIntermediateDirectories: true)
    #expect(message([a], scratch.file("full")).contains("full"))
  }
}
