import Foundation
import Testing

@Suite("Where and how the command is started")
struct SurroundingsTests {
  private static let executable = "'\(Workplace.executable)'"
  private static let tiny = "train adding --length 4 --hidden 2 --batch 2 --threads 1 --steps 4"

  @Test(
    "What is printed goes into no file when standard streams are closed",
    arguments: ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
  func closedStreams(_ streams: String) throws {
    let workplace = try Workplace()
    let line = "\(Self.executable) \(Self.tiny) --evaluation-interval 2 --save-every 1 --diagnostics"
    #expect(try workplace.run(shell: "\(line) --out closed \(streams)").status == 0)
    #expect(try workplace.run(shell: "\(line) --out open").status == 0)
    for file in ["config.json", "metrics.csv", "model.safetensors", "diagnostics.csv", ".lock"] {
      #expect(try workplace.data("closed/" + file) == workplace.data("open/" + file), "\(file)")
    }
    #expect(try workplace.run(line: "report closed").status == 0)
    #expect(try workplace.run(line: Self.tiny + " --out closed --resume").status == 0)
  }

  @Test(
    "An argument that is not UTF-8 is refused at the start, and nothing is made",
    arguments: [
      "train adding --steps 1 --out $'out\\xe9'", "train text --data $'t\\xe9.txt'", "evaluate $'out\\xe9'",
      "report $'out\\xe9'", "generate run --prompt $'\\xe9'", "diagnose run --out $'a\\xe9'", "$'\\xe9'",
      "data list --data $'a\\xe9'", "compare adding --resume --out $'out\\xe9'",
    ])
  func arguments(_ line: String) throws {
    let workplace = try Workplace()
    let run = try workplace.run(shell: "\(Self.executable) \(line)")
    #expect(run.status == 64)
    #expect(run.errorLines.count == 1)
    #expect(run.error.contains("expected UTF-8, found '"), "\(run.error)")
    #expect(run.error.contains("\\xe9"), "\(run.error)")
    #expect(workplace.names(in: ".").isEmpty)
  }

  @Test(
    "A data folder of the environment that is not UTF-8 is refused, and another home only where it is used")
  func environment() throws {
    let workplace = try Workplace()
    let data = try workplace.run(shell: "CELLGATE_DATA=$'d\\xe9' \(Self.executable) data list")
    #expect(data.status == 64)
    #expect(data.error == "cellgate: CELLGATE_DATA in the environment: expected UTF-8, found 'd\\xe9'\n")
    let home = "HOME=$'/h\\xe9' \(Self.executable)"
    #expect(try workplace.run(shell: "\(home) data fetch mnist --mirror http://127.0.0.1:9/").status == 64)
    #expect(try workplace.run(shell: "\(home) data list --data here").status == 0)
    #expect(try workplace.run(shell: "\(home) \(Self.tiny) --out run").status == 0)
  }

  @Test("In a folder whose name is not UTF-8 every command works as elsewhere")
  func folder() throws {
    let workplace = try Workplace()
    let text = String(repeating: "the cat sat on the mat; ", count: 60)
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/my.txt"))
    let model = "--hidden 2 --batch 2 --length 5 --threads 1 --steps 6 --evaluation-interval 2"
    let script = """
      set -e
      mkdir $'caf\\xe9' && cp my.txt $'caf\\xe9' && cd $'caf\\xe9'
      mkdir links && ln -s ../my.txt links/text
      cellgate() { \(Self.executable) "$@" > output 2> errors || { cat errors >&2; exit 1; }; }
      cellgate train text --data links/../links/text \(model) --save-every 2 --diagnostics --tensorboard --out a
      rm a/result.json
      cellgate train text \(model) --out a --resume
      cellgate evaluate a
      cellgate evaluate a --data ./my.txt
      cellgate generate a --length 5
      cellgate report a
      cellgate diagnose a --out new/figures
      cellgate compare adding --cells lstm,gru --hidden 2 --batch 2 --length 4 --threads 1 --steps 2
      cellgate reproduce adding --budget smoke --cells lstm --jobs 1 --out reproduced
      cellgate report .
      cellgate data list --data data
      for file in a/{report.html,result.json} new/figures/*.svg runs/compare-adding/compare.csv report.html; do
        test -s $file
      done
      cd .. && ls | LC_ALL=C tr '\\351' '?'
      """
    try Data(script.utf8).write(to: URL(fileURLWithPath: workplace.path + "/script"))
    let run = try workplace.run(shell: "exec bash script")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output == "caf?\nmy.txt\nscript\n")
  }

  @Test("Runs that are started at once get folders of their own")
  func race() throws {
    let workplace = try Workplace()
    let line = "\(Self.tiny) --seed"
    let started = try (1...12).map {
      try workplace.start("\(line) \($0)".split(separator: " ").map(String.init))
    }
    for command in started {
      let run = try command.wait()
      #expect(run.status == 0, "\(run.error)")
    }
    let names = ["adding-lstm"] + (2...12).map { "adding-lstm-\($0)" }
    #expect(workplace.names(in: "runs") == names.sorted())
    for name in names { #expect(workplace.has("runs/\(name)/result.json")) }
  }

  @Test("A folder for runs that can't be made is named with what to do instead")
  func noFolder() throws {
    let workplace = try Workplace()
    try Data().write(to: URL(fileURLWithPath: workplace.path + "/runs"))
    let run = try workplace.run(line: Self.tiny)
    #expect(run.status == 73)
    #expect(run.error == "cellgate: runs: cannot create: File exists; give a folder with --out\n")
  }
}
