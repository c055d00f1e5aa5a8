import CellgateFiles
import Testing

@Suite("JSON as it is written")
struct JSONTreeLiteralsTests {
  @Test("Literals give the text in their order, and what isn't finite is null")
  func text() {
    let tree: JSONTree = [
      "name": "h \"1\"", "sizes": [1, -2], "share": 0.25, "isBuilt": true, "none": .real(Double.nan),
      "small": .real(Float(0.1)), "empty": [:],
    ]
    #expect(
      tree.text
        == #"{"name":"h \"1\"","sizes":[1,-2],"share":0.25,"isBuilt":true,"none":null,"small":0.1,"empty":{}}"#
    )
    #expect((try? JSONTree(data: Array(tree.text.utf8), file: "text")) == tree)
    #expect(tree["sizes"]?.array?.last?.integer == -2)
  }
}
