import CellgateBasics
import CellgateNN

extension Recurrent.Initialization {
  /// The initialisation in a JSON file: a `base` and `rules`; see the article "What training starts from". Throws
  /// `badConfig` or `file`.
  public init(contentsOf file: String) throws(RunError) {
    let data = try RunDirectory.read(file)
    do throws(InitializationError) { try self.init(json: data) } catch {
      throw .badConfig(file: file, reason: error.description)
    }
  }
}
