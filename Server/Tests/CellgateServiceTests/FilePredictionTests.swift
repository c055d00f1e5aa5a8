import Cellgate
import Foundation
import Testing

@testable import CellgateService

/// Models whose data are files are asked with the files, and answer what the library makes of the same files on the disk, as
/// `cellgate predict` writes it.
@Suite("Predictions of files")
struct FilePredictionTests {
  /// Files in a folder, and the same as a request has them, in another order than that of their names.
  private static func made(_ files: [(name: String, data: Data)]) throws -> (
    folder: String, request: JSONTree
  ) {
    let folder = try Fixtures.folder()
    for file in files { try file.data.write(to: URL(fileURLWithPath: folder + "/" + file.name)) }
    return (
      folder,
      .array(
        files.reversed().map { ["name": .string($0.name), "data": .string($0.data.base64EncodedString())] })
    )
  }

  /// The rows of a table in the order of the first column, as text below the names of the columns.
  private static func lines(_ answer: Client.Answer) -> [[String]] {
    let columns = answer["columns"].array?.compactMap(\.string) ?? []
    let rows = (answer["data"].array ?? []).map { row in
      columns.map { row[$0]?.string ?? row[$0]?.text ?? "" }
    }
    return [columns] + rows.sorted { $0[0] < $1[0] }
  }

