import CellgateCells
import CellgateCharts
import CellgateExperiments
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("Diagnostics of runs")
struct DiagnosticsTests {
  static let files = ["diagnostics.csv", "gradients.csv"]

  private func settings(_ cell: String = "lstm-wm", _ change: (inout TrainingSettings) -> Void = { _ in })
    -> TrainingSettings
  {
    var settings = MeanTask.defaults
    settings.cell = cell
    change(&settings)
    return settings
  }

  private func trainer(
    _ path: String, _ settings: TrainingSettings, cell: Cell? = nil, every: Int?,
    savedEvery: Int? = nil
  ) throws -> Trainer {
    try Trainer(
      task: MeanTask(settings: settings), settings: settings, cell: cell,
      directory: RunDirectory(creating: path, settings: settings),
      recording: RunRecording(checkpointSteps: savedEvery, diagnosticsEvery: every))
  }

  private func resumed(_ path: String, every: Int? = nil) throws -> Trainer {
    let directory = try RunDirectory(resuming: path)
    return try Trainer(
      task: MeanTask(settings: directory.settings), settings: directory.settings, directory: directory,
      recording: RunRecording(diagnosticsEvery: every))
  }

  @Test("Layers are observed at each N-th update, the first one before anything is learned")
  func rows() throws {
    let scratch = try Scratch()
    let path = scratch.file("run")
    let trainer = try trainer(
      path,
      settings {
        $0.layers = 2; $0.bidirectional = true
      }, every: 5)
    _ = try trainer.run()
    let run = try RunDiagnostics(of: path)
    #expect(Set(run.values.map(\.step)) == [0, 5, 10])
    #expect(Set(run.norms.map(\.step)) == [0, 5, 10])
    #expect(Set(run.values.map(\.layer)) == ["l0", "l0_reverse", "l1", "l1_reverse"])
    #expect(Set(run.values.map(\.quantity)) == Set(CellObservation.Quantity.allCases.map(\.rawValue)))
    let norms = run.norms.filter { $0.step == 5 && $0.layer == "l1_reverse" }
    #expect(norms.map(\.state) == Array(repeating: "h", count: 5) + Array(repeating: "c", count: 5))
    #expect(norms.map(\.time) == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
    let text = String(decoding: try #require(scratch.read("run/diagnostics.csv")), as: UTF8.self)
    #expect(text.hasPrefix("step,layer,quantity,name,value\n0,l0,mean_abs_state,h,"))
    let gradients = String(decoding: try #require(scratch.read("run/gradients.csv")), as: UTF8.self)
    #expect(gradients.hasPrefix("step,layer,state,t,norm\n0,l0,h,1,"))
  }

  @Test("A run has the same bits with and without diagnostics", arguments: Cell.core)
  func sameBits(_ cell: Cell) throws {
    let scratch = try Scratch()
    let settings = settings(cell.name)
    let plain = try trainer(scratch.file("plain"), settings, every: nil)
    let first = try plain.run()
    let observed = try trainer(scratch.file("observed"), settings, every: 3)
    let second = try observed.run()
    #expect(plain.parameters.values.scalars == observed.parameters.values.scalars)
    #expect(scratch.read("plain/metrics.csv") == scratch.read("observed/metrics.csv"))
    guard case .completed(let one) = first, case .completed(let two) = second else {
      Issue.record("not completed")
      return
    }
    #expect(one.value == two.value)
    #expect(!scratch.names("plain").contains { $0.hasPrefix("diagnostics") || $0 == "gradients.csv" })
    #expect(try !RunDiagnostics(of: scratch.file("observed")).values.isEmpty)
  }

  @Test("The values are those of the update's own batch and parameters")
  func values() throws {
    let scratch = try Scratch()
    let settings = settings()
    let path = scratch.file("run")
    let trainer = try trainer(path, settings, every: 4)
    var seen: [Int: [(String, CellObservation)]] = [:]
    _ = try trainer.run()
    // The same updates once more, by hand.
    let task = MeanTask(settings: settings)
    let model = task.makeModel(cell: .lstmWM)
    let parameters = ParameterSet(model)
    let optimizer = try Optimizers.make("adam", count: parameters.count, settings: settings.optimizerSettings)
    for step in 0..<12 {
      parameters.zeroGradients()
      var carried: [Tensor] = []
      let context = ForwardContext.training(seed: settings.seed, step: UInt64(step)) {
        seen[step, default: []].append(($0, $1))
      }
      task.loss(model, step: step, carried: &carried, context: context, probe: nil).backward()
      parameters.clipGradients(norm: 1)
      optimizer.step(parameters)
    }
    let run = try RunDiagnostics(of: path)
    for step in [0, 4, 8] {
      let (layer, observation) = try #require(seen[step]?.first)
      #expect(layer == "l0")
      #expect(run.values.filter { $0.step == step }.map(\.value) == observation.values.map(\.value))
      #expect(
        run.norms.filter { $0.step == step }.map(\.norm) == observation.stateGradients.flatMap(\.norms))
    }
  }

  @Test("A run that was killed and resumed has the same files, and needs no option again")
  func killed() throws {
    let scratch = try Scratch()
    let settings = settings()
    _ = try trainer(scratch.file("whole"), settings, every: 2).run()
    // On the disk at update 9 is the checkpoint of update 5, and rows of updates 6 and 8.
    let path = scratch.file("parts"), copy = scratch.file("copy")
    let part = try trainer(path, settings, every: 2, savedEvery: 5)
    _ = try part.run { event in
      if case .progress(let progress) = event, progress.step == 9 {
        try? FileManager.default.copyItem(atPath: path, toPath: copy)
      }
    }
    #expect(try RunDiagnostics(of: copy).values.last?.step == 8)
    let again = try resumed(copy)
    #expect(again.step == 5)
    #expect(try RunDiagnostics(of: copy).values.last?.step == 4)
    _ = try again.run()
    for name in Self.files {
      #expect(scratch.read("copy/\(name)") == scratch.read("whole/\(name)"), "\(name)")
      #expect(scratch.read("parts/\(name)") == scratch.read("whole/\(name)"), "\(name)")
    }
  }

  @Test("A run may get diagnostics, or other updates for them, when it is resumed")
  func later() throws {
    let scratch = try Scratch()
    let path = scratch.file("run")
    func stop(_ trainer: Trainer, at step: Int) throws {
      #expect(try trainer.run(shouldStop: { trainer.step == step }) == .interrupted(step: step))
    }
    try stop(trainer(path, settings(), every: nil), at: 3)
    #expect(!RunDiagnostics.exist(in: path))
    // Killed before its next checkpoint.
    _ = try resumed(path, every: 2)
    try stop(resumed(path), at: 7)
    try stop(resumed(path), at: 9)
    _ = try resumed(path, every: 5).run()
    let steps = Set(try RunDiagnostics(of: path).values.map(\.step)).sorted()
    #expect(steps == [4, 6, 8, 10])
  }

  @Test("A complete run that is resumed keeps its files, whatever is asked for", arguments: [nil, 3])
  func complete(_ every: Int?) throws {
    let scratch = try Scratch()
    let path = scratch.file("run")
    _ = try trainer(path, settings(), every: 2).run()
    let before = scratch.names("run").map { scratch.read("run/\($0)") }
    _ = try resumed(path, every: every).run()
    #expect(scratch.names("run").map { scratch.read("run/\($0)") } == before)
  }

  @Test("A file that was shortened is named when the run is resumed")
  func shortened() throws {
    let scratch = try Scratch()
    let path = scratch.file("run")
    let trainer = try trainer(path, settings(), every: 2)
    #expect(try trainer.run(shouldStop: { trainer.step == 5 }) == .interrupted(step: 5))
    let copy = scratch.file("copy")
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    try scratch.write(Array("step,layer,state,t,norm\n".utf8), as: "copy/gradients.csv")
    let error = try #require(throws: TrainingError.self) { try resumed(copy) }
    #expect(error.description == "\(copy)/gradients.csv: expected at least 30 rows, found 0")
  }

  @Test("Of long sequences at most 128 times are written, the last among them")
  func times() throws {
    let scratch = try Scratch()
    let path = scratch.file("run")
    let settings = settings("gru") {
      $0.taskOptions["length"] = 300
      $0.steps = 1
    }
    _ = try trainer(path, settings, every: 1).run()
    let times = try RunDiagnostics(of: path).norms.map(\.time)
    #expect(times == Array(stride(from: 3, through: 300, by: 3)))
  }

  @Test("A cell of one's own is recorded under its own names, and drawn")
  func own() throws {
    let cell = try Cell("mine") { cell in
      let x = cell.input, out = cell.state("out"), store = cell.state("store,long")
      let W = cell.matrices("w", gates: "a", "b"), U = cell.matrices("u", gates: "a", "b")
      let M = cell.matrix("m")
      let a = sigmoid(W.a(x) + U.a(out) + tanh(M(store)))
      let next = cell.next(store, a * store + (1 - a) * tanh(W.b(x) + U.b(out)))
      cell.next(out, tanh(next))
    }
    let scratch = try Scratch()
    let path = scratch.file("run")
    _ = try trainer(path, settings("mine"), cell: cell, every: 6).run()
    let run = try RunDiagnostics(of: path)
    let names = run.values.filter { $0.step == 6 }.map { "\($0.quantity) \($0.name)" }
    #expect(
      names == [
        "mean_abs_state out", "mean_abs_state store,long", "mean_abs_memory a", "saturated_memory a",
        "saturated_gate a", "memory_gradient_norm a",
      ])
    #expect(scratch.names("run").contains("diagnostics-gradients-store_long.svg"))
  }

