import CellgateNN
import Foundation
import Testing

@Suite struct ScheduleTests {
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
