import CellgateBasics
import CellgateCells
import CellgateKernels
import CellgateTensor

/// Steps of up to `batch` sequences of one ``ModelStream`` at once, in memory of its own: a step allocates nothing.
///
/// A service gives it the sessions that have an input, in any number up to `batch`:
///
/// ```swift
/// let stepper = stream.stepper(batch: 64)
/// var outputs = [Float](repeating: 0, count: 64 * stream.outputSize)
/// try stepper.step(&sessions, inputs, into: &outputs)
/// ```
///
/// Where the same sequences go on and on, the stepper keeps their states between steps, and no state is copied:
/// `load` puts sessions into rows, the other forms of `step` take steps of the first rows, and `save` or `session` reads
/// them. For one thread at a time.
@safe public final class ModelStepper {
  /// The model.
  public let stream: ModelStream
  /// The most sequences of a step.
  public let batch: Int
  /// Of each stage that has states.
  private let cells: [any SteppedStage]
  private let stateCounts: [Int]
  /// The numbers between stages, in turn, and those that an activation needs besides.
  private let buffers: (first: Storage, second: Storage, scratch: Storage)
  /// A linear map's inputs as its product reads them.
  private let words: Storage

  init(_ stream: ModelStream, batch: Int) {
    require(batch >= 0, "stepper: expected a batch of 0 or more sequences, found \(batch)")
    self.stream = stream
    self.batch = batch
    cells = stream.stages.compactMap { $0.session(batch: batch) }
    stateCounts = stream.stages.compactMap { $0.start?.count }
    let widest = stream.stages.map(\.outputSize).max() ?? 0
    buffers = (
      Storage(count: batch * widest), Storage(count: batch * widest), Storage(count: batch * widest)
    )
    words = Storage(
      count: batch
        * (stream.stages.map { if case .linear(let map) = $0 { map.wordCount } else { 0 } }.max() ?? 0))
    let start = stream.session()
    for row in 0..<batch { place(start, row) }
  }

  // MARK: Rows

  /// Makes a session the sequence of a row; throws `badSession` for another model's.
  public func load(_ session: ModelSession, row: Int) throws(StreamError) {
    checkRow(row)
    try stream.check(session)
    place(session, row)
  }

  /// Writes the states of a row's sequence into a session of the model, without allocating memory unless a copy of the session
  /// shares its states; throws `badSession` for another model's.
  public func save(row: Int, into session: inout ModelSession) throws(StreamError) {
    checkRow(row)
    try stream.check(session)
    take(row, &session)
  }

  /// The sequence of a row.
  public func session(row: Int) -> ModelSession {
    checkRow(row)
    var session = stream.session()
    take(row, &session)
    return session
  }

  private func checkRow(_ row: Int) {
    require(row >= 0 && row < batch, "stepper: expected a row in 0..<\(batch), found \(row)")
  }

  private func place(_ session: ModelSession, _ row: Int) {
    unsafe session.states.withUnsafeBufferPointer { states in
      guard var from = states.baseAddress else { return }
      for index in cells.indices {
        unsafe cells[index].setStates(of: row, to: from)
        unsafe from += stateCounts[index]
      }
    }
  }

  private func take(_ row: Int, _ session: inout ModelSession) {
    unsafe session.states.withUnsafeMutableBufferPointer { states in
      guard var to = states.baseAddress else { return }
      for index in cells.indices {
        unsafe cells[index].copyStates(of: row, to: to)
        unsafe to += stateCounts[index]
      }
    }
  }

  // MARK: Steps

  /// Takes a step of sessions, at most `batch`: their inputs `[N, I]`, or symbols `[N]`, give the outputs `[N, O]`, the
  /// first numbers of `outputs`. The rows hold these sessions then. Throws `badSession` or `badInput`, and no session
  /// changes then.
  public func step(
    _ sessions: inout [ModelSession], _ inputs: [Float], into outputs: inout [Float]
  ) throws(StreamError) {
    guard sessions.count <= batch else {
      throw .badInput(expected: "at most \(batch) sessions", found: "\(sessions.count)")
    }
    try checkRoom(outputs, rows: sessions.count)
    try stream.check(inputs, rows: sessions.count)
    for index in sessions.indices { try stream.check(sessions[index]) }
    step(&sessions, sessions.indices, inputs, &outputs)
  }

