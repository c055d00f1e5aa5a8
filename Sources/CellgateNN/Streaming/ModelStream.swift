import CellgateCells
import CellgateTensor

/// A model that takes a step at a time, with its weights packed once: what a service holds for thousands of sequences.
///
/// ```swift
/// let stream = try Model.load("model.safetensors").stream()
/// var session = stream.session()
/// for symbol in symbols {
///   let probabilities = try stream.step(&session, [symbol])
/// }
/// ```
///
/// A chain of layers can be streamed: `Embedding`, `Recurrent` in one direction, `TransformerEncoder` with a window, `Dense`, `TimeDistributed`, activations,
/// normalisation, `Dropout`, which does nothing, and `LastStep`, which gives what it would give if this step were the
/// last. After each step the output is that of the model for the sequence so far, at its last step.
///
/// Immutable: any threads may share it. What belongs to a sequence is its ``ModelSession``. A sequence's outputs have the same
/// bits whether it is stepped alone or with others. Steps are computed on the calling thread alone: a service runs as many
/// ``ModelStepper``s as it has threads.
public final class ModelStream: Sendable {
  /// Numbers that a sequence takes at a step; 1 where it takes a symbol.
  public let inputSize: Int
  /// V, where the model takes symbols, whole numbers below V; nil where it takes numbers.
  public let symbols: Int?
  /// Numbers that a sequence gives at a step.
  public let outputSize: Int
  /// Differs for models that differ in a layer, a size or a weight; sessions bear it.
  public let signature: UInt64
  /// The states of a sequence that has not begun.
  private let start: [Float]
  /// The first symbol that it takes.
  private let firstSymbol: Int

  let stages: [StreamStage]

  /// Sequences that one call of the convenience `step` takes together.
  private static let rowsAtOnce = 64

  /// Stages for sequences of `inputSize` numbers a step, and what distinguishes the model from others.
  init(_ stages: [StreamStage], inputSize: Int, signature: UInt64) {
    self.stages = stages
    self.inputSize = inputSize
    self.signature = signature
    if case .table(let table, let size, let first) = stages.first {
      (symbols, firstSymbol) = (table.count / size, first)
    } else {
      (symbols, firstSymbol) = (nil, 0)
    }
    outputSize = stages.last?.outputSize ?? inputSize
    start = stages.flatMap { $0.start ?? [] }
  }

  /// A language model in parts: symbols, of which 0 is one like the others, give the logits of what comes next; without a
  /// head what it would read. Throws `badLayer` for layers between embedding and head that can't be streamed.
  package convenience init(embedding: Embedding, body: SequenceBody, head: Linear?) throws(StreamError) {
    let size = embedding.options.outputDim
    let layers = try StreamStage.stages(of: body.layer, named: body.name, inputSize: size)
    var signature = StreamSignature()
    signature.add(body.signature)
    for part in [embedding, body.layer] + (head.map { [$0] } ?? []) as [any Module] {
      signature.add(part.state)
    }
    self.init(
      [StreamStage.table(embedding, first: 0)] + layers + (head.map { [StreamStage.linear($0)] } ?? []),
      inputSize: 1,
      signature: signature.value)
  }

  /// Numbers of a session.
  public var stateSize: Int { start.count }

  /// A sequence that has not begun: its states are zeros, or those that were learned.
  public func session() -> ModelSession { ModelSession(states: start, signature: signature) }

  /// The session of such bytes as `ModelSession.bytes` gives; throws `badSession` for others and for another model's.
  public func session(_ bytes: [UInt8]) throws(StreamError) -> ModelSession {
    let session = try ModelSession(bytes: bytes)
    try check(session)
    return session
  }

  /// Steps of up to `batch` sessions at once, of which none allocates memory.
  public func stepper(batch: Int = 1) -> ModelStepper { ModelStepper(self, batch: batch) }

