import CellgateBasics
import CellgateFiles

extension FrameSequences {
  /// Which axis of an array is that of time.
  package enum Axes: String, CaseIterable, Sendable {
    /// [sequences, steps, …].
    case sequencesFirst = "sequences-first"
    /// [steps, sequences, …], as the public file of moving MNIST has it.
    case stepsFirst = "steps-first"
  }

  /// Frames of an npy file, gzipped or not: [sequences, steps, height, width] or [steps, sequences, height, width], perhaps with an
  /// axis of 1 or 3 channels, the last one or the third one. Without `axes` that axis is taken for time along which neighbours are more
  /// alike. Whole numbers are of 0 to 255, or of 0 and 1 alone; reals from 0 to 1, or up to 255. Throws what is wrong with the file.
  package init(array path: String, axes: Axes?) throws(TaskDataError) {
    let rows: NumpyRows
    do throws(NumpyError) { rows = try NumpyRows(path: path) } catch { throw .arrays(.numpy(error)) }
    func unfit(_ reason: String) -> TaskDataError { .unfit(file: path, reason: reason) }
    let shape = rows.shape
    guard shape.count == 4 || shape.count == 5 else {
      throw unfit(
        "expected an array [sequences, steps, height, width] with or without channels, found \(shape)")
    }
    let isColour = shape.count == 5, isChannelsFirst = isColour && !Self.channels.contains(shape[4])
    guard !isColour || Self.channels.contains(isChannelsFirst ? shape[2] : shape[4]) else {
      throw unfit("expected an axis of 1 or 3 channels, the third or the last one, found \(shape)")
    }
    let channels = isColour ? shape[isChannelsFirst ? 2 : 4] : 1
    let (height, width) = isChannelsFirst ? (shape[3], shape[4]) : (shape[2], shape[3])
    guard !shape.contains(0) else { throw unfit("expected frames, found none in an array \(shape)") }
    let size = height * width * channels

    let numbers = try Self.numbers(rows, path: path, frame: (height * width, isChannelsFirst ? channels : 1))
    let all = FrameSequences(
      height: height, width: width, channels: channels, sequences: [], numbers: numbers)
    let chosen = axes ?? (all.looksStepsFirst(shape[0], shape[1]) ? .stepsFirst : .sequencesFirst)
    let (outer, inner) = (shape[0], shape[1])
    let sequences =
      chosen == .stepsFirst
      ? (0..<inner).map { Sequence(name: "sequence \($0 + 1)", first: $0, stride: inner, steps: outer) }
      : (0..<outer).map { Sequence(name: "sequence \($0 + 1)", first: $0 * inner, steps: inner) }
    let remark =
      chosen == .stepsFirst && axes == nil
      ? "--data is read as [steps, sequences, …], \(outer) steps of \(inner) sequences, as neighbours along the first axis are more alike"
      : nil
    self.init(
      height: height, width: width, channels: channels, sequences: sequences, numbers: numbers, remark: remark
    )
    require(size == frameSize, "FrameSequences: expected frames of \(size) numbers, found \(frameSize)")
  }

  private static let channels = [1, 3]

  /// All numbers of an array, each frame with its channels last, checked.
  private static func numbers(
    _ rows: NumpyRows, path: String, frame: (pixels: Int, channels: Int)
  ) throws(TaskDataError) -> Numbers {
    let size = frame.pixels * frame.channels, isWhole = rows.dtype.kind != .real
    var (bytes, floats): ([UInt8], [Float]) = ([], [])
    var most: Float = 0
    for row in 0..<rows.count {
      let values: [Float]
      do throws(NumpyError) { values = try rows.floats(at: row) } catch { throw .arrays(.numpy(error)) }
      for start in stride(from: 0, to: values.count, by: size) {
        for place in 0..<size {
          // Channels that stand before the pixels come after them.
          let from = place % frame.channels * frame.pixels + place / frame.channels
          let value = values[start + from]
          guard value >= 0, value <= 255 else {
            throw .unfit(
              file: path,
              reason:
                "[\(row), \(start / size)]: expected numbers of 0 to 1, or to 255, found \(value)"
            )
          }
          most = max(most, value)
          if isWhole { bytes.append(UInt8(value)) } else { floats.append(value) }
        }
      }
    }
    if isWhole { return .bytes(bytes, white: most <= 1 ? 1 : 255) }
    return .floats(floats, scale: most <= 1 ? 1 : 1 / 255)
  }

  /// Whether neighbours along the first of two axes are more alike than those along the second one, in some pairs of them.
  private func looksStepsFirst(_ outer: Int, _ inner: Int) -> Bool {
    guard outer > 1, inner > 1 else { return false }
    var (first, second) = (0.0, 0.0)
    func difference(_ a: Int, _ b: Int) -> Double {
      let (a, b) = (Sequence(name: "", first: a, steps: 1), Sequence(name: "", first: b, steps: 1))
      return zip(frame(0, of: a), frame(0, of: b)).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    }
    let pairs = 64
    for pair in 0..<pairs {
      let (i, j) = (pair * (outer - 1) / pairs, pair * 7919 % (inner - 1))
      first += difference(i * inner + j, (i + 1) * inner + j)
      second += difference(i * inner + j, i * inner + j + 1)
    }
    return first < 0.9 * second
  }
}
