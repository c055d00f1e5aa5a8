import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Writes text with a trained language model, a character, word or piece at a time; the weights are packed once.
///
/// ```swift
/// let generator = try TextGenerator(run: "runs/text-lstm-wm")
/// let text = try generator.text(after: "To be", sampling: Sampling(temperature: 0.8), seed: 1)
/// for character in text.prefix(400) { print(character, terminator: "") }
/// ```
///
/// Immutable: any threads may share it. The same seed gives the same text, whatever the number of threads.
public final class TextGenerator: Sendable {
  /// What the symbols are.
  public let tokenizer: TextTokenizer
  /// Gives the logits of the next symbol, or what the head reads where there is a memory. Who steps many texts together takes
  /// their symbols through it and draws with a ``TextSampler`` for each.
  public let stream: ModelStream
  /// The head, and what its predictions are mixed with; nil where the stream has the head.
  private let memory: (head: PackedLinear, memory: LanguageMemory)?

  /// A generator of the model's symbols, with a memory perhaps. Later changes of the parameters don't matter.
  public convenience init(model: LanguageModel, tokenizer: TextTokenizer, memory: LanguageMemory? = nil) {
    do throws(StreamError) {
      self.init(
        try ModelStream(
          embedding: model.embedding, body: model.body, head: memory == nil ? model.head : nil), tokenizer,
        memory.map { (model.head.packed(), $0) })
    } catch { fail("TextGenerator: \(error)") }
  }

  private init(
    _ stream: ModelStream, _ tokenizer: TextTokenizer, _ memory: (head: PackedLinear, memory: LanguageMemory)?
  ) {
    if let memory, let problem = memory.memory.problem(outputSize: memory.head.inputSize) {
      fail("TextGenerator: \(problem)")
    }
    self.memory = memory
    require(
      stream.symbols == tokenizer.count,
      "TextGenerator: expected the model's \(stream.symbols ?? 0) symbols, found \(tokenizer.count)")
    self.tokenizer = tokenizer
    self.stream = stream
  }

  /// The model in a file, which needs neither a run's folder nor data: an embedding of its symbols,
  /// recurrent layers in one direction, and logits of the next symbol at every step. Throws `otherModel`, or `run`.
  public convenience init(
    model path: String, trustingWeights: Bool = false
  ) throws(GenerationError) {
    let loaded = try LanguageModel.load(path, trustingWeights: trustingWeights)
    self.init(model: loaded.model, tokenizer: loaded.tokenizer)
  }

  /// The best model of the run in a folder, which needs no data; one without the checksum of its bytes is refused unless
  /// its weights are trusted. Throws `notALanguageModel`, or `run`.
  public convenience init(
    run path: String, cells: [Cell] = Cell.all, trustingWeights: Bool = false
  ) throws(GenerationError) {
    let settings: TrainingSettings
    do throws(RunError) { settings = try RunDirectory.settings(of: path) } catch { throw .run(error) }
    guard let task = Tasks.all.first(where: { $0.name == settings.task }), task is any LanguageModelTask.Type
    else { throw .notALanguageModel(folder: path, task: settings.task) }
    let loaded: (model: LanguageModel, tokenizer: TextTokenizer)
    do throws(RunError) {
      loaded = try Self.load(path, settings, task, cells, trustingWeights)
    } catch { throw .run(error) }
    self.init(model: loaded.model, tokenizer: loaded.tokenizer)
  }

  private static func load(
    _ path: String, _ settings: TrainingSettings, _ task: any SequenceTask.Type, _ cells: [Cell],
    _ trustingWeights: Bool
  ) throws(RunError) -> (LanguageModel, TextTokenizer) {
    let problems = settings.problems(tasks: [task], cells: cells)
    guard problems.isEmpty, let cell = settings.definition(among: cells) else {
      throw .badConfig(file: path + "/config.json", reason: SettingsErrors(problems).description)
    }
    let file = path + "/model.safetensors"
    let metadata = try ModelFile.metadata(
      of: file, settings: settings, cell: cell, trustingWeights: trustingWeights)
    guard let tokenizer = TextTokenizer(metadata: metadata), tokenizer.canWrite else {
      throw .badState(file: file, name: "vocabulary", expected: "the model's symbols", found: "nothing")
    }
    if let symbols = settings.data?["symbols"]?.whole, symbols != tokenizer.count {
      throw .badState(
        file: file, name: "vocabulary", expected: "\(symbols) symbols, the settings' data.symbols",
        found: "\(tokenizer.count)")
    }
    try ModelFile.check(
      file,
      holds: LanguageModel.parameterShapes(settings: settings, symbols: tokenizer.count, cell: cell))
    let model = Initializer.withoutDrawing {
      LanguageModel(settings: settings, symbols: tokenizer.count, cell: cell)
    }
    try ModelFile.load(file, into: model, trustingWeights: trustingWeights)
    return (model, tokenizer)
  }

