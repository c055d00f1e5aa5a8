import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite struct StopRequestTests {
  @Test("A request that is made stays, and asks no more")
  func stays() {
    var answers = [true, false, false]
    let stop = StopRequest { answers.popLast() ?? false }
    #expect(!stop.check() && !stop.check() && !stop.isMade)
    #expect(stop.check() && stop.isMade)
    #expect(stop.check() && answers.isEmpty)
    #expect(!ForwardContext.inference().shouldStop)
    #expect(ForwardContext.inference(stop: stop).shouldStop)
  }

  @Test(
    "Layers that may be stopped ask on the way, and give the same bits", arguments: Cell.core, [false, true])
  func bits(_ cell: Cell, isBidirectional: Bool) {
    let layer = Recurrent(
      cell: cell, inputSize: 17, hiddenSize: 6, layers: 2, bidirectional: isBidirectional,
      stream: RandomStream(seed: 1, name: "initialisation"))
    let x = random([50, 3, 17])
    let states = cell.states.map { random([isBidirectional ? 4 : 2, 3, 6], $0) }
    func run(_ context: ForwardContext) -> [[Float]] {
      withoutGradient {
        let result = layer(x, states: states, context: context)
        return ([result.output].compactMap(\.self) + result.finalStates).map(\.scalars)
      }
    }
    var questions = 0
    let stop = StopRequest {
      questions += 1
      return false
    }
    stop.least = (rows: 100, work: 1)
    #expect(run(.inference(stop: stop)) == run(.inference()))
    #expect(questions == (isBidirectional ? 8 : 4))
  }

  @Test("A stopped layer computes nothing more")
  func stopped() {
    let layer = Recurrent(
      cell: .gru, inputSize: 2, hiddenSize: 3, stream: RandomStream(seed: 1, name: "initialisation"))
    let states = [random([1, 2, 3])]
    let result = withoutGradient {
      layer(random([5, 2, 2]), states: states, context: .inference(stop: StopRequest { true }))
    }
    #expect(result.finalStates.map(\.scalars) == states.map(\.scalars))
    #expect(result.output?.shape == [5, 2, 3])
  }
}
