import CellgateBasics
import CellgateTensor

/// Frames of one size in sequences, with brightness from 0 to 1.
package struct FrameSequences: Sendable {
  /// A sequence: its frames are `steps` of them from `first` on, each `stride` after the one before.
  package struct Sequence: Sendable, Equatable {
    /// What it is called in errors.
    package let name: String
    let first: Int, stride: Int
    /// How many frames it has.
    package let steps: Int

    package init(name: String, first: Int, stride: Int = 1, steps: Int) {
      (self.name, self.first, self.stride, self.steps) = (name, first, stride, steps)
    }

    /// Some of its frames.
    package func part(_ range: Range<Int>) -> Sequence {
      Sequence(name: name, first: first + range.lowerBound * stride, stride: stride, steps: range.count)
    }
  }

  /// Frames one after another, each [height, width, channels].
  enum Numbers: Sendable {
    /// Numbers of 8 bits, of which `white` is 1.
    case bytes([UInt8], white: Float)
    /// Numbers from 0 to 1 once they are multiplied by the scale.
    case floats([Float], scale: Float)
  }

  /// Rows and columns of a frame, and numbers of a pixel.
  package let height: Int, width: Int, channels: Int
  package let sequences: [Sequence]
  /// What there is to say of how the file was read; nil for nothing.
  package let remark: String?
  private let numbers: Numbers

  init(
    height: Int, width: Int, channels: Int, sequences: [Sequence], numbers: Numbers, remark: String? = nil
  ) {
    (self.height, self.width, self.channels) = (height, width, channels)
    (self.sequences, self.numbers, self.remark) = (sequences, numbers, remark)
  }

  /// Frames of 8 bits, 255 being white.
  package init(height: Int, width: Int, sequences: [Sequence], bytes: [UInt8]) {
    self.init(
      height: height, width: width, channels: 1, sequences: sequences, numbers: .bytes(bytes, white: 255))
  }

  /// Numbers of a frame.
  package var frameSize: Int { height * width * channels }

  /// The same frames in other sequences.
  package func with(_ sequences: [Sequence]) -> FrameSequences {
    FrameSequences(
      height: height, width: width, channels: channels, sequences: sequences, numbers: numbers, remark: remark
    )
  }

  /// A frame of a sequence, [height · width · channels] numbers from 0 to 1.
  package func frame(_ step: Int, of sequence: Sequence) -> [Float] {
    var result = [Float](repeating: 0, count: frameSize)
    copy(step, of: sequence) { result[$0] = $1 }
    return result
  }

  /// Gives each number of a frame with its place.
  @inline(__always)
  private func copy(_ step: Int, of sequence: Sequence, _ take: (Int, Float) -> Void) {
    let start = (sequence.first + step * sequence.stride) * frameSize
    switch numbers {
    case .bytes(let bytes, let white):
      for place in 0..<frameSize { take(place, Float(bytes[start + place]) / white) }
    case .floats(let floats, let scale):
      for place in 0..<frameSize { take(place, floats[start + place] * scale) }
    }
  }

  /// Frames of sequences side by side in patches of side `patch`: step t of sequence b is the frame `steps[t]` of `sequences[b]`, and
  /// [T, B, height / patch, width / patch, patch² · channels] the result.
  package func patches(_ sequences: [Sequence], steps: Range<Int>, patch: Int) -> Tensor {
    let (rows, columns) = (height / patch, width / patch), depth = patch * patch * channels
    let result = Tensor.uninitialized([steps.count, sequences.count, rows, columns, depth])
    let places = patchPlaces(patch)
    nonisolated(unsafe) let output = unsafe result.pointer
    let count = sequences.count, size = frameSize
    ThreadPool.current.run(steps.count * count) { index in
      let to = unsafe output + index * size
      copy(steps.lowerBound + index / count, of: sequences[index % count]) { place, value in
        unsafe to[places[place]] = value
      }
    }
    return result
  }

  /// Where each number of a frame stands among those of its patches.
  private func patchPlaces(_ patch: Int) -> [Int] {
    FramePatches(height: height, width: width, channels: channels, patch: patch).places
  }
}

/// How a frame is cut into patches, whose numbers become the channels of a smaller grid.
package struct FramePatches: Sendable {
  /// Where each number of a frame [height, width, channels] stands in [height / patch, width / patch, patch² · channels].
  package let places: [Int]

  /// Patches of a side that divides the frame's.
  package init(height: Int, width: Int, channels: Int, patch: Int) {
    require(
      patch > 0 && height % patch == 0 && width % patch == 0,
      "FramePatches: expected a side that divides \(height) and \(width), found \(patch)")
    let columns = width / patch, depth = patch * patch * channels
    var places = [Int](repeating: 0, count: height * width * channels)
    for row in 0..<height {
      for column in 0..<width {
        let place =
          (row / patch * columns + column / patch) * depth + (row % patch * patch + column % patch) * channels
        for channel in 0..<channels { places[(row * width + column) * channels + channel] = place + channel }
      }
    }
    self.places = places
  }

  /// A frame of its patches' numbers.
  package func frame(_ patches: some RandomAccessCollection<Float>) -> [Float] {
    places.map { patches[patches.index(patches.startIndex, offsetBy: $0)] }
  }
}
