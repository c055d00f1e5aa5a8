import CellgateBasics
import CellgateData

/// One test example and what a model made of it, to be shown to people.
public enum PredictionSample: Sendable, Equatable {
  /// A picture and its class.
  case picture(Picture)
  /// Some numbers of a sequence, and the number to be found from them.
  case number(Number)
  /// Symbols to be answered one by one.
  case symbols(Symbols)
  /// Text that a model wrote.
  case text(Text)
  /// What a model wrote of a picture.
  case caption(Caption)
  /// A sentence and what a model wrote as its translation.
  case translation(Translation)
  /// A part of a series, and what follows it.
  case forecast(Forecast)
  /// A tune and how likely a model found its keys, or one that a model wrote.
  case roll(Roll)
  /// A sentence and its tags.
  case tags(Tags)
  /// A question about a text, and its answer.
  case answer(Answer)
  /// Frames of a video, and those that were predicted.
  case frames(Frames)
  /// A text, and the one that was found nearest to it.
  case neighbour(Neighbour)
  /// A text or a series and its class, or its number.
  case labelled(Labelled)
  /// How often the examples of each class were taken for each.
  case confusion(Confusion)

  /// A grey picture, the class that it is and the one that was found.
  public struct Picture: Sendable, Equatable {
    /// Pixels of a row.
    public var width: Int
    /// Values in [0, 1], 0 black, in rows from the top.
    public var pixels: [Float]
    /// The class.
    public var label: String
    /// The class that the model finds likeliest.
    public var prediction: String
    /// The model's probability of `prediction`.
    public var probability: Double

    /// Whether the class was found.
    public var isRight: Bool { prediction == label }

    /// A picture and what was found in it.
    public init(width: Int, pixels: [Float], label: String, prediction: String, probability: Double) {
      require(
        width > 0 && !pixels.isEmpty && pixels.count % width == 0,
        "Picture: expected whole rows of \(width) pixels, found \(pixels.count) pixels")
      self.width = width
      self.pixels = pixels
      self.label = label
      self.prediction = prediction
      self.probability = probability
    }
  }

  /// A sequence whose marked values make up a number.
  public struct Number: Sendable, Equatable {
    /// A value and the step, counted from 1, at which it stands.
    public struct Mark: Sendable, Equatable {
      /// The step.
      public var step: Int
      /// The value.
      public var value: Double

      /// `value` at `step`.
      public init(step: Int, value: Double) {
        self.step = step
        self.value = value
      }
    }

    /// T.
    public var steps: Int
    /// The marked values.
    public var marks: [Mark]
    /// The number to be found.
    public var target: Double
    /// The number found.
    public var prediction: Double

    /// By how much the number found is too large.
    public var error: Double { prediction - target }

    /// A sequence of `steps` steps and what was found.
    public init(steps: Int, marks: [Mark], target: Double, prediction: Double) {
      self.steps = steps
      self.marks = marks
      self.target = target
      self.prediction = prediction
    }
  }

  /// Symbols to be answered.
  public struct Symbols: Sendable, Equatable {
    /// What was shown.
    public var shown: [String]
    /// The right answers.
    public var expected: [String]
    /// The answers, as many as expected.
    public var found: [String]

    /// How many answers are right.
    public var rightCount: Int { zip(expected, found).count { $0 == $1 } }

    /// Symbols and answers.
    public init(shown: [String], expected: [String], found: [String]) {
      require(
        expected.count == found.count, "Symbols: expected \(expected.count) answers, found \(found.count)")
      self.shown = shown
      self.expected = expected
      self.found = found
    }
  }

  /// A picture with what people and a model write of it.
  public struct Caption: Sendable, Equatable {
    /// The picture's name.
    public var picture: String
    /// What people wrote.
    public var references: [String]
    /// The model's caption, word by word.
    public var words: [String]
    /// For each word how much each region of the picture was looked at, which sum to 1; nil without attention.
    public var attention: [[Float]]?

