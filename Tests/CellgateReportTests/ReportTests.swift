import CellgateCells
import CellgateCharts
import CellgateData
import CellgateExperiments
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateReport
@testable import CellgateTraining

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The mean task with data that are missing.
private struct AbsentTask: SequenceTask {
  static let description = TaskDescription(
    name: "absent", summary: "a task without its data", metric: Metric("mse", better: .lower),
    solved: SolvedCriterion(Metric("mse", better: .lower), 0.05),
    defaults: TrainingSettings(hidden: 4, batch: 6, steps: 12), shape: { MeanTask.shape($0) })

  let settings: TrainingSettings
  let batches: MeanBatches
  let objective = MeanObjective()
  let baseline = Baseline(1, "")

  init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    throw .missing(tried: ["/<absent>"], command: "get it")
  }
}

/// The elements of a page and its texts; fails when it is not well-formed XML.
private struct ParsedPage {
  private(set) var elements: [(name: String, attributes: [String: String])] = []
  private(set) var text = ""

  init(_ page: String) throws {
    final class Collector: NSObject, XMLParserDelegate {
      var elements: [(name: String, attributes: [String: String])] = []
      var text = ""
      func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
      ) {
        elements.append((element, attributes))
        if ["p", "td", "th", "dt", "dd", "h1", "h2", "h3", "li"].contains(element) { text += "\n" }
      }
      func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }
    let collector = Collector()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = collector
    try #require(parser.parse(), "not well-formed: \(String(describing: parser.parserError))")
    (elements, text) = (collector.elements, collector.text)
  }

  /// Elements of a class.
  func all(_ style: String) -> [(name: String, attributes: [String: String])] {
    elements.filter { $0.attributes["class"]?.split(separator: " ").contains(Substring(style)) == true }
  }
}

