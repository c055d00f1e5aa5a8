import CellgateNN
import CellgateTasks
import CellgateTraining

/// The paper's experiments: F. Landi, L. Baraldi, M. Cornia, R. Cucchiara, "Working Memory Connections for LSTM",
/// https://arxiv.org/abs/2109.00020.
///
/// Everything that a reproduction is made with is in this file. What the paper leaves open is our choice, and the same
/// for all cells; DocC's article "Reproducing the paper" says which is which.
public enum Experiments {
  /// The experiments by their names, most of which are their tasks'. A new one is a function below and a line here.
  private static let all: [(name: String, make: @Sendable (Budget) -> Experiment)] = [
    (AddingTask.name, adding),
    (CopyingTask.name, copying),
    (SequentialMNISTTask.name, smnist),
    (PermutedMNISTTask.name, pmnist),
    (PTBCharacterTask.name, characters),
    ("length", length),
    ("noise", noise),
    (CaptionsTask.name, captions),
    ("transformer-characters", transformerCharacters),
    ("transformer-adding", transformerAdding),
    ("transformer-reviews", transformerReviews),
    ("transformer-forecast", transformerForecast),
    ("transformer-translate", transformerTranslate),
  ]

  /// The studies by their names.
  private static let allStudies: [(name: String, make: @Sendable (Budget) -> Study)] = [
    ("transformer", transformer)
  ]

  /// The experiments' names.
  public static var names: [String] { all.map(\.name) }

  /// The studies' names.
  public static var studyNames: [String] { allStudies.map(\.name) }

  /// The study of this name; nil where there is none.
  public static func study(_ name: String, _ budget: Budget) -> Study? {
    allStudies.first { $0.name == name }?.make(budget)
  }

  /// The experiment of this name; throws `SettingsErrors` with the nearest names.
  public static func named(_ name: String, _ budget: Budget) throws(SettingsErrors) -> Experiment {
    guard let experiment = all.first(where: { $0.name == name }) else {
      throw SettingsErrors([.unknownName(option: "task", found: name, known: names)])
    }
    return experiment.make(budget)
  }

  /// The cells of the smallest budget.
  private static let smokeCells = ["lstm", "lstm-wm"]

  // MARK: adding and copying

  @Sendable private static func adding(_ budget: Budget) -> Experiment {
    let parts =
      switch budget {
      case .smoke: [(6, 30), (12, 30)]
      case .quick: [(200, 3000), (400, 3000)]
      case .full: [(200, 20_000), (400, 20_000), (750, 20_000)]
      }
    return Experiment(
      task: AddingTask.name, budget: budget, cells: budget == .smoke ? smokeCells : defaultCells,
      seeds: [.smoke: 1, .quick: 3, .full: 5][budget] ?? 1, measure: .stepsToSolve,
      parts: parts.map { part(AddingTask.defaults, budget, length: $0, steps: $1, learningRate: 0.004) },
      paperNote: """
        no number is known here. In words: on long sequences, T up to 400, the LSTM stalls at the trivial solution, and \
        LSTM-WM converges, and faster.
        """)
  }

  @Sendable private static func copying(_ budget: Budget) -> Experiment {
    let parts =
      switch budget {
      case .smoke: [(4, 30), (8, 30)]
      case .quick: [(100, 2500), (200, 2500)]
      case .full: [(100, 20_000), (200, 20_000), (500, 20_000)]
      }
    return Experiment(
      task: CopyingTask.name, budget: budget, cells: budget == .smoke ? smokeCells : defaultCells,
      seeds: [.smoke: 1, .quick: 3, .full: 5][budget] ?? 1, measure: .stepsToHalfBaseline,
      parts: parts.map { part(CopyingTask.defaults, budget, length: $0, steps: $1, learningRate: 0.008) },
      paperNote: "no number is known here. In words: LSTM-WM converges where the LSTM stalls, and faster.")
  }

  /// One length. Runs end when solved: how soon is the question. The learning rate and the chrono biases are those
  /// with which the plain LSTM is the fastest, see `results/search`.
  private static func part(
    _ defaults: TrainingSettings, _ budget: Budget, length: Int, steps: Int, learningRate: Float
  ) -> Experiment.Part {
    var settings = defaults
    settings.taskOptions["length"] = .whole(length)
    settings.steps = steps
    settings.stopWhenSolved = true
    settings.optimizerSettings.learningRate = learningRate
    settings.chronoSteps = length
    settings.evaluationInterval = 50
    if budget == .smoke { (settings.hidden, settings.batch, settings.evaluationInterval) = (6, 4, 10) }
    return Experiment.Part("T = \(length)", settings)
  }

