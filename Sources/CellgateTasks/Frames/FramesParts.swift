import CellgateBasics
import CellgateData
import CellgateTensor
import CellgateTraining

/// The parts of the data of the task `frames`.
struct FramesParts {
  let batches: FrameBatches
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The axes that the settings say.
  static func axes(_ settings: TrainingSettings) -> FrameSequences.Axes? {
    settings.text(FramesOptions.axes).flatMap(FrameSequences.Axes.init)
  }

  /// Sequences of just as many frames as are given and predicted: long ones are cut into several. Throws where none is long enough.
  private static func cut(
    _ path: String, _ settings: TrainingSettings, like source: Preprocessing.FrameSource? = nil
  ) throws(TaskDataError) -> FrameSequences {
    let frames = try FrameSequences(path: path, axes: axes(settings))
    if let source,
      (source.height, source.width, source.channels) != (frames.height, frames.width, frames.channels)
    {
      throw .unfit(
        file: path,
        reason:
          "expected frames of \(source.width) by \(source.height) pixels and \(source.channels) channels, found \(frames.width) by \(frames.height) and \(frames.channels)"
      )
    }
    let given = source?.given ?? settings.whole(FramesOptions.given)
    let total = given + (source?.predicted ?? settings.whole(FramesOptions.predicted))
    let pieces = frames.sequences.flatMap { sequence in
      (0..<sequence.steps / total).map { sequence.part($0 * total..<($0 + 1) * total) }
    }
    if pieces.isEmpty {
      let longest = frames.sequences.map(\.steps).max() ?? 0
      throw .unfit(
        file: path,
        reason:
          "expected sequences of \(total) frames, \(given) that are given and \(total - given) to predict, found at most \(longest)"
      )
    }
    return frames.with(pieces)
  }

  /// The parts of the frames at `path` and of those that the settings name.
  init(_ settings: TrainingSettings, _ path: String) throws(TaskDataError) {
    let all = try Self.cut(path, settings)
    guard let patch = FramesOptions.patch(settings, height: all.height, width: all.width) else {
      throw .unfit(
        file: path,
        reason: "expected frames that --patch divides, found \(all.width) by \(all.height) pixels")
    }
    let source = Preprocessing.FrameSource(
      height: all.height, width: all.width, channels: all.channels, patch: patch,
      given: settings.whole(FramesOptions.given), predicted: settings.whole(FramesOptions.predicted))
    var digests = [settings.data?.sha256 ?? ""]
    func other(_ option: TaskOption) throws(TaskDataError) -> FrameSequences? {
      guard let name = settings.text(option) else { return nil }
      digests.append(try FrameSequences.digest(name))
      return try Self.cut(name, settings, like: source)
    }
    let (validation, test) = (try other(FramesOptions.validation), try other(FramesOptions.test))
    let percents = (
      validation == nil ? settings.whole(FramesOptions.validPercent) : 0,
      test == nil ? settings.whole(FramesOptions.testPercent) : 0
    )
    let parts = Self.parts(all.sequences, validation: percents.0, test: percents.1)
    let held = (validation ?? all.with(parts.validation), test ?? all.with(parts.test))
    if parts.training.isEmpty || held.0.sequences.isEmpty || held.1.sequences.isEmpty {
      throw .unfit(
        file: path,
        reason:
          "expected 3 sequences of \(source.given + source.predicted) frames or more, or --valid and --test, found \(all.sequences.count)"
      )
    }
    var remarks: [Split: String] = [:]
    for (split, percent, count) in [
      (Split.validation, percents.0, held.0.sequences.count), (.test, percents.1, held.1.sequences.count),
    ] {
      let name = split == .test ? FramesOptions.test.name : FramesOptions.validation.name
      let own = percent > 0 ? "\(count) sequences of --data, held out for want of --\(name)" : nil
      let texts = [all.remark, own].compactMap { $0 }
      if !texts.isEmpty { remarks[split] = texts.joined(separator: "; ") }
    }
    self.remarks = remarks
    batches = FrameBatches(
      source: source, training: .read(all.with(parts.training)), validation: held.0, test: held.1,
      count: settings.batch, checksum: "sha256:" + digests.joined(separator: ","))
  }

