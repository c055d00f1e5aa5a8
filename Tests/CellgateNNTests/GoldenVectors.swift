import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor
import Foundation
import Testing

/// PyTorch's autograd in Double, case by case: every cell through the reference and through the fast
/// execution on every instruction set of this processor. `Golden/README.md` says what a case holds. The published cells
/// have cases of `GoldenZoo/generate.py`, from numpy.
///
/// The cases are those of the folder in `$CELLGATE_GOLDEN`, or else the project's own.
@Suite("GoldenVectors")
struct GoldenVectors {
  @Test("There are cases")
  func thereAreCases() {
    #expect(!GoldenCase.all.isEmpty, "no golden case in \(GoldenCase.folder.path)")
    if GoldenCase.isOwnFolder {
      let cells = GoldenCase.all.filter { $0.isOfZoo == true }.map(\.cell)
      #expect(cells.sorted() == Cell.zoo.map(\.name).sorted())
    }
  }

  /// Double sums in another order: some dozen roundings of 1e-16.
  @Test("The reference agrees to 1e-11", arguments: GoldenCase.all)
  func reference(_ golden: GoldenCase) throws {
    let file = try golden.load()
    let computed = try file.referenceGradients()
    try file.compare(computed, tolerance: 1e-11)
  }

  /// Float32 products and sums of some hundred terms; saturated cases lose another digit where gates cancel.
  @Test("Every instruction set agrees to 1e-5, or 1e-4 where gates saturate", arguments: GoldenCase.all)
  func fast(_ golden: GoldenCase) throws {
    let file = try golden.load()
    for instructions in InstructionSet.all {
      let computed = try file.fastGradients(instructions)
      try file.compare(computed, tolerance: golden.saturated ? 1e-4 : 1e-5, context: "\(instructions)")
    }
  }
}

/// One line of `index.json`.
struct GoldenCase: Decodable, Sendable, CustomTestStringConvertible {
  var file: String
  var cell: String
  var T: Int
  var B: Int
  var I: Int
  var H: Int
  var layers: Int
  var bidirectional: Bool
  var lengths: Bool
  var saturated: Bool
  /// Whether it is one of the published cells'.
  var isOfZoo: Bool?

  var testDescription: String { file }

  private static let path = ProcessInfo.processInfo.environment["CELLGATE_GOLDEN"] ?? ""
  static let isOwnFolder = path.isEmpty
  static let folder =
    isOwnFolder ? Bundle.module.bundleURL.appendingPathComponent("Golden") : URL(fileURLWithPath: path)

  private static let zoo = Bundle.module.bundleURL.appendingPathComponent("GoldenZoo")

  static let all: [GoldenCase] =
    cases(folder)
    + (isOwnFolder
      ? cases(zoo).map { golden in
        var golden = golden
        golden.isOfZoo = true
        return golden
      } : [])

  private static func cases(_ folder: URL) -> [GoldenCase] {
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("index.json")) else { return [] }
    return (try? JSONDecoder().decode([GoldenCase].self, from: data)) ?? []
  }

  func load() throws -> GoldenFile {
    let cell = try #require(Cell.named(cell), "no cell '\(cell)'")
    return GoldenFile(
      golden: self, cell: cell,
      file: try Safetensors(
        path: (isOfZoo == true ? Self.zoo : Self.folder).appendingPathComponent(file).path))
  }
}

/// A case with its tensors.
struct GoldenFile {
  let golden: GoldenCase
  let cell: Cell
  let file: Safetensors

  private var directions: Int { golden.bidirectional ? 2 : 1 }
  private var stack: Int { golden.layers * directions }
  private var isStacked: Bool { stack > 1 }

  private func suffix(_ place: Int) -> String {
    isStacked ? "_l\(place / directions)" + (place % directions == 1 ? "_reverse" : "") : ""
  }
  private func inputSize(_ place: Int) -> Int {
    place / directions == 0 ? golden.I : directions * golden.H
  }
  private func lengths() throws -> [Int]? {
    golden.lengths ? try file.int64s("lengths").map { Int($0) } : nil
  }
  private func parameters(_ place: Int) throws -> [[Double]] {
    try cell.parameters.map { definition in
      try file.doubles(
        definition.name + suffix(place),
        shape: definition.shape(inputSize: inputSize(place), hiddenSize: golden.H))
    }
  }

