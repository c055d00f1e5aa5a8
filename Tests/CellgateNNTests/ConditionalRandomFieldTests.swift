import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("ConditionalRandomField")
struct ConditionalRandomFieldTests {
  private func field(_ count: Int) throws -> (Model, ConditionalRandomField) {
    let layer = ConditionalRandomField()
    let x = Input(.sequence(count))
    return (try Model(inputs: x, outputs: layer(x), seed: 4), layer)
  }

  @Test("Gives its scores, and likelihoods and tags that its parameters decide")
  func values() throws {
    let (model, field) = try field(3)
    let x = random([4, 2, 3])
    #expect(model(x).scalars == x.scalars)
    #expect(model.state.names == ["crf.transitions", "crf.first", "crf.last"])
    let tags: [Int32] = [0, 1, 2, 2, 1, 0, 0, 1]
    let parameters = model.state
    let transitions = try #require(parameters["crf.transitions"]),
      first = try #require(parameters["crf.first"])
    let last = try #require(parameters["crf.last"])
    let own = field.logLikelihood(LayerValue(x), tags: tags)
    let expected = crfLogLikelihood(x, tags: tags, transitions: transitions, first: first, last: last)
    #expect(own.scalars == expected.scalars)
    #expect(
      field.decode(LayerValue(x))
        == crfDecode(x, transitions: transitions, first: first, last: last))
  }

  @Test("Steps that are masked anywhere are left out")
  func masks() throws {
    let (_, field) = try field(3)
    let x = random([4, 2, 3])
    let flags = [true, false, false, true, true, true, true, false]
    let tags: [Int32] = [0, -1, -1, 2, 1, 0, 2, -1]
    let value = LayerValue(x, mask: SequenceMask(flags: flags, batch: 2))
    let found = field.logLikelihood(value, tags: tags).scalars
    let decoded = field.decode(value)
    for (sequence, steps) in [[0, 2, 3], [1, 2]].enumerated() {
      let rows = steps.map { x[$0][sequence].unsqueezed(axis: 0) }
      let alone = LayerValue(stacked(rows))
      let likelihood = field.logLikelihood(alone, tags: steps.map { tags[$0 * 2 + sequence] })
      #expect(abs(likelihood.scalars[0] - found[sequence]) < 1e-6)
      #expect(field.decode(alone)[0] == decoded[sequence])
    }
    let lengths = LayerValue(x, mask: .lengths([2, 0]))
    #expect(field.logLikelihood(lengths, tags: tags.map { max(0, $0) }).scalars[1] == 0)
    #expect(field.decode(lengths).map(\.count) == [2, 0])
  }

  @Test("The likelihood has the gradient of central differences, masked or not")
  func gradient() throws {
    let (model, field) = try field(3)
    let tags: [Int32] = [0, 1, 2, 2, 1, 0, 0, 1]
    let flags = [true, false, true, true, false, true, true, true]
    for mask in [nil, SequenceMask(flags: flags, batch: 2), .lengths([2, 4])] {
      let scores = Parameter(random([4, 2, 3]))
      let error = gradientError(of: [scores] + model.namedParameters().map(\.parameter)) {
        field.logLikelihood(LayerValue(scores.tensor, mask: mask), tags: tags)
      }
      #expect(error < 3e-4)
    }
  }
}
