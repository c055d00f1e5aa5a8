import CellgateCells
import CellgateTensor
import Testing

@Suite("Products of bfloat16 numbers", .enabled(if: InstructionSet.active.supports(.bfloat16)))
struct PrecisionTests {
  static func problems(_ cell: Cell) -> [Problem] {
    [
      Problem(cell, T: 6, B: 5, I: 3, H: 7),
      Problem(cell, T: 5, B: 9, I: 21, H: 33, reversed: true, seed: 2),  // hoisted input, odd sizes
      Problem(cell, T: 40, B: 12, I: 13, H: 16),  // several chunks, small inputs' gradients transposed or not
      Problem.uneven(cell), Problem.uneven(cell, reversed: true),
    ]
  }

  /// Both round the same numbers, but one that lies within a rounding in Float32 of the middle between two
  /// bfloat16 numbers may go either way, which moves it by up to 2⁻⁷ of itself. That is rare: the root mean square
  /// stays below 2⁻¹¹, while a factor that only one of them rounds would be off by about 2⁻¹⁰.
  @Test("What is rounded is what the reference rounds", arguments: Cell.allAndOdd)
  func rounding(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let expected = problem.reference(.bfloat16).parts(cell)
      for saving in [CellExecution.Saving.everything, .states(every: 3)] {
        for (found, part) in zip(problem.fast(.active, .bfloat16, saving: saving).parts(cell), expected) {
          let error = rootMeanSquareError(found.1, part.1)
          #expect(error < 0x1p-11, "\(cell.name) T=\(problem.T) H=\(problem.H): \(part.0)")
        }
      }
    }
  }

  /// Two factors are rounded by at most 2⁻⁹ of themselves each, so that a product is off by 2⁻⁸ of the sizes of its
  /// terms, and a few steps and the way back add such errors up; cells with a kink are off by whole terms where a
  /// rounding moves a number across it.
  @Test(
    "Rounding changes results by less than a hundredth",
    arguments: Cell.allAndOdd.filter { !["rnn-relu", "odd", "functions", "late", "wide"].contains($0.name) })
  func agreement(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let exact = problem.reference().parts(cell)
      for (found, part) in zip(problem.fast(.active, .bfloat16).parts(cell), exact) {
        let error = rootMeanSquareError(found.1, part.1)
        #expect(error < 0.01, "\(cell.name) T=\(problem.T) H=\(problem.H): \(part.0)")
      }
    }
  }

  @Test("NaN in the input reaches the output, and no other sequence")
  func notANumber() {
    var problem = Problem(.lstmWM, T: 3, B: 2, I: 2, H: 4)
    problem.input[0] = .nan
    let outcome = problem.fast(.active, .bfloat16)
    #expect(outcome.output[0..<4].allSatisfy { $0.isNaN })
    #expect(outcome.output[4..<8].allSatisfy { $0.isFinite })
  }
}

/// The root mean square of the differences relative to that of `expected`; infinite where NaN appears.
func rootMeanSquareError(_ found: [Double], _ expected: [Double]) -> Double {
  guard found.count == expected.count, found.allSatisfy(\.isFinite) else { return .infinity }
  let error = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let scale = expected.reduce(0) { $0 + $1 * $1 }
  return error == 0 ? 0 : (error / scale).squareRoot()
}

extension Precision {
  /// Those of this processor with gradients, and all of them.
  static var supported: [Precision] { inference.filter(\.trains) }
  static var inference: [Precision] { allCases.filter { InstructionSet.active.supports($0) } }
}
