import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateExperiments

@Suite("Paired differences")
struct PairedDifferenceTests {
  @Test(
    "Student's t has the quantiles of the tables",
    arguments: [
      (1, 12.7062047362), (2, 4.3026527297), (3, 3.1824463053), (4, 2.7764451052), (9, 2.2621571628),
      (30, 2.0422724563), (1000, 1.9623390808),
    ])
  func quantiles(degrees: Int, expected: Double) {
    #expect(abs(StudentT.quantile(confidence: 0.95, degrees: degrees) - expected) < 1e-8)
    #expect(abs(StudentT.tail(expected, degrees) - 0.05) < 1e-10)
  }

  @Test("With one degree t is Cauchy's, with two it has a formula, with many it is normal")
  func tails() {
    for t in [0.01, 0.5, 1, 3, 40, 1e6] {
      #expect(abs(StudentT.tail(t, 1) - (1 - 2 * atan(t) / .pi)) < 1e-13)
      #expect(abs(StudentT.tail(t, 2) - (1 - t / (2 + t * t).squareRoot())) < 1e-13)
      #expect(abs(StudentT.tail(t, 1_000_000) - erfc(t / 2.0.squareRoot())) < 1e-6)
    }
    #expect(StudentT.tail(0, 3) == 1)
  }

  @Test("The interval is the mean of the differences with its standard errors, over the seeds that both have")
  func interval() throws {
    let pair = PairedDifference(
      "b", [1: 5, 2: 7, 3: 6.5, 9: 0], from: "a", [1: 4, 2: 5, 3: 6, 8: 100])
    // Differences 1, 2, 0.5: mean 7/6, deviation 0.7638, error 0.4410, 4.3027 of which are 1.8974.
    #expect(pair.seeds == [1, 2, 3])
    #expect(abs(try #require(pair.difference) - 7.0 / 6) < 1e-12)
    #expect(abs(try #require(pair.high) - (7.0 / 6 + 1.89738)) < 1e-4)
    #expect(abs(try #require(pair.low) - (7.0 / 6 - 1.89738)) < 1e-4)
    #expect(!pair.isDistinguishable)
    let sure = PairedDifference("b", [1: 5, 2: 7, 3: 6], from: "a", [1: 4, 2: 5.9, 3: 5.1])
    #expect(sure.isDistinguishable)
    #expect(sure.texts { "\(Int(($0 * 100).rounded()))" } == ("+100", "[+75, +125]", "distinguishable"))
    let same = PairedDifference("b", [1: 5, 2: 7], from: "a", [1: 5, 2: 7])
    #expect(same.low == 0 && same.high == 0 && !same.isDistinguishable)
    let one = PairedDifference("b", [1: 5], from: "a", [1: 7])
    #expect(one.difference == -2 && one.low == nil && !one.isDistinguishable)
    #expect(one.texts { "\($0)" } == ("−2.0", "–", "one seed"))
    #expect(PairedDifference("b", [1: 5], from: "a", [2: 7]).difference == nil)
  }

  @Test("About one interval of twenty leaves the truth out")
  func coverage() {
    var numbers = SplitMix(state: 4)
    func normal() -> Double {
      let (u, v) = (Double.random(in: 0..<1, using: &numbers), Double.random(in: 0..<1, using: &numbers))
      return (-2 * Foundation.log(1 - u)).squareRoot() * cos(2 * .pi * v)
    }
    let trials = 4000
    let outside = (0..<trials).count { _ in
      func values() -> [UInt64: Double] { Dictionary(uniqueKeysWithValues: (1...3).map { ($0, normal()) }) }
      return PairedDifference("b", values(), from: "a", values()).isDistinguishable
    }
    // A standard error is 0.0034.
    #expect(abs(Double(outside) / Double(trials) - 0.05) < 0.014)
  }

  @Test("Every pair once, and as JSON")
  func pairs() throws {
    let all = PairedDifference.all([("a", [1: 1, 2: 2]), ("b", [1: 2, 2: 4]), ("c", [:])])
    #expect(all.map { "\($0.cell)-\($0.reference)" } == ["b-a", "c-a", "c-b"])
    let data = try JSONEncoder().encode(all)
    #expect(try JSONDecoder().decode([PairedDifference].self, from: data) == all)
    #expect(String(decoding: data, as: UTF8.self).contains("\"distinguishable\":false"))
    #expect(String(decoding: data, as: UTF8.self).contains("\"low\":null"))
  }
}
