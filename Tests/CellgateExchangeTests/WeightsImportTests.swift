import CellgateExchange
import CellgateFiles
import Foundation
import Testing

/// Model files of PyTorch and NumPy against the outputs that PyTorch computes, and broken ones against what must become of
/// them.
@Suite struct WeightsImportTests {
  @Test("The files that come with the tests are as their index says", arguments: Interchange.files("", root: Interchange.bundled))
  func bundled(_ file: InterchangeFile) throws { try file.check() }

  @Test(
    "All files of PyTorch and NumPy are as their index says", .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("torch/", "lstmwm/", "npz/"))
  func shared(_ file: InterchangeFile) throws { try file.check() }

  @Test(
    "Broken and hostile files end in an error or in right numbers",
    .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("broken/hostile_pickle", "broken/torch", "broken/safetensors", "broken/npz"))
  func broken(_ file: InterchangeFile) throws {
    try file.check()
    #expect(!FileManager.default.fileExists(atPath: "/home/ann/training/PWNED"))
  }
}
