import CellgateData
import Testing

@Suite("Sources of data")
struct DataSourceTests {
  @Test("A data directory means a set in it, or the file that was given in its place")
  func sources() {
    let given = DataDirectory(option: "/d")
    let usual = DataDirectory(environment: ["CELLGATE_DATA": "/d"])
    #expect(DataRequirement.none.source(in: given) == .unspecified)
    #expect(DataRequirement.set(.ptb).source(in: usual) == .set(.ptb, directory: "/d"))
    #expect(DataRequirement.file.source(in: given) == .file("/d"))
    #expect(DataRequirement.file.source(in: usual) == .unspecified)
  }

  @Test("A set lies in its folder below the directory, or in the folder that was given")
  func folders() {
    #expect(DataSource.set(.mnist, directory: "/d").folder(of: .mnist) == "/d/mnist")
    #expect(DataSource.folder("/own").folder(of: .mnist) == "/own")
    #expect(DataSource.unspecified.folder(of: .ptb) == DataDirectory().path + "/ptb")
    #expect(DataSource.unspecified.path == nil && DataSource.file("/f").path == "/f")
  }
}
