import CellgateBasics
import CellgateCharts
import CellgateFiles
import CellgateTraining

extension ReportPage {
  /// Frames that were given, those after them and what was predicted of these: as a strip, and moving.
  func frames(_ samples: [PredictionSample.Frames]) -> HTML {
    guard !samples.isEmpty else { return .empty }
    let items = samples.enumerated().map { index, sample -> HTML in
      let height = sample.given[0].count / (sample.width * sample.channels)
      let scale = max(1, 48 / max(sample.width, height)), gap = 2
      func image(_ bytes: [UInt8], width: Int, height: Int, _ text: String) -> HTML {
        .tag(
          "img",
          [
            "src": "data:image/png;base64," + Data(bytes).base64EncodedString(), "width": "\(width * scale)",
            "height": "\(height * scale)", "alt": text,
          ])
      }
      let truth = (sample.given + sample.expected).map { Self.grey($0, sample.channels) }
      let black = [UInt8](repeating: 0, count: sample.width * height)
      let found = sample.given.map { _ in black } + sample.found.map { Self.grey($0, sample.channels) }
      let (strip, width) = Self.strip([truth, found], width: sample.width, height: height, gap: gap)
      let moving = truth.indices.map { step -> [UInt8] in
        Self.strip(
          [[truth[step], step < sample.given.count ? truth[step] : found[step]]], width: sample.width,
          height: height, gap: gap
        ).pixels
      }
      let side = 2 * sample.width + gap
      return .tag(
        "figure", ["class": "roll"],
        .tag(
          "div",
          [
            "class": "scroll", "tabindex": "0", "role": "region",
            "aria-label": "Frames of sequence \(index + 1)",
          ],
          image(
            PNG.grey(strip, width: width), width: width, height: strip.count / width,
            "\(sample.given.count) frames that were given and \(sample.expected.count) after them; below, those that were predicted"
          )),
        image(
          PNG.animation(moving, width: side, milliseconds: 150), width: side, height: height,
          "The true frames, and beside them the predicted ones, moving"))
    }
    let (given, predicted) = (samples[0].given.count, samples[0].expected.count)
    return HTML([
      caption(
        "The first \(samples.count) test sequences: the \(given) frames that the model was given and the \(predicted) after them, below these what it "
          + "predicts; then the true frames moving on the left, and on the right the given ones, followed by the predicted."
      ),
      HTML(items),
    ])
  }

  /// A frame's brightness in 8 bits.
  private static func grey(_ frame: [Float], _ channels: Int) -> [UInt8] {
    (0..<frame.count / channels).map { pixel in
      let sum = frame[pixel * channels..<(pixel + 1) * channels].reduce(0, +) / Float(channels)
      return UInt8((max(0, min(1, sum.isNaN ? 0 : sum)) * 255).rounded())
    }
  }

  /// Pictures side by side in rows one below another, on grey, and the width of all.
  private static func strip(
    _ rows: [[[UInt8]]], width: Int, height: Int, gap: Int
  ) -> (pixels: [UInt8], width: Int) {
    let columns = rows[0].count, all = columns * (width + gap) - gap
    var pixels = [UInt8](repeating: 128, count: all * (rows.count * (height + gap) - gap))
    for (row, pictures) in rows.enumerated() {
      for (column, picture) in pictures.enumerated() {
        for y in 0..<height {
          let to = (row * (height + gap) + y) * all + column * (width + gap)
          pixels.replaceSubrange(to..<to + width, with: picture[y * width..<(y + 1) * width])
        }
      }
    }
    return (pixels, all)
  }
}
