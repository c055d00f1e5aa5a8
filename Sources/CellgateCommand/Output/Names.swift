import Cellgate
import CellgateFiles

/// Help for names that are not known.
enum Names {
  /// "unknown cell 'x'; did you mean a or b?", or all names if none is near.
  static func unknown(_ kind: String, _ name: String, known: [String]) -> String {
    let near = nearestNames(to: name, among: known)
    return near.isEmpty
      ? "unknown \(kind) '\(quotedName(name))'; expected \(Text.list(known, "or"))"
      : "unknown \(kind) '\(quotedName(name))'; did you mean \(Text.list(near, "or"))?"
  }
}
