/// The lines of a UTF-8 text, gzipped or not.
public enum TextLines {
  /// The lines of a file without their ends, which are newlines with or without a carriage return; an empty line at the end
  /// counts for none. Throws `folder`, `file`, `gzip`, `notUTF8` or `otherEncoding`.
  public static func read(_ path: String) throws(TaskDataError) -> [String] {
    let scalars = try TextFile(path).text
    var lines = scalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(String.UnicodeScalarView(line.last == "\r" ? line.dropLast() : line))
    }
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
