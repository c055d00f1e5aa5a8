import CellgateNN
import Foundation
import Testing

@Suite struct ScheduleTests {
  @Test("The first of the step schedule's falls comes when it is said to")
  func firstFall() {
    let schedule = StepSchedule(every: 2, factor: 0.5, after: 5)
    #expect((0..<10).map { schedule.factor(at: $0) } == [1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125])
    #expect((0..<5).map { StepSchedule(every: 2, factor: 0.5).factor(at: $0) } == [1, 1, 0.5, 0.5, 0.25])
  }

  @Test("Constant is 1")
  func constant() {
    #expect(ConstantSchedule().factor(at: 0) == 1)
    #expect(ConstantSchedule().factor(at: 1_000_000) == 1)
  }

  @Test("Warm-up rises in equal steps to 1 and hands over")
  func warmUp() {
    let schedule = WarmUpSchedule(steps: 4, then: StepSchedule(every: 2, factor: 0.5))
    #expect((0..<9).map { schedule.factor(at: $0) } == [0.25, 0.5, 0.75, 1, 1, 1, 0.5, 0.5, 0.25])
    #expect(WarmUpSchedule(steps: 0).factor(at: 0) == 1)
  }

  @Test("Step falls at its multiples")
  func step() {
    let schedule = StepSchedule(every: 3, factor: 0.5)
    #expect((0..<7).map { schedule.factor(at: $0) } == [1, 1, 1, 0.5, 0.5, 0.5, 0.25])
  }

  @Test("Cosine goes from 1 over the middle to its floor and stays there")
  func cosine() {
    let schedule = CosineSchedule(steps: 100, floor: 0.2)
    #expect(schedule.factor(at: 0) == 1)
    #expect(abs(schedule.factor(at: 50) - 0.6) < 1e-12)
    #expect(abs(schedule.factor(at: 25) - (0.2 + 0.4 * (1 + cos(Double.pi / 4)))) < 1e-12)
    #expect(abs(schedule.factor(at: 100) - 0.2) < 1e-12)
    #expect(schedule.factor(at: 1000) == schedule.factor(at: 100))
  }

  @Test("Plateau falls after more results than its patience without an improvement, down to its floor")
  func plateau() {
    var schedule = PlateauSchedule(factor: 0.5, patience: 2, threshold: 0.01, floor: 0.2)
    func observe(_ metrics: [Double]) -> [Double] {
      metrics.map {
        schedule.observe($0)
        return schedule.factor(at: 0)
      }
    }
    #expect(observe([10, 9, 9, 8.95]) == [1, 1, 1, 1])  // 8.95 is less than a hundredth better
    #expect(observe([9]) == [0.5])
    #expect(observe([8, .nan, 8, 8]) == [0.5, 0.5, 0.5, 0.25])
    #expect(observe([9, 9, 9, 9, 9, 9]) == [0.25, 0.25, 0.2, 0.2, 0.2, 0.2])
  }

  @Test("Every schedule has a name of its own, and its settings make it", arguments: Schedules.names)
  func registry(_ name: String) throws {
    #expect(Schedules.names.filter { $0 == name }.count == 1)
    let type = try #require(Schedules.named(name))
    #expect(type.name == name)
    let schedule = type.init(settings: ScheduleSettings(name: name), steps: 7)
    #expect(schedule.factor(at: 0) == 1)
  }

  @Test("Settings are the schedules' arguments")
  func settings() {
    var settings = ScheduleSettings()
    (settings.every, settings.factor, settings.patience, settings.floor) = (3, 0.5, 1, 0.2)
    let steps = 0..<12
    func factors(_ schedule: some Schedule) -> [Double] { steps.map { schedule.factor(at: $0) } }
    #expect(
      factors(StepSchedule(settings: settings, steps: 9)) == factors(StepSchedule(every: 3, factor: 0.5)))
    let cosine = CosineSchedule(steps: 9, floor: 0.2)
    #expect(factors(CosineSchedule(settings: settings, steps: 9)) == factors(cosine))
    var plateau = PlateauSchedule(settings: settings, steps: 9)
    let falls = [5.0, 5, 5, 5, 5, 5, 5].map { value in
      plateau.observe(value)
      return plateau.factor(at: 0)
    }
    #expect(falls == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.2])
    (settings.name, settings.warmUpSteps) = ("cosine", 2)
    let made = settings.make(steps: 11)
    #expect(steps.map { made.factor(at: $0) } == factors(WarmUpSchedule(steps: 2, then: cosine)))
    #expect(Schedules.all.filter { $0.dependsOnLength }.map { $0.name } == ["cosine"])
  }

  @Test("Every setting of a schedule is one of all, and is read by a schedule")
  func settingsKnown() {
    for type in Schedules.all {
      for setting in type.settings { #expect(ScheduleSetting.all.contains { $0.name == setting.name }) }
    }
    for setting in ScheduleSetting.all {
      #expect(Schedules.all.contains { $0.settings.contains { $0.name == setting.name } }, "\(setting.name)")
    }
  }

  @Test("A saved plateau continues, also inside a warm-up, and its state is made of finite numbers")
  func savedPlateau() {
    var original: any Schedule = WarmUpSchedule(steps: 1, then: PlateauSchedule(factor: 0.5, patience: 1))
    #expect(original.state.values.allSatisfy { $0.isFinite })
    for metric in [3.0, 4, 4] { original.observe(metric) }
    var restored: any Schedule = WarmUpSchedule(steps: 1, then: PlateauSchedule(factor: 0.5, patience: 1))
    restored.state = original.state
    #expect(restored.state == original.state)
    for metric in [3.0, 3, 2, 5, 5] {
      original.observe(metric)
      restored.observe(metric)
      #expect(restored.factor(at: 10) == original.factor(at: 10))
    }
    #expect(restored.factor(at: 10) == 0.125 * 1)
  }
}
