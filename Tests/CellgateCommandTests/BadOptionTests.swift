import Testing

@Suite("Bad options")
struct BadOptionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var line: String
    var status: Int32 = 64
    /// Texts that standard error has, a line each.
    var expected: [String]
    var testDescription: String { line }
  }

  static let cases = [
    Case(line: "compair", expected: ["did you mean compare?"]),
    Case(line: "cells lstm-mw", expected: ["unknown cell 'lstm-mw'; did you mean lstm-wm"]),
    Case(line: "cells qqqqqqqqqqqqqqqqqqq", expected: ["expected rnn-tanh, rnn-relu, gru"]),
    Case(line: "cells --hidden 0", expected: ["--hidden: expected a whole number from 1 to"]),
    Case(line: "cells --hidden 99999999999999999999", expected: ["found '99999999999999999999'"]),
    Case(line: "cells --hidden 268435456 --input 268435457", expected: ["--input: expected"]),
    Case(line: "cells --as cell", expected: ["--as: expected the name of a cell"]),
    Case(line: "cells gru --as tex", expected: ["--as: unknown form 'tex'"]),
    Case(line: "cells --latex", expected: ["--latex: expected the name of a cell"]),
    Case(line: "cells lstm --latex --json", expected: ["--latex and --json"]),
    Case(line: "cells --bogus", expected: ["--bogus"]),
    Case(line: "bench --precision f16", expected: ["unknown precision 'f16'"]),
    Case(
      line: "train adding --precision bf61 --batch 0",
      expected: ["unknown precision 'bf61'; did you mean bf16?", "--batch: expected 1 or more"]),
    Case(line: "evaluate nothing --precision f", expected: ["unknown precision 'f'"]),
    Case(
      line: "bench --cell lstn --hidden -3 --steps x --repeats 0",
      expected: [
        "unknown cell 'lstn'; did you mean lstm", "--steps: expected a whole number", "--hidden: expected",
        "--repeats: expected",
      ]),
    Case(line: "train addin", expected: ["unknown task 'addin'; did you mean adding?"]),
    Case(
      line: "train adding --hidden 0 --layers -1 --length 1 --optimizer adan --batch x --cell lst --clip 0",
      expected: [
        "--hidden: expected 1 or more", "--layers: expected 1 or more", "--length: expected 2 to",
        "unknown optimizer 'adan'; did you mean adam", "--batch: expected a whole number, found 'x'",
        "unknown cell 'lst'; did you mean lstm", "--clip: expected above 0",
      ]),
    Case(
      line: "train adding --steps 99999999999999999999999", expected: ["--steps: expected a whole number"]),
    Case(line: "train adding --steps 0", expected: ["--steps: expected 1 or more"]),
    Case(line: "train adding --steps 5 --epochs 5", expected: ["--steps and --epochs: expected only one"]),
    Case(line: "train adding --epochs 5", expected: ["--epochs: expected steps"]),
    Case(line: "train adding --hidden 999999999", expected: ["--hidden: this needs about"]),
    Case(line: "train adding --batch 9223372036854775807", expected: ["--batch: this needs about"]),
    Case(line: "train adding --length", expected: ["Missing value for '--length'"]),
    Case(line: "train smnist --length 5", expected: ["--length: is no option of the task smnist"]),
    Case(
      line: "train adding --learning-rate nan", expected: ["--learning-rate: expected a number, found 'nan'"]),
    Case(line: "train adding --learning-rate -1", expected: ["--learning-rate: expected above 0"]),
    Case(
      line: "train adding --initialization kera --forget-bias x",
      expected: [
        "--initialization: unknown initialization 'kera'; did you mean keras?",
        "--forget-bias: expected a number, found 'x'",
      ]),
    Case(line: "train adding --initialization chrono:2", expected: ["--initialization: expected chrono:T"]),
    Case(
      line: "compare adding --initialization chrono:9 --chrono-steps 9",
      expected: ["--initialization chrono:9 and --chrono-steps: expected only one"]),
    Case(
      line: "reproduce adding --forget-bias 1 --chrono-steps 9",
      expected: ["--forget-bias: expected no chrono"]),
    Case(
      line: "train adding --initialization no.json", status: 66, expected: ["no.json: no such file"]),
    Case(
      line: "reproduce adding --search-rates 0.1 --search-fraction 1",
      expected: ["--search-rates: expected --search", "--search-fraction: expected --search"]),
    Case(
      line:
        "reproduce adding --search --search-method half --search-rates 0.1,x --search-initializations own,tensor --search-fraction 2 --search-seed -1",
      expected: [
        "--search-method: unknown method 'half'; expected halving or grid",
        "--search-rates: expected numbers",
        "--search-initializations: unknown initialization 'tensor'",
        "--search-fraction: expected a number above 0",
        "--search-seed: expected a whole number",
      ]),
    Case(
      line:
        "reproduce adding --search --search-rates 0 --search-seed 2 --cells lstm,gru --parameter-cells lst",
      expected: [
        "--search-rates: expected numbers above 0", "--search-seed: expected none of the final runs' seeds",
        "unknown cell 'lst'; did you mean lstm",
      ]),
    Case(line: "train adding --dropout 1", expected: ["--dropout: expected 0 or more, below 1"]),
    Case(line: "train adding --seed -1", expected: ["--seed: expected a whole number of at least 0"]),
    Case(
      line: "train adding --seed 18446744073709551616",
      expected: ["--seed: expected a whole number up to 18446744073709551615, found '18446744073709551616'"]),
    Case(
      line: "train adding --hidden 9223372036854775808",
      expected: ["--hidden: expected a whole number up to 9223372036854775807"]),
    Case(
      line: "compare adding --seed 18446744073709551615 --seeds 2",
      expected: ["--seed: expected at most 18446744073709551614"]),
    Case(
      line: "train text --data x --valid-percent 9223372036854775807",
      expected: ["--valid-percent: expected 1 to 90, found 9223372036854775807"]),
    Case(
      line: "compare text --data x --test-percent 9223372036854775807 --valid-percent -9223372036854775808",
      expected: ["--test-percent: expected 1 to 90", "--valid-percent: expected 1 to 90"]),
    Case(
      line: "train copying --length 9223372036854775807 --layers 9223372036854775807 --parameters 9",
      expected: ["--length: expected 1 to 1000000000"]),
    Case(line: "train adding --threads 0", expected: ["--threads: expected a whole number from 1"]),
    Case(
      line: "train adding --schedule-every 0 --schedule-patience 2 --schedule-floor 2 --save-every 0",
      expected: [
        "--schedule-every: expected the schedule step, found constant",
        "--schedule-patience: expected the schedule plateau, found constant",
        "--schedule-floor: expected the schedule cosine or plateau, found constant",
        "--schedule-every: expected 1 or more", "--schedule-floor: expected 0 to 1",
        "--save-every: expected a whole number of at least 1",
      ]),
    Case(
      line: "compare adding --schedule plateau --schedule-factor 1 --schedule-patience -1 --save-every x",
      expected: [
        "--schedule-factor: expected above 0, below 1", "--schedule-patience: expected 0 or more",
        "--save-every: expected a whole number of at least 1, found 'x'",
      ]),
    Case(line: "train adding --resume", expected: ["--resume: expected --out DIR as well"]),
    Case(line: "train adding --resume --out nothing", status: 66, expected: ["nothing: not a run's folder"]),
    Case(line: "evaluate nothing", status: 66, expected: ["nothing: not a run's folder"]),
    Case(line: "evaluate nothing --split tset", expected: ["unknown split 'tset'; did you mean test?"]),
    Case(
      line: "compare adding --cells lstm,rnn-tahn,lstm --seeds 0 --equal unit",
      expected: [
        "unknown cell 'rnn-tahn'; did you mean rnn-tanh", "--cells: expected each once, found lstm twice",
        "--seeds: expected a whole number from 1", "--equal: unknown word 'unit'; did you mean units?",
      ]),
    Case(
      line: "reproduce addin --budget fast --jobs 0 --seeds 0 --threads x --cells lstn",
      expected: [
        "unknown task 'addin'; did you mean adding?",
        "--budget: unknown budget 'fast'; expected smoke, quick or full",
        "--jobs: expected a whole number from 1", "--seeds: expected a whole number from 1",
        "--threads: expected a whole number from 1", "unknown cell 'lstn'; did you mean lstm",
      ]),
    Case(
      line: "reproduce adding --jobs 0",
      expected: ["--jobs: expected a whole number from 1 to 1,024, found '0'"]),
    Case(
      line: "reproduce adding --equal both --epochs 3",
      expected: [
        "--equal: unknown comparison 'both'; expected units or parameters",
        "--epochs: expected steps, as adding draws fresh data for every one, found 3",
      ]),
    Case(
      line: "reproduce ptb-char --equal units",
      expected: ["--equal: unknown comparison 'units'; expected parameters"]),
    Case(line: "compare adding --cells ,", expected: ["unknown cell ''", "unknown cell ''"]),
    Case(line: "generate nothing", status: 66, expected: ["nothing: not a run's folder"]),
    Case(
      line: "generate nothing --length 0 --temperature -1 --top-k 0 --top-p 1.5 --seed x --threads 0",
      expected: [
        "--length: expected a whole number from 1", "--temperature: expected a number of 0 or more",
        "--top-k: expected a whole number of at least 1", "--top-p: expected a number above 0, up to 1",
        "--seed: expected a whole number of at least 0, found 'x'",
        "--threads: expected a whole number from 1",
      ]),
    Case(
      line: "train adding --parameters 3", expected: ["--parameters: expected 18 or more, which lstm needs"]),
    Case(
      line: "train adding --parameters 300 --hidden 3",
      expected: ["--hidden and --parameters: expected only one"]),
    Case(
      line: "compare adding --cells rnn-tanh,lstm --parameters 9",
      expected: ["--parameters: expected 18 or more, which lstm needs"]),
    Case(
      line: "compare adding --equal units --parameters 900",
      expected: ["--equal units and --parameters: expected only one"]),
    Case(line: "data fetch minst", expected: ["unknown data set 'minst'; did you mean mnist?"]),
    Case(line: "data verify", expected: ["<name>"]),
    Case(
      line: "data verify mnist --data no-such-folder", status: 66,
      expected: Array(repeating: "missing", count: 4)),
    Case(
      line: "data fetch mnist --data no/such --mirror ftp://x", status: 74, expected: ["not an http address"]),
  ]

  @Test("A mistake is reported in one line and an exit code, and nothing is printed", arguments: cases)
  func refused(bad: Case) throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: bad.line)
    #expect(run.status == bad.status)
    #expect(run.output.isEmpty)
    #expect(run.errorLines.count == bad.expected.count, "\(run.error)")
    for line in run.errorLines { #expect(line.hasPrefix("cellgate: ")) }
    for text in bad.expected {
      #expect(run.errorLines.contains { $0.contains(text) }, "'\(text)' is missing in\n\(run.error)")
    }
    #expect(!workplace.has("runs"))
  }
}
