import CellgateData
import CellgateNN
import CellgateTensor

/// What a text goes on after, as a language model reads it.
public struct TextPrompt: Sendable, Equatable {
  /// The symbols, at least one.
  public var symbols: [Int32]
  /// Whether no space is missing between the prompt and a word that comes next.
  public var isApart: Bool

  /// A prompt of symbols.
  public init(symbols: [Int32], isApart: Bool) { (self.symbols, self.isApart) = (symbols, isApart) }
}

/// Draws the symbols of a text, one after the other, from the logits that a model gives after each: what ``TextGenerator``
/// writes by, for those who step many texts together.
///
/// ```swift
/// let prompt = try generator.prompt("To be")
/// var sampler = TextSampler(generator.tokenizer, after: prompt, sampling: Sampling(), seed: 1)
/// var session = generator.stream.session()
/// var logits: [Float] = []
/// for symbol in prompt.symbols { logits = try generator.stream.step(&session, [Float(symbol)]) }
/// print(String(String.UnicodeScalarView(sampler.draw(logits).characters)))
/// ```
///
/// The same seed gives the same text as ``TextGenerator/text(after:sampling:seed:)``, bit for bit.
public struct TextSampler: Sendable {
  private let unknown: Int32?
  private let sampling: Sampling
  private var stream: RandomStream
  private var writer: TokenWriter

  /// A sampler of the symbols that come after a prompt.
  public init(_ tokenizer: TextTokenizer, after prompt: TextPrompt, sampling: Sampling, seed: UInt64) {
    unknown = tokenizer.unknown
    self.sampling = sampling
    stream = RandomStream(seed: seed, name: "generation")
    writer = TokenWriter(tokenizer)
    for symbol in prompt.symbols { _ = writer.write(symbol) }
    if prompt.isApart { writer.skipSpace() }
  }

  /// A symbol that was drawn, and the characters that it adds to the text: none while a character isn't whole.
  public struct Drawn: Sendable, Equatable {
    /// The symbol.
    public let symbol: Int32
    /// What it adds.
    public let characters: [Unicode.Scalar]
  }

  /// Draws the next symbol from the logits `[V]` of what comes next. None is drawn that can't be written: the unknown one, or
  /// bytes that don't go on with a character.
  public mutating func draw(_ logits: [Float]) -> Drawn {
    var logits = logits
    if let unknown { logits[Int(unknown)] = -.infinity }
    let place = Double(stream.nextLong() >> 11) * 0x1p-53
    var index = sampling.pick(logits, at: place)
    // Of the 256 bytes there is always one that goes on.
    while !writer.accepts(Int32(index)), logits.contains(where: { $0 > -.infinity }) {
      logits[index] = -.infinity
      index = sampling.pick(logits, at: place)
    }
    let symbol = Int32(index)
    return Drawn(symbol: symbol, characters: writer.write(symbol))
  }
}
