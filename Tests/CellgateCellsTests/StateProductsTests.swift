import CellgateCells
import CellgateTensor
import Testing

/// Single steps that are given the products on the states before them.
@Suite("Products on states")
struct StateProductsTests {
  @Test("The matrices of GRU and LSTM that read a state may be given, those of other operands not")
  func maps() {
    func names(_ cell: Cell) -> [String] {
      cell.takingStateProducts().maps.map { cell.parameters[$0.parameter].name + " " + cell.states[$0.state] }
    }
    #expect(names(.gru) == ["weight_hh h"] && names(.lstm) == ["weight_hh h"])
    // Its memory weights multiply a function of the memory.
    #expect(names(.lstmWM) == ["weight_hh h"])
    #expect(Cell.gru.takingStateProducts().cell.states.count == 4)
    #expect(names(Cell.gru.droppingRecurrence()) == [])
  }

  /// Products are rounded before the others are added.
  @Test("A step of given products has the cell's values and gradients", arguments: Cell.allAndOdd)
  func agreement(_ cell: Cell) {
    let (derived, maps) = cell.takingStateProducts()
    let problem = Problem(cell, T: 1, B: 11, I: 3, H: 5)
    let (B, sizes) = (problem.B, problem.stateSizes)
    var given = Problem(derived, T: 1, B: B, I: 3, H: 5)
    (given.input, given.parameters) = (problem.input, problem.parameters)
    (given.outputGradient, given.noise) = (problem.outputGradient, problem.noise)
    given.states = problem.states
    for map in maps {
      let weight = problem.parameters[map.parameter], k = sizes[map.state]
      let gates = cell.parameters[map.parameter].gates.count, rows = weight.count / k / gates
      for gate in 0..<gates {
        given.states.append(
          (0..<B * rows).map { place in
            let (sequence, row) = place.quotientAndRemainder(dividingBy: rows)
            return (0..<k).reduce(0) {
              $0 + weight[(gate * rows + row) * k + $1] * problem.states[map.state][sequence * k + $1]
            }
          })
      }
    }
    given.finalGradients =
      problem.finalGradients
      + given.states.dropFirst(sizes.count).map { [Double](repeating: 0, count: $0.count) }
    let (found, expected) = (given.fast(), problem.reference())
    // What arrives at the products gives the gradients of the states and of the matrices.
    var (states, parameters) = (Array(found.states.prefix(sizes.count)), found.parameters)
    var next = sizes.count
    for map in maps {
      let weight = problem.parameters[map.parameter], k = sizes[map.state]
      let gates = cell.parameters[map.parameter].gates.count, rows = weight.count / k / gates
      #expect(parameters[map.parameter].allSatisfy { $0 == 0 })
      for gate in 0..<gates {
        for sequence in 0..<B {
          for row in 0..<rows {
            let delta = found.states[next][sequence * rows + row], first = (gate * rows + row) * k
            for column in 0..<k {
              states[map.state][sequence * k + column] += delta * weight[first + column]
              parameters[map.parameter][first + column] +=
                delta * problem.states[map.state][sequence * k + column]
            }
          }
        }
        next += 1
      }
    }
    let own = Problem.Outcome(
      output: found.output, finalStates: Array(found.finalStates.prefix(sizes.count)), input: found.input,
      states: states, parameters: parameters)
    for (found, part) in zip(own.parts(cell), expected.parts(cell)) {
      #expect(relativeError(found.1, part.1) < 3e-6, "\(cell.name): \(part.0)")
    }
  }
}
