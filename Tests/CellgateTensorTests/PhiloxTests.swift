import Testing

@testable import CellgateTensor

@Suite struct PhiloxTests {
  /// One line of the known-answer vectors that come with Random123 (kat_vectors, philox4x32 10).
  struct KnownAnswer: Sendable {
    let counter: SIMD4<UInt32>
    let key: SIMD2<UInt32>
    let answer: SIMD4<UInt32>
  }

  static let knownAnswers: [KnownAnswer] = [
    KnownAnswer(
      counter: SIMD4(0, 0, 0, 0), key: SIMD2(0, 0),
      answer: SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8)),
    KnownAnswer(
      counter: SIMD4(repeating: 0xFFFF_FFFF), key: SIMD2(repeating: 0xFFFF_FFFF),
      answer: SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD)),
    KnownAnswer(
      counter: SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
      key: SIMD2(0xA409_3822, 0x299F_31D0),
      answer: SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1)),
  ]

  @Test("Philox4x32-10 gives the published answers", arguments: knownAnswers)
  func answers(known: KnownAnswer) {
    #expect(Philox.block(counter: known.counter, key: known.key) == known.answer)
  }
}
