import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate predict`: a model's outputs for new data.
struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Compute a model's outputs for arrays.",
    discussion: """
      Reads arrays with the sample first, [N, T, features] for sequences, [N, T] for sequences of symbols, and writes \
      the outputs with the sample first, too. An array is taken for the input of its name, or for the only input. \
      NPZ, NPY and safetensors are read; the output is of the kind that its name ends with, CSV included. \
      'cellgate summary MODEL' shows what a model takes. A model of texts takes a text file too, one text a line, and a \
      model with a scaler takes and gives numbers of the original scale. The outputs are the last layer's: of a classifier of \
      digits the logits of the classes.

      A model that 'cellgate train classify' made takes raw rows, of the form that it was trained on, and writes the row or \
      group, the prediction, and the probability_LABEL of each class, or of each of several labels, as CSV. With --data - it reads rows from standard input as \
      they come, and writes each prediction at once: to standard output if you leave out --out. Tables larger than memory are \
      read in pieces; of a table with a group all rows are read first, unless they come from standard input, where the rows of \
      a group stand together.

      A model of 'cellgate train forecast' takes a table with the columns that it was trained on, and writes \
      id,time,target,step,mean,q10,q50,q90 for the steps after the end of each series; with --samples it draws that many paths of \
      each series and writes id,time,target,step,sample,value, the same for the same --seed. One that \
      'cellgate train music' made takes tunes, .mid, a folder of it or .mat, and writes for each tune and frame the keys that \
      are likelier to sound than not and the probability_KEY of each, given the frames before. \
      One that 'cellgate train tag' made takes sentences in CoNLL's form, with tags or without, and writes them with one more \
      column. One that 'cellgate train answer' made takes questions in bAbI's form or as JSON Lines, with answers or without, \
      and writes id or row, question, prediction, probability, and the numbers of the sentences that it looked at. \
      One that 'cellgate train translate' made takes a text with a sentence a line, and writes their translations by a beam \
      of 5; 'cellgate translate' has more options. \
      One that 'cellgate train transcribe' made takes a WAV file, a folder of them or a manifest, and writes audio,text. \
      One that 'cellgate train frames' made takes an array of frames, a folder of pictures or a raw video, and writes the frames \
      after the first ones of each sequence, [sequences, frames, height, width], as npy. \
      One that 'cellgate train encoder' made takes a text file, one text a line, and writes the vector of each, of length 1, \
      as npy, [texts, numbers], or as CSV, row,v1,v2,...

      EXAMPLES:
        cellgate predict runs/adding-lstm --data sequences.npz --out sums.csv
        cellgate predict model.safetensors --data x.npy --out y.npy
        cellgate predict sentiment.safetensors --data reviews.txt --out praise.csv
        cellgate predict runs/classify-lstm --data new.csv --out predictions.csv
        cellgate predict runs/forecast-lstm --data new.csv --out predictions.csv
        cellgate predict runs/forecast-lstm --data new.csv --out p.csv --samples 100
        cellgate predict runs/music-lstm --data tune.mid --out keys.csv
        cellgate predict runs/tag-lstm --data new.conll --out tagged.conll
        cellgate predict runs/translate-lstm --data new.de --out new.en
        cellgate predict runs/transcribe-lstm --data new/ --out transcripts.csv
        cellgate predict runs/frames-lstm --data clips.npy --out next.npy
        cellgate predict runs/encoder-lstm --data texts.txt --out vectors.npy
        cellgate predict runs/classify-lstm --data - < new.csv
        cellgate predict model.safetensors --data x.npz --out y.npz --json
        cellgate predict model.safetensors --data x.npz --out y.npz --precision int8
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The arrays: an NPZ, NPY or safetensors file; of a model of texts also a text file; rows, or - for standard input.",
      valueName: "file")
  )
  var data: String

  @Option(
    help: ArgumentHelp(
      "The file of the outputs; it ends with .npz, .npy, .safetensors or .csv; of sentences any name. Of rows standard output if you leave it out.",
      valueName: "file"))
  var out: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Samples that are computed at once. Changes no result.", valueName: "n"))
  var batch = WholeNumber(32)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of forecasts: draw so many paths of each series, instead of the mean and quantiles of each step.",
      valueName: "n"))
  var samples: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The seed of --samples; 1 if you leave it out.", valueName: "n"))
  var seed: WholeNumber?

  @Option(
    help: ArgumentHelp(
      "\(OptionProblems.trainedPrecisionHelp) The model's own if you leave it out.", valueName: "name"))
  var precision: String?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let batch = problems.whole("--batch", batch, in: 1...ModelOptions.largestSize)
    problems.threads(threads)
    let samples = problems.whole("--samples", samples, in: 1...1_000_000)
    let seed = seed.flatMap { problems.seed($0) } ?? 1
    if self.seed != nil, samples == nil { problems.add("--seed: expected --samples as well") }
    let chosen = problems.trainedPrecision(precision)
    try problems.check()
    let model = try Model.load(path, trustingWeights: trusted.weights).computing(inOption: chosen)
    try FilePredictors.run(
      PredictionJob(
        model: path, data: data, out: out, batch: batch, json: json, paths: samples.map { ($0, seed) }),
      by: model)
  }
}
