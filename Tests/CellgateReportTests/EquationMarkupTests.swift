import CellgateCells
import CellgateCharts
import CellgateFiles
import Foundation
import Testing

@testable import CellgateReport
@testable import CellgateTraining

@Suite("Equations on a page")
struct EquationMarkupTests {
  @Test("Variables are slanted, indices below the line, functions upright")
  func formula() {
    #expect(
      EquationMarkup.html("σ(W_ix xₜ₋₁ + tanh(b_i))").source
        == "σ(<i>W</i><sub><i>ix</i></sub> <i>x</i><sub><i>t−1</i></sub> + tanh(<i>b</i><sub><i>i</i></sub>))"
    )
    #expect(EquationMarkup.html("a < b′").source == "<i>a</i> &lt; <i>b</i>′")
  }

  @Test("Every cell's equations come through whole", arguments: Cell.core)
  func cells(cell: Cell) {
    for line in cell.equations() {
      let text = EquationMarkup.html(line).source.replacing(/<[^>]*>/, with: "")
      let lowered = ["ₜ": "t", "₋": "−", "₁": "1", "_": ""]
      let expected = line.map { lowered[String($0)] ?? String($0) }.joined()
      #expect(text == expected)
    }
  }
}