  /// A text without an end, as it goes on after `prompt`, which is read as the model's symbols. Without a prompt it begins as after
  /// a newline, or after the first symbol where there is no newline. Throws `unknownCharacter`, or `unknownWord`: a prompt may
  /// have `<unk>` in it for any word that the model doesn't know.
  public func text(
    after prompt: String = "", sampling: Sampling = Sampling(), seed: UInt64 = 1
  ) throws(GenerationError) -> GeneratedText {
    GeneratedText(self, prompt: try self.prompt(prompt), sampling: sampling, seed: seed)
  }

  /// What a text goes on after, as the model reads it: at least one symbol, as `text(after:)` says. Throws `unknownCharacter`, or
  /// `unknownWord`.
  public func prompt(_ prompt: String) throws(GenerationError) -> TextPrompt {
    let scalars = prompt.unicodeScalars
    if case .characters(let vocabulary) = tokenizer,
      let (place, scalar) = scalars.enumerated().first(where: { vocabulary.index(of: $0.element) == nil })
    {
      throw .unknownCharacter(scalar, place: place, known: vocabulary)
    }
    if case .words(let vocabulary, let splitting) = tokenizer {
      let words = splitting.tokens(of: scalars).map(\.text)
      if let (place, word) = words.enumerated().first(where: {
        $1 != TextTokenizer.unknownWord && vocabulary.number(of: $1) == WordVocabulary.unknown
      }) {
        throw .unknownWord(word, place: place, known: vocabulary)
      }
    }
    var symbols: [Int32] = []
    do throws(UnknownCharacter) { symbols = Array(try tokenizer.encode(scalars).indices) } catch {
      fail("TextGenerator: expected a prompt of known characters, found \(error.character)")
    }
    let isApart = scalars.last.map { $0.properties.isWhitespace } ?? true
    return TextPrompt(symbols: symbols.isEmpty ? [tokenizer.start] : symbols, isApart: isApart)
  }

  /// A text without an end, as it goes on after symbols, of which there is at least one.
  func text(after symbols: [Int32], sampling: Sampling, seed: UInt64) -> GeneratedText {
    GeneratedText(
      self, prompt: TextPrompt(symbols: symbols, isApart: false), sampling: sampling, seed: seed)
  }

  // MARK: Steps

  /// The states of some texts, which go on together, a row each. A step changes them: they are used up by it.
  public final class States {
    fileprivate let stepper: ModelStepper
    /// Where there is a memory: what each text has had, and the output of its last step.
    fileprivate(set) var lanes: [MemoryLane]
    fileprivate var last: [Float] = []

    fileprivate init(_ stepper: ModelStepper) {
      self.stepper = stepper
      lanes = .init(repeating: MemoryLane(), count: stepper.batch)
    }
  }

  /// Texts that have not begun.
  public func start(_ count: Int = 1) -> States { States(stream.stepper(batch: count)) }

  /// Takes a symbol of each of the N texts, and gives the logits `[N, V]` of what comes after it.
  fileprivate func take(_ symbols: [Int32], _ states: States) -> [Float] {
    var outputs = [Float](repeating: 0, count: symbols.count * stream.outputSize)
    do throws(StreamError) { try states.stepper.step(symbols.map(Float.init), into: &outputs) } catch {
      fail("TextGenerator: \(error)")
    }
    guard let memory else { return outputs }
    let size = stream.outputSize, count = symbols.count
    for (row, symbol) in symbols.enumerated() where !states.last.isEmpty {
      states.lanes[row].append(states.last[row * size..<(row + 1) * size], [symbol])
      states.lanes[row].keepLast(memory.memory.cache?.window ?? 0)
    }
    states.last = outputs
    let output = Tensor(outputs, shape: [count, size])
    return memory.memory.mixed(memory.head(output), output, states.lanes)
  }
}