  @Test("Figures of a run are written when it ends, and when it stops")
  func figures() throws {
    let scratch = try Scratch()
    let path = scratch.file("run")
    let trainer = try trainer(path, settings(), every: 2)
    let expected = [
      "gate-saturation", "gradients-c", "gradients-h", "memory", "memory-gradients", "memory-saturation",
      "states",
    ].map { "diagnostics-\($0).svg" }.sorted()
    #expect(try trainer.run(shouldStop: { trainer.step == 5 }) == .interrupted(step: 5))
    #expect(scratch.names("run").filter { $0.hasSuffix(".svg") } == expected)
    let run = try RunDiagnostics(of: path)
    let figures = DiagnosticsCharts.figures([run])
    #expect(figures.map(\.file).sorted() == expected)
    let states = try #require(figures.first { $0.file == "diagnostics-states.svg" }).chart
    #expect(states.series.map(\.name) == ["h", "c"])
    let found = run.values.filter { $0.quantity == "mean_abs_state" && $0.name == "c" }
    #expect(states.series[1].points == found.map { .init(Double($0.step), $0.value) })
    let gradients = try #require(figures.first { $0.file == "diagnostics-gradients-c.svg" }).chart
    #expect(gradients.series.map(\.name) == ["before training", "after 2 updates", "after 4 updates"])
    #expect(gradients.series[0].points.map(\.x) == [1, 2, 3, 4, 5])
    #expect(gradients.yScale == .log)
  }

