import CellgateExchange
import CellgateFiles
import Testing

struct ModelImporterTests {
  @Test func missingFileIsNamed() throws {
    #expect(throws: ImportError.file(.missing(file: "/no/such/file"))) {
      try ModelImporter.read("/no/such/file")
    }
  }
}
