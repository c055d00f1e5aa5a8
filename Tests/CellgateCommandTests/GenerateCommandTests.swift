import Foundation
import Testing

@Suite("cellgate generate, and language models")
struct GenerateCommandTests {
  /// A workplace with a text and a run trained on it for a moment.
  private func trained() throws -> Workplace {
    let workplace = try Workplace()
    let text = String(repeating: "To be, or not to be:\nthat is the question.\n", count: 30)
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/my.txt"))
    let run = try workplace.run(line: Self.train + " --data my.txt --out run")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("generate run"))
    return workplace
  }

  private static let train =
    "train text --cell lstm-wm --hidden 8 --length 10 --embedding 4 --batch 4 --steps 20 --threads 1"

  @Test(
    "The same seed gives the same text on any number of threads, after the prompt, from the folder alone")
  func same() throws {
    let workplace = try trained()
    try FileManager.default.removeItem(atPath: workplace.path + "/my.txt")
    let arguments = ["generate", "run", "--prompt", "To be", "--length", "120", "--seed", "7"]
    let one = try workplace.start(arguments + ["--threads", "1"]).wait()
    #expect(one.status == 0 && one.error.isEmpty)
    #expect(one.output.hasPrefix("To be"))
    #expect(try workplace.start(arguments + ["--threads", "2"]).wait().output == one.output)
    let record = try #require(try workplace.start(arguments + ["--json"]).wait().records().first)
    let text = try #require(record["text"] as? String)
    #expect(text.unicodeScalars.count == 120)
    #expect(one.output == "To be" + text + (text.hasSuffix("\n") ? "" : "\n"))
    #expect(record["prompt"] as? String == "To be" && record["seed"] as? Int == 7)
    #expect(record["task"] as? String == "text" && record["cell"] as? String == "lstm-wm")
    let other = try workplace.run(
      line: "generate run --length 120 --seed 8 --top-k 3 --top-p 0.9 --temperature 0.5")
    #expect(other.status == 0 && other.output != one.output)
  }

  @Test("A memory is built, added to and tuned, and evaluate and generate use its numbers")
  func memory() throws {
    let workplace = try trained()
    let build = try workplace.run(line: "memory build run --data my.txt --out own.vectors --keys int8 --json")
    #expect(build.status == 0, "\(build.error)")
    let built = try #require(build.records().first)
    #expect(
      built["symbols"] as? Int == 1289 && built["dimension"] as? Int == 8
        && built["precision"] as? String == "int8")
    let more = try workplace.run(line: "memory build run --out own.vectors --append --json")
    #expect(try #require(more.records().first?["keys"] as? Int) > 1289 + 1000, "\(more.error)")
    let usual = try workplace.run(line: "evaluate run --cache 50 --json")
    #expect(usual.error.contains("cellgate memory tune run --cache 50"))
    let tune = try workplace.run(
      line: "memory tune run --cache 50 --memory own.vectors --neighbours 8 --json")
    let tuned = try #require(tune.records().first)
    let (with, without) = (tuned["cross_entropy"] as? Double ?? 9, tuned["without_memory"] as? Double ?? 0)
    #expect(with < 0.7 * without && workplace.has("run/memory.json"), "\(tune.error)")
    func evaluation(_ options: String) throws -> Double {
      let run = try workplace.run(line: "evaluate run --json" + options)
      #expect(run.status == 0 && run.error.isEmpty, "\(run.error)")
      return try #require(run.records().first?["value"] as? Double)
    }
    let best = try evaluation(" --cache 50 --memory own.vectors")
    #expect(try best < 0.7 * evaluation("") && best < evaluation(" --cache 50 --cache-share 0.01"))
    let text = try workplace.run(
      line: "generate run --cache 50 --memory own.vectors --seed 3 --length 90 --json")
    #expect((try text.records().first?["text"] as? String)?.count == 90, "\(text.error)")
    for (line, code, words) in [
      ("memory tune run", 64, "--cache and --memory: expected one of them"),
      ("memory build run --out /none/x --data my.txt", 73, "/none/x"),
      ("evaluate run --memory my.txt", 65, "my.txt: byte 0: expected CGVECTOR, found something else"),
      ("evaluate run --cache-share 0.1", 64, "expected --cache as well"),
      (
        "evaluate run --cache 5 --memory own.vectors --cache-share 0.7 --neighbour-share 0.7", 64,
        "a sum of at most 1"
      ),
    ] {
      let run = try workplace.run(line: line)
      #expect(
        run.status == code && run.errorLines.count == 1 && run.error.contains(words), "\(line): \(run.error)")
    }
  }

  @Test("A model of other data is refused, and so is a prompt with a character never seen")
  func refused() throws {
    let workplace = try trained()
    let adding = try workplace.run(
      line: "train adding --length 4 --hidden 2 --batch 2 --steps 2 --out adding")
    #expect(adding.status == 0)
    let other = try workplace.run(line: "generate adding")
    #expect(other.status == 64)
    #expect(
      other.errorLines == [
        "cellgate: adding: expected a run of a language model (ptb-char, ptb-word, text), found one of adding"
      ])
    let prompt = try workplace.run(line: "generate run --prompt To~")
    #expect(prompt.status == 64 && prompt.output.isEmpty)
    #expect(prompt.errorLines == ["cellgate: prompt: character 3, '~': the model has never seen it"])
  }

  @Test("Ctrl-C ends the text with exit code 130")
  func interruption() throws {
    let workplace = try trained()
    let started = try workplace.start(["generate", "run", "--length", "1000000000"])
    #expect(started.wait { started.output.count > 100 })
    started.interrupt()
    let stopped = try started.wait()
    #expect(stopped.status == 130 && stopped.error.isEmpty)
    #expect(stopped.output.hasSuffix("\n"))
  }

  @Test("A reader that goes away ends the text quietly")
  func closedPipe() throws {
    let workplace = try trained()
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    let command = "'\(Workplace.executable)' generate run --length 1000000000 2>err; echo $? >status"
    shell.arguments = ["-c", "(\(command)) | head -c 50 >out"]
    shell.currentDirectoryURL = URL(fileURLWithPath: workplace.path)
    try shell.run()
    shell.waitUntilExit()
    #expect(try workplace.text("out").utf8.count == 50)
    #expect(try workplace.text("err").isEmpty && workplace.text("status") == "0\n")
  }

  @Test(
    "A run on a text finds it again, refuses one that has changed, and scores another one when it is given")
  func remembers() throws {
    let workplace = try trained()
    let first = try workplace.run(line: "evaluate run --json")
    #expect(first.status == 0)
    #expect(try first.records().first?["metric"] as? String == "bits_per_character")
    #expect(try workplace.run(line: "train text --resume --out run").status == 0)
    let moved = workplace.path + "/moved.txt"
    try FileManager.default.moveItem(atPath: workplace.path + "/my.txt", toPath: moved)
    #expect(try workplace.run(line: "evaluate run").status == 66)
    let again = try workplace.run(line: "evaluate run --json --data moved.txt")
    #expect(again.output == first.output)
    try Data("to be zzzzz".utf8).write(to: URL(fileURLWithPath: moved))
    let other = try workplace.run(line: "evaluate run --json --data moved.txt")
    #expect(other.status == 0 && other.errorLines.count == 1)
    #expect(other.error.hasPrefix("cellgate: 50.0 % of the characters are unknown to the model and make "))
    let record = try #require(try other.records().first)
    #expect((record["extras"] as? [String: Any])?["unknown_share"] as? Double == 0.5)
    #expect(record["split"] as? String == "all")
    try FileManager.default.copyItem(atPath: moved, toPath: workplace.path + "/my.txt")
    for line in [
      "evaluate run", "train text --resume --out run", "train text --resume --out run --data moved.txt",
    ] {
      let changed = try workplace.run(line: line)
      #expect(changed.status == 65 && changed.error.contains(".txt: changed since the run began"))
    }
  }

  @Test("What is no text to learn from is refused in one line")
  func texts() throws {
    let workplace = try Workplace()
    try Data([0x61, 0xFF]).write(to: URL(fileURLWithPath: workplace.path + "/binary"))
    try Data().write(to: URL(fileURLWithPath: workplace.path + "/empty"))
    for (line, status, text) in [
      ("train text", 64, "text: expected a UTF-8 text of your own, with --data FILE"),
      ("train text --data .", 66, ".: expected a text file, found a folder"),
      ("train text --data none", 66, "none: no such file"),
      ("train text --data binary", 65, "binary: expected UTF-8 text, found other bytes at byte 1"),
      ("train text --data empty", 65, "empty: training part: expected 4832 characters or more"),
      ("compare text --data empty", 65, "empty: training part: expected 4832 characters or more"),
      ("train text --data empty --bidirectional", 64, "--bidirectional: a language model must not see"),
      ("train ptb-char --data .", 66, "get it with: cellgate data fetch ptb"),
    ] {
      let run = try workplace.run(line: line)
      #expect(run.status == status && run.errorLines.count == 1, "\(line): \(run.error)")
      #expect(run.error.contains(text), "\(run.error)")
      #expect(!workplace.has("runs"))
    }
  }

  @Test("A parameter budget chooses the hidden units, of one cell and of several")
  func budget() throws {
    let workplace = try Workplace()
    let small = "adding --length 4 --batch 2 --steps 2 --json"
    let run = try workplace.run(line: "train \(small) --cell lstm-wm --parameters 3000 --out one")
    let result = try #require(try run.records().last)
    let (hidden, count) = (try #require(result["hidden"] as? Int), try #require(result["parameters"] as? Int))
    // 4 gates of 2 inputs, hidden units and a bias, 3 of memory, and the head.
    func parameters(_ n: Int) -> Int { 4 * n * (2 + n + 1) + 3 * n * n + n + 1 }
    #expect(count == parameters(hidden) && count <= 3000 && parameters(hidden + 1) > 3000)
    #expect(try workplace.text("one/config.json").contains("\"hidden\" : \(hidden)"))
    #expect(try workplace.run(line: "train adding --resume --out one --parameters 3000").status == 0)
    let comparison = try workplace.run(
      line: "compare \(small) --cells lstm,lstm-wm --parameters 3000 --out two")
    let rows = try #require(try comparison.records().last?["rows"] as? [[String: Any]])
    #expect(rows.map { $0["hidden"] as? Int } == [25, hidden])
  }
}