extension TextGenerator: SequenceDecoder {
  /// The logits `[N, V]` of what comes after the last symbols of N texts.
  public func step(_ states: States, tokens: [Int32]) -> (logits: Tensor, states: States) {
    require(
      tokens.count == states.stepper.batch,
      "TextGenerator: expected \(states.stepper.batch) symbols, found \(tokens.count)")
    return (Tensor(take(tokens, states), shape: [tokens.count, tokenizer.count]), states)
  }

  /// The states of these texts.
  public func select(_ states: States, rows: [Int32]) -> States {
    let selected = start(rows.count)
    for (to, from) in rows.enumerated() {
      do throws(StreamError) {
        try selected.stepper.load(states.stepper.session(row: Int(from)), row: to)
      } catch { fail("TextGenerator: \(error)") }
      selected.lanes[to] = states.lanes[Int(from)]
    }
    let size = stream.outputSize
    if !states.last.isEmpty {
      selected.last = rows.flatMap { states.last[Int($0) * size..<(Int($0) + 1) * size] }
    }
    return selected
  }
}

/// A text that goes on for as long as it is asked for more, character by character: a word or a piece gives several of them, and
/// bytes of a character that isn't whole yet give it once it is.
public final class GeneratedText: Sequence, IteratorProtocol {
  private let generator: TextGenerator
  private let states: TextGenerator.States
  private var sampler: TextSampler
  /// What the generator has not taken yet.
  private var pending: [Int32]
  /// What was written and not asked for yet, the next one last.
  private var written: [Unicode.Scalar] = []

  fileprivate init(_ generator: TextGenerator, prompt: TextPrompt, sampling: Sampling, seed: UInt64) {
    self.generator = generator
    states = generator.start()
    sampler = TextSampler(generator.tokenizer, after: prompt, sampling: sampling, seed: seed)
    pending = prompt.symbols
  }

  /// The next character; never nil.
  public func next() -> Unicode.Scalar? {
    while written.isEmpty {
      var logits: [Float] = []
      for symbol in pending { logits = generator.take([symbol], states) }
      let drawn = sampler.draw(logits)
      pending = [drawn.symbol]
      written = drawn.characters.reversed()
    }
    return written.removeLast()
  }
}

/// Why no text can be generated.
public enum GenerationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The run's folder, or the model in it, is wrong.
  case run(RunError)
  /// The run's task has no language model.
  case notALanguageModel(folder: String, task: String)
  /// The model in a file is no embedding, recurrent layers in one direction and head.
  case otherModel(file: String, layers: [String])
  /// The model takes no frames of tunes.
  case notOfMusic(path: String)
  /// The prompt has a character that the model has never seen.
  case unknownCharacter(Unicode.Scalar, place: Int, known: Vocabulary)
  /// The prompt has a word, at a place counted from 0, that the model doesn't know.
  case unknownWord(String, place: Int, known: WordVocabulary)

  /// The error in one line: where, what was expected, what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .run(let error): error.description
    case .notALanguageModel(let folder, let task):
      "\(folder): expected a run of a language model (ptb-char, ptb-word, text), found one of \(quotedName(task))"
    case .otherModel(let file, let layers):
      "\(file): expected a language model: an embedding, recurrent layers in one direction and a dense head, found the layers "
        + layers.prefix(8).map(quotedName).joined(separator: ", ")
    case .notOfMusic(let path): "\(path): expected a model that cellgate train music made, found another"
    case .unknownCharacter(let character, let place, let known):
      "prompt: character \(place + 1), '\(quotedName(String(character)))': the model has never seen it"
        + (character == " " && known.index(of: "_") != nil ? "; write _ for a space" : "")
    case .unknownWord(let word, let place, let known):
      "prompt: word \(place + 1), '\(quotedName(word))': the model doesn't know it; "
        + (known.number(of: word.lowercased()) == WordVocabulary.unknown
          ? "write <unk> for such a word" : "it knows '\(quotedName(word.lowercased()))'")
    }
  }
}