  @Test("In figures of several runs a colour is a cell, a dash a gate, and seeds are one curve with a band")
  func several() throws {
    let scratch = try Scratch()
    var runs: [RunDiagnostics] = []
    for cell in ["lstm-wm", "lstm-ph-full", "lstm"] {
      for seed in 1...2 {
        let path = scratch.file("\(cell)-\(seed)")
        _ = try trainer(path, settings(cell) { $0.seed = UInt64(seed) }, every: 4).run()
        runs.append(try RunDiagnostics(of: path))
      }
    }
    let figures = Dictionary(
      uniqueKeysWithValues: DiagnosticsCharts.figures(runs).map { ($0.file, $0.chart) })
    let memory = try #require(figures["diagnostics-memory.svg"])
    #expect(
      memory.series.map(\.name)
        == ["lstm-wm i", "lstm-wm f", "lstm-wm o", "lstm-ph-full i", "lstm-ph-full f", "lstm-ph-full o"])
    #expect(memory.series.map(\.colour) == [0, 0, 0, 1, 1, 1])
    #expect(memory.series.map(\.dash) == [0, 1, 2, 0, 1, 2])
    let values = runs[..<2].map { run in
      run.values.first { $0.step == 4 && $0.quantity == "mean_abs_memory" && $0.name == "i" }?.value ?? .nan
    }
    #expect(memory.series[0].points[1] == .init(4, (values[0] + values[1]) / 2))
    #expect(memory.series[0].band[1] == .init(4, lower: values.min() ?? 0, upper: values.max() ?? 0))
    let curves = try #require(figures["diagnostics-metric.svg"])
    #expect(curves.series.map(\.name) == ["lstm-wm", "lstm-ph-full", "lstm"])
    #expect(curves.yLabel == "validation mse")
    #expect(curves.series[0].points.map(\.x) == [4, 8, 12])
  }

  @Test("A comparison with diagnostics observes every run and draws them side by side")
  func comparison() throws {
    let scratch = try Scratch()
    let path = scratch.file("comparison")
    let comparison = try Comparison(
      ComparisonSettings(MeanTask.defaults, cells: ["lstm", "lstm-wm"]), task: MeanTask.self,
      directory: path)
    comparison.recording.diagnosticsEvery = 6
    _ = try comparison.run()
    for cell in ["lstm", "lstm-wm"] { #expect(RunDiagnostics.exist(in: "\(path)/\(cell)-seed1")) }
    #expect(scratch.names("comparison").contains("diagnostics-gate-saturation.svg"))
    #expect(scratch.names("comparison").contains("diagnostics-metric.svg"))
  }

  @Test("A row that is no row is named, and one that is still being written is left out")
  func badRow() throws {
    let scratch = try Scratch()
    let path = scratch.file("run")
    _ = try trainer(path, settings("gru") { $0.steps = 1 }, every: 1).run()
    let bytes = try #require(scratch.read("run/diagnostics.csv"))
    let count = try RunDiagnostics(of: path).values.count
    try scratch.write(bytes + Array("1,l0,mean_abs".utf8), as: "run/diagnostics.csv")
    #expect(try RunDiagnostics(of: path).values.count == count)
    try scratch.write(bytes + Array("1,l0,mean_abs_state,h,x\n".utf8), as: "run/diagnostics.csv")
    let error = try #require(throws: RunError.self) { try RunDiagnostics(of: path) }
    #expect(
      error.description
        == "\(path)/diagnostics.csv: row \(count + 1): value: expected a number, found x")
  }

  @Test(
    "A run whose result could not be written has its figures in the end, like any other",
    arguments: [false, true])
  func figuresBeforeResult(renamed: Bool) throws {
    let scratch = try Scratch()
    _ = try trainer(scratch.file("whole"), settings(), every: 6).run()
    // As the result gets its name, or in the folder's sync after that, when it is there already.
    let path = scratch.file("run")
    let result = path + "/result.json"
    do {
      let run = try trainer(path, settings(), every: 6)
      #expect(throws: TrainingError.self) {
        try WriteFault.$injected.withValue({ operation, file in
          let isMoment = renamed ? operation == .sync && RunDirectory.exists(result) : operation == .rename
          return file == result && isMoment ? EIO : 0
        }) { _ = try run.run() }
      }
    }
    #expect(RunDirectory.exists(result) == renamed)
    _ = try resumed(path, every: 6).run()
    #expect(scratch.names("run") == scratch.names("whole"))
    #expect(scratch.names("run").contains("diagnostics-states.svg"))
  }

  @Test("A figure that can't be drawn is a notice: the run has its result, and the comparison its summary")
  func figureNotice() throws {
    let scratch = try Scratch()
    func expectNotice(_ notices: [String], _ start: String, _ end: String) {
      #expect(notices.count == 1)
      #expect(notices.first?.hasPrefix(scratch.path + start) == true, "\(notices)")
      #expect(notices.first?.hasSuffix(end) == true, "\(notices)")
    }
    func run(_ name: String, spoil: (String) throws -> Void) throws -> [String] {
      let path = scratch.file(name)
      var notices: [String] = []
      let trainer = try trainer(path, settings(), every: 2)
      let outcome = try trainer.run { event in
        if case .progress(let progress) = event, progress.step == 12 { try? spoil(path) }
        if case .notice(let line) = event { notices.append(line) }
      }
      guard case .completed(let result) = outcome else { return [] }
      #expect(try trainer.run() == .completed(result))
      #expect(scratch.names(name).contains("result.json"))
      return notices
    }
    let rows = try run("rows") {
      try Data("step,layer,quantity,name,value\n0,l0,mean_abs_state,h,1\n0,l0,x\n".utf8)
        .write(to: URL(fileURLWithPath: $0 + "/diagnostics.csv"))
    }
    expectNotice(rows, "/rows/diagnostics.csv: row 2: ", "; the figures of the diagnostics are not drawn")
    try WriteFault.$injected.withValue({ $0 == .create && $1.hasSuffix(".svg") ? ENOSPC : 0 }) {
      let full = try run("full") { _ in }
      expectNotice(full, "/full/diagnostics-", "; the figures of the diagnostics are not drawn")
    }
    let comparison = try Comparison(
      ComparisonSettings(MeanTask.defaults, cells: ["lstm", "lstm-wm"]), task: MeanTask.self,
      directory: scratch.file("comparison"))
    comparison.recording.diagnosticsEvery = 6
    var notices: [String] = []
    let outcome = try comparison.run { run, event in
      guard case .training(let event) = event else { return }
      if case .notice(let line) = event { notices.append(line) }
      if case .started = event, run.index == 1 {
        _ = try? scratch.write([], as: "comparison/lstm-seed1/gradients.csv")
      }
    }
    guard case .completed = outcome else {
      Issue.record("\(outcome)")
      return
    }
    expectNotice(
      notices, "/comparison/lstm-seed1/gradients.csv: expected the header ",
      "; the figures are drawn without this run")
    #expect(scratch.names("comparison").contains("compare.json"))
    #expect(scratch.names("comparison").contains("diagnostics-gate-saturation.svg"))
  }
}
