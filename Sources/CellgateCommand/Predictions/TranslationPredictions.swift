import Cellgate
import CellgateFiles

/// The lines of a text with their translations, a line each: in a file that is whole or not there, or one by one as they come.
struct TranslationPredictions: FilePredictor {
  static let streams = true

  private let translator: Translator

  init?(_ model: Model) {
    guard let translator = Translator(model) else { return nil }
    self.translator = translator
  }

  func run(_ job: PredictionJob) throws {
    func forEach(_ body: (String) throws -> Void) throws {
      try translator.forEachLine(
        of: job.data, search: Translator.usualSearch, batch: job.batch
      ) { _, _, found in try body((found.first?.text ?? "") + "\n") }
    }
    guard job.out != nil else {
      if job.json {
        throw CommandFailure(.usage, "--json: expected --out FILE as well, the file of the translations")
      }
      try forEach { Console.write($0) }
      return
    }
    let out = try job.output()
    if ArrayFile.isOne(out) || out.hasSuffix(".gz") {
      throw CommandFailure(
        .usage, "--out: expected a name of a text file, such as out.txt, found '\(quotedName(out))'")
    }
    let file = try PendingFile(out)
    var count = 0
    try forEach { line in
      try file.file.write(line)
      count += 1
    }
    try file.commit()
    job.report([("samples", .integer(count))], "\(Text.plural(count, "sentence")): translations in \(out)")
  }
}