  private static func csv(_ path: String) throws -> [[String]] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
  }

  private static let sounds = [("a.wav", 300.0), ("b.wav", 700), ("c.wav", 1100)].map {
    (name: $0.0, data: Fixtures.wav($0.1))
  }

  @Test("Sounds have the classes and the probabilities that their folder has")
  func sounds() async throws {
    let path = try Fixtures.sounds()
    let (folder, request) = try Self.made(Self.sounds)
    let predictor = try #require(RowPredictor(Model.load(path)))
    let found = try predictor.predictions(folder)
    let expected = [predictor.header(found)] + found.map(predictor.fields)
    #expect(Set(expected.dropFirst().map { $0[2] }).count == 3)
    try await Fixtures.service([("sounds", path)]).asked { client in
      let answer = try await client.post("/v1/predict", ["files": request])
      #expect(answer.status == 200 && Self.lines(answer) == expected, "\(answer.text)")
      #expect(answer["data"].first["row"]?.string == "c.wav")
      let nameless = try await client.post(
        "/v1/predict", ["files": [["data": request.first["data"] ?? .null]]])
      #expect(nameless["data"].first["row"]?.string == "1")
    }
  }

  @Test("A transcript is that of the transcriber")
  func transcripts() async throws {
    let path = try Fixtures.speech()
    let (folder, request) = try Self.made(Self.sounds)
    let transcriber = try #require(Transcriber(Model.load(path)))
    #expect(try transcriber.write(folder, to: folder + "/out.csv") == 3)
    let expected = try Self.csv(folder + "/out.csv")
    #expect(expected.contains { $0[1] != "" && $0[0] != "audio" })
    try await Fixtures.service([("speech", path)]).asked { client in
      let answer = try await client.post("/v1/predict", ["files": request])
      #expect(answer.status == 200 && Self.lines(answer) == expected, "\(answer.text)")
    }
  }

  @Test("Tunes have the probabilities of each key, from MIDI files and from arrays")
  func tunes() async throws {
    let path = try Fixtures.tunes()
    let tune = MIDIFile(notes: [
      .init(key: 60, start: 0, end: 480), .init(key: 64, start: 240, end: 960),
      .init(key: 108, start: 900, end: 1000),
    ])
    let (folder, request) = try Self.made([("one.mid", Data(tune.bytes))])
    let predictor = try #require(MusicPredictor(Model.load(path)))
    let rolls = try predictor.tunes(folder)
    try predictor.write(rolls, to: folder + "/out.csv")
    let expected = try Self.csv(folder + "/out.csv")
    let array = JSONTree.array(
      rolls[0].frames.map { frame in .array(Chord.piano.map { .integer(frame.contains($0) ? 1 : 0) }) })
    try await Fixtures.service([("tunes", path)]).asked { client in
      let files = try await client.post("/v1/predict", ["files": request])
      #expect(files.status == 200 && Self.lines(files) == expected, "\(files.text.prefix(300))")
      let arrays = try await client.post("/v1/predict", ["inputs": array])
      #expect(
        Self.lines(arrays).map { $0.dropFirst() } == expected.map { $0.dropFirst() },
        "\(arrays.text.prefix(300))")
    }
  }

  @Test("Texts and clips of folders have their classes, clips as arrays as well")
  func folders() async throws {
    let (texts, clips) = (try Fixtures.folders(), try Fixtures.clips())
    let written = ["good bad", "bad", "other"]
    let (folder, textFiles) = try Self.made(
      written.enumerated().map { (name: "\($0).txt", data: Data($1.utf8)) })
    let textPredictor = try #require(RowPredictor(Model.load(texts)))
    let expectedTexts = try textPredictor.predictions(folder).map(textPredictor.fields)
    let numbers: [[Float]] = [[1, 2, 3, 4, 5, 6], [0, 1, 0, -1, 0, 1]]
    let clipFolder = try Fixtures.folder()
    for (place, own) in numbers.enumerated() {
      try ArrayFile.write(
        [(name: "x", tensor: Tensor(own, shape: [2, 3]))], to: "\(clipFolder)/\(place).npy")
    }
    let clipFiles = JSONTree.array(
      try (0..<2).map { place in
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(clipFolder)/\(place).npy"))
        return ["name": .string("\(place).npy"), "data": .string(data.base64EncodedString())]
      })
    let clipPredictor = try #require(RowPredictor(Model.load(clips)))
    let expectedClips = try clipPredictor.predictions(clipFolder).map(clipPredictor.fields)
    let expectedTextValues = expectedTexts.map { Array($0.dropFirst()) }
    let expectedClipValues = expectedClips.map { Array($0.dropFirst()) }
    try await Fixtures.service([("texts", texts), ("clips", clips)]).asked { client in
      let files = try await client.post("/v1/predict", ["model": "texts", "files": textFiles])
      #expect(Array(Self.lines(files).dropFirst()) == expectedTexts, "\(files.text)")
      let own = try await client.post(
        "/v1/predict", ["model": "texts", "texts": .array(written.map { .string($0) })])
      #expect(Self.lines(own).dropFirst().map { Array($0.dropFirst()) } == expectedTextValues, "\(own.text)")
      let asFiles = try await client.post("/v1/predict", ["model": "clips", "files": clipFiles])
      #expect(Array(Self.lines(asFiles).dropFirst()) == expectedClips, "\(asFiles.text)")
      let asArrays = try await client.post(
        "/v1/predict", ["model": "clips", "inputs": [[[1, 2, 3], [4, 5, 6]], [[0, 1, 0], [-1, 0, 1]]]])
      #expect(
        Self.lines(asArrays).dropFirst().map { Array($0.dropFirst()) } == expectedClipValues,
        "\(asArrays.text)")
    }
  }

  @Test("Texts have the vectors of an encoder")
  func vectors() async throws {
    let path = try Fixtures.encoder()
    let encoder = try #require(SentenceEncoder(Model.load(path)))
    let expected = encoder.vectors(["a good film", "bad"]).scalars
    try await Fixtures.service([("encoder", path)]).asked { client in
      let answer = try await client.post("/v1/predict", ["texts": ["a good film", "bad"]])
      #expect(answer["outputs"].first["data"]?.array?.flatMap(\.numbers) == expected, "\(answer.text)")
      #expect(try await client.get("/v1/models/encoder")["kind"].string == "encoder")
    }
  }

  @Test("What is wrong with a file is said with its place, and nothing of the service's own files")
  func problems() async throws {
    let models = [
      ("sounds", try Fixtures.sounds()), ("speech", try Fixtures.speech()), ("tunes", try Fixtures.tunes()),
      ("clips", try Fixtures.clips()), ("reviews", try Fixtures.reviews()),
    ]
    let wav = Fixtures.wav(500).base64EncodedString()
    let endless = Fixtures.wav(500, samples: 4000, rate: 1).base64EncodedString()
    let text = Data("no such file".utf8).base64EncodedString()
    try await Fixtures.service(models).asked { client in
      for (model, body, words) in [
        (
          "sounds", "\"files\": [{\"data\": \"\(wav)\"}, {\"data\": \"\(text)\"}]",
          "files[1]: damaged WAV file"
        ),
        ("sounds", "\"files\": [{\"data\": \"?\"}]", "files[0].data: expected bytes in base 64"),
        ("sounds", "\"files\": [{\"name\": \"a.wav\"}]", "files[0].data: expected a value"),
        ("sounds", "\"files\": [{\"path\": \"/etc/passwd\"}]", "files[0].path: expected one of name, data"),
        ("sounds", "\"files\": [\"\(wav)\"]", "files[0]: expected an object"),
        ("sounds", "\"files\": []", "1 item or more"),
        ("sounds", "\"texts\": [\"a\"]", "files: expected WAV files, found none"),
        ("sounds", "\"files\": [{\"data\": \"\(endless)\"}]", "at most 3600 seconds of sound, found 4000"),
        ("speech", "\"files\": [{\"data\": \"\(text)\"}]", "files[0]: damaged WAV file"),
        (
          "tunes", "\"files\": [{\"data\": \"\(wav)\"}]",
          "files: expected MIDI files, found another at files[0]"
        ),
        ("tunes", "\"inputs\": [[1, 2]]", "inputs: expected [frames, 88]"),
        ("clips", "\"files\": [{\"data\": \"\(text)\"}]", "found another at files[0]"),
        ("reviews", "\"files\": [{\"data\": \"\(text)\"}]", "rows: expected rows or texts"),
        ("reviews", "\"texts\": [\"a\"], \"files\": [{\"data\": \"\"}]", "found 2"),
      ] {
        let answer = try await client.post("/v1/predict", "{\"model\": \"\(model)\", \(body)}")
        #expect(answer.status == 400 && answer.message.contains(words), "\(model), \(words): \(answer.text)")
        #expect(!answer.message.contains("/cellgate-server"), "\(answer.message)")
      }
    }
  }
}
