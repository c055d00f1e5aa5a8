import CellgateCells
import CellgateData
import CellgateMemory
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Memories of language models")
struct LanguageMemoryTests {
  private let scratch: Scratch
  private let model = LanguageModelTests.model(layers: 1)
  private let tokenizer = TextTokenizer.characters(Vocabulary(of: "abcdefg".unicodeScalars))

  init() throws { scratch = try Scratch() }

  /// A store of the model's outputs on random symbols.
  private func store(_ count: Int, _ precision: VectorIndex.Precision = .float32) throws -> VectorIndex {
    let path = scratch.file("\(count).vectors")
    let writer = try VectorIndex.Writer(path, dimension: model.outputSize, precision: precision)
    let text = TextTokenizer.Encoded(
      indices: SymbolSequence(LanguageModelTests.symbols(count + 1, name: "store")))
    #expect(try model.remember(text, tokenizer: tokenizer, in: writer) == count)
    try writer.commit()
    return try VectorIndex(path)
  }

  /// The probability of each symbol but the first, one step at a time and by the definitions.
  private func naive(_ stream: [Int32], _ memory: LanguageMemory, _ keys: [(key: [Float], next: Int32)])
    -> [Double]
  {
    var (states, past, found): ([Tensor]?, [(key: [Float], next: Int32)], [Double]) = (nil, [], [])
    for (symbol, next) in zip(stream, stream.dropFirst()) {
      let reading = model.read([symbol], steps: 1, batch: 1, states: states)
      states = reading.states
      let h = reading.output.scalars
      let own = Double(reading.logits.softmax().scalars[Int(next)])
      func part(_ entries: some Sequence<(key: [Float], next: Int32)>, _ weight: ([Float]) -> Double)
        -> Double?
      {
        let weights = entries.map { (weight($0.key), $0.next) }
        let all = weights.reduce(0) { $0 + $1.0 }
        return weights.isEmpty ? nil : weights.reduce(0) { $0 + ($1.1 == next ? $1.0 : 0) } / all
      }
      var p = memory.modelShare * own
      if let cache = memory.cache {
        let part = part(past.suffix(cache.window)) { key in
          exp(cache.flatness * zip(h, key).reduce(0.0) { $0 + Double($1.0 * $1.1) })
        }
        p += cache.share * (part ?? own)
      }
      if let neighbours = memory.neighbours {
        func distance(_ key: [Float]) -> Double {
          zip(h, key).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        }
        let nearest = keys.sorted { distance($0.key) < distance($1.key) }.prefix(neighbours.count)
        p += neighbours.share * (part(nearest) { exp(-distance($0) / neighbours.temperature) } ?? own)
      }
      found.append(p)
      past.append((h, next))
    }
    return found
  }

  private func keys(_ count: Int) -> [(key: [Float], next: Int32)] {
    let symbols = LanguageModelTests.symbols(count + 1, name: "store")
    let output = model.read(Array(symbols.dropLast()), steps: count, batch: 1).output
    return (0..<count).map { (output[$0].scalars, symbols[$0 + 1]) }
  }

  @Test("An evaluation mixes what the definitions say, in any number of lanes, and a generator the same")
  func mixture() throws {
    let stream = LanguageModelTests.symbols(120)
    let memory = LanguageMemory(
      cache: .init(window: 17, flatness: 2, share: 0.3),
      neighbours: .init(try store(40), count: 9, temperature: 0.2, share: 0.25))
    #expect(memory.problem(outputSize: model.outputSize) == nil && abs(memory.modelShare - 0.45) < 1e-12)
    let expected = naive(stream, memory, keys(40))
    let nats = -expected.map { log($0) }.reduce(0, +) / Double(expected.count)
    for (lanes, chunk) in [(1, 100), (1, 7), (3, 11)] {
      let reading = LanguageReading(
        model: model, stream: SymbolSequence(stream), lanes: lanes, warmUp: 200, chunk: chunk)
      let found = withoutGradient { LanguageModelObjective.scores(reading, unknown: nil, memory: memory).all }
      #expect(abs(found - nats) < 1e-5, "\(lanes) lanes, \(chunk) steps")
    }
    // Two texts side by side, of which the second one takes the first one's place.
    let generator = TextGenerator(model: model, tokenizer: tokenizer, memory: memory)
    var states = generator.start(2)
    for place in 0..<60 {
      let step = generator.step(states, tokens: [stream[(place + 30) % 50], stream[place]])
      states = generator.select(step.states, rows: place == 20 ? [1, 1] : [0, 1])
      let p = exp(Double(step.logits[1].scalars[Int(stream[place + 1])]))
      #expect(abs(p - expected[place]) < 1e-5, "place \(place)")
      if place == 20 { #expect(states.lanes[0].symbols == states.lanes[1].symbols) }
    }
  }

  @Test("A text that repeats itself is predicted better with a cache, and one of a store's with the store")
  func tuning() throws {
    let part = LanguageModelTests.symbols(40, name: "store")
    let text = TextTokenizer.Encoded(indices: SymbolSequence(part + part + part))
    let tuned = LanguageMemory.tuned(model, tokenizer, on: text, cacheWindow: 50, neighbours: nil)
    #expect(tuned.symbols == 119)
    #expect(tuned.nats < tuned.modelNats - 0.05)
    let cache = try #require(tuned.memory.cache)
    #expect(cache.window == 50 && cache.share > 0.3 && cache.flatness > 0 && tuned.memory.neighbours == nil)
    let both = LanguageMemory.tuned(
      model, tokenizer, on: text, cacheWindow: 50, neighbours: .init(try store(39, .float16), count: 8))
    #expect(both.nats < tuned.nats && abs(both.modelNats - tuned.modelNats) < 1e-9)
    #expect(try #require(both.memory.neighbours).share > 0.5 && both.memory.modelShare >= 0)
    // What was found is what an evaluation gives.
    let scores = withoutGradient {
      LanguageModelObjective.scores(model.reading(text, tokenizer), unknown: nil, memory: both.memory)
    }
    #expect(abs(scores.all - both.nats) < 1e-6)
    let settings = LanguageMemory.Settings(both.memory)
    try settings.write(run: scratch.path)
    #expect(
      try LanguageMemory.Settings(run: scratch.path) == settings
        && LanguageMemory.Settings(run: "/none") == nil)
  }

