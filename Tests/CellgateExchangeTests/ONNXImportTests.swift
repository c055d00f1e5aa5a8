import CellgateExchange
import CellgateFiles
import Foundation
import Testing

struct ONNXImportTests {
  @Test("Every ONNX file of the collection computes what its framework computes, or is refused",
    .enabled(if: Interchange.shared != nil, Interchange.absent), arguments: Interchange.files("onnx/", "broken/onnx"))
  func sharedFiles(_ file: InterchangeFile) throws {
    guard file.path.hasSuffix(".onnx") else { return }
    if ProcessInfo.processInfo.environment["ONNX_SHOW"] != nil {
      do { print("SHOW", file.testDescription, try ModelImporter.read(file.fullPath).findings) } catch { print("SHOW", file.testDescription, file.expect, "ERROR", error) }
    }
    try file.check()
  }
}