  // MARK: smnist and pmnist

  @Sendable private static func smnist(_ budget: Budget) -> Experiment {
    let settings = digits(SequentialMNISTTask.defaults, budget, epochs: 5)
    return Experiment(
      task: SequentialMNISTTask.name, budget: budget, cells: budget == .smoke ? smokeCells : defaultCells,
      seeds: budget == .full ? 3 : 1, measure: .value,
      parts: [
        Experiment.Part(
          "\(settings.hidden) units", settings,
          paper: budget == .smoke ? [] : [.init("lstm", .units, 0.9816), .init("lstm-wm", .units, 0.9863)])
      ],
      paperNote: """
        98.16 % for the LSTM and 98.63 % for LSTM-WM. Of its peephole LSTM, and of cells with equal numbers of \
        parameters, no number is known here.
        """)
  }

  @Sendable private static func pmnist(_ budget: Budget) -> Experiment {
    let settings = digits(PermutedMNISTTask.defaults, budget, epochs: 4)
    // The LSTM alone with twice the units: has LSTM-WM with half of them more right?
    var wide = settings
    wide.hidden *= 2
    return Experiment(
      task: PermutedMNISTTask.name, budget: budget, cells: budget == .smoke ? smokeCells : defaultCells,
      seeds: budget == .full ? 3 : 1, measure: .value,
      parts: [
        Experiment.Part(
          "\(settings.hidden) units", settings,
          paper: budget == .smoke ? [] : [.init("lstm", .units, 0.9294), .init("lstm-wm", .units, 0.9397)]),
        Experiment.Part("\(wide.hidden) units", wide, equal: [.units], cells: ["lstm"]),
      ],
      paperNote: """
        92.94 % for the LSTM and 93.97 % for LSTM-WM; LSTM-WM with 128 units is better than the LSTM and the peephole \
        LSTM with 256, of which no number is known here.
        """)
  }

  private static func digits(_ defaults: TrainingSettings, _ budget: Budget, epochs: Int) -> TrainingSettings
  {
    var settings = defaults
    switch budget {
    case .smoke:
      (settings.epochs, settings.steps) = (nil, 20)
      (settings.hidden, settings.evaluationInterval) = (16, 20)
    case .quick: settings.epochs = epochs
    case .full: (settings.epochs, settings.patience) = (100, 10)
    }
    return settings
  }

  // MARK: ptb-char

  /// The batch, the learning rate, the schedule and the dropout of long runs are the best that were tried on the plain
  /// LSTM, see `results/search`.
  @Sendable private static func characters(_ budget: Budget) -> Experiment {
    var settings = PTBCharacterTask.defaults
    settings.batch = 16
    settings.optimizerSettings.learningRate = 0.003
    settings.schedule = ScheduleSettings(name: "cosine")
    switch budget {
    case .smoke:
      (settings.epochs, settings.steps) = (nil, 10)
      (settings.hidden, settings.batch, settings.evaluationInterval) = (16, 16, 10)
    case .quick: settings.epochs = 5
    case .full: (settings.epochs, settings.patience, settings.dropout) = (40, 6, 0.2)
    }
    let parameters = budget == .smoke ? 10_000 : 2_200_000
    var parts = [
      Experiment.Part(
        budget == .smoke ? "10,000 parameters" : "2.2 M parameters", settings, equal: [.parameters],
        parameters: parameters,
        paper: budget == .smoke
          ? [] : [.init("lstm", .parameters, 1.334), .init("lstm-wm", .parameters, 1.299)])
    ]
    if budget != .quick {
      parts.append(Experiment.Part("\(settings.hidden) units", settings, equal: [.units]))
    }
    return Experiment(
      task: PTBCharacterTask.name, budget: budget, cells: budget == .smoke ? smokeCells : defaultCells,
      seeds: budget == .full ? 3 : 1, measure: .value, parts: parts,
      paperNote: """
        1.334 bits per character for the LSTM and 1.299 for LSTM-WM, T = 150, about 2.2 million parameters each. Of \
        its peephole LSTM, and of cells with equal units, no number is known here.
        """)
  }

  // MARK: captions