  /// The same of some sessions of many, with their inputs and outputs among those of all; checked by the caller.
  func step(
    _ sessions: inout [ModelSession], _ range: Range<Int>, _ inputs: [Float], _ outputs: inout [Float]
  ) {
    // Loops over numbers, as others allocate memory where the compiler doesn't optimise.
    for row in 0..<range.count { place(sessions[range.lowerBound + row], row) }
    let (from, to) = (range.lowerBound * stream.inputSize, range.lowerBound * stream.outputSize)
    pass(inputs, from, to: &outputs, to, rows: range.count)
    for row in 0..<range.count { take(row, &sessions[range.lowerBound + row]) }
  }

  /// Takes a step of the sequences in the first rows, as many as there are inputs `[N, I]`, or symbols `[N]`; the outputs `[N, O]`
  /// are the first numbers of `outputs`. Throws `badInput`, and nothing changes then.
  public func step(_ inputs: [Float], into outputs: inout [Float]) throws(StreamError) {
    let rows = inputs.count / stream.inputSize
    guard rows <= batch else {
      throw .badInput(expected: "inputs of at most \(batch) sequences", found: "of \(rows)")
    }
    try checkRoom(outputs, rows: rows)
    try stream.check(inputs, rows: rows)
    pass(inputs, 0, to: &outputs, 0, rows: rows)
  }

  /// Takes a step of the sequences in the first `rows`: `inputs` holds `[rows, I]`, or symbols `[rows]`, and `[rows, O]` is
  /// written to `outputs`. Throws `badInput` for a number that is no symbol, and nothing changes then.
  public func step(
    _ inputs: UnsafePointer<Float>, rows: Int, into outputs: UnsafeMutablePointer<Float>
  ) throws(StreamError) {
    require(rows >= 0 && rows <= batch, "step: expected 0 to \(batch) sequences, found \(rows)")
    if stream.symbols != nil {
      for row in 0..<rows { try unsafe stream.checkSymbol(inputs[row]) }
    }
    unsafe pass(inputs, rows: rows, to: outputs)
  }

  private func checkRoom(_ outputs: [Float], rows: Int) throws(StreamError) {
    guard outputs.count >= rows * stream.outputSize else {
      throw .badInput(
        expected: "room for \(rows) · \(stream.outputSize) outputs", found: "\(outputs.count)")
    }
  }

  private func pass(_ inputs: [Float], _ from: Int, to outputs: inout [Float], _ to: Int, rows: Int) {
    unsafe inputs.withUnsafeBufferPointer { inputs in
      unsafe outputs.withUnsafeMutableBufferPointer { outputs in
        guard let input = inputs.baseAddress, let output = outputs.baseAddress else { return }
        unsafe pass(input + from, rows: rows, to: output + to)
      }
    }
  }

  /// All stages of a step, whose inputs are right.
  private func pass(
    _ inputs: UnsafePointer<Float>, rows: Int, to outputs: UnsafeMutablePointer<Float>
  ) {
    var x = unsafe inputs
    var (next, other) = unsafe (buffers.first.pointer, buffers.second.pointer)
    var cell = 0
    let last = stream.stages.count - 1
    for index in stream.stages.indices {
      let y = unsafe index == last ? outputs : next
      switch stream.stages[index] {
      case .table(let table, let size, _):
        for row in 0..<rows {
          let first = unsafe Int(x[row]) * size
          for place in 0..<size { unsafe y[row * size + place] = table[first + place] }
        }
      case .cell, .transformer:
        unsafe cells[cell].step(x, rows: rows, output: y)
        cell += 1
      case .linear(let map): unsafe map.map(x, rows: rows, to: y, words: words.pointer)
      case .activation(let activation, let size):
        unsafe activation.apply(x, rows: rows, size: size, to: y, scratch: buffers.scratch.pointer)
      case .layerNormalization(let weight, let bias, let epsilon):
        let size = weight.count
        for row in 0..<rows {
          let to = unsafe y + row * size
          _ = unsafe cg_standardize(size, x + row * size, Double(epsilon), to)
          for place in 0..<size { unsafe to[place] = to[place] * weight[place] + bias[place] }
        }
      case .batchNormalization(let mean, let deviation, let weight, let bias):
        let size = mean.count
        for row in 0..<rows {
          for place in 0..<size {
            let number = unsafe x[row * size + place]
            unsafe y[row * size + place] =
              (number - mean[place]) / deviation[place] * weight[place] + bias[place]
          }
        }
      }
      unsafe x = UnsafePointer(y)
      unsafe swap(&next, &other)
    }
    if stream.stages.isEmpty { unsafe outputs.update(from: inputs, count: rows * stream.inputSize) }
  }
}
