import CellgateNN
import CellgateTestSupport
import Testing

@testable import CellgateReport
@testable import CellgateTraining

@Suite("Settings in words")
struct SettingsListTests {
  @Test("What differs from the defaults comes first, with what they say; truths are words")
  func changed() {
    var settings = MeanTask.defaults
    settings.bidirectional = true
    settings.steps = nil
    settings.epochs = 1500
    settings.clipNorm = nil
    let list = SettingsList(settings, defaults: MeanTask.defaults)
    #expect(
      list.changed == [
        .init(name: "bidirectional", value: "yes", usual: "no"),
        .init(name: "epochs", value: "1,500", usual: "12 steps"),
        .init(name: "clip norm", value: "none", usual: "1"),
      ])
    #expect(list.unchanged.first == .init(name: "length", value: "5"))
    #expect(list.unchanged.contains(.init(name: "learning rate", value: "0.001")))
  }

  @Test("Settings without a meaning under the others are left out, unless they were changed")
  func meaning() {
    var settings = MeanTask.defaults
    func names() -> [String] {
      let list = SettingsList(settings, defaults: MeanTask.defaults)
      return (list.changed + list.unchanged).map(\.name)
    }
    #expect(!names().contains("schedule every") && !names().contains("beta1"))
    settings.schedule.name = "step"
    settings.optimizerSettings.beta1 = 0.5
    #expect(names().contains("schedule every") && names().contains("beta1"))
  }
}
