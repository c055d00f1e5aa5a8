import CellgateExchange
import CellgateFiles
import CellgateNN
import Foundation
import Testing

@Suite("Keras import")
struct KerasImportTests {
  @Test(
    "Files of Keras 2 and 3 compute what Keras computes, or are refused as they must be",
    .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("keras/", "keras2/", "broken/keras"))
  func collection(file: InterchangeFile) throws {
    let isMixed = file.id.contains("mixed")
    var options = ImportOptions()
    if isMixed {
      #expect(throws: ImportError.self) { try ModelImporter.read(file.fullPath) }
      options.asFloat32 = true
    }
    try file.check(options: options, tolerance: isMixed ? 3e-2 : 1e-5, mayLackModel: true)
  }
}
