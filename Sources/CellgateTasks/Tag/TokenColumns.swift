import CellgateData
import CellgateFiles

/// Which columns of a CoNLL file the tokens and the tags are in.
struct TokenColumns: Equatable {
  /// What the option says: nothing, or `token,tag`, for the usual columns; names of all columns with `token` and `tag` among
  /// them; or two columns by number from 1 on or, of CoNLL-U, by name.
  let names: [String]?

  /// The usual columns, or those of the option `--columns`; nil for names that say no columns.
  init?(_ names: [String]?) {
    guard let names, names != ["token", "tag"] else {
      self.names = nil
      return
    }
    let isNamed = names.count { $0 == "token" } == 1 && names.count { $0 == "tag" } == 1
    let isChosen = names.count == 2 && names.allSatisfy { Self.place(of: $0) != nil } && names[0] != names[1]
    guard isNamed || isChosen else { return nil }
    self.names = names
  }

  /// What the option takes.
  static let form =
    "names of all columns with token and tag among them, or two columns such as 1,4 or form,xpos"

  /// The columns of CoNLL-U (https://universaldependencies.org/format.html).
  static let universal = ["id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"]

  private static func place(of name: String) -> Int? {
    if let number = Int(name) { return number > 0 ? number - 1 : nil }
    return universal.firstIndex(of: name.lowercased())
  }

  /// The places of token and tag, from 0 on, in a file of `count` columns; `tag` may be past its end. Throws what the file lacks,
  /// in words.
  func places(of count: Int, isUniversal: Bool) throws(ColumnsError) -> (token: Int, tag: Int) {
    guard let names else {
      if isUniversal { return (1, 3) }
      return (0, max(1, count - 1))
    }
    // A file of tokens alone.
    if count == 1 { return (0, 1) }
    if let token = names.firstIndex(of: "token"), let tag = names.firstIndex(of: "tag") {
      guard count > token else {
        throw ColumnsError(
          reason: "expected \(names.count) columns, those of --columns, found \(count)")
      }
      return (token, tag)
    }
    if !isUniversal, let name = names.first(where: { Int($0) == nil }) {
      throw ColumnsError(
        reason:
          "expected CoNLL-U, whose columns have names such as '\(quotedName(name))', found \(count) columns"
      )
    }
    let places = names.compactMap(Self.place)
    guard count > places[0] else {
      throw ColumnsError(reason: "expected a token in column \(places[0] + 1), found \(count) columns")
    }
    return (places[0], places[1])
  }

  /// What a file lacks.
  struct ColumnsError: Error { let reason: String }
}