  /// Takes a step of one session: its input, `[I]` or a symbol `[1]`, gives the output `[O]`. Throws `badSession` or
  /// `badInput`, and nothing changes then. Who takes many steps makes a ``stepper(batch:)`` once.
  public func step(_ session: inout ModelSession, _ input: [Float]) throws(StreamError) -> [Float] {
    var sessions = [session]
    let output = try step(&sessions, input)
    session = sessions[0]
    return output
  }

  /// Takes a step of N sessions together: their inputs `[N, I]`, or symbols `[N]`, give the outputs `[N, O]`. Throws `badSession`
  /// or `badInput`, and nothing changes then.
  public func step(_ sessions: inout [ModelSession], _ inputs: [Float]) throws(StreamError) -> [Float] {
    try check(inputs, rows: sessions.count)
    for session in sessions { try check(session) }
    let stepper = stepper(batch: min(sessions.count, Self.rowsAtOnce))
    var outputs = [Float](repeating: 0, count: sessions.count * outputSize)
    for first in stride(from: 0, to: sessions.count, by: Self.rowsAtOnce) {
      let rows = first..<min(first + Self.rowsAtOnce, sessions.count)
      stepper.step(&sessions, rows, inputs, &outputs)
    }
    return outputs
  }

  // MARK: Checks

  func check(_ session: ModelSession) throws(StreamError) {
    guard session.signature == signature else {
      throw .badSession(expected: "one of this model", found: "one of another model or of other weights")
    }
    guard session.states.count == start.count else {
      throw .badSession(expected: "\(start.count) states", found: "\(session.states.count)")
    }
  }

  /// Checks the inputs of so many sequences: their number, and of symbols each.
  func check(_ inputs: [Float], rows: Int) throws(StreamError) {
    guard inputs.count == rows * inputSize else {
      throw .badInput(
        expected: symbols == nil ? "\(rows) · \(inputSize) numbers" : "\(rows) symbols",
        found: "\(inputs.count)")
    }
    if symbols == nil { return }
    for place in inputs.indices { try checkSymbol(inputs[place]) }
  }

  /// Throws unless a number is a symbol that the model takes, if it takes symbols.
  @inline(__always)
  func checkSymbol(_ number: Float) throws(StreamError) {
    guard let symbols else { return }
    guard number >= Float(firstSymbol), number < Float(symbols), number == Float(Int(number)) else {
      throw .badInput(
        expected: "symbols in \(firstSymbol)..<\(symbols)\(firstSymbol == 1 ? ", as 0 is padding" : "")",
        found: "\(number)")
    }
  }
}

extension Model {
  /// The model a step at a time, with its weights packed; later changes of them don't matter. Throws `badModel` for a model that
  /// isn't built or is no chain of layers over sequences, and `badLayer` for a layer that needs the whole sequence, such as
  /// one in two directions.
  public func stream() throws(StreamError) -> ModelStream {
    guard isBuilt else { throw .badModel(expected: "one that is built", found: "one without parameters") }
    let description = description
    guard description.isChain else {
      throw .badModel(
        expected: "a chain of layers",
        found:
          "a graph of \(inputs.count) inputs, \(description.calls.count) calls and \(description.outputs.count) outputs"
      )
    }
    var shape = inputs[0].shape
    guard shape.isSequence, shape.features.count <= 1 else {
      throw .badModel(
        expected: "sequences of vectors [T, B, I] or of symbols [T, B]", found: "\(shape)")
    }
    var stages: [StreamStage] = []
    for (name, layer, shapes) in calledLayers {
      guard shape.features.count == 1 || layer is Embedding else {
        throw .badLayer(layer: name, expected: "vectors, as after an embedding", found: "\(shape)")
      }
      let inputSize = shape.features.first ?? 1
      stages += try StreamStage.stages(of: layer, named: name, inputSize: inputSize)
      shape = shapes[0]
    }
    var signature = StreamSignature()
    signature.add(description.encoded())
    signature.add(state)
    return ModelStream(
      stages, inputSize: inputs[0].shape.features.first ?? 1, signature: signature.value)
  }
}