  /// Everything that a case compares, by the names of its tensors.
  typealias Results = [String: [Double]]

  func compare(_ results: Results, tolerance: Double, context: String = "") throws {
    var names = ["output", "grad_input"]
    for state in cell.states { names += [state + "n", "grad_" + state + "0"] }
    for place in 0..<stack { names += cell.parameters.map { "grad_" + $0.name + suffix(place) } }
    for name in names {
      let expected = try file.doubles(name)
      let found = try #require(results[name])
      try #require(found.count == expected.count, "\(name)")
      let scale = expected.map(abs).max() ?? 0
      let error = zip(expected, found).map { abs($0 - $1) }.max() ?? 0
      let isFinite = found.allSatisfy(\.isFinite)
      #expect(
        isFinite && error <= tolerance * max(scale, .leastNormalMagnitude),
        "\(golden.file) \(context): \(name) is off by \(error / scale) of its largest magnitude")
    }
  }

  func referenceGradients() throws -> Results {
    let reference = RecurrentReference(
      cell: cell, inputSize: golden.I, hiddenSize: golden.H, layers: golden.layers, directions: directions)
    let outcome = reference.run(
      .init(
        steps: golden.T, batch: golden.B, input: try file.doubles("input"),
        states: try cell.states.map { try file.doubles($0 + "0") },
        parameters: try (0..<stack).map { try parameters($0) }, lengths: try lengths(),
        outputGradient: try file.doubles("cotangent_output"),
        finalGradients: try cell.states.map { try file.doubles("cotangent_\($0)n") }))
    var results: Results = ["output": outcome.output, "grad_input": outcome.input]
    for (index, state) in cell.states.enumerated() {
      results[state + "n"] = outcome.finalStates[index]
      results["grad_\(state)0"] = outcome.states[index]
    }
    for place in 0..<stack {
      for (definition, values) in zip(cell.parameters, outcome.parameters[place]) {
        results["grad_" + definition.name + suffix(place)] = values
      }
    }
    return results
  }

  func fastGradients(_ instructions: InstructionSet) throws -> Results {
    func tensor(_ name: String, shape: [Int]) throws -> Tensor {
      Tensor(try file.doubles(name).map { Float($0) }, shape: shape)
    }
    let stateShape = [stack, golden.B, golden.H]
    let recurrent = Recurrent(
      cell: cell, inputSize: golden.I, hiddenSize: golden.H, layers: golden.layers,
      bidirectional: golden.bidirectional, instructions: instructions,
      stream: RandomStream(seed: 0, name: "golden"))
    // Fixed ones too, whose gradients stay 0.
    let parameters = ParameterSet(recurrent, withBuffers: true).entries
    for entry in parameters {
      let stored = isStacked ? entry.name : String(entry.name.dropLast("_l0".count))
      entry.parameter.assign(try tensor(stored, shape: entry.shape))
    }
    let input = Parameter(try tensor("input", shape: [golden.T, golden.B, golden.I]))
    let states = try cell.states.map { Parameter(try tensor($0 + "0", shape: stateShape)) }
    let result = recurrent(input.tensor, states: states.map(\.tensor), lengths: try lengths())
    let output = try #require(result.output)
    let cotangent = try tensor("cotangent_output", shape: output.shape)
    var loss = (output * cotangent).sum()
    for (state, final) in zip(cell.states, result.finalStates) {
      loss = loss + (final * (try tensor("cotangent_\(state)n", shape: stateShape))).sum()
    }
    loss.backward()

    func doubles(_ tensor: Tensor) -> [Double] { tensor.scalars.map { Double($0) } }
    var results: Results = ["output": doubles(output), "grad_input": doubles(input.gradient)]
    for (index, state) in cell.states.enumerated() {
      results[state + "n"] = doubles(result.finalStates[index])
      results["grad_\(state)0"] = doubles(states[index].gradient)
    }
    for entry in parameters {
      let stored = isStacked ? entry.name : String(entry.name.dropLast("_l0".count))
      results["grad_" + stored] = doubles(entry.parameter.gradient)
    }
    return results
  }
}
