import CellgateData
import CellgateNN
import CellgateTensor
import Testing

@testable import CellgateTasks

@Suite("TextSampler")
struct TextSamplerTests {
  @Test("Texts that are stepped by others and drawn are those of the generator")
  func generator() throws {
    let vocabulary = Vocabulary(of: "\nabcde".unicodeScalars, hasUnknown: true)
    let generator = TextGenerator(model: LanguageModelTests.model(), vocabulary: vocabulary)
    for (seed, sampling) in [(1, Sampling()), (2, Sampling(temperature: 0.6, topP: 0.9))] {
      let expected = Array(
        try generator.text(after: "abba", sampling: sampling, seed: UInt64(seed)).prefix(30))
      let prompt = try generator.prompt("abba")
      var sampler = TextSampler(generator.tokenizer, after: prompt, sampling: sampling, seed: UInt64(seed))
      var session = generator.stream.session()
      var (pending, found) = (prompt.symbols, [Unicode.Scalar]())
      while found.count < 30 {
        var logits: [Float] = []
        for symbol in pending { logits = try generator.stream.step(&session, [Float(symbol)]) }
        let drawn = sampler.draw(logits)
        pending = [drawn.symbol]
        found += drawn.characters
      }
      #expect(found == expected)
    }
    #expect(try generator.prompt("") == TextPrompt(symbols: [0], isApart: true))
  }

  @Test("A model without its head gives what the head reads")
  func hidden() throws {
    let model = LanguageModelTests.model()
    let hidden = try model.hiddenStream(),
      whole = try ModelStream(
        embedding: model.embedding, body: model.body, head: model.head)
    var (first, second) = (hidden.session(), whole.session())
    for symbol in [0, 3, 1] as [Float] {
      let output = try hidden.step(&first, [symbol])
      let logits = try whole.step(&second, [symbol])
      let weight = model.head.weight.value.scalars, bias = model.head.bias?.value.scalars ?? []
      for (place, logit) in logits.enumerated() {
        let own = output.indices.reduce(Double(bias[place])) {
          $0 + Double(weight[place * output.count + $1]) * Double(output[$1])
        }
        // Sums of Float32 products.
        #expect(abs(own - Double(logit)) < 1e-5)
      }
    }
  }
}
