import Cellgate
import HTTPTypes
import Testing

@testable import CellgateService

@Suite("Completions and embeddings")
struct CompletionTests {
  private static func generated(
    _ path: String, _ prompt: String, _ count: Int, _ sampling: Sampling, _ seed: UInt64
  )
    throws -> String
  {
    let text = try TextGenerator(model: path).text(after: prompt, sampling: sampling, seed: seed)
    return String(String.UnicodeScalarView(text.prefix(count)))
  }

  @Test("The same seed gives the same text, streamed or not, and that of the generator")
  func seeds() async throws {
    let path = try Fixtures.text()
    let expected = try Self.generated(path, "abba ", 40, Sampling(temperature: 0.8, topP: 0.9), 7)
    let next = try Self.generated(path, "abba ", 40, Sampling(temperature: 0.8, topP: 0.9), 8)
    try await Fixtures.service([("text", path)]).asked { client in
      let body: JSONTree = [
        "model": "text", "prompt": "abba ", "max_tokens": 40, "temperature": 0.8, "top_p": 0.9, "seed": 7,
        "n": 2,
      ]
      let whole = try await client.post("/v1/completions", body)
      #expect(whole.status == 200)
      let choices = whole["choices"].array ?? []
      #expect(choices.map { $0["text"]?.string } == [expected, next])
      #expect(choices.allSatisfy { $0["finish_reason"]?.string == "length" })
      #expect(whole["usage"]["completion_tokens"]?.integer == 80)

      let streamed = JSONTree.object(
        (body.object ?? []) + [.init("stream", true), .init("stream_options", ["include_usage": true])])
      let answer = try await client.post("/v1/completions", streamed)
      #expect(answer.headers[.contentType] == "text/event-stream")
      var texts = ["", ""]
      for event in answer.events {
        for choice in event["choices"]?.array ?? [] {
          texts[choice["index"]?.integer ?? 0] += choice["text"]?.string ?? ""
        }
      }
      #expect(texts == [expected, next])
      #expect(answer.events.last?["usage"]?["total_tokens"]?.integer == 80 + 5)
    }
  }

  @Test("A text ends before a stop sequence, also where this comes in parts, and streams send nothing of it")
  func stops() async throws {
    let path = try Fixtures.text()
    let whole = try Self.generated(path, "a", 200, Sampling(), 1)
    let stop = String(whole.dropFirst(20).prefix(3))
    let end = try #require(whole.firstRange(of: stop)?.lowerBound)
    let expected = String(whole[..<end])
    try await Fixtures.service([("text", path)]).asked { client in
      for streams in [false, true] {
        let answer = try await client.post(
          "/v1/completions",
          [
            "prompt": "a", "max_tokens": 200, "seed": 1, "stop": [.string(stop), "never there"],
            "stream": .bool(streams),
          ])
        let choices =
          streams ? answer.events.flatMap { $0["choices"]?.array ?? [] } : answer["choices"].array ?? []
        #expect(choices.compactMap { $0["text"]?.string }.joined() == expected)
        #expect(choices.last?["finish_reason"]?.string == "stop")
      }
    }
  }

  @Test("Prompts may be tokens, and streams show what the gates do")
  func tokensAndGates() async throws {
    let path = try Fixtures.text()
    try await Fixtures.service([("text", path)]).asked { client in
      let text = try await client.post("/v1/completions", ["prompt": "ab", "seed": 3, "max_tokens": 9])
      let tokens = try await client.post("/v1/completions", ["prompt": [2, 3], "seed": 3, "max_tokens": 9])
      #expect(text["choices"].first["text"] == tokens["choices"].first["text"])
      let answer = try await client.post(
        "/v1/completions", ["prompt": "ab", "seed": 3, "max_tokens": 4, "stream": true, "gates": true])
      let gates = answer.events.dropLast().compactMap { $0["choices"]?.first["gates"]?.array }
      #expect(gates.count == 4)
      #expect(gates.allSatisfy { $0.compactMap { $0["gate"]?.string } == ["i", "f", "o"] })
      #expect(gates.joined().allSatisfy { (0...1).contains($0["mean"]?.number ?? -1) })
    }
  }

