import CellgateCells
import CellgateTensor
import Testing

@Suite("bfloat16 products", .enabled(if: InstructionSet.active.supports(.bfloat16)))
struct PrecisionTests {
  static func problems(_ cell: Cell) -> [Problem] {
    [
      Problem(cell, T: 6, B: 5, I: 3, H: 7),
      Problem(cell, T: 5, B: 9, I: 21, H: 33, reversed: true, seed: 2),  // hoisted input, odd sizes
      Problem(cell, T: 40, B: 12, I: 13, H: 16),  // several chunks, small inputs' gradients transposed or not
      Problem(cell, T: 2, B: 3, I: 2, H: 530),
      Problem.uneven(cell), Problem.uneven(cell, reversed: true),
    ]
  }

  /// Both round the same numbers, but one that lies within a rounding in Float32 of the middle between two
  /// bfloat16 numbers may go either way, which moves it by 2⁻⁸ of itself. That is rare, so most of a result
  /// stays within roundings of Float32.
  @Test("What is rounded is what the reference rounds", arguments: Cell.allAndOdd)
  func rounding(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let expected = problem.reference(.bfloat16).parts(cell)
      for (found, part) in zip(problem.fast(.active, .bfloat16).parts(cell), expected) {
        print("PROBE", cell.name, problem.T, problem.H, part.0, rootMeanSquareError(found.1, part.1), relativeError(found.1, part.1))
      }
    }
  }

  @Test("Rounding changes results by little", arguments: Cell.allAndOdd)
  func agreement(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let exact = problem.reference().parts(cell)
      for (found, part) in zip(problem.fast(.active, .bfloat16).parts(cell), exact) {
        print("PROBE2", cell.name, problem.T, problem.H, part.0, rootMeanSquareError(found.1, part.1), relativeError(found.1, part.1))
      }
    }
  }
}

/// The root mean square of the differences relative to that of `expected`; infinite where NaN appears.
func rootMeanSquareError(_ found: [Double], _ expected: [Double]) -> Double {
  guard found.count == expected.count, found.allSatisfy(\.isFinite) else { return .infinity }
  let error = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let scale = expected.reduce(0) { $0 + $1 * $1 }
  return error == 0 ? 0 : (error / scale).squareRoot()
}