  /// Pieces of several videos are shared out by chance, the same for every seed, but those of a video stay together unless there are few
  /// videos: then the last ones in time are held out.
  private static func parts(
    _ pieces: [FrameSequences.Sequence], validation: Int, test: Int
  ) -> (
    training: [FrameSequences.Sequence], validation: [FrameSequences.Sequence],
    test: [FrameSequences.Sequence]
  ) {
    var (names, own): ([String], [String: [FrameSequences.Sequence]]) = ([], [:])
    for piece in pieces {
      if own[piece.name] == nil { names.append(piece.name) }
      own[piece.name, default: []].append(piece)
    }
    if names.count < fewVideos, names.count < pieces.count {
      func share(_ percent: Int) -> Int {
        percent == 0 ? 0 : min(max((pieces.count * percent + 50) / 100, 1), max(0, (pieces.count - 1) / 2))
      }
      // Of each video the last pieces.
      let order = pieces.indices.sorted { a, b in
        let (one, other) = (place(a), place(b))
        return (one, a) < (other, b)
      }
      func place(_ index: Int) -> Double {
        let video = own[pieces[index].name] ?? []
        return Double(video.firstIndex(of: pieces[index]) ?? 0) / Double(max(1, video.count))
      }
      let (first, second) = (share(validation), share(test))
      let sorted = order.map { pieces[$0] }, end = sorted.count - first - second
      return (Array(sorted[..<end]), Array(sorted[end..<end + first]), Array(sorted[(end + first)...]))
    }
    let held = HeldOut(of: names.count, validation: validation, test: test, stream: "frames/split")
    func all(_ places: [Int]) -> [FrameSequences.Sequence] { places.flatMap { own[names[$0]] ?? [] } }
    return (all(held.training), all(held.validation), all(held.test))
  }

  private static let fewVideos = 10

  /// Moving digits: those of training are made as they are asked for, and are other ones than those of validation; those of the test are
  /// of the test images.
  init(_ settings: TrainingSettings, digits: MNIST) throws(TaskDataError) {
    let (given, predicted) = (settings.whole(FramesOptions.given), settings.whole(FramesOptions.predicted))
    let moving = MovingDigits(steps: given + predicted, digits: settings.whole(FramesOptions.digits))
    guard let patch = FramesOptions.patch(settings, height: moving.size, width: moving.size) else {
      throw .unfit(
        file: "moving digits",
        reason:
          "expected frames whose sides --patch \(settings.whole(FramesOptions.patch)) divides, found \(moving.size) by \(moving.size) pixels"
      )
    }
    let source = Preprocessing.FrameSource(
      height: moving.size, width: moving.size, channels: 1, patch: patch, given: given, predicted: predicted)
    let trained = max(1, digits.training.count - Self.heldOutImages)
    func made(_ count: Int, _ part: MNIST.Part, _ images: Range<Int>, _ name: String) -> FrameSequences {
      var stream = RandomStream(seed: 0, name: "frames/digits/\(name)")
      return moving.sequences(count, part, images: images, &stream)
    }
    batches = FrameBatches(
      source: source, training: .digits(moving, digits.training, 0..<trained),
      validation: made(100, digits.training, trained..<digits.training.count, "valid"),
      test: made(200, digits.test, 0..<digits.test.count, "test"), count: settings.batch, checksum: nil)
    let what = "of \(settings.whole(FramesOptions.digits)) moving digits of MNIST's"
    remarks = [
      .validation: "100 sequences \(what) training images, which training leaves out",
      .test: "200 sequences \(what) test images",
    ]
  }

  private static let heldOutImages = 5000

  /// The sequences of other data that a model is scored on.
  init(_ settings: TrainingSettings, scoring path: String, _ source: Preprocessing.FrameSource)
    throws(TaskDataError)
  {
    let all = try Self.cut(path, settings, like: source)
    remarks = all.remark.map { [.validation: $0, .test: $0] } ?? [:]
    batches = FrameBatches(
      source: source, training: .read(all.with([])), validation: all, test: all, count: settings.batch,
      checksum: nil)
  }
}

extension MovingDigits {
  /// So many sequences.
  func sequences(
    _ count: Int, _ part: MNIST.Part, images: Range<Int>, _ stream: inout RandomStream
  ) -> FrameSequences {
    var bytes: [UInt8] = []
    for _ in 0..<count { bytes += sequence(part, images: images, &stream) }
    return FrameSequences(
      height: size, width: size,
      sequences: (0..<count).map { .init(name: "sequence \($0 + 1)", first: $0 * steps, steps: steps) },
      bytes: bytes)
  }
}
