import CellgateFiles
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateCells

/// The laws of cells, over the published ones, at the fewest sizes that show what the others do with more.
@Suite("Published cells")
struct ZooTests {
  /// Small inputs join the recurrent product, large ones don't; sequences of several lengths; both directions.
  private static func problems(_ cell: Cell) -> [Problem] {
    [
      Problem(cell, T: 6, B: 5, I: 3, H: 7, lengths: [6, 1, 4, 6, 0], seed: 31),
      Problem(cell, T: 12, B: 3, I: 20, H: 18, reversed: true, seed: 32),
    ]
  }

  /// Float32 against Double; oscillators and normalised sums lose a digit more where terms cancel.
  @Test("The fast execution agrees with the reference on every instruction set", arguments: Cell.zoo)
  func agreement(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let expected = problem.reference().parts(cell)
      for instructions in InstructionSet.all {
        for (found, part) in zip(problem.fast(instructions).parts(cell), expected) {
          let error = relativeError(found.1, part.1)
          #expect(error < 1e-5, "\(cell.name) I=\(problem.I) \(instructions): \(part.0)")
        }
      }
    }
  }

  /// By shorter differences than elsewhere: sums of three units that are normalised bend much.
  @Test("The symbolic gradient is the derivative of the reference", arguments: Cell.zoo)
  func gradient(_ cell: Cell) {
    Problem(cell, T: 3, B: 2, I: 2, H: 3, lengths: [3, 2], seed: 5).checkGradient(step: 1e-4)
  }

  @Test("Stepping one at a time equals the sequence, and a batch its sequences", arguments: Cell.zoo)
  func streaming(_ cell: Cell) {
    let problem = Problem(cell, T: 6, B: 4, I: 20, H: 18, seed: 13)
    let stream = CellStream(problem.execution(), parameters: problem.parameterTensors)
    let expected = problem.fast()
    let (I, size) = (problem.I, problem.outputSize)
    for rows in [0..<4, 2..<3] {
      let session = stream.session(batch: rows.count)
      session.states = zip(problem.states, problem.stateSizes).map { values, size in
        problem.tensor(Array(values[rows.lowerBound * size..<rows.upperBound * size]), [rows.count, size])
      }
      for step in 0..<problem.T {
        func part(_ values: [Double], _ size: Int) -> [Double] {
          Array(values[(step * 4 + rows.lowerBound) * size..<(step * 4 + rows.upperBound) * size])
        }
        let found = session.step(part(problem.input, I).map { Float($0) }).map { Double($0) }
        #expect(relativeError(found, part(expected.output, size)) < 1e-6, "\(cell.name)")
      }
    }
  }

  @Test("The same bits with gradient checkpointing", arguments: Cell.zoo)
  func bits(_ cell: Cell) {
    let problem = Problem(cell, T: 5, B: 3, I: 4, H: 72, lengths: [2, 5, 4], seed: 18)
    let expected = problem.fast().parts(cell)
    let found = problem.fast(saving: .states(every: 2)).parts(cell)
    for (part, other) in zip(expected, found) { #expect(part.1 == other.1, "\(cell.name): \(part.0)") }
  }

  @Test("A saturated gate gives no NaN", arguments: Cell.zoo)
  func saturation(_ cell: Cell) {
    var problem = Problem(cell, T: 5, B: 2, I: 3, H: 8)
    problem.parameters = problem.parameters.map { $0.map { Double(Float($0 * 100)) } }
    problem.input = problem.input.map { $0.sign == .minus ? -1 : 1 }
    #expect(problem.fast().output.allSatisfy { !$0.isNaN }, "\(cell.name)")
  }

  @Test("Its text, read again, is the same cell, and so is its file", arguments: Cell.zoo)
  func text(_ cell: Cell) throws {
    let read = try Cell(text: cell.text)
    #expect(read.isSame(as: cell) && read.text == cell.text && "\(read.plan)" == "\(cell.plan)")
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/CellgateCells/Zoo")
    let file = try Cell(contentsOf: folder.appendingPathComponent(cell.name + ".cell").path)
    #expect(file.name == cell.name && file.isSame(as: cell))
    #expect(!cell.summary.isEmpty && cell.summary.count < 90 && cell.source.contains("https://"))
  }

  @Test("Every file of the folder is a cell of the zoo, in order")
  func files() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/CellgateCells/Zoo").path
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(files.map { $0.replacing(".cell", with: "") }.sorted() == Cell.zoo.map(\.name).sorted())
    #expect(Set(Cell.all.map(\.name)).count == Cell.all.count)
    #expect(Set(Cell.all.map(\.canonicalText)).count == Cell.all.count)
  }

  @Test("Parameters are as many as the shapes say, and their names are unique", arguments: Cell.zoo)
  func parameters(_ cell: Cell) {
    let learned = cell.parameters.filter { !$0.isFixed }
    let count = learned.reduce(0) { $0 + $1.shape(inputSize: 3, hiddenSize: 5).reduce(1, *) }
    #expect(cell.parameterCount(inputSize: 3, hiddenSize: 5) == count)
    #expect(Set(cell.parameters.map(\.name)).count == cell.parameters.count)
    for text in [cell.latex, cell.pyTorch, cell.c] { #expect(!text.contains("transposedProduct")) }
  }

  private static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// One program with the steps of all cells, compiled once.
  @Test(
    "The C functions of all cells compute the reference's numbers",
    .enabled(if: compiler != nil, "no C compiler in /usr/bin"))
  func c() throws {
    let cells = Cell.all + [Cell.turned, .late, .functions, .wide, .projected]
    let problems = cells.map { Problem($0, T: 3, B: 1, I: 3, H: 5, seed: 41) }
    func name(_ index: Int) -> String { "step_\(index)" }
    let functions = cells.enumerated().map { CPrinter($1).function(name($0)) }.joined(separator: "\n")
    var main = ""
    for (index, problem) in problems.enumerated() {
      func array(_ name: String, _ values: [Double]) -> String {
        "static float \(name)[] = {\(values.map { CPrinter.number($0) }.joined(separator: ", "))};\n"
      }
      var (arrays, arguments) = ("", ["3", "5"])
      if let P = problem.P { arguments.append("\(P)") }
      arrays += array("x\(index)", problem.input)
      arguments.append("x\(index) + 3 * t")
      for (state, values) in problem.states.enumerated() {
        arrays += array("s\(index)_\(state)", values)
        arguments.append("s\(index)_\(state)")
      }
      for (parameter, values) in problem.parameters.enumerated() {
        arrays += array("p\(index)_\(parameter)", values)
        arguments.append("p\(index)_\(parameter)")
      }
      for scratch in CPrinter(problem.cell).scratch.indices {
        arrays += "static float v\(index)_\(scratch)[64];\n"
        arguments.append("v\(index)_\(scratch)")
      }
      main += """
        static void run\(index)(void)
        {
        \(arrays)
            for (int t = 0; t < 3; t++) {
                \(name(index))(\(arguments.joined(separator: ", ")));
                for (int j = 0; j < \(problem.outputSize); j++) printf("%.9g ", s\(index)_0[j]);
            }
            printf("\\n");
        }

        """
    }
    main += "int main(void)\n{\n" + cells.indices.map { "    run\($0)();\n" }.joined() + "    return 0;\n}\n"
    let scratch = try Scratch()
    let text = "#include <math.h>\n#include <stdio.h>\n" + CPrinter.helpers(for: functions) + functions + main
    let source = try scratch.write(Array(text.utf8), as: "cells.c"), program = scratch.file("cells")
    let compile = Process()
    compile.executableURL = URL(fileURLWithPath: try #require(Self.compiler))
    compile.arguments = ["-std=c99", "-Wall", "-Wextra", "-Werror", source, "-lm", "-o", program]
    try compile.run()
    compile.waitUntilExit()
    try #require(compile.terminationStatus == 0)
    let run = Process(), output = Pipe()
    run.executableURL = URL(fileURLWithPath: program)
    run.standardOutput = output
    try run.run()
    let printed = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    run.waitUntilExit()
    let lines = printed.split(separator: "\n")
    try #require(lines.count == cells.count)
    for (line, problem) in zip(lines, problems) {
      let found = line.split(separator: " ").compactMap { Double($0) }
      #expect(relativeError(found, problem.reference().output) < 1e-5, "\(problem.cell.name)")
    }
  }
}