  @Test("A store with lists is searched by as many of them as are needed, and nearly as well")
  func lists() throws {
    let part = LanguageModelTests.symbols(400, name: "store")
    let text = TextTokenizer.Encoded(indices: SymbolSequence(part))
    let exact = LanguageMemory.Neighbours(try store(399), count: 8)
    var options = InvertedLists.Options()
    options.lists = 20
    try InvertedLists.write(
      LanguageMemory.Neighbours.lists(of: exact.store.path), of: exact.store, options: options)
    let listed = try LanguageMemory.Neighbours(file: exact.store.path, count: 8, probes: 1)
    func tuned(_ neighbours: LanguageMemory.Neighbours) -> LanguageMemory.Tuned {
      LanguageMemory.tuned(model, tokenizer, on: text, cacheWindow: nil, neighbours: neighbours)
    }
    let (one, other) = (tuned(exact), tuned(listed))
    #expect(abs(one.nats - other.nats) < 0.1 * (one.modelNats - one.nats))
    let probes = try #require(other.memory.neighbours?.lists?.probes)
    #expect((1...20).contains(probes) && one.memory.neighbours?.lists == nil)
    #expect(LanguageMemory.Settings(other.memory).neighbours?.probes == probes)
    var none = listed
    none.lists?.probes = 0
    #expect(
      LanguageMemory(neighbours: none).problem(outputSize: model.outputSize)
        == "probes: expected 1 or more, found 0")
  }

  @Test("The best mixture has its known shares")
  func mixtures() {
    // Three symbols of four by the first part: shares 3/4 and 1/4.
    let found = MemoryMixture.best([[1, 1, 1, 0], [0, 0, 0, 1]])
    #expect(abs(found.shares[0] - 0.75) < 1e-9 && abs(found.nats + (3 * log(0.75) + log(0.25)) / 4) < 1e-9)
    #expect(MemoryMixture.best([[0.5, 0.5], [0.1, 0.2]]).shares[0] > 0.999)
    #expect(MemoryMixture.best([[], []]).shares == [0.5, 0.5])
  }

  @Test("What doesn't fit is named")
  func problems() throws {
    func problem(_ memory: LanguageMemory, _ size: Int = 6) -> String {
      memory.problem(outputSize: size) ?? "none"
    }
    #expect(problem(.init(cache: .init(window: 0))) == "cache: expected 1 to 1000000 places, found 0")
    #expect(
      problem(.init(cache: .init(window: 5, flatness: .nan)))
        == "cache: expected a flatness of 0 or more, found nan")
    #expect(
      problem(.init(cache: .init(window: 5, share: 1.5)))
        == "shares: expected numbers of 0 or more whose sum is at most 1, found 1.5 and 0.0")
    let store = try store(3)
    #expect(
      problem(.init(neighbours: .init(store)), 7).hasSuffix(
        "expected keys of 7 numbers, the model's outputs, by squared distance, found 6 by squared-distance"))
    #expect(
      problem(.init(neighbours: .init(store, temperature: 0)))
        == "neighbours: expected a temperature above 0, found 0.0")
    #expect(
      problem(.init(neighbours: .init(store, count: 0))) == "neighbours: expected 1 to 1000000, found 0")
  }
}
