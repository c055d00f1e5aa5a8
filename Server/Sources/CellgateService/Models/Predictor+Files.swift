import Cellgate

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What lies in the folders that a model of rows reads.
enum FolderContent {
  case sounds, texts, clips

  /// What a model's source says; nil of one that reads no folders.
  init?(_ source: Preprocessing.RowSource) {
    if source.audio != nil || source.highestFrequency != nil {
      self = .sounds
    } else if source.text == "" {
      self = .texts
    } else if source.hasClips == true {
      self = .clips
    } else {
      return nil
    }
  }
}

/// Models whose data are files: sounds, tunes, and texts or clips in folders.
extension Predictor {
  /// Seconds of sound that a request may have. A file of few samples a second has far more once they are brought to the model's rate.
  private static let mostSeconds = 3600.0

  /// The classes of sounds, texts or clips, by their files' names, or their numbers.
  func folder(
    _ predictor: RowPredictor, _ content: FolderContent, _ request: PredictionRequest
  ) throws -> PredictionResult {
    var files = request.files
    if files == nil, content == .texts { files = request.texts?.map { RequestFile(Data($0.utf8)) } }
    let found = try withFiles(files, content.expected, content.ending) { paths, folder in
      if content == .sounds { try Self.checkSounds(paths) }
      return try predictor.predictions(folder)
    }
    return table(found, predictor, names: Self.names(files ?? []))
  }

  /// What is said in sounds: the columns of 'cellgate predict', and the text of 'cellgate transcribe'.
  func transcripts(_ transcriber: Transcriber, _ request: PredictionRequest) throws -> PredictionResult {
    let texts = try withFiles(request.files, FolderContent.sounds.expected, FolderContent.sounds.ending) {
      paths, _ in
      try Self.checkSounds(paths)
      return try paths.map { try transcriber.transcript(of: $0).text }
    }
    return .table(
      columns: ["audio", "text"],
      rows: zip(Self.names(request.files ?? []), texts).map { [.string($0), .string($1)] })
  }

  /// The probability of each key in each frame of tunes, which are MIDI files, or arrays with 1 for each of a piano's 88 keys that sounds.
  func tunes(_ predictor: MusicPredictor, _ request: PredictionRequest) throws -> PredictionResult {
    let keys = Array(Chord.piano)
    var tunes: [PianoRoll] = []
    if request.files != nil {
      tunes = try withFiles(
        request.files, "files: expected MIDI files", { $0.bytes.starts(with: "MThd".utf8) ? "mid" : nil }
      ) { paths, _ in try paths.flatMap { try predictor.tunes($0) } }
      for (place, name) in Self.names(request.files ?? []).enumerated() {
        let ending = [".mid", ".midi"].first { name.lowercased().hasSuffix($0) } ?? ""
        tunes[place].name = String(name.dropLast(ending.count))
      }
    } else {
      tunes = try rolls(try tensor(request, rank: 2...3), keys)
    }
    let frames = tunes.reduce(0) { $0 + $1.frames.count }
    let most = request.limit * 64 / keys.count
    guard frames <= most else {
      throw ServiceError.bad("body: expected at most \(most) frames of all tunes together, found \(frames)")
    }
    var rows: [[JSONTree]] = []
    for tune in tunes {
      for (frame, values) in predictor.probabilities(tune).enumerated() {
        let likely = zip(keys, values).filter { $0.1 > 0.5 }.map { "\($0.0)" }.joined(separator: " ")
        rows.append([.string(tune.name), .integer(frame + 1), .string(likely)] + values.map { .real($0) })
      }
    }
    return .table(columns: ["tune", "frame", "prediction"] + keys.map { "probability_\($0)" }, rows: rows)
  }

  /// Tunes in an array, [frames, 88] or [tunes, frames, 88].
  private func rolls(_ array: Tensor, _ keys: [Int]) throws(ServiceError) -> [PianoRoll] {
    guard array.shape.last == keys.count else {
      throw .expected(
        "[frames, \(keys.count)] or [tunes, frames, \(keys.count)]", found: "\(array.shape)", at: "inputs")
    }
    let numbers = array.scalars
    if let other = numbers.first(where: { $0 != 0 && $0 != 1 }) {
      throw .expected("1 for each key that sounds and 0 for others", found: "\(other)", at: "inputs")
    }
    let frames = array.shape[array.rank - 2]
    return (0..<numbers.count / (frames * keys.count)).map { tune in
      PianoRoll(
        name: "\(tune + 1)",
        frames: (0..<frames).map { frame in
          let start = (tune * frames + frame) * keys.count
          return Chord(keys.indices.filter { numbers[start + $0] == 1 }.map { keys[$0] })
        })
    }
  }

  /// The vectors of texts.
  func vectors(_ encoder: SentenceEncoder, _ request: PredictionRequest) throws -> PredictionResult {
    guard let texts = request.texts else {
      throw ServiceError.bad("texts: expected texts, found none", "texts", code: "missing_parameter")
    }
    let found = encoder.vectors(texts)
    return .arrays([(name: "output", shape: found.shape, numbers: found.scalars)])
  }

  // MARK: Files

  /// What files are called in answers.
  private static func names(_ files: [RequestFile]) -> [String] {
    files.enumerated().map { $1.name ?? "\($0 + 1)" }
  }

  /// Calls `body` with the paths of files and their folder, which is removed then. `ending` is what the name of a file ends with, nil of
  /// one that isn't what is `expected`.
  private func withFiles<Result>(
    _ files: [RequestFile]?, _ expected: String, _ ending: (RequestFile) -> String?,
    _ body: ([String], String) throws -> Result
  ) throws -> Result {
    guard let files else {
      throw ServiceError.bad("\(expected), found none", "files", code: "missing_parameter")
    }
    return try withFolder { folder in
      var paths: [String] = []
      for (place, file) in files.enumerated() {
        guard let ending = ending(file) else {
          throw ServiceError.bad(
            "\(expected), found another at files[\(place)]", "files[\(place)]", code: "invalid_data")
        }
        let path = RequestFile.path(folder, place, ending)
        do throws(FileError) { try AtomicFile.write(file.bytes, to: path) } catch {
          throw ServiceError(.insufficientStorage, "the service can't write a file that it needs")
        }
        paths.append(path)
      }
      return try body(paths, folder)
    }
  }

  /// Throws for sounds that last too long.
  private static func checkSounds(_ paths: [String]) throws {
    var seconds = 0.0
    for path in paths {
      let sound = try WAVFile(path)
      seconds += Double(sound.samples.count) / Double(sound.rate)
    }
    guard seconds <= mostSeconds else {
      throw ServiceError.bad(
        "files: expected at most \(NumberText.short(mostSeconds)) seconds of sound, found \(NumberText.short(seconds.rounded()))",
        "files")
    }
  }
}

extension FolderContent {
  /// What a request must have.
  fileprivate var expected: String {
    switch self {
    case .sounds: "files: expected WAV files"
    case .texts: "texts: expected texts, or files of text"
    case .clips: "files: expected files of frames (NumPy, safetensors or Y4M)"
    }
  }

  /// The ending of a file's name.
  fileprivate func ending(_ file: RequestFile) -> String? {
    switch self {
    case .sounds: "wav"
    case .texts: "txt"
    case .clips: file.clipEnding
    }
  }
}