@Suite("Report")
struct ReportTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(
    _ cell: String = "lstm", seed: UInt64 = 1, change: (inout TrainingSettings) -> Void = { _ in }
  ) -> TrainingSettings {
    var settings = MeanTask.defaults
    (settings.cell, settings.seed) = (cell, seed)
    change(&settings)
    return settings
  }

  /// Trains a run into a folder, to its end or until `stop` updates are made.
  @discardableResult
  private func train(_ name: String, _ settings: TrainingSettings, stop: Int = .max) throws -> String {
    let folder = scratch.file(name)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let directory = try RunDirectory(creating: folder, settings: settings)
    let trainer = try Trainer(task: MeanTask(settings: settings), settings: settings, directory: directory)
    _ = try? trainer.run(shouldStop: { trainer.step >= stop })
    return folder
  }

  private func report(_ folders: String..., cells: [Cell] = Cell.core) throws -> Report {
    try Report(
      of: folders, tasks: [MeanTask.self, AbsentTask.self], cells: cells, data: { _ in .unspecified })
  }

  private func write(_ text: String, _ file: String) throws { try scratch.write(Array(text.utf8), as: file) }

  // MARK: One run

  @Test("A run's page holds its settings, result, equations, parameters, curves and samples")
  func complete() throws {
    let report = try report(try train("run", settings("lstm-wm") { $0.hidden = 5 }))
    let run = try #require(report.runs.first)
    let result = try #require(run.result)
    let page = try ParsedPage(report.page())
    #expect(page.text.contains("lstm-wm on mean"))
    #expect(page.text.contains("Test mse\n\(NumberText.number(result.value))\n"))
    #expect(page.text.contains("without learning (constant 1/2)"))
    #expect(page.text.contains("Parameters\n\(result.parameters)\n5 hidden units"))
    #expect(page.text.contains("\nhidden units\n5\ninstead of 4"))
    #expect(page.text.contains("\nbatch\n6\n"))
    #expect(page.text.contains("tanh(c"))
    #expect(page.all("changed").count == 1)
    // Two validation metrics, the training loss and the gradient norm; the learning rate stays the same.
    #expect(page.all("chart").count == 4)
    #expect(page.all("plot").allSatisfy { !($0.attributes["aria-label"] ?? "").isEmpty })
    #expect(run.notes.isEmpty && report.warnings.isEmpty)
  }

  @Test("Each kind of sample is drawn, right and wrong distinguished in words")
  func samples() throws {
    let report = try report(try train("run", settings()))
    let page = try ParsedPage(report.page())
    let pictures = page.elements.filter { $0.name == "img" }
    #expect(pictures.count == 3)
    #expect(pictures.allSatisfy { $0.attributes["src"]?.hasPrefix("data:image/png;base64,") == true })
    #expect(pictures.map { $0.attributes["alt"] } == [3, 4, 6].map { "A picture of class \($0)" })
    #expect(
      page.text.contains("✗ 3 read as 561 %") && page.text.contains("✓ 498 %")
        && page.text.contains("✓ 6NaN %"))
    #expect(page.text.contains("0.250 at 2\n0.250\n0.500\n+0.250"))
    #expect(page.text.contains("✗ 1 of 2"))
    #expect(page.text.contains("once <upon> a & time\n\u{FFFD}[31m"))
    #expect(page.elements.compactMap { $0.attributes["aria-label"] }.contains("<, wrong"))
  }

  @Test("A page loads nothing and lets no other script run")
  func contained() throws {
    try write("step,layer,quantity,name,value\n1,l0,q,</script><script>alert(1)</script>,1\n", "x.csv")
    let folder = try train("run", settings())
    try FileManager.default.moveItem(atPath: scratch.file("x.csv"), toPath: folder + "/diagnostics.csv")
    let source = try report(folder).page()
    let page = try ParsedPage(source)
    for element in page.elements {
      for (name, value) in element.attributes where value.contains("//") {
        #expect(element.name == "a" && name == "href", "\(element.name) \(name) \(value)")
      }
    }
    #expect(!page.elements.contains { ["link", "iframe", "object", "base"].contains($0.name) })
    #expect(page.elements.count { $0.name == "script" } == 1)
    #expect(!source.contains("@import") && !source.contains("url("))
    #expect(page.elements.contains { $0.attributes["content"]?.hasPrefix("default-src 'none'") == true })
  }

  @Test("Equal folders give equal pages")
  func deterministic() throws {
    let folder = try train("run", settings())
    #expect(try report(folder).page() == report(folder).page())
  }

  // MARK: Diagnostics

  @Test("Diagnostics are drawn by quantity, whatever their names; NaN breaks no chart")
  func diagnostics() throws {
    let folder = try train("run", settings())
    let rows = (0..<5).flatMap { step in
      ["i", "<g>"].map { "\(step),l0,my_share,\($0),\(step == 2 ? "nan" : "0.\(step)")" }
        + ["\(step),l1,saturated_gate,f,0.\(step)"]
    }
    try write("step,layer,quantity,name,value\n\(rows.joined(separator: "\n"))\n", "run/diagnostics.csv")
    let norms = [100, 200].flatMap { step in (1...4).map { "\(step),l0,c,\($0),1e-\($0)" } }
    try write("step,layer,state,t,norm\n\(norms.joined(separator: "\n"))\n", "run/gradients.csv")
    let source = try report(folder).page()
    let page = try ParsedPage(source)
    #expect(page.all("chart").count == 7)
    #expect(page.text.contains("My share") && page.text.contains("Saturated gates"))
    #expect(page.text.contains("update 100") && page.text.contains("update 200"))
    #expect(page.elements.contains { $0.attributes["data-name"] == "<g>" })
    for element in page.elements {
      let path = element.attributes["d"] ?? ""
      #expect(!path.contains("nan") && !path.contains("inf"))
    }
    // The log scale of the gradients: equal steps down for equal factors.
    let flow = try #require(page.all("plot").last)
    #expect(flow.attributes["data-log"] == "1")
  }

  @Test(
    "A damaged diagnostics file is named",
    arguments: [
      ("diagnostics.csv", "a,b\n"), ("diagnostics.csv", "step,layer,quantity,name,value\n1,l0,q,n,x\n"),
      ("gradients.csv", "step,layer,state,t,norm\n1,l0,c,x,1\n"),
    ])
  func damagedDiagnostics(file: String, text: String) throws {
    let folder = try train("run", settings())
    try write(text, "run/" + file)
    let error = try #require(throws: RunError.self) { _ = try report(folder) }
    #expect(error.description.hasPrefix(folder + "/" + file))
  }

  // MARK: Runs that are not whole

  @Test("An incomplete run is shown with what it has and said to be incomplete")
  func incomplete() throws {
    let report = try report(try train("run", settings(), stop: 9))
    let page = try ParsedPage(report.page())
    #expect(report.runs.map(\.state) == [.incomplete])
    #expect(page.text.contains("Incomplete. This run has no result yet"))
    #expect(page.text.contains("The last evaluation is that of update 8 of 12."))
    #expect(page.all("chart").count == 4)
    #expect(page.text.contains("Validation mse\n") && !page.text.contains("Test mse\n"))
    #expect(page.elements.contains { $0.name == "img" })
  }

  @Test("A run that has just begun has a page without curves, and says why")
  func begun() throws {
    let report = try report(try train("run", settings(), stop: 0))
    let page = try ParsedPage(report.page())
    #expect(page.all("chart").isEmpty)
    #expect(page.text.contains("There is no evaluation yet"))
    #expect(page.text.contains("There are no samples: no best model is kept in the folder."))
    #expect(report.runs.first?.parameters == 4 * 4 * (1 + 4 + 1) + 5)
  }

  @Test("A run that diverged says where")
  func diverged() throws {
    let report = try report(try train("run", settings { $0.optimizerSettings.learningRate = 1e30 }))
    let page = try ParsedPage(report.page())
    #expect(page.text.contains("Diverged. This run diverged at step 2: loss: found infinity"))
  }

  @Test("Numbers in the metrics that are not finite break no chart")
  func notFinite() throws {
    let folder = try train("run", settings(), stop: 9)
    let header = "step,training_loss,validation_mse,validation_error,learning_rate,gradient_norm"
    try write(header + "\n4,0.5,nan,inf,0.001,1\n8,-inf,0.2,0.4,0.001,nan\n", "run/metrics.csv")
    let source = try report(folder).page()
    for element in try ParsedPage(source).elements {
      let path = element.attributes["d"] ?? ""
      #expect(!path.contains("nan") && !path.contains("inf"))
    }
    #expect(try report(folder).runs.first?.best?.step == 8)
  }

  @Test("Updates beyond all measure break nothing")
  func hugeSteps() throws {
    let folders = try (1...2).map { seed in
      let folder = try train("run\(seed)", settings(seed: UInt64(seed)), stop: 5)
      let header = "step,training_loss,validation_mse,validation_error,learning_rate,gradient_norm"
      try write(header + "\n\(Int.max),0,0.01,0.1,0.001,0\n", "run\(seed)/metrics.csv")
      return folder
    }
    let page = try ParsedPage(report(folders[0], folders[1]).page())
    #expect(page.text.contains("9.22e+18 (2 of 2)"))
  }

  @Test("A last row of the metrics that is not whole, of a run that goes on, is left out")
  func halfRow() throws {
    let folder = try train("run", settings())
    let metrics = String(decoding: try #require(scratch.read("run/metrics.csv")), as: UTF8.self)
    try write(metrics + "16,0.0", "run/metrics.csv")
    #expect(try report(folder).runs.first?.records.count == 3)
  }

  @Test(
    "A damaged file is named",
    arguments: ["config.json", "metrics.csv", "model.safetensors", "result.json", "diverged.json"])
  func damaged(file: String) throws {
    let folder = try train("run", settings(), stop: 9)
    try write("{ damaged\n", "run/" + file)
    let error = try #require(throws: RunError.self) { _ = try report(folder) }
    #expect(error.description.hasPrefix(folder + "/" + file), "\(error)")
    #expect(!error.description.contains("\n"))
  }

  @Test("Settings that no run can have are named, and so are unknown tasks")
  func badSettings() throws {
    try train("a", settings(), stop: 0)
    try scratch.write(Array(settings { $0.batch = -1 }.encoded()), as: "a/config.json")
    #expect(
      throws: RunError.badConfig(
        file: scratch.file("a/config.json"), reason: "batch: expected 1 or more, found -1")
    ) {
      try report(scratch.file("a"))
    }
    try scratch.write(Array(settings { $0.task = "meat" }.encoded()), as: "a/config.json")
    let error = try #require(throws: RunError.self) { _ = try report(scratch.file("a")) }
    #expect(error.description.contains("task: unknown name 'meat'; did you mean mean?"))
  }

  @Test("A cell that nobody knows is shown by its name, escaped, without equations")
  func hostileName() throws {
    let folder = try train("run", settings())
    let hostile = "<img src=x onerror=alert(1)>&\"'\n"
    try scratch.write(Array(settings(hostile).encoded()), as: "run/config.json")
    let report = try report(folder)
    let source = report.page()
    let page = try ParsedPage(source)
    #expect(!source.contains("<img src=x"))
    #expect(page.text.contains("<img src=x onerror=alert(1)>&\"'\\u{a} on mean"))
    #expect(page.text.contains("is none of the cells that this program knows"))
    #expect(!page.elements.contains { $0.name == "img" })
  }

  @Test("Missing data are named on the page and in a warning, and the rest of the page stands")
  func missingData() throws {
    var own = AbsentTask.defaults
    own.cell = "gru"
    try FileManager.default.createDirectory(atPath: scratch.file("run"), withIntermediateDirectories: true)
    try scratch.write(Array(own.encoded()), as: "run/config.json")
    try write(
      "step,training_loss,validation_mse,learning_rate,gradient_norm\n4,1,2,3,4\n8,1,1,2,3\n",
      "run/metrics.csv")
    let report = try report(scratch.file("run"))
    let page = try ParsedPage(report.page())
    #expect(report.warnings == ["absent: no samples: /<absent>: no such file; get it with: get it"])
    #expect(page.text.contains("There are no samples: /<absent>: no such file; get it with: get it."))
    #expect(page.all("chart").count == 4)
    #expect(page.text.contains("The cell gru"))
  }

  // MARK: Several runs

  @Test("Several runs are compared in a table and a chart, seeds of a cell under their mean")
  func several() throws {
    for cell in ["lstm", "gru"] {
      for seed in [1, 2] { try train("all/deep/\(cell)-\(seed)", settings(cell, seed: UInt64(seed))) }
    }
    try train("all/other", settings { $0.taskOptions["length"] = 7 })
    try write("{\"training\": {}, \"cells\": []}\n", "all/config.json")
    let report = try report(scratch.file("all"))
    #expect(report.groups.map(\.runs.count) == [4, 1])
    let group = try #require(report.groups.first)
    #expect(
      group.runs.map { "\($0.settings.cell) \($0.settings.seed)" } == ["gru 1", "gru 2", "lstm 1", "lstm 2"])
    let page = try ParsedPage(report.page())
    #expect(page.all("family").count == 2 && page.all("seed").count == 4 && page.all("best").count == 1)
    let mean = try #require(Statistics.mean(group.runs.prefix(2).compactMap { $0.result?.value }))
    #expect(page.text.contains("\(NumberText.number(mean)) ± "))
    #expect(page.text.contains("mean, length 5") && page.text.contains("mean, length 7"))
    let ids = Set(page.elements.compactMap { $0.attributes["id"] })
    let links = page.elements.compactMap { $0.attributes["href"] }.filter { $0.hasPrefix("#") }
    #expect(links.count == 4 && links.allSatisfy { ids.contains(String($0.dropFirst())) })
    let names = page.elements.compactMap { $0.attributes["data-name"] }
    #expect(
      names.filter { $0.contains("seed") } == ["gru, seed 1", "gru, seed 2", "lstm, seed 1", "lstm, seed 2"])
  }

  @Test("Of a few cells every pair is compared, seed by seed")
  func pairs() throws {
    for cell in ["gru", "lstm", "rnn-tanh"] {
      for seed in [1, 2] { try train("all/\(cell)-\(seed)", settings(cell, seed: UInt64(seed))) }
    }
    let text = try ParsedPage(report(scratch.file("all")).page()).text
    for pair in ["lstm − gru", "rnn-tanh − gru", "rnn-tanh − lstm"] {
      #expect(text.contains(pair), "\(pair)")
    }
  }

  @Test(
    "A run that can't be read is left out of a report of several, which names it",
    arguments: ["config.json", "metrics.csv", "model.safetensors", "result.json"])
  func leftOut(file: String) throws {
    let folders = try [1, 2].map { try train("run\($0)", settings(seed: $0)) }
    if file == "config.json" {
      try scratch.write(Array(settings { $0.hidden = 1 << 31 }.encoded()), as: "run1/config.json")
    } else {
      try write("{ damaged\n", "run1/" + file)
    }
    let report = try report(folders[0], folders[1])
    #expect(report.runs.map(\.folder) == [folders[1]])
    #expect(report.leftOut.count == 1 && report.warnings.count == 1)
    #expect(report.warnings[0].hasPrefix(folders[0] + "/" + file))
    #expect(report.warnings[0].hasSuffix("; the run is left out"))
    #expect(try ParsedPage(report.page()).text.contains("A run is left out: " + folders[0]))
    #expect(throws: RunError.self) { try self.report(folders[0]) }
  }

  @Test("A result with a wrong field is named with the field, what was expected and what was found")
  func badResult() throws {
    let folder = try train("run", settings())
    let good = String(decoding: try #require(scratch.read("run/result.json")), as: UTF8.self)
    for (place, change, reason) in [
      ("\"steps\" : 12", "\"steps\" : \"x\"", "steps: expected a whole number, found 'x'"),
      (
        "\"steps\" : 12", "\"steps\" : -1", "steps: expected a whole number from 1 to 1099511627776, found -1"
      ),
      ("\"hidden\" : 4", "\"hidden\" : 0", "hidden: expected a whole number from 1 to \(Int.max), found 0"),
      ("\"task\" : \"mean\"", "\"tusk\" : \"mean\"", "task: missing"),
    ] {
      try #require(good.contains(place))
      try write(good.replacingOccurrences(of: place, with: change), "run/result.json")
      let error = RunError.badConfig(file: folder + "/result.json", reason: reason)
      #expect(throws: error) { try report(folder) }
    }
    try write("{\"layer\":\"a\\nb\",\"tensor\":\"c\",\"found\":\"NaN\",\"step\":-3}", "run/diverged.json")
    try FileManager.default.removeItem(atPath: folder + "/result.json")
    #expect(
      throws: RunError.badConfig(
        file: folder + "/diverged.json",
        reason: "step: expected a whole number from 0 to 1099511627776, found -3")
    ) { try report(folder) }
  }

  @Test("What differs between runs besides cell, size and seed has a column of its own")
  func varying() throws {
    try train("a", settings { $0.optimizerSettings.learningRate = 0.01 })
    try train("b", settings { $0.optimizerSettings.learningRate = 0.02 }, stop: 5)
    let page = try ParsedPage(try report(scratch.file("b"), scratch.file("a"), scratch.file("b")).page())
    #expect(page.text.contains("2 runs of mean") && page.text.contains("1 complete and 1 incomplete."))
    #expect(page.text.contains("cell\nlearning rate\nunits\nparameters\ntest mse\nsolved at\nms per step"))
    let rows = page.text.components(separatedBy: "\nlstm\n0.0")
    #expect(rows.count == 3 && rows[1].hasPrefix("2\n4\n") && rows[2].hasPrefix("1\n4\n"))
    #expect(rows[1].contains("incomplete"))
    #expect(page.elements.compactMap { $0.attributes["data-name"] }.contains("lstm, learning rate 0.02"))
  }

  @Test("A folder without runs is refused")
  func none() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.file("empty/in"), withIntermediateDirectories: true)
    for folder in ["empty", "missing"] {
      #expect(throws: RunError.notARun(folder: scratch.file(folder))) { try report(scratch.file(folder)) }
    }
  }

  @Test("The page is written whole, and many runs give coarser curves")
  func writes() throws {
    let folder = try train("run", settings())
    let size = try report(folder).write(to: scratch.file("page.html"))
    #expect(scratch.read("page.html")?.count == size)
    #expect(scratch.names("").contains { $0.hasSuffix(".tmp") } == false)
    #expect(ReportPage(try report(folder)).figures.points == 1000)
    #expect(throws: FileError.self) { try report(folder).write(to: scratch.file("no/page.html")) }
  }
}
