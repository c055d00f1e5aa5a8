import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate features`: what a network makes of pictures.
struct FeaturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "features",
    abstract: "Turn pictures into feature vectors with a trained network.",
    discussion: """
      Reads all JPEG and PNG pictures below a folder and writes a safetensors file with a tensor for each, under its path \
      below the folder: the numbers of the network's last layer before the classifier, [2048] of a ResNet and [1280] of \
      MobileNetV2, averaged over the picture. With --grid they are kept apart for the parts of a grid, [parts, numbers]. \
      Models of captions read such files.

      The weights are torchvision's, in a PyTorch or safetensors file. In Python: \
      torch.save(torchvision.models.resnet152(weights='DEFAULT').state_dict(), 'resnet152.pth'). Pictures are resized, cropped and \
      standardised as torchvision does it: weights called IMAGENET1K_V1 expect --size 256, those called IMAGENET1K_V2 \
      (and 'DEFAULT') --size 232.

      JPEG pictures need the library libturbojpeg on this machine (Debian: apt-get install libturbojpeg0; Ubuntu: \
      libturbojpeg; macOS: brew install jpeg-turbo); CELLGATE_TURBOJPEG names its file if it isn't found.

      EXAMPLES:
        cellgate features --model resnet152 --weights w.st --images dir --out f.st
        cellgate features --model resnet50 --weights w --images dir --out f --grid 7
        cellgate features --model resnet101 --weights w --images dir --out f --json
      """)

  @Option(
    help: ArgumentHelp(
      "The network: \(PictureArchitecture.all.map(\.name).joined(separator: ", ")).", valueName: "name"))
  var model: String

  @Option(
    help: ArgumentHelp("Its weights, torchvision's in a PyTorch or safetensors file.", valueName: "file"))
  var weights: String

  @Option(
    help: ArgumentHelp("The folder of the pictures; those in folders below it count, too.", valueName: "dir"))
  var images: String

  @Option(help: ArgumentHelp("The safetensors file to write.", valueName: "file"))
  var out: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write n by n regions of each picture instead of their mean; 7 are the network's own.", valueName: "n"))
  var grid: WholeNumber?

  @Option(
    help: ArgumentHelp("Write the regions of --grid to this file, and the means to --out.", valueName: "file")
  )
  var gridOut: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Pixels that a picture's shorter side is resized to.", valueName: "n"))
  var size = WholeNumber(256)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Pixels of each side of the square in the middle that is looked at.", valueName: "n"))
  var crop = WholeNumber(224)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Pictures that are computed at once. Changes no result.", valueName: "n"))
  var batch = WholeNumber(16)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @Flag(
    help: "Name and leave out files that are damaged or no JPEG or PNG pictures, instead of ending there.")
  var skipBad = false

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    let plan = try checked()
    Interruption.install()
    let files = try PictureFolder(images).files()
    guard !files.isEmpty else {
      throw CommandFailure(.data, "\(images): expected pictures in the folder, found no files")
    }
    let network = try PictureNetwork.reading(plan.architecture, weights: weights)
    let session = FeaturesSession(
      network: network, preprocessing: plan.preprocessing, folder: images, files: files, batch: plan.batch,
      skipsBad: skipBad, isSilent: json)
    let result = try session.run(plan.outputs)
    if json {
      record(plan, result).print()
    } else {
      for output in plan.outputs {
        let shape = output.shape(plan.architecture)
        Console.print("  \(Text.plural(result.pictures, "picture")), \(shape) each, in \(output.path)")
      }
      if !result.skipped.isEmpty { Console.print("  \(Text.plural(result.skipped.count, "file")) left out") }
    }
  }

  /// What the options ask for.
  private struct Plan {
    let architecture: PictureArchitecture
    let preprocessing: PicturePreprocessing
    let outputs: [FeaturesOutput]
    let batch: Int
  }

  private func checked() throws(CommandFailure) -> Plan {
    var problems = OptionProblems()
    let architecture = PictureArchitecture.named(model)
    if architecture == nil {
      problems.add("--model: " + Names.unknown("model", model, known: PictureArchitecture.all.map(\.name)))
    }
    let size = problems.whole("--size", size, in: 1...4096)
    let crop = problems.whole("--crop", crop, in: 1...4096)
    if crop > size { problems.add("--crop: expected at most the \(size) of --size, found \(crop)") }
    let grid: Int? = problems.whole("--grid", grid, in: 1...128)
    let batch = problems.whole("--batch", batch, in: 1...4096)
    if gridOut != nil, grid == nil { problems.add("--grid-out: expected --grid beside it, found none") }
    if let gridOut, Paths.absolute(gridOut) == Paths.absolute(out) {
      problems.add("--grid-out: expected another file than --out, found '\(quotedName(gridOut))' for both")
    }
    problems.threads(threads)
    try problems.check()
    guard let architecture else { throw CommandFailure(problems: problems.lines) }
    var outputs = [FeaturesOutput(path: out, grid: gridOut == nil ? grid : nil)]
    if let gridOut { outputs.append(FeaturesOutput(path: gridOut, grid: grid)) }
    return Plan(
      architecture: architecture, preprocessing: PicturePreprocessing(size: size, crop: min(crop, size)),
      outputs: outputs, batch: batch)
  }

  private func record(_ plan: Plan, _ result: FeaturesSession.Result) -> JSONValue {
    .object([
      ("model", .string(plan.architecture.name)), ("weights", .string(weights)), ("images", .string(images)),
      ("size", .integer(plan.preprocessing.size)), ("crop", .integer(plan.preprocessing.crop)),
      ("pictures", .integer(result.pictures)),
      (
        "outputs",
        .array(
          plan.outputs.map { output in
            .object([
              ("file", .string(output.path)),
              ("shape", .array(output.shape(plan.architecture).map { .integer($0) })),
            ])
          })
      ),
      (
        "skipped",
        .array(
          result.skipped.map { .object([("file", .string($0.file)), ("reason", .string($0.reason))]) })
      ),
      ("seconds", .number(result.seconds)),
      ("pictures_per_second", .number(Double(result.pictures) / max(result.seconds, 1e-9))),
    ])
  }
}
