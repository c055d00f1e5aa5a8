import CellgateData
import CellgateFiles

extension SHA256 {
  /// The digest of a file that a task learns from, 64 lower-case hexadecimal digits; throws `file`.
  static func hex(ofTaskFile path: String) throws(TaskDataError) -> String {
    do throws(FileError) { return try hex(ofFile: path) } catch { throw .file(error) }
  }
}