  /// Pictures of the data folder: COCO's where its folder coco has captions, pooled features and regions, else Flickr8k's. The
  /// paper's numbers are COCO's, with features of
  /// ResNet-152.
  @Sendable private static func captions(_ budget: Budget) -> Experiment {
    let models =
      budget == .full
      ? ["show-and-tell", "show-attend-tell", "up-down"] : ["show-and-tell", "show-attend-tell"]
    let parts = models.map { model -> Experiment.Part in
      var settings = CaptionsTask.defaults
      settings.taskOptions["model"] = .text(model)
      if model != "show-and-tell" { settings.optimizerSettings.learningRate = 0.0005 }
      switch budget {
      case .smoke:
        (settings.hidden, settings.epochs, settings.steps) = (16, nil, 30)
        settings.taskOptions["attention"] = 16
      case .quick: (settings.hidden, settings.epochs) = (128, 4)
      case .full: break
      }
      // Tied weights gave the LSTM's captions of Flickr8k a higher validation CIDEr than any dropout of words.
      settings.taskOptions["embedding"] = .whole(settings.hidden)
      settings.taskOptions["tie-weights"] = .text("yes")
      let paper =
        model == "show-and-tell"
        ? [Experiment.PaperValue("lstm", .units, 0.92), .init("lstm-wm", .units, 0.94)] : []
      return Experiment.Part(model, settings, equal: [.units], paper: paper)
    }
    return Experiment(
      task: CaptionsTask.name, budget: budget,
      cells: budget == .smoke ? smokeCells : ["lstm", "lstm-ph-full", "lstm-wm"],
      seeds: budget == .full ? 3 : 1, measure: .value, parts: parts,
      paperNote: """
        its numbers are of COCO's pictures with features of ResNet-152: CIDEr 92.0 with the LSTM and 94.0 with LSTM-WM. \
        Those of other pictures are not comparable, but the difference between cells is.
        """)
  }

  // MARK: length and noise

  /// The adding problem at one length, and the best models at others. Runs don't end when solved: the question is what
  /// they have learned, not how soon.
  @Sendable private static func length(_ budget: Budget) -> Experiment {
    let (length, steps, tested) =
      switch budget {
      case .smoke: (6, 30, [3, 12])
      case .quick: (200, 2000, [100, 400, 800, 1600])
      case .full: (200, 4000, [100, 400, 800, 1600])
      }
    var part = part(AddingTask.defaults, budget, length: length, steps: steps, learningRate: 0.004)
    part.training.stopWhenSolved = nil
    part.tests = tested.map { Experiment.Test("T = \($0)", ["length": .whole($0)]) }
    var experiment = Experiment(
      task: AddingTask.name, budget: budget, cells: budget == .smoke ? smokeCells : defaultCells,
      seeds: [.smoke: 1, .quick: 3, .full: 5][budget] ?? 1, measure: .value, parts: [part],
      paperNote: "no number is known here: an experiment of ours.")
    experiment.name = "length"
    return experiment
  }

  /// Digits with noise after their pixels, and the best models with less and more of it.
  @Sendable private static func noise(_ budget: Budget) -> Experiment {
    var settings = digits(NoisyMNISTTask.defaults, budget, epochs: 4)
    if budget == .smoke { settings.taskOptions["noise"] = 4 }
    let steps = settings.taskOptions["noise"]?.whole ?? 0
    let tested = budget == .smoke ? [0, 8] : [0, 432, 864]
    var experiment = Experiment(
      task: NoisyMNISTTask.name, budget: budget, cells: budget == .smoke ? smokeCells : defaultCells,
      seeds: budget == .full ? 3 : 1, measure: .value,
      parts: [
        Experiment.Part(
          "\(steps) steps of noise", settings,
          tests: tested.map { Experiment.Test("\($0) steps of noise", ["noise": .whole($0)]) })
      ], paperNote: "no number is known here: an experiment of ours.")
    experiment.name = "noise"
    return experiment
  }

  // MARK: transformer

  private static let withTransformer = ["lstm", "lstm-wm", "gru", "transformer"]

  /// What cells and a Transformer reach with as many parameters and in the same time, and what they cost.
  @Sendable private static func transformer(_ budget: Budget) -> Study {
    let parts = [
      transformerCharacters, transformerAdding, transformerReviews, transformerForecast, transformerTranslate,
    ]
    return Study(
      name: "transformer", question: "When is an LSTM still the better choice?", budget: budget,
      experiments: parts.map { $0(budget) }, lengths: budget == .smoke ? [10, 100] : [100, 1000, 10_000])
  }

  /// One of the study's experiments: at equal parameters, with as many layers of the Transformer as `blocks`.
  private static func besideTransformer(
    _ name: String, _ label: String, _ settings: TrainingSettings, budget: Budget, parameters: Int?,
    blocks: Int, seeds: Int, measure: Experiment.Measure = .value
  ) -> Experiment {
    var settings = settings
    settings.taskOptions["blocks"] = .whole(budget == .smoke ? 1 : blocks)
    var experiment = Experiment(
      task: settings.task, budget: budget, cells: withTransformer, seeds: budget == .full ? seeds : 1,
      measure: measure,
      parts: [Experiment.Part(label, settings, equal: [.parameters], parameters: parameters)],
      paperNote: "it has no Transformer: an experiment of ours.")
    experiment.name = name
    return experiment
  }

