import Foundation
import Testing

@testable import CellgateData

@Suite("Sounds as series")
struct SpectrumFramesTests {
  private func tone(_ hertz: Double, rate: Int, seconds: Double = 0.2) -> [Float] {
    (0..<Int(seconds * Double(rate))).map { Float(sin(2 * Double.pi * hertz * Double($0) / Double(rate))) }
  }

  @Test("A tone is loudest in the band around it, at any rate, and silence in none")
  func tones() {
    let frames = SpectrumFrames(highest: 4000)
    func loudest(_ hertz: Double, _ rate: Int) -> Int {
      let numbers = frames.plan(rate: rate)(tone(hertz, rate: rate))
      let row = numbers.prefix(SpectrumFrames.bands)
      return row.indices.max { row[$0] < row[$1] } ?? -1
    }
    #expect(loudest(300, 8000) < loudest(1000, 8000) && loudest(1000, 8000) < loudest(3000, 8000))
    for hertz in [300.0, 1000, 3000] { #expect(loudest(hertz, 8000) == loudest(hertz, 16000)) }
    let silence = frames.plan(rate: 8000)([Float](repeating: 0, count: 800))
    #expect(Set(silence).count == 1 && silence[0].isFinite)
  }

  @Test("Windows of 32 ms come every 16 ms, one at least")
  func windows() {
    let plan = SpectrumFrames(highest: 4000).plan(rate: 8000)
    #expect(plan(tone(440, rate: 8000)).count == SpectrumFrames.bands * ((1600 - 256) / 128 + 1))
    #expect(plan([0.5]).count == SpectrumFrames.bands && plan([]).count == SpectrumFrames.bands)
  }
}
