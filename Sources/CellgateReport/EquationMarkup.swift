import CellgateCells
import CellgateCharts

/// A printed equation set as mathematics: variables slanted, indices below the line.
enum EquationMarkup {
  private static let lowered: [Character: Character] = [
    "ₜ": "t", "₋": "−", "₀": "0", "₁": "1", "₂": "2", "₃": "3", "₄": "4", "₅": "5", "₆": "6", "₇": "7",
    "₈": "8", "₉": "9",
  ]

  /// A cell's equations, a row each.
  static func table(_ cell: Cell) -> HTML {
    let rows = cell.equations(.unicode).map { line -> HTML in
      let sides = line.split(separator: " = ", maxSplits: 1)
      guard sides.count == 2 else { return .tag("tr", [:], .tag("td", [:], html(line))) }
      return .tag(
        "tr", [:], .tag("td", ["class": "left"], html(String(sides[0]))),
        .tag("td", [:], HTML("=\u{2002}"), html(String(sides[1]))))
    }
    return .tag(
      "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Equations"],
      .tag("table", ["class": "equations"], .tag("tbody", [:], HTML(rows))))
  }

  /// The markup of one side of an equation, such as "W_ix xₜ + b_i".
  static func html(_ text: String) -> HTML {
    var pieces: [HTML] = []
    var rest = text[...]
    while let first = rest.first {
      if lowered[first] != nil {
        let run = rest.prefix { lowered[$0] != nil }
        pieces.append(.tag("sub", [:], variables(String(run.compactMap { lowered[$0] }))))
        rest = rest.dropFirst(run.count)
      } else if first == "_" {
        let name = rest.dropFirst().prefix { $0.isLetter || $0.isNumber }
        pieces.append(.tag("sub", [:], variables(String(name.filter { lowered[$0] == nil }))))
        rest = rest.dropFirst(1 + name.filter { lowered[$0] == nil }.count)
      } else if first.isLetter {
        let word = rest.prefix { ($0.isLetter || $0.isNumber) && lowered[$0] == nil && $0 != "_" }
        pieces.append(word.count == 1 && word != "σ" ? variables(String(word)) : HTML(String(word)))
        rest = rest.dropFirst(word.count)
      } else {
        let signs = rest.prefix { !$0.isLetter && $0 != "_" && lowered[$0] == nil }
        pieces.append(HTML(String(signs)))
        rest = rest.dropFirst(signs.count)
      }
    }
    return HTML(pieces)
  }

  private static func variables(_ text: String) -> HTML { .tag("i", [:], HTML(text)) }
}
