import CellgateFiles

extension Cell {
  /// Reads a cell from its text, as ``text`` writes it; the documentation's article "A cell in a file" says what
  /// may stand there.
  ///
  /// ```swift
  /// let cell = try Cell(
  ///   text: """
  ///     cell my-rnn: tanh of a sum
  ///     state h
  ///     matrix W = weight_ih
  ///     matrix U = weight_hh start orthogonal
  ///     vector b = bias
  ///     h' = tanh(W x + U h + b)
  ///     """)
  /// ```
  ///
  /// - Throws: ``CellTextError/mistake(_:at:)`` with the line and column of the mistake.
  public init(text: String) throws(CellTextError) {
    self = try CellTextReader.cell(Array(text.utf8), file: nil)
  }

  /// Reads a cell from a `.cell` file, UTF-8 text as for ``init(text:)``.
  ///
  /// - Throws: ``CellTextError`` when the file can't be read, or with the place of a mistake in it.
  public init(contentsOf path: String) throws(CellTextError) {
    let file: InputFile, bytes: [UInt8]
    do throws(FileError) { file = try InputFile(path) } catch { throw .file(error) }
    if file.size > CellTextReader.mostBytes { throw CellTextReader.tooLarge(bytes: file.size, file: path) }
    do throws(FileError) { bytes = try file.readAll() } catch { throw .file(error) }
    self = try CellTextReader.cell(bytes, file: path)
  }

  /// The cell as text: what a `.cell` file holds. Reading it gives the same graph, plan and parameters, and
  /// printing what was read the same text.
  public var text: String {
    var lines = [header]
    if !source.isEmpty { lines.append("source \(CellTextField.written(source))") }
    lines.append("")
    if symbols.input != "x" { lines.append("input \(Notation.written(symbols.input))") }
    let stateNames = zip(states, stateSizes).map { name, size in
      Notation.written(name) + Notation.written(size, after: "size")
    }.joined(separator: ", ")
    lines.append("\(states.count == 1 ? "state" : "states") \(stateNames)")
    for (definition, symbol) in zip(parameters, symbols.parameters) {
      lines.append(declaration(definition, symbol: symbol))
    }
    lines.append("")
    return (lines + equations()).joined(separator: "\n") + "\n"
  }

  private var header: String {
    let name = CellTextField.written(name)
    if summary.isEmpty { return "cell \(name)" + (name.hasSuffix(":") ? ":" : "") }
    return "cell \(name): \(CellTextField.written(summary))"
  }

  private func declaration(_ definition: ParameterDefinition, symbol: String) -> String {
    let hasGates = definition.gates != [""]
    let kind = definition.columns != nil ? "matrix" : definition.isScalar ? "scalar" : "vector"
    var text = definition.isFixed ? "fixed " : ""
    text += hasGates ? (kind == "matrix" ? "matrices " : kind + "s ") : kind + " "
    text += CellTextReader.written(symbol: symbol)
    if symbol != definition.name || hasGates { text += " = \(Notation.written(definition.name))" }
    if hasGates {
      text += " (\(definition.gates.map(CellTextReader.written(gate:)).joined(separator: ", ")))"
    }
    text += Notation.written(definition.rows, after: kind == "matrix" ? "rows" : "size")
    let start = start(definition)
    return text + (start.isEmpty ? "" : " start \(start)")
  }

  /// What stands after "start"; empty for what a parameter starts from by itself.
  private func start(_ definition: ParameterDefinition) -> String {
    switch definition.start {
    case .xavier: return ""
    case .orthogonal: return "orthogonal"
    case .zero: return "zero"
    case .perGate(let biases):
      func written(_ bias: GateBias) -> String {
        let sign = bias.chronoSign < 0 ? String(Notation.minus) : "+"
        let factor = bias.chronoSign.magnitude == 1 ? "" : "\(bias.chronoSign.magnitude)"
        return "at \(Notation.written(bias.constant))"
          + (bias.last.map { " to \(Notation.written($0))" } ?? "")
          + (bias.chronoSign == 0 ? "" : " chrono \(sign)\(factor)")
      }
      let starts = biases.map(written)
      if Set(starts).count == 1 { return starts[0] == "at 0" && definition.columns == nil ? "" : starts[0] }
      return zip(definition.gates, starts).filter { $0.1 != "at 0" }
        .map { "\(CellTextReader.written(gate: $0)) \($1)" }.joined(separator: ", ")
    }
  }
}

/// Text that goes to the end of its line: a name, a summary, a source. A backslash begins `\\`, `\#` and `\u{…}`.
enum CellTextField {
  static func written(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var written = ""
    for (index, scalar) in scalars.enumerated() {
      let isSpace = scalar.properties.isWhitespace
      let isOutside = index == 0 || index == scalars.count - 1
      let isHidden =
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: isSpace && (isOutside || scalar != " ")
        }
      if scalar == "\\" || (scalar == "#" && (index == 0 || scalars[index - 1].properties.isWhitespace)) {
        written += "\\\(scalar)"
      } else {
        written += isHidden ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
      }
    }
    return written
  }
}
