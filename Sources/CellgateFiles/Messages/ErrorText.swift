/// The most bytes of UTF-8 in the one line that an error is described by.
private let lineLimit = 900

/// The most characters, and bytes of UTF-8, of a name or value from outside in an error's line.
private let nameLimit = (characters: 120, bytes: 240)

/// A name or value from outside made fit for a one-line message: control characters and line breaks escaped, cut after
/// 120 characters or 240 bytes.
package func quotedName(_ name: String) -> String {
  var text = ""
  for (place, scalar) in name.unicodeScalars.enumerated() {
    let next = escaped(scalar)
    if place == nameLimit.characters || text.utf8.count + next.utf8.count > nameLimit.bytes {
      return text + "…"
    }
    text += next
  }
  return text
}

/// A whole message on one line of at most 900 bytes: control characters and line breaks escaped, and of a longer one its
/// beginning and its end. Every error's description passes through here, as paths can have any length and characters.
package func oneLine(_ message: String) -> String {
  let isPlain = message.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
  let line = isPlain ? message : message.unicodeScalars.map(escaped).joined()
  guard line.utf8.count > lineLimit else { return line }
  func part(_ scalars: some Sequence<Unicode.Scalar>, _ most: Int) -> [Unicode.Scalar] {
    var (part, bytes): ([Unicode.Scalar], Int) = ([], 0)
    for scalar in scalars {
      bytes += Unicode.UTF8.width(scalar)
      if bytes > most { break }
      part.append(scalar)
    }
    return part
  }
  var text = String.UnicodeScalarView()
  text.append(contentsOf: part(line.unicodeScalars, lineLimit / 3))
  text.append("…")
  text.append(contentsOf: part(line.unicodeScalars.reversed(), lineLimit / 2).reversed())
  return String(text)
}

/// The first messages of several, with a semicolon between them, and how many more there are.
package func joined(_ messages: [String], most: Int = 3) -> String {
  let rest = messages.count - most
  return messages.prefix(most).joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
}

/// The scalar, or its code where it would break a line or could not be seen.
private func escaped(_ scalar: Unicode.Scalar) -> String {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: "\\u{\(String(scalar.value, radix: 16))}"
  default: String(scalar)
  }
}
