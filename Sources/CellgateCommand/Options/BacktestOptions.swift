import ArgumentParser
import Cellgate

/// How the model of a run of forecast is scored at origins that move on.
struct BacktestOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of forecasts: score the model at so many origins that move on through the test data, each by the horizon that follows it.",
      valueName: "n"))
  var backtest: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps from one origin of --backtest to the next; the horizon if you leave it out.", valueName: "n"))
  var stride: WholeNumber?

  @Flag(help: "Train the model on by the data before each origin of --backtest, before it is scored.")
  var refit = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Updates of --refit at each origin; 50 if you leave it out.", valueName: "n"))
  var refitUpdates: WholeNumber?

  /// What is asked for; nil for nothing.
  func plan(_ problems: inout OptionProblems) -> ForecastBacktest.Plan? {
    let origins = problems.whole("--backtest", backtest, in: 1...100_000)
    let steps = problems.whole("--stride", stride, in: 1...1_000_000)
    let updates = problems.whole("--refit-updates", refitUpdates, in: 1...1_000_000)
    if refitUpdates != nil, !refit { problems.add("--refit-updates: expected --refit as well") }
    guard let origins else {
      if stride != nil { problems.add("--stride: expected --backtest as well") }
      if refit { problems.add("--refit: expected --backtest as well") }
      return nil
    }
    return ForecastBacktest.Plan(
      origins: origins, stride: steps, refitUpdates: refit ? updates ?? ForecastBacktest.usualUpdates : nil)
  }

  /// Prints the scores of a run's best model by origin.
  func evaluate(
    _ folder: String, _ task: ForecastTask, _ plan: ForecastBacktest.Plan, trustingWeights: Bool, json: Bool
  ) throws {
    let model = try Model.load(folder, trustingWeights: trustingWeights)
    Interruption.install()
    let found = try task.backtest(model, plan, shouldStop: { Interruption.isRequested })
    try Interruption.check()
    guard let found else { return }
    let names = ForecastTask.extraMetrics.map(\.name)
    if json {
      func scores(_ origin: ForecastBacktest.Origin) -> [(key: String, value: JSONValue)] {
        [
          ("windows", .integer(origin.windows)), ("value", .number(origin.value)),
          ("extras", .object(zip(names, origin.extras).map { (key: $0, value: .number($1)) })),
        ]
      }
      JSONValue.object(
        RunRecord.identity(task.settings) + [
          ("metric", .string(ForecastTask.metric.name)), ("stride", .integer(found.stride)),
          ("refit_updates", plan.refitUpdates.map { .integer($0) } ?? .null),
          ("origins", .array(found.origins.map { .object([("time", .string($0.time))] + scores($0)) })),
        ] + scores(found.total) + [("directory", .string(folder))]
      ).print()
      return
    }
    let shown = ["mae", "coverage", "skill_persistence", "skill_seasonal"]
    let places = shown.compactMap { names.firstIndex(of: $0) }
    Console.print()
    var table = Table(
      [.left("origin"), .right("forecasts"), .right(Text.metric(ForecastTask.metric.name))]
        + places.map { .right(Text.metric(names[$0])) })
    for (name, origin) in found.origins.map({ ($0.time, $0) }) + [("all", found.total)] {
      table.add(
        [name, Text.count(origin.windows), Text.number(origin.value)]
          + places.map { Text.number(origin.extras[$0]) })
    }
    table.print()
    let refit = plan.refitUpdates.map { "; trained on by \(Text.plural($0, "update")) before each" } ?? ""
    Console.print("\n  origins \(Text.plural(found.stride, "step")) apart\(refit)\n")
  }
}
