import CellgateBasics
import CellgateFiles

extension AtomicFile {
  /// Removes the temporary files that writes which were killed left in a folder, which the caller has locked.
  static func removeLeftovers(in folder: String) throws(FileError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where isTemporary(name) { try remove(folder + "/" + name) }
  }
}
