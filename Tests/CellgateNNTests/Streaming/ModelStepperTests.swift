import AllocationCounter
import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("ModelStepper")
struct ModelStepperTests {
  @Test("Sessions have the same bits alone and in batches of any size", arguments: Cell.core, [18, 64])
  func batches(_ cell: Cell, _ units: Int) throws {
    let stream = try ModelStreamTests.model(cell, layers: 2, symbols: true, units: units).stream()
    let count = 9
    /// The symbol of a session at a step; nil where it has no input.
    func symbol(_ session: Int, _ step: Int) -> Float? {
      (session + step) % 4 == 0 ? nil : Float((3 * session + 5 * step) % 11)
    }
    var alone = Array(repeating: stream.session(), count: count), together = alone
    let stepper = stream.stepper(batch: count)
    for step in 0..<5 {
      let ready = (0..<count).filter { symbol($0, step) != nil }
      let symbols = ready.map { symbol($0, step) ?? 0 }
      var expected: [Float] = []
      for (session, symbol) in zip(ready, symbols) {
        expected += try stream.step(&alone[session], [symbol])
      }
      var sessions = ready.map { together[$0] }
      var outputs = [Float](repeating: 0, count: count * stream.outputSize)
      try stepper.step(&sessions, symbols, into: &outputs)
      for (session, own) in zip(ready, sessions) { together[session] = own }
      #expect(Array(outputs.prefix(expected.count)) == expected)
      #expect(together == alone)
    }
  }

  @Test("A stepper keeps the states of its rows; rows without an input stay")
  func rows() throws {
    let stream = try ModelStreamTests.model(.gru, layers: 1, symbols: false).stream()
    let stepper = stream.stepper(batch: 3)
    var sessions = Array(repeating: stream.session(), count: 3)
    #expect((0..<3).map { stepper.session(row: $0) } == sessions)
    let x = random([4, 3, 5], "x").scalars
    var outputs = [Float](repeating: 0, count: 3 * 7)
    for (step, rows) in [3, 2, 0, 1].enumerated() {
      let input = Array(x[step * 15..<step * 15 + rows * 5])
      try stepper.step(input, into: &outputs)
      var some = Array(sessions[..<rows])
      let expected = try stream.step(&some, input)
      sessions.replaceSubrange(..<rows, with: some)
      #expect(Array(outputs.prefix(rows * 7)) == expected)
      #expect((0..<3).map { stepper.session(row: $0) } == sessions)
    }
    try stepper.load(sessions[0], row: 2)
    var saved = stream.session()
    try stepper.save(row: 2, into: &saved)
    #expect(saved == sessions[0])
  }

  @Test("What doesn't fit is refused")
  func refusals() throws {
    let stream = try ModelStreamTests.model(.gru, layers: 1, symbols: false).stream()
    let stepper = stream.stepper(batch: 2)
    var outputs = [Float](repeating: 0, count: 14)
    var sessions = Array(repeating: stream.session(), count: 3)
    #expect(throws: StreamError.badInput(expected: "at most 2 sessions", found: "3")) {
      try stepper.step(&sessions, [Float](repeating: 0, count: 15), into: &outputs)
    }
    #expect(throws: StreamError.badInput(expected: "inputs of at most 2 sequences", found: "of 3")) {
      try stepper.step([Float](repeating: 0, count: 15), into: &outputs)
    }
    #expect(throws: StreamError.badInput(expected: "1 · 5 numbers", found: "7")) {
      try stepper.step([Float](repeating: 0, count: 7), into: &outputs)
    }
    var few: [Float] = [0]
    #expect(throws: StreamError.badInput(expected: "room for 2 · 7 outputs", found: "1")) {
      try stepper.step([Float](repeating: 0, count: 10), into: &few)
    }
    let other = try ModelStreamTests.model(.lstm, layers: 1, symbols: false).stream().session()
    #expect(throws: StreamError.self) { try stepper.load(other, row: 0) }
    #expect(stream.stepper(batch: 0).batch == 0)
  }

  @Test("More sessions than go together at once are stepped all the same")
  func many() throws {
    let stream = try ModelStreamTests.model(.lstm, layers: 1, symbols: true, units: 5).stream()
    var sessions = Array(repeating: stream.session(), count: 150)
    let symbols = (0..<150).map { Float($0 % 11) }
    let outputs = try stream.step(&sessions, symbols)
    for index in 0..<11 {
      var alone = stream.session()
      let expected = try stream.step(&alone, [Float(index)])
      for place in stride(from: index, to: 150, by: 11) {
        #expect(Array(outputs[place * 7..<(place + 1) * 7]) == expected)
        #expect(sessions[place] == alone)
      }
    }
    var none: [ModelSession] = []
    #expect(try stream.step(&none, []) == [])
  }

  @Test(
    "A step allocates nothing",
    .enabled(if: allocation_counter_works() != 0, "no counter of allocations here"), arguments: Cell.core)
  func allocations(_ cell: Cell) throws {
    let before = allocation_count()
    let kept = [Int](repeating: 1, count: 100)
    #expect(allocation_count() > before && kept.count == 100, "allocations are counted")
    for (symbols, precision) in [(false, Precision.float32), (true, .float32), (true, .int8)] {
      let model = try ModelStreamTests.model(cell, layers: 2, symbols: symbols)
      let stream = try model.computing(in: precision).stream()
      let stepper = stream.stepper(batch: 4)
      var sessions = Array(repeating: stream.session(), count: 4)
      for index in sessions.indices { sessions[index] = try stream.session(sessions[index].bytes) }
      let inputs = [Float](repeating: 1, count: 4 * stream.inputSize)
      let fewer = [Float](repeating: 1, count: 2 * stream.inputSize)
      var outputs = [Float](repeating: 0, count: 4 * stream.outputSize)
      func step() throws {
        try stepper.step(&sessions, inputs, into: &outputs)
        try stepper.step(inputs, into: &outputs)
        try stepper.step(fewer, into: &outputs)
        try stepper.save(row: 1, into: &sessions[0])
        try stepper.load(sessions[0], row: 2)
      }
      try step()
      let start = allocation_count()
      for _ in 0..<1000 { try step() }
      #expect(allocation_count() - start == 0, "\(cell.name), symbols: \(symbols), \(precision)")
    }
  }
}