    /// A picture and its captions.
    public init(picture: String, references: [String], words: [String], attention: [[Float]]? = nil) {
      require(
        attention.map { $0.count == words.count } ?? true,
        "Caption: expected attention of \(words.count) words, found \(attention?.count ?? 0)")
      (self.picture, self.references, self.words, self.attention) = (picture, references, words, attention)
    }
  }

  /// A sentence with the translations of people and of a model.
  public struct Translation: Sendable, Equatable {
    /// The sentence.
    public var source: String
    /// What people wrote.
    public var reference: String
    /// What the model wrote.
    public var text: String
    /// What each symbol of that looked at.
    public var alignment: Alignment

    /// A sentence and its translations.
    public init(source: String, reference: String, text: String, alignment: Alignment) {
      (self.source, self.reference, self.text, self.alignment) = (source, reference, text, alignment)
    }
  }

  /// Values of a series, the next ones, and what was forecast of these.
  public struct Forecast: Sendable, Equatable {
    /// The series' name.
    public var series: String
    /// The time of the first step that is forecast.
    public var start: String
    /// The values before; NaN where there is none.
    public var history: [Double]
    /// The values of the steps that are forecast; NaN where there is none.
    public var truth: [Double]
    /// The forecast's mean, and the quantiles 0.1 and 0.9, as many as values.
    public var mean: [Double], lower: [Double], upper: [Double]

    /// Values and a forecast.
    public init(
      series: String, start: String, history: [Double], truth: [Double], mean: [Double], lower: [Double],
      upper: [Double]
    ) {
      require(
        mean.count == truth.count && lower.count == mean.count && upper.count == mean.count,
        "Forecast: expected \(truth.count) steps, found \(mean.count), \(lower.count) and \(upper.count)")
      (self.series, self.start, self.history, self.truth) = (series, start, history, truth)
      (self.mean, self.lower, self.upper) = (mean, lower, upper)
    }
  }

  /// A tune, and how likely each key was found from the frames before.
  public struct Roll: Sendable, Equatable {
    /// The tune.
    public var roll: PianoRoll
    /// For each frame the probability of each of a piano's 88 keys; nil of a tune that a model wrote.
    public var probabilities: [[Float]]?
    /// How it came about: "seed 1"; empty for nothing to say.
    public var note: String

    /// A tune.
    public init(_ roll: PianoRoll, probabilities: [[Float]]? = nil, note: String = "") {
      require(
        probabilities.map { $0.count == roll.frames.count } ?? true,
        "Roll: expected probabilities of \(roll.frames.count) frames, found \(probabilities?.count ?? 0)")
      (self.roll, self.probabilities, self.note) = (roll, probabilities, note)
    }
  }

  /// A sentence, its tags and those that were found.
  public struct Tags: Sendable, Equatable {
    /// The words.
    public var words: [String]
    /// The right tag of each word.
    public var expected: [String]
    /// The tag that was found for each word.
    public var found: [String]

    /// How many tags are right.
    public var rightCount: Int { zip(expected, found).count { $0 == $1 } }

    /// A sentence and its tags.
    public init(words: [String], expected: [String], found: [String]) {
      require(
        words.count == expected.count && words.count == found.count,
        "Tags: expected tags of \(words.count) words, found \(expected.count) and \(found.count)")
      (self.words, self.expected, self.found) = (words, expected, found)
    }
  }

  /// A question about a text, its answer and that which was found.
  public struct Answer: Sendable, Equatable {
    /// The sentences that a model looked at.
    public var sentences: [String]
    /// For each look how much it was at each sentence, which sum to 1; empty of a model that reads words alone.
    public var weights: [[Float]]
    /// The question.
    public var question: String
    /// The right answer.
    public var expected: String
    /// The answer that was found.
    public var found: String
    /// The model's probability of `found`.
    public var probability: Double

    /// Whether the answer was found.
    public var isRight: Bool { expected == found }

