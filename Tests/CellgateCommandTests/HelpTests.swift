import Testing

@Suite("Help")
struct HelpTests {
  static let commands = [
    "", "cells", "bench", "data", "data list", "data fetch", "data verify", "train", "compare", "evaluate",
    "report", "reproduce", "generate", "diagnose", "features", "caption", "translate", "score",
    "score captions", "score translation",
    "predict", "summary", "import", "export", "retrofit", "merge",
  ]

  @Test("Every command's help has examples that call the command", arguments: commands)
  func examples(command: String) throws {
    let run = try Workplace().run(line: command + " --help")
    #expect(run.status == 0)
    #expect(run.error.isEmpty)
    let (_, _, examples) = try #require(run.output.parted(at: "EXAMPLES:"))
    let lines = examples.split(separator: "\n").prefix { $0.hasPrefix("  cellgate \(command)") }
    #expect(lines.count >= 2, "\(run.output)")
  }

  @Test("Every option's help says what it is", arguments: commands)
  func options(command: String) throws {
    let run = try Workplace().run(line: command + " --help")
    for line in run.output.split(separator: "\n") where line.hasPrefix("  --") {
      let words = line.split(separator: " ").filter { !$0.hasPrefix("-") && !$0.hasPrefix("<") }
      #expect(!words.isEmpty || line.count > 22, "no help: \(line)")
    }
  }

  @Test("Examples fit on a line of 80 columns", arguments: commands)
  func width(command: String) throws {
    let run = try Workplace().run(line: command + " --help")
    let (_, _, examples) = try #require(run.output.parted(at: "EXAMPLES:"))
    let lines = examples.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().prefix {
      !$0.isEmpty
    }
    #expect(lines.allSatisfy { $0.hasPrefix("  cellgate") }, "\(lines)")
  }

  @Test("Help names the tasks, and that of a task has its options alone", arguments: ["train", "compare"])
  func tasks(command: String) throws {
    let all = try Workplace().run(line: command + " --help").output
    #expect(all.contains("The options of a task: cellgate \(command) TASK --help"))
    for task in ["adding", "ptb-word", "captions"] { #expect(all.contains("\n  \(task) "), "\(task)") }
    #expect(!all.contains("--beam-width") && !all.contains("--most-words"))
    let own = try Workplace().run(line: command + " captions --help").output
    #expect(own.contains("OPTIONS OF captions") && own.contains("  --most-words N\n"))
    #expect(!own.contains("\n  ptb-word "))
  }

  @Test("The version is printed")
  func version() throws {
    let run = try Workplace().run("--version")
    #expect(run.status == 0)
    #expect(run.output.contains(/^\d+\.\d+\.\d+\n$/))
  }

  @Test("Without a command there is help")
  func nothing() throws {
    let run = try Workplace().run()
    #expect(run.status == 0)
    #expect(run.output.contains("SUBCOMMANDS"))
  }
}

extension String {
  /// What stands before and after the first occurrence of a text.
  func parted(at text: String) -> (before: String, text: String, after: String)? {
    guard let range = firstRange(of: text) else { return nil }
    return (String(self[..<range.lowerBound]), text, String(self[range.upperBound...]))
  }
}
