import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateCharts
import CellgateFiles

/// `cellgate caption`: captions of pictures by a trained model.
struct CaptionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "caption",
    abstract: "Describe pictures in words with a trained model.",
    discussion: """
      Reads the features of pictures, as the model was trained on them, and writes the best captions that beam search \
      finds. Needs the run's folder, or the model's file, alone: words and standardisation are part of it. 'cellgate \
      features' makes features of pictures; with --network and --weights, those of 'features', pictures are read \
      themselves.

      A caption's score is ln p of its words and its end, over their number to the power of --length-power.

      EXAMPLES:
        cellgate caption runs/captions --features features.safetensors
        cellgate caption runs/captions dog.jpg --features f.safetensors --n-best 3
        cellgate caption model.safetensors --features f.npz --attention seen.html
        cellgate caption runs/captions --features f.npy --beam 5 --json
        cellgate caption RUN dog.jpg --network mobilenet-v2 --weights w.pth
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @Argument(
    help: ArgumentHelp(
      "Pictures by their names in the features, with or without ending; all of them if you leave it out. With --network their files.",
      valueName: "picture"))
  var pictures: [String] = []

  @Option(
    help: ArgumentHelp(
      "The features: an npy, npz or safetensors file, or a folder with one npy or npz file for each picture.",
      valueName: "path"))
  var features: String?

  @Option(
    help: ArgumentHelp(
      "In place of --features: the network that features are computed with, "
        + "\(PictureArchitecture.all.map(\.name).joined(separator: ", ")).", valueName: "name"))
  var network: String?

  @Option(help: ArgumentHelp("The network's weights, see 'cellgate features --help'.", valueName: "file"))
  var weights: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With --network, n by n regions of each picture, of models that look at regions; 7 are the network's own.",
      valueName: "n"))
  var grid = WholeNumber(7)

  @Option(
    help: ArgumentHelp("An npy file with what quantised features are multiplied by.", valueName: "file"))
  var featureScale: String?

  @Option(
    help: ArgumentHelp("A text with the name of the picture of each row of the features.", valueName: "file"))
  var featureNames: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Captions that are kept at each word.", valueName: "n"))
  var beam = WholeNumber(5)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "α of the score; 0 favours short captions, 1 compares the mean ln p of a word.", valueName: "x"))
  var lengthPower = RealNumber(1)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Captions of each picture, the best ones, up to --beam.", valueName: "n"))
  var nBest = WholeNumber(1)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The most words; those of the training captions if you leave it out.", valueName: "n"))
  var mostWords: WholeNumber?

  @Option(parsing: .unconditional, help: ArgumentHelp("The fewest words.", valueName: "n"))
  var leastWords = WholeNumber(0)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("No n words in a row come a second time in a caption.", valueName: "n"))
  var noRepeat: WholeNumber?

  @Option(help: ArgumentHelp("Words that never come.", valueName: "a,b"))
  var without: String?

  @Option(
    help: ArgumentHelp(
      "Write a page that shows which regions each word looked at; of models with attention.",
      valueName: "file"))
  var attention: String?

  @Option(
    help: ArgumentHelp(
      "Write the captions here as COCO's results, [{\"image_id\", \"caption\"}].", valueName: "file"))
  var out: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print a JSON object a picture and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let width = problems.whole("--beam", beam, in: 1...10_000)
    let count = problems.whole("--n-best", nBest, in: 1...max(1, width))
    let power = problems.real("--length-power", lengthPower, "a number of 0 or more", { $0 >= 0 })
    let most = problems.whole("--most-words", mostWords, in: 1...10_000)
    let least = problems.whole("--least-words", leastWords, in: 0...10_000)
    let repeated = problems.whole("--no-repeat", noRepeat, in: 1...10_000)
    problems.threads(threads)
    let grid = problems.whole("--grid", grid, in: 1...128)
    let architecture = architecture(&problems)
    try problems.check()
    let writer = try CaptionWriter(path, trustingWeights: trusted.weights)
    if least > (most ?? writer.vocabulary.length) {
      throw CommandFailure(
        .usage,
        "--least-words: expected at most \(most ?? writer.vocabulary.length), the most words, found \(least)")
    }
    let words = (without ?? "").split(separator: ",").map(String.init)
    if let unknown = words.first(where: { writer.vocabulary.number(of: $0) == CaptionVocabulary.unknown }) {
      throw CommandFailure(.usage, "--without: expected words of the model, found '\(quotedName(unknown))'")
    }
    Interruption.install()
    let computedFile = try architecture.map { try computed(with: $0, grid: grid, by: writer) }
    defer { if let computedFile { try? FileManager.default.removeItem(atPath: computedFile) } }
    let opened = try writer.features(computedFile ?? features ?? "", scale: featureScale, names: featureNames)
    let rows = try rows(of: opened)
    var search = BeamSearch(width: width, lengthPower: power ?? 1)
    search.count = count
    let captions = try writer.captions(
      of: opened, rows: rows, search: search, mostWords: most,
      change: { rules in
        rules.minimumLength = least
        rules.noRepeatedNGram = repeated
        rules.forbidden.formUnion(words.map { Int32(writer.vocabulary.number(of: $0)) })
      }, shouldStop: { Interruption.isRequested })
    try Interruption.check()
    guard let captions else { return }
    try write(captions, opened, rows, writer)
    report(captions, opened, rows)
  }

  /// The network that pictures are read with; nil where there are features.
  private func architecture(_ problems: inout OptionProblems) -> PictureArchitecture? {
    guard features == nil else {
      if network != nil || weights != nil {
        problems.add("--features and --network: expected only one of them")
      }
      return nil
    }
    guard let network, weights != nil else {
      problems.add("--features: expected features, or pictures with --network and --weights, found neither")
      return nil
    }
    if pictures.isEmpty { problems.add("--network: expected pictures, found none") }
    if featureScale != nil || featureNames != nil {
      problems.add("--feature-scale and --feature-names: expected --features beside them, found none")
    }
    let found = PictureArchitecture.named(network)
    if found == nil {
      problems.add(
        "--network: " + Names.unknown("network", network, known: PictureArchitecture.all.map(\.name)))
    }
    return found
  }

  /// Computes the pictures' features into a file of its own, and gives its path.
  private func computed(
    with architecture: PictureArchitecture, grid: Int, by writer: CaptionWriter
  ) throws -> String {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "cellgate-\(UUID().uuidString).safetensors"
    ).path
    let looksAtRegions = writer.model.subjects.first?.shape.isSequence == true
    let session = FeaturesSession(
      network: try .reading(architecture, weights: weights ?? ""), preprocessing: PicturePreprocessing(),
      folder: ".",
      files: pictures, batch: 16, skipsBad: false, isSilent: json)
    do {
      _ = try session.run([FeaturesOutput(path: path, grid: looksAtRegions ? grid : nil)])
    } catch {
      try? FileManager.default.removeItem(atPath: path)
      throw error
    }
    return path
  }

  private func rows(of features: PictureFeatures) throws(CommandFailure) -> [Int] {
    guard !pictures.isEmpty else { return Array(0..<features.count) }
    var rows: [Int] = []
    for picture in pictures {
      // Rows without names go by their numbers.
      if features.names == nil, let row = Int(picture), (0..<features.count).contains(row) {
        rows.append(row)
        continue
      }
      guard
        let row = features.place(of: picture)
          ?? features.place(of: URL(fileURLWithPath: picture).lastPathComponent)
      else {
        throw CommandFailure(
          .data,
          "\(features.file): expected features of '\(quotedName(picture))', found none of this name; 'cellgate "
            + "features' makes them")
      }
      rows.append(row)
    }
    return rows
  }

  private func write(
    _ captions: [[CaptionWriter.Caption]], _ features: PictureFeatures, _ rows: [Int], _ writer: CaptionWriter
  ) throws {
    if let out {
      let records = zip(rows, captions).map { row, found in
        JSONValue.object([
          ("image_id", id(features.name(at: row))), ("caption", .string(found.first?.text ?? "")),
        ])
      }
      try AtomicFile.write(Data("\(JSONValue.array(records).text)\n".utf8), to: out)
    }
    guard let attention else { return }
    let best = captions.map { $0[0] }
    guard let weights = try writer.attention(best, of: features, rows: rows) else {
      throw CommandFailure(
        .usage, "--attention: expected a model with attention, such as show-attend-tell; \(path) has none")
    }
    let page = CaptionPage(
      title: "Captions by \(path)",
      captions: zip(rows, zip(best, weights)).map { row, found in
        (picture: features.name(at: row), words: found.0.words, attention: found.1)
      })
    try AtomicFile.write(Data(page.text.utf8), to: attention)
  }

  private func report(_ captions: [[CaptionWriter.Caption]], _ features: PictureFeatures, _ rows: [Int]) {
    if json {
      for (row, found) in zip(rows, captions) {
        var record: [(key: String, value: JSONValue)] = [
          ("image_id", id(features.name(at: row))), ("caption", .string(found.first?.text ?? "")),
          ("score", .optional(found.first?.score)),
        ]
        if found.count > 1 {
          let all = found.map {
            JSONValue.object([("caption", .string($0.text)), ("score", .number($0.score))])
          }
          record.append(("captions", .array(all)))
        }
        JSONValue.object(record).print()
      }
      return
    }
    Console.print()
    for (row, found) in zip(rows, captions) {
      Console.print("  \(Terminal.output.styled(features.name(at: row), .bold))")
      for caption in found {
        Console.print("    \(Text.padded(Text.number(caption.score), to: 9))\(caption.text)")
      }
    }
    Console.print()
    for file in [out, attention].compactMap({ $0 }) { Console.print("  written: \(file)\n") }
  }

  /// A number where the name is one, as COCO's results have it.
  private func id(_ name: String) -> JSONValue { Int(name).map { .integer($0) } ?? .string(name) }
}
