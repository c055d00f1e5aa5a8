import Foundation
import Testing

@Suite("cellgate train and evaluate")
struct TrainCommandTests {
  static let tiny = "train adding --length 6 --hidden 4 --batch 4 --threads 1 --evaluation-interval 10"
  static let files = [
    "checkpoint-000000.safetensors", "checkpoint-000025.safetensors", "config.json", "metrics.csv",
    "model.safetensors", "result.json",
  ]

  @Test("A run leaves its settings, metrics, best model and result in a folder")
  func folder() throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: Self.tiny + " --cell gru --steps 25")
    #expect(run.status == 0, "\(run.error)")
    #expect(workplace.names(in: "runs/adding-gru").filter { !$0.hasPrefix(".") } == Self.files)
    #expect(run.output.contains("Test mse"))
    #expect(run.output.contains("evaluate runs/adding-gru"))
    // Header, steps 10, 20 and 25.
    #expect(try workplace.text("runs/adding-gru/metrics.csv").split(separator: "\n").count == 4)

    let second = try workplace.run(line: Self.tiny + " --cell gru --steps 5")
    #expect(second.status == 0)
    #expect(workplace.has("runs/adding-gru-2/result.json"))
  }

  @Test("The largest seed is the same number everywhere, and its neighbour another one")
  func largestSeed() throws {
    let (workplace, seed) = (try Workplace(), "18446744073709551615")
    let line = Self.tiny + " --steps 2 --out here --json"
    let run = try workplace.run(line: line + " --seed \(seed)")
    #expect(run.status == 0)
    #expect(run.output.split(separator: "\n").allSatisfy { $0.contains("\"seed\":\(seed),") })
    for file in ["here/config.json", "here/result.json"] {
      #expect(try workplace.text(file).contains("\"seed\" : \(seed)"))
    }
    for command in ["evaluate here --json", "report here --json"] {
      #expect(try workplace.run(line: command).output.contains("\"seed\":\(seed),"))
    }
    #expect(try workplace.text("here/report.html").contains("18,446,744,073,709,551,615"))
    let other = try workplace.run(line: line + " --resume --seed 18446744073709551614")
    #expect(other.status == 64)
    #expect(
      other.errorLines == [
        "cellgate: here: made with other settings: seed: expected \(seed), found 18446744073709551614"
      ])
  }

  @Test("The JSON lines are progress records and then a result with the promised keys")
  func json() throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: Self.tiny + " --steps 20 --seed 7 --out here --json")
    #expect(run.status == 0)
    let records = try run.records()
    let progress = try #require(records.first)
    #expect(progress["record"] as? String == "progress")
    #expect(progress["step"] as? Int == 1)
    #expect(progress["loss"] is Double)
    let result = try #require(records.last)
    #expect(result["record"] as? String == "result")
    #expect(result["task"] as? String == "adding")
    #expect(result["cell"] as? String == "lstm")
    #expect(result["seed"] as? Int == 7)
    #expect(result["hidden"] as? Int == 4)
    #expect(result["parameters"] as? Int == 4 * 4 * (2 + 4 + 1) + 5)
    #expect(result["metric"] as? String == "mse")
    #expect(result["value"] is Double)
    #expect(result.keys.contains("solved_at_step"))
    #expect(result["seconds"] is Double)
    #expect(result["directory"] as? String == "here")

    let score = try #require(try workplace.run(line: "evaluate here --json").records().first)
    #expect(score["task"] as? String == "adding")
    #expect(score["cell"] as? String == "lstm")
    #expect(score["split"] as? String == "test")
    #expect(score["metric"] as? String == "mse")
    #expect(score["value"] as? Double == result["value"] as? Double)
    let validation = try workplace.run(line: "evaluate here --split validation --json").records().first
    #expect(validation?["value"] as? Double == result["validation_value"] as? Double)
    #expect(try workplace.run(line: "evaluate here").output.contains("without learning"))
  }

  @Test("After Ctrl-C the printed command continues, and the run ends like one that never stopped")
  func interruption() throws {
    let workplace = try Workplace()
    let long = Self.tiny + " --steps 3000"
    let whole = try workplace.run(line: long + " --out whole")
    #expect(whole.status == 0)

    let started = try workplace.start((long + " --out parts --json").split(separator: " ").map(String.init))
    #expect(started.wait { started.output.contains("\"evaluation\"") })
    started.interrupt()
    let stopped = try started.wait()
    #expect(stopped.status == 130)
    #expect(stopped.error.isEmpty)
    let record = try #require(try stopped.records().last)
    #expect(record["record"] as? String == "interrupted")
    #expect(!workplace.has("parts/result.json"))
    let command = try #require(record["resume"] as? String)
    #expect(command.hasSuffix("--out parts --resume"))

    let resumed = try workplace.start(command.split(separator: " ").dropFirst().map(String.init)).wait()
    #expect(resumed.status == 0, "\(resumed.error)")
    #expect(try workplace.data("parts/metrics.csv") == workplace.data("whole/metrics.csv"))
    #expect(try workplace.data("parts/model.safetensors") == workplace.data("whole/model.safetensors"))
  }

  @Test("After Ctrl-C a line says how to continue")
  func interruptionText() throws {
    let workplace = try Workplace()
    let arguments = (Self.tiny + " --steps 1000000").split(separator: " ").map(String.init)
    let started = try workplace.start(arguments)
    #expect(started.wait { workplace.has("runs/adding-lstm/model.safetensors") })
    started.interrupt()
    let stopped = try started.wait()
    #expect(stopped.status == 130)
    #expect(stopped.output.contains("--out runs/adding-lstm --resume\n"))
    #expect(stopped.output.contains("Stopped after step"))
  }

  @Test("A run is continued with its own settings, and others are refused")
  func otherSettings() throws {
    let workplace = try Workplace()
    #expect(try workplace.run(line: Self.tiny + " --steps 5 --out a").status == 0)
    #expect(try workplace.run(line: "train adding --resume --out a").status == 0)
    let other = try workplace.run(line: "train adding --hidden 5 --resume --out a")
    #expect(other.status == 64)
    #expect(other.errorLines.count == 1)
    #expect(other.error.contains("hidden"))
  }

  @Test("A folder that is in use or holds a run already is left alone")
  func occupied() throws {
    let workplace = try Workplace()
    let arguments = (Self.tiny + " --steps 1000000 --out busy").split(separator: " ").map(String.init)
    let first = try workplace.start(arguments)
    #expect(first.wait { workplace.has("busy/model.safetensors") })
    let config = try workplace.data("busy/config.json")
    for extra in ["", " --resume"] {
      let second = try workplace.run(line: Self.tiny + " --steps 1000000 --out busy" + extra)
      #expect(second.status == 73)
      #expect(second.errorLines.count == 1)
      #expect(second.error.contains("busy"))
    }
    first.interrupt()
    #expect(try first.wait().status == 130)
    #expect(try workplace.data("busy/config.json") == config)
  }

  @Test("A loss that becomes infinite ends the run with its place, and the checkpoint stays")
  func divergence() throws {
    let workplace = try Workplace()
    let run = try workplace.run(
      line: Self.tiny + " --steps 50 --optimizer sgd --learning-rate 1e30 --clip none --out d")
    #expect(run.status == 1)
    #expect(run.errorLines.count == 1)
    #expect(run.error.contains("diverged at step"))
    #expect(workplace.has("d/checkpoint-000000.safetensors"))
    #expect(!workplace.has("d/result.json"))
  }

  @Test("Folders that can't be made are refused, and nothing is left over")
  func cannotCreate() throws {
    let workplace = try Workplace()
    try Data().write(to: URL(fileURLWithPath: workplace.path + "/file"))
    for out in ["file/run", "no/such/parent"] {
      let run = try workplace.run(line: Self.tiny + " --steps 5 --out " + out)
      #expect(run.status == 73)
      #expect(run.errorLines.count == 1)
      #expect(run.error.contains(out))
    }
    #expect(workplace.names(in: "").filter { !$0.hasPrefix(".") } == ["file"])
  }

  @Test("A damaged model is bad data that is named")
  func damaged() throws {
    let workplace = try Workplace()
    #expect(try workplace.run(line: Self.tiny + " --steps 5 --out a").status == 0)
    let path = workplace.path + "/a/model.safetensors"
    try Data(try Data(contentsOf: URL(fileURLWithPath: path)).dropLast(3)).write(
      to: URL(fileURLWithPath: path))
    let run = try workplace.run(line: "evaluate a")
    #expect(run.status == 65)
    #expect(run.errorLines.count == 1)
    #expect(run.error.contains("a/model.safetensors"))

    try Data("{\"hidden\": 4".utf8).write(to: URL(fileURLWithPath: workplace.path + "/a/config.json"))
    let config = try workplace.run(line: "evaluate a")
    #expect(config.status == 65)
    #expect(config.error.contains("a/config.json"))
  }

  @Test("Missing data are reported with the command that gets them, and no folder is made")
  func missingData() throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: "train smnist --data nowhere")
    #expect(run.status == 66)
    #expect(run.errorLines.count == 1)
    #expect(run.error.contains("cellgate data fetch mnist"))
    #expect(!workplace.has("runs"))
  }

  @Test("The schedule's options are settings; how often is saved and TensorBoard's file are not")
  func scheduleOptions() throws {
    let workplace = try Workplace()
    let plateau = " --schedule plateau --schedule-factor 0.5 --schedule-patience 0 --schedule-floor 0.25"
    let run = try workplace.run(
      line: Self.tiny + " --steps 20 --out a --save-every 7 --tensorboard" + plateau)
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("plateau schedule (× 0.5 after 0 evaluations without improvement)"))
    let config = try JSONSerialization.jsonObject(with: workplace.data("a/config.json"))
    let schedule = try #require((config as? [String: Any])?["schedule"] as? [String: Any])
    #expect(schedule["name"] as? String == "plateau")
    #expect(schedule["factor"] as? Double == 0.5)
    #expect(schedule["patience"] as? Int == 0)
    #expect(schedule["floor"] as? Double == 0.25)
    let names = workplace.names(in: "a")
    #expect(names.contains("checkpoint-000014.safetensors"))
    #expect(names.filter { $0.hasPrefix("events.out.tfevents.") }.count == 1)

    let step = try workplace.run(
      line: Self.tiny + " --steps 20 --out b --schedule step --schedule-every 5 --schedule-factor 0.5")
    #expect(step.status == 0, "\(step.error)")
    #expect(step.output.contains("step schedule (× 0.5 every 5 steps)"))
    let rates = try workplace.text("b/metrics.csv").split(separator: "\n").map { $0.split(separator: ",")[3] }
    #expect(rates == ["learning_rate", "0.0005", "0.000125"])
    #expect(!workplace.names(in: "b").contains { $0.hasPrefix("events") })
    #expect(try workplace.data("b/config.json") != workplace.data("a/config.json"))
  }
}
