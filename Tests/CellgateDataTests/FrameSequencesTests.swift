import CellgateCharts
import CellgateFiles
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateData

@Suite("Sequences of frames")
struct FrameSequencesTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Frames in which a bright row moves down a step at a time, from another place in each sequence.
  private func frames(_ count: Int, _ steps: Int, size: Int = 6) -> [Float] {
    (0..<count * steps * size * size).map { index in
      let row = index / size % size, step = index / (size * size) % steps,
        sequence = index / (size * size * steps)
      return row == (step / 4 + sequence) % size ? 1 : 0
    }
  }

  private func write(_ values: [Float], _ shape: [Int], _ name: String = "a.npy") throws -> String {
    try scratch.write(Array(NumpyArray(shape: shape, floats: values).encode()), as: name)
  }

  private func failure(_ values: [Float], _ shape: [Int]) throws -> String {
    let path = try write(values, shape)
    return try #require(throws: TaskDataError.self) { _ = try FrameSequences(path: path, axes: nil) }
      .description
  }

  @Test("Both orders of axes are recognised and give the same sequences")
  func axes() throws {
    let (count, steps, size) = (9, 12, 36), values = frames(9, 12)
    var swapped: [Float] = []
    for step in 0..<steps {
      for sequence in 0..<count {
        let start = (sequence * steps + step) * size
        swapped += values[start..<start + size]
      }
    }
    let first = try FrameSequences(path: write(values, [count, steps, 6, 6]), axes: nil)
    let second = try FrameSequences(path: write(swapped, [steps, count, 6, 6], "b.npy"), axes: nil)
    #expect(first.remark == nil && second.remark?.contains("12 steps of 9 sequences") == true)
    #expect(second.sequences.map(\.steps) == first.sequences.map(\.steps) && first.sequences.count == 9)
    for (one, other) in zip(first.sequences, second.sequences) {
      for step in 0..<steps { #expect(first.frame(step, of: one) == second.frame(step, of: other)) }
    }
    let forced = try FrameSequences(path: write(values, [count, steps, 6, 6]), axes: .stepsFirst)
    #expect(forced.sequences.map(\.steps) == Array(repeating: 9, count: 12))
  }

  @Test("Numbers to 255 are scaled, and channels stand first or last")
  func numbers() throws {
    let values: [Float] = (0..<2 * 2 * 3 * 4).map { Float($0) * 5 }
    let last = try FrameSequences(path: write(values, [2, 2, 2, 2, 3]), axes: .sequencesFirst)
    #expect((last.height, last.width, last.channels) == (2, 2, 3))
    #expect(last.frame(1, of: last.sequences[0])[1] == Float(13 * 5) * (Float(1) / 255))
    let first = try FrameSequences(path: write(values, [2, 2, 3, 2, 2]), axes: .sequencesFirst)
    #expect(first.frame(0, of: first.sequences[0])[1] == Float(4 * 5) * (Float(1) / 255))
  }

  @Test("Patches hold a frame's numbers, and give the frame again")
  func patches() throws {
    let values: [Float] = (0..<2 * 3 * 4 * 6).map { Float($0) / 200 }
    let frames = try FrameSequences(path: write(values, [2, 3, 4, 6]), axes: .sequencesFirst)
    let patches = frames.patches(frames.sequences, steps: 1..<3, patch: 2)
    #expect(patches.shape == [2, 2, 2, 3, 4])
    // The first patch of the second frame of the first sequence.
    #expect(Array(patches.scalars[..<4]) == [24, 25, 30, 31].map { Float($0) / 200 })
    let cut = FramePatches(height: 4, width: 6, channels: 1, patch: 2)
    #expect(cut.frame(patches.scalars[24..<48]) == frames.frame(1, of: frames.sequences[1]))
  }

  @Test("What is wrong with an array is named")
  func mistakes() throws {
    #expect(try failure([1, 2], [2]).contains("found [2]"))
    #expect(try failure([], [2, 0, 3, 3]).contains("found none"))
    #expect(try failure([0, 0, .nan, 0], [1, 1, 2, 2]).contains("[0, 0]: expected numbers of 0 to 1"))
    #expect(try failure([0, 0, -1, 0], [1, 1, 2, 2]).contains("found -1"))
    #expect(try failure([0, 0, 256, 0], [1, 1, 2, 2]).contains("found 256"))
    #expect(try failure(Array(repeating: 0, count: 16), [1, 2, 2, 2, 2]).contains("1 or 3 channels"))
  }

  @Test("Folders of pictures and raw videos are sequences; frames of another size are named")
  func files() throws {
    for (folder, name, value) in [("a", "f2.png", 20), ("a", "f10.png", 30), ("b", "f1.png", 40)]
      as [(String, String, UInt8)]
    {
      try scratch.write(PNG.grey(Array(repeating: value, count: 6), width: 3), as: "v/\(folder)/\(name)")
    }
    try scratch.write(
      Array("YUV4MPEG2 W3 H2 Cmono\nFRAME\n".utf8) + [51, 0, 0, 0, 0, 0], as: "v/c.y4m")
    let read = try FrameSequences(path: scratch.file("v"), axes: nil)
    #expect(read.sequences.map(\.name).prefix(2) == ["a", "b"] && read.sequences.map(\.steps) == [2, 1, 1])
    #expect(read.frame(0, of: read.sequences[0])[0] == Float(20) / 255)
    #expect(read.frame(1, of: read.sequences[0])[0] == Float(30) / 255)
    #expect(read.frame(0, of: read.sequences[2])[0] == 0.2)
    let before = try FrameSequences.digest(scratch.file("v"))
    try scratch.write(PNG.grey([1, 2, 3, 4], width: 2), as: "v/b/f3.png")
    #expect(try FrameSequences.digest(scratch.file("v")) != before)
    let error = try #require(throws: TaskDataError.self) {
      _ = try FrameSequences(path: scratch.file("v"), axes: nil)
    }
    #expect(
      error.description.contains("f3.png: expected 3 by 2 pixels as in the frames before, found 2 by 2"))
    try scratch.write([], as: "none/a.txt")
    #expect(throws: TaskDataError.self) { _ = try FrameSequences(path: scratch.file("none"), axes: nil) }
  }

  @Test("Moving digits are a function of the stream, and stay in the frame")
  func digits() {
    let part = MNIST.Part(pixels: Array(repeating: 200, count: 2 * MNIST.pixels), labels: [0, 1])
    let moving = MovingDigits(size: 40, steps: 30, digits: 1)
    func made(_ seed: UInt64) -> [UInt8] {
      var stream = RandomStream(seed: seed, name: "digits")
      return moving.sequence(part, images: 0..<2, &stream)
    }
    #expect(made(1) == made(1) && made(1) != made(2))
    let frames = made(3)
    for step in 0..<30 {
      #expect(frames[step * 1600..<(step + 1) * 1600].count { $0 == 200 } == MNIST.pixels, "step \(step)")
    }
    #expect(frames[..<1600] != frames[1600..<3200])
  }

  @Test("A digit turns where its next step would leave the frame, and steps back")
  func turns() throws {
    let part = MNIST.Part(pixels: Array(repeating: 200, count: MNIST.pixels), labels: [0])
    func places(size: Int, _ seed: UInt64) throws -> [Int] {
      var stream = RandomStream(seed: seed, name: "digits")
      let frames = MovingDigits(size: size, steps: 40, digits: 1).sequence(part, images: 0..<1, &stream)
      return try (0..<40).map { step in
        let frame = frames[step * size * size..<(step + 1) * size * size]
        return try #require(frame.firstIndex(of: 200)) - frame.startIndex
      }
    }
    var turns = 0
    for seed in 1...20 as ClosedRange<UInt64> {
      let rows = try places(size: 64, seed).map { $0 / 64 }
      for step in 1..<39 where (rows[step] - rows[step - 1]) * (rows[step + 1] - rows[step]) < 0 {
        #expect(rows[step + 1] == rows[step - 1])
        turns += 1
      }
      // Frames with room for a digit and little else.
      for size in 28...31 { #expect(try places(size: size, seed).count == 40) }
    }
    #expect(turns > 20)
  }
}