    /// A question and its answers.
    public init(
      sentences: [String], weights: [[Float]], question: String, expected: String, found: String,
      probability: Double
    ) {
      require(
        weights.allSatisfy { $0.count == sentences.count },
        "Answer: expected a weight for each of \(sentences.count) sentences, found \(weights.map(\.count))")
      (self.sentences, self.weights, self.question) = (sentences, weights, question)
      (self.expected, self.found, self.probability) = (expected, found, probability)
    }
  }

  /// Frames that were given, those after them and those that were found.
  public struct Frames: Sendable, Equatable {
    /// Pixels of a row, and numbers of a pixel.
    public var width: Int, channels: Int
    /// The frames that were given, each numbers in [0, 1], 0 black, in rows from the top.
    public var given: [[Float]]
    /// The frames after them, and those that were found, as many.
    public var expected: [[Float]], found: [[Float]]

    /// Frames and what was found.
    public init(width: Int, channels: Int = 1, given: [[Float]], expected: [[Float]], found: [[Float]]) {
      let counts = Set((given + expected + found).map(\.count))
      require(
        width > 0 && channels > 0 && expected.count == found.count && counts.count == 1
          && counts.allSatisfy { $0 > 0 && $0 % (width * channels) == 0 },
        "Frames: expected frames of whole rows of \(width) pixels, found \(counts.sorted()) numbers")
      (self.width, self.channels) = (width, channels)
      (self.given, self.expected, self.found) = (given, expected, found)
    }
  }

  /// A text, one that means the same, and the one that was found nearest to it.
  public struct Neighbour: Sendable, Equatable {
    /// The text.
    public var text: String
    /// One of those that mean the same.
    public var expected: String
    /// The nearest one.
    public var found: String
    /// The inner product of their vectors.
    public var similarity: Double
    /// Whether the nearest one means the same.
    public var isRight: Bool

    /// A text and its nearest one.
    public init(text: String, expected: String, found: String, similarity: Double, isRight: Bool) {
      (self.text, self.expected, self.found) = (text, expected, found)
      (self.similarity, self.isRight) = (similarity, isRight)
    }
  }

  /// A text or a series, what it is and what was found.
  public struct Labelled: Sendable, Equatable {
    /// A word and how much it spoke for what was found; against it below 0.
    public struct Word: Sendable, Equatable {
      /// The word, or a character.
      public var text: String
      /// In −1 ... 1, the largest magnitude of a text being 1.
      public var weight: Double

      /// A word that spoke for or against.
      public init(_ text: String, weight: Double) {
        self.text = text
        self.weight = weight
      }
    }

    /// What it is called.
    public var name: String
    /// The words of a text; none of a series.
    public var words: [Word]
    /// Each feature of a series over time; none of a text.
    public var series: [[Float]]
    /// The class or number.
    public var label: String
    /// What was found.
    public var prediction: String
    /// The model's probability of `prediction`; nil of a number.
    public var probability: Double?

    /// A text or a series and what was found.
    public init(
      name: String, words: [Word] = [], series: [[Float]] = [], label: String, prediction: String,
      probability: Double? = nil
    ) {
      (self.name, self.words, self.series) = (name, words, series)
      (self.label, self.prediction, self.probability) = (label, prediction, probability)
    }
  }

  /// A confusion matrix.
  public struct Confusion: Sendable, Equatable {
    /// The classes.
    public var labels: [String]
    /// A row for each true class: how many of its examples were taken for each class.
    public var counts: [[Int]]

    /// A matrix of C × C.
    public init(labels: [String], counts: [[Int]]) {
      require(
        counts.count == labels.count && counts.allSatisfy { $0.count == labels.count },
        "Confusion: expected \(labels.count) rows and columns, found \(counts.map(\.count))")
      (self.labels, self.counts) = (labels, counts)
    }
  }

  /// A text that goes on from another.
  public struct Text: Sendable, Equatable {
    /// What the model was given.
    public var prompt: String
    /// What it wrote.
    public var continuation: String
    /// How it was drawn: "temperature 0.8"; empty for nothing to say.
    public var note: String

    /// A text.
    public init(prompt: String, continuation: String, note: String = "") {
      self.prompt = prompt
      self.continuation = continuation
      self.note = note
    }
  }
}
