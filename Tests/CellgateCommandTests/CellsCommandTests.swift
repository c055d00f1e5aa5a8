import Foundation
import Testing

@Suite("cellgate cells")
struct CellsCommandTests {
  @Test("The list names every cell with its states and parameters for the sizes")
  func list() throws {
    let run = try Workplace().run(line: "cells --input 2 --hidden 128")
    #expect(run.status == 0)
    let line = try #require(run.output.split(separator: "\n").first { $0.contains(" lstm-wm ") })
    #expect(line.contains("h, c"))
    #expect(line.contains("116,224"))
    let published = try #require(run.output.split(separator: "\n").first { $0.contains(" indrnn ") })
    #expect(published.contains("Li et al. 2018, arXiv:1803.04831"))
    #expect(run.output.contains("h, h_2, …, h_10"))
  }

  @Test("The JSON list has the promised keys and the counts of the paper's sizes")
  func json() throws {
    let cells = try Workplace().run(line: "cells --input 1 --hidden 256 --json").list()
    let counts = Dictionary(
      uniqueKeysWithValues: cells.compactMap { cell -> (String, Int)? in
        guard let name = cell["name"] as? String, let count = cell["parameters"] as? Int else { return nil }
        return (name, count)
      })
    #expect(counts["lstm"] == 264_192)
    #expect(counts["lstm-wm"] == 460_800)
    for cell in cells {
      #expect(cell["states"] is [String])
      #expect(cell["summary"] is String)
      #expect((cell["source"] as? String)?.contains("http") == true, "\(cell)")
    }
    #expect(counts.count == cells.count)
  }

  @Test("A cell's page has its equations, parameters, stages, saved values and multiply-adds")
  func page() throws {
    let run = try Workplace().run(line: "cells lstm-wm --input 1 --hidden 128")
    #expect(run.status == 0)
    for part in [
      "oₜ = σ(W_ox xₜ + W_oh hₜ₋₁ + tanh(W_oc cₜ) + b_o)", "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ", "weight_mh",
      "[384, 128]", "115,200", "115,712", "forward", "backward", "products", "elementwise", "arxiv.org",
    ] {
      #expect(run.output.contains(part), "\(part) is missing in\n\(run.output)")
    }
  }

  @Test("On a grid products are convolutions, and matrices have the columns of every neighbour")
  func grid() throws {
    let run = try Workplace().run(line: "cells lstm --kernel 3 --input 4 --hidden 8")
    #expect(run.status == 0)
    for part in ["gₜ = tanh(W_gx * xₜ + W_gh * hₜ₋₁ + b_g)", "[32, 36]", "[32, 72]", "3,488"] {
      #expect(run.output.contains(part), "\(part) is missing in\n\(run.output)")
    }
    let record = try #require(
      try Workplace().run(line: "cells lstm --kernel 3 --input 4 --hidden 8 --json").list().first)
    #expect(record["parameters"] as? Int == 3488)
    #expect(record["multiply_adds_per_step"] as? Int == 3456)
    #expect(
      try Workplace().run(line: "cells lstm --kernel 3 --as latex").output.contains("W_{gh} \\ast h_{t-1}"))
  }

  @Test(
    "A grid needs a cell, an odd kernel and a form that has grids",
    arguments: [
      ("cells --kernel 3", "--kernel: expected the name of a cell"),
      ("cells lstm --kernel 4", "--kernel: expected an odd number, found 4"),
      ("cells lstm --kernel 0", "--kernel"), ("cells lstm --kernel 3 --as c", "--as c and --kernel"),
    ])
  func badGrid(line: String, message: String) throws {
    let run = try Workplace().run(line: line)
    #expect(run.status == 64)
    #expect(run.error.contains(message))
  }

  @Test("A cell's LaTeX is an aligned environment and nothing else", arguments: ["--as latex", "--latex"])
  func latex(option: String) throws {
    let run = try Workplace().run(line: "cells gru \(option)")
    #expect(run.output.hasPrefix("\\begin{aligned}\n"))
    #expect(run.output.hasSuffix("\\end{aligned}\n"))
    #expect(run.output.contains("\\odot"))
  }

  @Test("A cell's text is a file that is read as the same page", arguments: ["lstm-wm", "gru"])
  func text(name: String) throws {
    let workplace = try Workplace()
    let text = try workplace.run(line: "cells \(name) --as cell")
    #expect(text.output.hasPrefix("cell \(name): ") && text.error.isEmpty)
    try text.output.write(toFile: workplace.path + "/mine.cell", atomically: true, encoding: .utf8)
    #expect(try workplace.run(line: "cells mine.cell --as cell").output == text.output)
    let page = try workplace.run(line: "cells \(name)").output
    #expect(try workplace.run(line: "cells ./mine.cell").output == page)
    // The page shows the file's equations.
    for line in text.output.split(separator: "\n") where line.contains("ₜ = ") {
      #expect(page.contains("\n    \(line)\n"), "\(line)")
    }
    let record = try #require(try workplace.run(line: "cells mine.cell --json").list().first)
    #expect(record["text"] as? String == text.output)
  }

  @Test("A mistake in a file is one line with its place, and for people a caret below it")
  func mistake() throws {
    let workplace = try Workplace()
    let text = "cell a\nstate h\nmatrix W\nh' = tanh(W x + hh)\n"
    try text.write(toFile: workplace.path + "/a.cell", atomically: true, encoding: .utf8)
    let line = "cellgate: a.cell:4:17: unknown name 'hh'; known: W, h, x"
    for command in ["cells", "train adding --cell", "compare adding --cells", "bench --cell"] {
      let run = try workplace.run(line: command + " a.cell")
      #expect(run.status == 65 && run.output.isEmpty)
      #expect(run.error == "\(line)\n    h' = tanh(W x + hh)\n                    ^\n", "\(run.error)")
    }
    let json = try workplace.run(line: "cells a.cell --json")
    #expect(json.status == 65 && json.error == line + "\n")
    let missing = try workplace.run(line: "cells b.cell")
    #expect(missing.status == 66 && missing.error == "cellgate: b.cell: no such file\n")
  }

  @Test("A cell's JSON record is an array of one with the shapes of its parameters")
  func record() throws {
    let cells = try Workplace().run(line: "cells lstm --input 3 --hidden 5 --json").list()
    #expect(cells.count == 1)
    let shapes = try #require(cells[0]["parameter_shapes"] as? [String: [Int]])
    #expect(shapes == ["weight_ih": [20, 3], "weight_hh": [20, 5], "bias": [20]])
    #expect(cells[0]["multiply_adds_per_step"] as? Int == 20 * (3 + 5))
  }

  @Test("A reader that goes away does not make the command fail")
  func brokenPipe() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", "{ '\(Workplace.executable)' cells; echo $? >&2; } | true",
    ]
    let pipe = Pipe()
    process.standardError = pipe
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(text == "0\n")
  }

  #if os(Linux)
    @Test("Output that can't be written is an input/output error")
    func fullOutput() throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "'\(Workplace.executable)' cells > /dev/full"]
      let pipe = Pipe()
      process.standardError = pipe
      try process.run()
      let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 74)
      #expect(text == "cellgate: standard output: No space left on device\n")
    }
  #endif
}
