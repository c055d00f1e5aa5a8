import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateData

@Suite("Preprocessing")
struct PreprocessingTests {
  @Test("A scaler gives mean 0 and deviation 1, and its inverse gives back what it was given")
  func scaler() {
    let x = Tensor([1, 5, 3, 5, 5, 5], shape: [3, 2])
    let scaler = Scaler(fitting: x)
    #expect(scaler.means == [3, 5] && scaler.deviations[1] == 1)
    let scaled = scaler(x)
    let first = [scaled.scalars[0], scaled.scalars[2], scaled.scalars[4]]
    #expect(abs(first.reduce(0, +)) < 1e-6)
    #expect(abs(first.reduce(0) { $0 + $1 * $1 } / 3 - 1) < 1e-6)
    #expect(scaler.inverse(scaled).scalars == x.scalars)
    #expect(Scaler(fitting: Tensor.zeros([0, 2])).deviations == [1, 1])
  }

  @Test("What is written is read back the same, and nothing is written of nothing")
  func text() throws {
    var own = Preprocessing()
    #expect(own.text == nil)
    #expect(try Preprocessing(metadata: [:]) == own)
    own.words = ["the", "film"]
    own.length = 3
    own.labels = ["no", "yes"]
    own.inputScaler = Scaler(means: [1], deviations: [2])
    own.window = 24
    let text = try #require(own.text)
    #expect(try Preprocessing(metadata: ["preprocessing": text]) == own)
    #expect(own.encode(["the dull film"])?.scalars == [2, 1, 3])
  }

  @Test(
    "What is wrong in a file is reported",
    arguments: [
      ("[]", "expected"), (#"{"length":0}"#, "length"), (#"{"labels":3}"#, "labels"),
      (#"{"input_scaler":{"means":[1],"deviations":[0]}}"#, "deviations"),
      (#"{"input_scaler":{"means":[1,2],"deviations":[1]}}"#, "deviations"), ("{", ""),
    ])
  func mistakes(_ text: String, _ part: String) throws {
    let error = #expect(throws: PreprocessingError.self) {
      try Preprocessing(metadata: ["preprocessing": text])
    }
    #expect(try #require(error).description.lowercased().contains(part))
  }
}
