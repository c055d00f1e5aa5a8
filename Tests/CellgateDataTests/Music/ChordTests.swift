import CellgateData
import Testing

@Suite("Chords")
struct ChordTests {
  @Test("Keys of a piano are in a chord, and others aren't")
  func keys() {
    let chord = Chord([108, 21, 60, 20, 109])
    #expect(chord.keys == [21, 60, 108] && chord.count == 3)
    #expect(chord.contains(60) && !chord.contains(61) && !chord.contains(109) && !chord.contains(-4))
    #expect(Chord.silence.isSilence && Chord.silence.keys.isEmpty)
    #expect(chord.union(Chord([64])).keys == [21, 60, 64, 108])
    #expect(chord.intersection(Chord([60, 61])).keys == [60])
  }

  @Test("A chord has as much room as it can be moved by, and is the same when it is moved back")
  func transposed() {
    let chord = Chord([30, 100])
    #expect(chord.room == -9...8)
    #expect(chord.transposed(by: 8).keys == [38, 108] && chord.transposed(by: -9).keys == [21, 91])
    #expect(chord.transposed(by: 9).keys == [39] && chord.transposed(by: -10).keys == [90])
    #expect(chord.transposed(by: 5).transposed(by: -5) == chord)
    #expect(Chord.silence.room.contains(12) && Chord.silence.transposed(by: 12) == .silence)
  }

  @Test("Keys have names")
  func names() {
    #expect([21, 60, 61, 108].map(Chord.name(of:)) == ["A0", "C4", "C♯4", "C8"])
  }
}