  @Test("What is wrong with a request is said with its name")
  func problems() async throws {
    let path = try Fixtures.text()
    let service = try Fixtures.service([("text", path)]) { ($0.tokens, $0.bodyBytes) = (100, 2000) }
    try await service.asked { client in
      for (body, status, words) in [
        ("{\"prompt\": ", 400, "the JSON ends too early"), ("[]", 400, "expected an object"),
        ("{\"prompt\": \"Z\"}", 400, "'Z'"), ("{\"prompt\": [2, 99]}", 400, "prompt[1]: expected a token"),
        ("{\"prompt\": []}", 400, "prompt: expected"),
        ("{\"model\": \"other\"}", 404, "expected one of text"),
        ("{\"max_tokens\": 1.5}", 400, "max_tokens: expected a whole number"),
        ("{\"max_tokens\": 101}", 400, "max_tokens"), ("{\"max_tokens\": 60, \"n\": 2}", 400, "100 tokens"),
        ("{\"temperature\": NaN}", 400, "temperature: expected a value"),
        ("{\"temperature\": -1}", 400, "temperature: expected a number"),
        ("{\"temperature\": 1e999}", 400, "temperature"), ("{\"top_p\": 2}", 400, "top_p"),
        ("{\"stop\": [\"\"]}", 400, "stop"), ("{\"seed\": -1}", 400, "seed"),
        ("{\"promt\": 1}", 400, "promt"),
        ("{\"seed\": 1, \"seed\": 2}", 400, "once"), ("{\"logprobs\": 5}", 400, "logprobs"),
        ("{\"stream\": \"yes\"}", 400, "stream: expected true or false"),
        ("{\"prompt\": \"" + String(repeating: "a", count: 3000) + "\"}", 413, "at most 2000 bytes"),
        (String(repeating: "[", count: 1500), 400, "at most 512 values in one another"),
      ] {
        let answer = try await client.post("/v1/completions", body)
        #expect(answer.status == status, "\(body.prefix(60))")
        #expect(answer.message.contains(words), "\(body.prefix(60)): \(answer.message)")
      }
      let other = try await Client(client: client.client, headers: [:]).post("/v1/completions")
      #expect(other.status == 415)
      let method = try await client.ask(.put, "/v1/completions")
      #expect(method.status == 405 && method.headers[.allow] == "POST")
    }
  }

  @Test("An embedding is what the head reads, as numbers or as bytes in base 64")
  func embeddings() async throws {
    let path = try Fixtures.text()
    let stream = try LanguageModel.load(path).model.hiddenStream()
    var session = stream.session()
    var expected: [Float] = []
    for symbol in [2, 3, 4] as [Float] { expected = try stream.step(&session, [symbol]) }
    let vector = expected
    try await Fixtures.service([("text", path)]).asked { client in
      let answer = try await client.post("/v1/embeddings", ["input": ["abc", "e"]])
      #expect(answer["data"].first["embedding"]?.numbers == vector)
      #expect(answer["usage"]["prompt_tokens"]?.integer == 4)
      let bytes = try await client.post("/v1/embeddings", ["input": "abc", "encoding_format": "base64"])
      #expect(bytes["data"].first["embedding"]?.string == EmbeddingRoutes.base64(vector))
      let wrong = try await client.post("/v1/embeddings", ["input": "abc", "dimensions": 5])
      #expect(wrong.message == "dimensions: expected 12, the model's, found 5")
    }
  }

  @Test("An encoder's embeddings are its vectors")
  func encoder() async throws {
    let path = try Fixtures.encoder()
    let encoder = try #require(SentenceEncoder(Model.load(path)))
    let expected = encoder.vectors(["a good film", "bad"]).scalars
    try await Fixtures.service([("encoder", path), ("text", Fixtures.text())]).asked { client in
      let answer = try await client.post(
        "/v1/embeddings", ["model": "encoder", "input": ["a good film", "bad"]])
      #expect(answer["data"].array?.flatMap { $0["embedding"]?.numbers ?? [] } == expected, "\(answer.text)")
      #expect(answer["usage"]["prompt_tokens"]?.integer == 4)
      let one = try await client.post(
        "/v1/embeddings", ["model": "encoder", "input": "bad", "encoding_format": "base64", "dimensions": 6])
      #expect(one["data"].first["embedding"]?.string == EmbeddingRoutes.base64(Array(expected[6...])))
      for (input, words) in [("[]", "1 to 10000 texts"), ("[1, 2]", "input[0]: expected a text")] {
        let wrong = try await client.post("/v1/embeddings", "{\"model\": \"encoder\", \"input\": \(input)}")
        #expect(wrong.status == 400 && wrong.message.contains(words), "\(wrong.message)")
      }
    }
  }
}
