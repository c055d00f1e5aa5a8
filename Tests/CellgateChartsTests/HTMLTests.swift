import Testing

@testable import CellgateCharts

@Suite("HTML")
struct HTMLTests {
  @Test("Texts and attributes are escaped, markup of the program is not")
  func escapes() {
    let hostile = "<script>\"a\" & 'b'</script>"
    let escaped = "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;"
    let cell = HTML.tag("td", ["title": hostile], HTML(hostile), HTML(markup: "<br/>"))
    #expect(cell.source == "<td title=\"\(escaped)\">\(escaped)<br/></td>")
    let literal: HTML = "\(hostile)!"
    #expect(literal.source == escaped + "!")
  }

  @Test("An attribute without a value is left out, and only elements without content are closed at once")
  func shapes() {
    #expect(HTML.tag("td", ["class": nil]).source == "<td></td>")
    #expect(HTML.tag("img", ["alt": ""]).source == "<img alt=\"\"/>")
    #expect(HTML.tag("p", [:], "a", "b").source == "<p>ab</p>")
  }

  @Test("Characters that XML forbids are replaced, line breaks stay")
  func controls() {
    #expect(HTML("a\u{0}b\u{1B}c\u{FFFE}\nd\u{85}").source == "a\u{FFFD}b\u{FFFD}c\u{FFFD}\nd\u{FFFD}")
  }
}