  /// Language models of characters; the cells have one layer, the Transformer four.
  @Sendable private static func transformerCharacters(_ budget: Budget) -> Experiment {
    var settings = characters(budget).parts[0].training
    if budget != .smoke { settings.optimizerSettings.learningRate = 0.001 }
    if budget == .quick { (settings.epochs, settings.evaluationInterval) = (2, 500) }
    let (label, parameters) =
      switch budget {
      case .smoke: ("10,000 parameters", 10_000)
      case .quick: ("500,000 parameters", 500_000)
      case .full: ("2.2 M parameters", 2_200_000)
      }
    return besideTransformer(
      "transformer-characters", label, settings, budget: budget, parameters: parameters, blocks: 4, seeds: 3)
  }

  /// The adding problem at T = 400; the question is how soon it is solved.
  @Sendable private static func transformerAdding(_ budget: Budget) -> Experiment {
    let (length, steps) = budget == .smoke ? (6, 30) : (400, budget == .quick ? 2000 : 20_000)
    var part = part(AddingTask.defaults, budget, length: length, steps: steps, learningRate: 0.001)
    if budget == .smoke { part.training.hidden = 24 }
    return besideTransformer(
      "transformer-adding", part.label, part.training, budget: budget, parameters: nil, blocks: 2, seeds: 5,
      measure: .stepsToSolve)
  }

  /// Reviews of films, two classes: IMDB's. Most parameters are the words' vectors.
  @Sendable private static func transformerReviews(_ budget: Budget) -> Experiment {
    var settings = ClassifyTask.defaults
    settings.taskOptions["text"] = .text("4")
    settings.taskOptions["label"] = .text("1")
    settings.taskOptions["test"] = .text("imdb/imdb_test.tsv.gz")
    switch budget {
    case .smoke:
      (settings.hidden, settings.epochs, settings.steps, settings.evaluationInterval) = (8, nil, 4, 4)
      settings.taskOptions["length"] = 20
    case .quick: (settings.epochs, settings.evaluationInterval) = (2, 150)
    case .full: (settings.epochs, settings.evaluationInterval) = (6, 300)
    }
    var experiment = besideTransformer(
      "transformer-reviews", "IMDB", settings, budget: budget, parameters: nil, blocks: 2, seeds: 3)
    experiment.dataFile = "imdb/imdb_train.tsv.gz"
    return experiment
  }

  /// Four days of seven quantities of a transformer station, hour by hour: ETTh1.
  @Sendable private static func transformerForecast(_ budget: Budget) -> Experiment {
    var settings = ForecastTask.defaults
    settings.taskOptions["time"] = .list([.text("date")])
    settings.taskOptions["targets"] = .list([.text("all")])
    settings.taskOptions["horizon"] = 96
    settings.taskOptions["split"] = .list([8640, 2880, 2880])
    if budget == .smoke {
      (settings.hidden, settings.epochs, settings.steps, settings.evaluationInterval) = (8, nil, 4, 4)
    }
    var experiment = besideTransformer(
      "transformer-forecast", "ETTh1, 96 hours", settings, budget: budget, parameters: nil, blocks: 2,
      seeds: 3)
    experiment.dataFile = "ett/ETTh1.csv.gz"
    return experiment
  }

  /// German descriptions of pictures into English ones: Multi30k.
  @Sendable private static func transformerTranslate(_ budget: Budget) -> Experiment {
    var settings = TranslateTask.defaults
    for (option, part) in [("", "train"), ("valid-", "val"), ("test-", "test_2016_flickr")] {
      settings.taskOptions[option + "source"] = .text("multi30k/\(part).de.gz")
      settings.taskOptions[option + "target"] = .text("multi30k/\(part).en.gz")
    }
    settings.taskOptions["lowercase"] = .text("yes")
    switch budget {
    case .smoke:
      (settings.hidden, settings.epochs, settings.steps, settings.evaluationInterval) = (8, nil, 4, 4)
      settings.taskOptions["symbols"] = 300
    case .quick: (settings.epochs, settings.evaluationInterval) = (3, 150)
    case .full: settings.evaluationInterval = 300
    }
    return besideTransformer(
      "transformer-translate", "Multi30k, German to English", settings, budget: budget, parameters: nil,
      blocks: 2, seeds: 3)
  }

  private static var defaultCells: [String] { ComparisonSettings.defaultCells }
}
