import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes what a model takes and gives of tunes, by what was learned from the training part alone: the chords that are known, and how
/// often each key sounds.
struct MusicEncoder: Sendable {
  /// A part of a tune, or all of it.
  struct Piece {
    /// The frames to be predicted.
    var frames: ArraySlice<Chord>
    /// The frame before them; silence before a tune.
    var before = Chord.silence
    /// Whether the tune begins with them.
    var isBeginning = true
    /// Semitones that all are moved up by.
    var shift = 0
  }

  /// What a model's file keeps.
  let music: Preprocessing.Music
  /// The chords that come out by their number; nil where keys do.
  private let chords: [Chord]?
  private let numbers: [Chord: Int32]
  /// ln p of a key that sounds and of one that doesn't, by the frequencies.
  private let logs: [(on: Double, off: Double)]

  private static let keys = Chord.piano.count

  /// What a model knows; nil of a model of other data.
  init?(_ preprocessing: Preprocessing) {
    guard let music = preprocessing.music, music.frequencies.count == Self.keys,
      music.frequencies.allSatisfy({ $0 > 0 && $0 < 1 }), music.step > 0, music.step <= 64
    else { return nil }
    self.init(music)
  }

  private init(_ music: Preprocessing.Music) {
    self.music = music
    chords = music.chords.map { $0.map { Chord($0) } }
    numbers = [Chord: Int32](
      (chords ?? []).enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    logs = music.frequencies.map { (log($0), log(1 - $0)) }
  }

  /// Learns from the training part; of chords those that it has `leastCount` times or more.
  init(fitting rolls: [PianoRoll], step: Double, hasChords: Bool, leastCount: Int) {
    var counts = [Int](repeating: 0, count: Self.keys)
    var chords: [Chord: Int] = [:]
    for frame in rolls.lazy.flatMap(\.frames) {
      for key in frame.keys { counts[key - Chord.piano.lowerBound] += 1 }
      if hasChords { chords[frame, default: 0] += 1 }
    }
    let frames = Double(rolls.reduce(0) { $0 + $1.frames.count })
    let known = chords.filter { $0.value >= leastCount }
      .map { (count: $0.value, keys: $0.key.keys) }
      .sorted {
        $0.count != $1.count ? $0.count > $1.count : $0.keys.lexicographicallyPrecedes($1.keys)
      }
    self.init(
      Preprocessing.Music(
        step: step, frequencies: counts.map { (Double($0) + 1) / (frames + 2) },
        chords: hasChords ? known.map(\.keys) : nil))
  }

  /// What a model's file keeps.
  var preprocessing: Preprocessing {
    var preprocessing = Preprocessing()
    preprocessing.music = music
    return preprocessing
  }

  /// Logits of a frame: keys, or chords and one for all others.
  var outputs: Int { chords.map { $0.count + 1 } ?? Self.keys }
  /// Whether an output is a chord.
  var hasChords: Bool { chords != nil }

  /// The number of a chord; that of all others where it is unknown.
  func number(of chord: Chord) -> Int32 { numbers[chord] ?? Int32(numbers.count) }
  /// Whether a chord has a number of its own.
  func knows(_ chord: Chord) -> Bool { numbers[chord] != nil }

  /// −ln p of a chord, each key by its frequency.
  func independentNats(_ chord: Chord) -> Double {
    Chord.piano.enumerated().reduce(0) {
      $0 - (chord.contains($1.element) ? logs[$1.offset].on : logs[$1.offset].off)
    }
  }

  // MARK: What goes in

  /// Pieces side by side: each frame's input is the frame before it.
  func batch(_ pieces: [Piece]) -> MusicBatch {
    let steps = pieces.map(\.frames.count).max() ?? 0
    let (lowest, keys, count) = (Chord.piano.lowerBound, Self.keys, pieces.count)
    var x = [Float](repeating: 0, count: steps * count * keys)
    var chords = [Chord](repeating: .silence, count: steps * count)
    for (column, piece) in pieces.enumerated() {
      var last = piece.before.transposed(by: piece.shift)
      for (step, frame) in piece.frames.enumerated() {
        let row = step * count + column
        for key in last.keys { x[row * keys + key - lowest] = 1 }
        last = frame.transposed(by: piece.shift)
        chords[row] = last
      }
    }
    let lengths = pieces.map(\.frames.count)
    return MusicBatch(
      x: LayerValue(
        Tensor(x, shape: [steps, count, keys]),
        mask: lengths.allSatisfy { $0 == steps } ? nil : .lengths(lengths)),
      chords: chords, lengths: lengths, beginnings: pieces.map(\.isBeginning))
  }

  // MARK: What comes out

  /// The probability of each key in a frame by its logits.
  func probabilities(_ logits: ArraySlice<Float>) -> [Float] {
    guard let chords else { return logits.map { 1 / (1 + exp(-$0)) } }
    let largest = logits.max() ?? 0
    let shares = logits.map { exp(Double($0 - largest)) }
    let total = shares.reduce(0, +)
    var sums = music.frequencies.map { $0 * (shares.last ?? 0) }
    for (share, chord) in zip(shares, chords) {
      for key in chord.keys { sums[key - Chord.piano.lowerBound] += share }
    }
    return sums.map { Float($0 / total) }
  }

  /// The chord of a frame by its logits that is likeliest: each key that is likelier to sound than not, or the likeliest known
  /// chord.
  func likeliest(_ logits: ArraySlice<Float>) -> Chord {
    guard let chords else {
      return Chord(
        logits.enumerated().lazy.filter { $0.element > 0 }.map { $0.offset + Chord.piano.lowerBound })
    }
    let known = logits.dropLast()
    return known.indices.max { (known[$0], $1) < (known[$1], $0) }.map { chords[$0 - known.startIndex] }
      ?? .silence
  }

  /// −ln p of a chord by the logits of its frame; an unknown chord is that of all others, and each of its keys by its frequency.
  func nats(_ logits: ArraySlice<Float>, _ chord: Chord) -> Double {
    guard hasChords else {
      var (sum, key) = (0.0, Chord.piano.lowerBound)
      for logit in logits {
        let x = Double(logit)
        sum += max(x, 0) + log1p(exp(-abs(x))) - (chord.contains(key) ? x : 0)
        key += 1
      }
      return sum
    }
    let largest = Double(logits.max() ?? 0)
    let total = log(logits.reduce(0) { $0 + exp(Double($1) - largest) }) + largest
    let own = total - Double(logits[logits.startIndex + Int(number(of: chord))])
    return knows(chord) ? own : own + independentNats(chord)
  }

  /// Draws a chord by the logits of its frame. Only the temperature counts for keys; of chords an unknown one never comes.
  func draw(_ logits: [Float], _ sampling: Sampling, from stream: inout RandomStream) -> Chord {
    guard let chords else {
      var chord = Chord()
      for (place, logit) in logits.enumerated() {
        let number = Double(stream.nextLong() >> 11) * 0x1p-53
        let isOn =
          sampling.temperature == 0
          ? logit > 0 : number < 1 / (1 + exp(-Double(logit) / sampling.temperature))
        if isOn { chord.insert(place + Chord.piano.lowerBound) }
      }
      return chord
    }
    let number = Double(stream.nextLong() >> 11) * 0x1p-53
    return chords.isEmpty ? .silence : chords[sampling.pick(Array(logits.dropLast()), at: number)]
  }
}

/// Parts of tunes of any lengths.
public struct MusicBatch {
  /// The frames before those to be predicted, 1 for each key that sounds, `[T, B, 88]`, with the lengths.
  public let x: LayerValue
  /// The frames to be predicted, `[T, B]` row by row; silence past a length.
  public let chords: [Chord]
  /// B lengths.
  public let lengths: [Int]
  /// Whether each is the beginning of its tune.
  public let beginnings: [Bool]

  /// Frames in all.
  public var frames: Int { lengths.reduce(0, +) }

  /// 1 for each valid frame, `[T, B]`; nil where all are.
  var weights: [Float]? {
    guard x.mask != nil else { return nil }
    return chords.indices.map { $0 / lengths.count < lengths[$0 % lengths.count] ? 1 : 0 }
  }
}
