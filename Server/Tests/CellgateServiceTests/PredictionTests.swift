import Cellgate
import Testing

@testable import CellgateService

@Suite("Predictions")
struct PredictionTests {
  @Test("Rows and texts get the columns and the numbers of the row predictor")
  func rows() async throws {
    let path = try Fixtures.reviews()
    let texts = ["a good film", "bad, \"bad\"\nfilm", "12"]
    let file = try Fixtures.folder() + "/rows.csv"
    var csv = CSVWriter.line(["review"])
    for text in texts { csv += CSVWriter.line([text]) }
    try AtomicFile.write(.init(csv.utf8), to: file)
    let predictor = try #require(RowPredictor(Model.load(path)))
    let expected = try predictor.predictions(file).map(predictor.fields)
    try await Fixtures.service([("reviews", path)]).asked { client in
      let rows = JSONTree.array(texts.map { ["review": .string($0)] })
      for body in [["rows": rows], ["texts": .array(texts.map { .string($0) })]] as [JSONTree] {
        let answer = try await client.post("/v1/predict", body)
        let columns = answer["columns"].array?.compactMap(\.string) ?? []
        #expect(columns == ["row", "prediction", "probability_no", "probability_yes"])
        let found = (answer["data"].array ?? []).map { row in
          columns.map { row[$0]?.string ?? row[$0]?.text ?? "" }
        }
        #expect(found == expected)
      }
    }
  }

  @Test("Arrays give the model's outputs, with its scalers")
  func arrays() async throws {
    let path = try Fixtures.sensor()
    let input: [Float] = [1, 2, 3, 4, 5, 6]
    let predictor = ArrayPredictor(try Model.load(path))
    let expected = try predictor.predict([Tensor(input, shape: [1, 2, 3])])[0]
    let numbers = expected.scalars
    try await Fixtures.service([("sensor", path)]).asked { client in
      for inputs in [[[[1, 2, 3], [4, 5, 6]]], ["input": [[[1, 2, 3], [4, 5, 6]]]]] as [JSONTree] {
        let answer = try await client.post("/v1/predict", ["inputs": inputs])
        let output = answer["outputs"].first
        #expect(output["shape"]?.numbers == [1, 2, 2], "\(answer.text)")
        #expect(output["data"]?.first.array?.flatMap(\.numbers) == numbers)
      }
    }
  }

  @Test("What is wrong with data is said with its place")
  func problems() async throws {
    let (reviews, sensor) = (try Fixtures.reviews(), try Fixtures.sensor())
    try await Fixtures.service([("reviews", reviews), ("sensor", sensor)]).asked { client in
      for (body, words) in [
        ("{\"model\": \"reviews\"}", "one of rows, texts"),
        ("{\"model\": \"reviews\", \"rows\": []}", "1 item or more"),
        ("{\"model\": \"reviews\", \"rows\": [{\"revew\": \"a\"}]}", "rows[0].revew"),
        ("{\"model\": \"reviews\", \"rows\": [{}]}", "rows[0]: expected a value of 'review'"),
        (
          "{\"model\": \"reviews\", \"rows\": [{\"review\": [1]}]}",
          "rows[0].review: expected a number or a text"
        ),
        ("{\"model\": \"reviews\", \"rows\": [3]}", "rows[0]: expected an object"),
        ("{\"model\": \"reviews\", \"texts\": [\"a\"], \"rows\": [{}]}", "found 2"),
        ("{\"model\": \"reviews\", \"inputs\": [[1]]}", "expected rows or texts"),
        ("{\"model\": \"sensor\", \"inputs\": [[[1, 2]]]}", "3 features"),
        ("{\"model\": \"sensor\", \"inputs\": [[[1, 2, 3], [1]]]}", "inputs[0][1]: expected a list of 3"),
        ("{\"model\": \"sensor\", \"inputs\": [[[1, 2, \"x\"]]]}", "a finite number"),
        ("{\"model\": \"sensor\", \"inputs\": []}", "an empty list"),
        ("{\"model\": \"sensor\", \"inputs\": {}}", "one of rows"),
        ("{\"model\": \"sensor\", \"inputs\": 3}", "a list"),
        ("{\"model\": \"sensor\", \"inputs\": [[[1, 2, 3]]], \"samples\": 3}", "samples"),
      ] {
        let answer = try await client.post("/v1/predict", body)
        #expect(answer.status == 400 && answer.message.contains(words), "\(body): \(answer.text)")
      }
      let captions = try await client.post("/v1/captions", ["model": "sensor", "features": [[1]]])
      #expect(captions.status == 400 && captions.message.contains("a model of captions"))
    }
  }
}
