import CellgateCharts
import CellgateData

/// Piano-rolls as pictures.
package enum RollMarkup {
  /// Pixels of a frame and of a key.
  private static let (width, height) = (5, 5)
  /// Probabilities below this are not drawn.
  private static let least: Float = 0.02

  /// A tune as SVG: a bar for each note; with probabilities [T, 88] a square for each key that is likely, and frames around the
  /// notes.
  package static func picture(_ roll: PianoRoll, probabilities: [[Float]]?) -> HTML {
    let keys = range(roll, probabilities)
    func y(_ key: Int) -> Int { keys.upperBound - key }
    var marks: [HTML] = []
    for (frame, values) in (probabilities ?? []).enumerated() {
      for (place, value) in values.enumerated() where value >= least {
        marks.append(
          .tag(
            "rect",
            [
              "x": "\(frame)", "y": "\(y(Chord.piano.lowerBound + place))", "width": "1", "height": "1",
              "fill-opacity": NumberText.fixed(Double(value), 2),
            ]))
      }
    }
    let notes = notes(roll).map { note -> HTML in
      .tag(
        "rect",
        [
          "class": probabilities == nil ? nil : "played", "x": "\(note.begin)", "y": "\(y(note.key))",
          "width": "\(note.end - note.begin)", "height": "1",
        ])
    }
    let (columns, rows) = (max(roll.frames.count, 1), keys.count)
    let octaves = keys.filter { $0 % 12 == 0 }.map { key -> HTML in
      .tag(
        "line",
        [
          "class": "octave", "x1": "0", "x2": "\(columns)", "y1": "\(y(key) + 1)", "y2": "\(y(key) + 1)",
        ])
    }
    return .tag(
      "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Piano-roll"],
      .tag(
        "svg",
        [
          "class": "pianoroll", "viewBox": "0 0 \(columns) \(rows)", "width": "\(columns * width)",
          "height": "\(rows * height)", "preserveAspectRatio": "none", "role": "img",
          "aria-label":
            "\(roll.frames.count) frames, keys \(Chord.name(of: keys.lowerBound)) to \(Chord.name(of: keys.upperBound))",
        ], HTML(octaves), HTML(marks), HTML(notes)))
  }

  /// The keys to draw: those that sound or are likely, and an octave at least.
  private static func range(_ roll: PianoRoll, _ probabilities: [[Float]]?) -> ClosedRange<Int> {
    var all = roll.frames.reduce(Chord.silence) { $0.union($1) }
    for values in probabilities ?? [] {
      for (place, value) in values.enumerated() where value >= 0.25 {
        all.insert(Chord.piano.lowerBound + place)
      }
    }
    let (low, high) = (all.keys.first ?? 60, all.keys.last ?? 60)
    let least = max(Chord.piano.lowerBound, low - 2)
    return least...min(Chord.piano.upperBound, max(high + 2, least + 11))
  }

  private static func notes(_ roll: PianoRoll) -> [(key: Int, begin: Int, end: Int)] {
    var (notes, begins) = ([(key: Int, begin: Int, end: Int)](), [Int: Int]())
    for (place, chord) in (roll.frames + [.silence]).enumerated() {
      for key in begins.keys.sorted() where !chord.contains(key) {
        notes.append((key, begins[key] ?? place, place))
        begins[key] = nil
      }
      for key in chord.keys where begins[key] == nil { begins[key] = place }
    }
    return notes
  }

  /// The style of piano-rolls on any page.
  package static let style = """
    .roll { margin: 12px 0; } .pianoroll { fill: currentColor; border: 1px solid var(--faint); }
    .pianoroll .octave { stroke: var(--faint); stroke-width: 0.1; }
    .pianoroll .played { fill: none; stroke: currentColor; stroke-width: 0.2; }
    """
}
