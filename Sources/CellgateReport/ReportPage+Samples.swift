import CellgateBasics
import CellgateCharts
import CellgateData
import CellgateFiles
import CellgateTraining

extension ReportPage {
  /// What the best model makes of some test examples.
  func samples(_ run: ReportedRun) -> HTML {
    guard !run.samples.isEmpty else { return .empty }
    var pictures: [PredictionSample.Picture] = []
    var numbers: [PredictionSample.Number] = []
    var symbols: [PredictionSample.Symbols] = []
    var texts: [PredictionSample.Text] = []
    var captions: [PredictionSample.Caption] = []
    var translations: [PredictionSample.Translation] = []
    var forecasts: [PredictionSample.Forecast] = []
    var rolls: [PredictionSample.Roll] = []
    var sentences: [PredictionSample.Tags] = []
    var answers: [PredictionSample.Answer] = []
    var frames: [PredictionSample.Frames] = []
    var neighbours: [PredictionSample.Neighbour] = []
    var labelled: [PredictionSample.Labelled] = []
    var confusion: [PredictionSample.Confusion] = []
    for sample in run.samples {
      switch sample {
      case .picture(let picture): pictures.append(picture)
      case .number(let number): numbers.append(number)
      case .symbols(let one): symbols.append(one)
      case .text(let text): texts.append(text)
      case .caption(let caption): captions.append(caption)
      case .translation(let translation): translations.append(translation)
      case .forecast(let forecast): forecasts.append(forecast)
      case .roll(let roll): rolls.append(roll)
      case .tags(let sentence): sentences.append(sentence)
      case .answer(let one): answers.append(one)
      case .frames(let one): frames.append(one)
      case .neighbour(let one): neighbours.append(one)
      case .labelled(let one): labelled.append(one)
      case .confusion(let matrix): confusion.append(matrix)
      }
    }
    return .tag(
      "section", ["class": "part"], .tag("h4", [:], "Samples of the best model"), self.pictures(pictures),
      self.numbers(numbers), self.symbols(symbols), self.texts(texts), self.captions(captions),
      self.translations(translations), self.forecasts(forecasts), self.rolls(rolls),
      self.sentences(sentences), self.answers(answers), self.frames(frames), self.neighbours(neighbours),
      self.confusion(confusion), self.labelled(labelled))
  }

  func caption(_ text: String) -> HTML { .tag("p", ["class": "note"], HTML(text)) }

  /// "✓" or "✗", said in words to who can't see it.
  func mark(_ isRight: Bool) -> HTML {
    .tag(
      "span",
      ["class": isRight ? "right" : "wrong", "role": "img", "aria-label": isRight ? "right" : "wrong"],
      HTML(isRight ? "✓" : "✗"))
  }

  // MARK: Kinds

  private func pictures(_ pictures: [PredictionSample.Picture]) -> HTML {
    guard !pictures.isEmpty else { return .empty }
    let right = pictures.count(where: \.isRight)
    let items = pictures.map { picture -> HTML in
      let grey = picture.pixels.map { UInt8((max(0, min(1, $0.isNaN ? 0 : $0)) * 255).rounded()) }
      let data = Data(PNG.grey(grey, width: picture.width)).base64EncodedString()
      let image = HTML.tag(
        "img",
        [
          "src": "data:image/png;base64," + data, "width": "56", "height": "56",
          "alt": "A picture of class \(picture.label)",
        ])
      let percent = NumberText.fixed(100 * picture.probability, 0) + " %"
      let verdict =
        picture.isRight ? HTML(picture.label) : HTML("\(picture.label) read as \(picture.prediction)")
      return .tag(
        "li", ["class": picture.isRight ? nil : "miss"], image,
        .tag("span", [:], mark(picture.isRight), " ", verdict),
        .tag("span", ["class": "faint"], HTML(percent)))
    }
    return HTML([
      caption(
        "The first \(pictures.count) test pictures, \(right) of them right: the class, what it was read as where that "
          + "is another, and the model's probability of what it read."),
      .tag("ul", ["class": "pictures"], HTML(items)),
    ])
  }

  private func numbers(_ numbers: [PredictionSample.Number]) -> HTML {
    guard !numbers.isEmpty else { return .empty }
    let most = numbers.map { $0.marks.count }.max() ?? 0
    func head(_ text: String) -> HTML { .tag("th", ["scope": "col", "class": "number"], HTML(text)) }
    func cell(_ text: String) -> HTML { .tag("td", ["class": "number"], HTML(text)) }
    let heads = (0..<most).map { head("value \($0 + 1)") } + ["target", "prediction", "error"].map(head)
    let digits = numbers.flatMap(\.marks).map { NumberText.count($0.step).count }.max() ?? 0
    /// A step filled up with spaces as wide as digits.
    func position(_ step: Int) -> String {
      let text = NumberText.count(step)
      return " at " + String(repeating: "\u{2007}", count: digits - text.count) + text
    }
    let rows = numbers.map { number -> HTML in
      let marks = (0..<most).map { place -> HTML in
        guard place < number.marks.count else { return cell("") }
        let mark = number.marks[place]
        return .tag(
          "td", ["class": "number"], HTML(NumberText.fixed(mark.value, 3)),
          .tag("span", ["class": "faint"], HTML(position(mark.step))))
      }
      let error = (number.error < 0 ? "−" : "+") + NumberText.fixed(abs(number.error), 3)
      return .tag(
        "tr", [:], HTML(marks), cell(NumberText.fixed(number.target, 3)),
        cell(NumberText.fixed(number.prediction, 3)), cell(error))
    }
    let steps = numbers.first.map { NumberText.count($0.steps) } ?? ""
    return HTML([
      caption("Test sequences of \(steps) steps: the marked values with the step of each, and their sum."),
      .tag(
        "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Sample sequences"],
        .tag(
          "table", ["class": "examples"], .tag("thead", [:], .tag("tr", [:], HTML(heads))),
          .tag("tbody", [:], HTML(rows)))),
    ])
  }

  private func symbols(_ samples: [PredictionSample.Symbols]) -> HTML {
    guard !samples.isEmpty else { return .empty }
    let repeats = samples.allSatisfy { $0.shown == $0.expected }
    func line(_ name: String, _ cells: [HTML], _ last: HTML = .empty) -> HTML {
      .tag(
        "tr", [:], .tag("th", ["scope": "row"], HTML(name)), HTML(cells), .tag("td", ["class": "count"], last)
      )
    }
    func plain(_ texts: [String]) -> [HTML] { texts.map { .tag("td", [:], HTML(quotedName($0))) } }
    let tables = samples.map { sample -> HTML in
      let answers = zip(sample.expected, sample.found).map { expected, found in
        HTML.tag(
          "td", ["class": expected == found ? nil : "miss"],
          .tag("span", ["aria-label": expected == found ? nil : "\(found), wrong"], HTML(quotedName(found))))
      }
      let count = HTML([
        mark(sample.rightCount == sample.expected.count),
        HTML(" \(sample.rightCount) of \(sample.expected.count)"),
      ])
      return .tag(
        "table", [:],
        .tag(
          "tbody", [:], repeats ? .empty : line("shown", plain(sample.shown)),
          line("expected", plain(sample.expected)),
          line("found", answers, count)))
    }
    return HTML([
      caption(
        "Test sequences: the symbols expected\(repeats ? ", which are those shown before," : "") and those found; wrong "
          + "ones are bold and underlined, – is a blank."),
      .tag(
        "div", ["class": "symbols", "role": "region", "aria-label": "Sample sequences"],
        HTML(tables.map { .tag("div", ["class": "scroll", "tabindex": "0"], $0) })),
    ])
  }

  private func texts(_ texts: [PredictionSample.Text]) -> HTML {
    guard !texts.isEmpty else { return .empty }
    let items = texts.map { text in
      HTML.tag(
        "figure", ["class": "text"],
        .tag("pre", [:], .tag("b", [:], HTML(text.prompt)), HTML(text.continuation)),
        text.note.isEmpty ? .empty : .tag("figcaption", ["class": "note"], HTML(text.note)))
    }
    return HTML([caption("Texts that the model wrote; what it was given is bold."), HTML(items)])
  }

  private func captions(_ captions: [PredictionSample.Caption]) -> HTML {
    guard !captions.isEmpty else { return .empty }
    let pictures = report.picturesFolder.map(Thumbnails.init)
    let items = captions.map { caption -> HTML in
      HTML.tag(
        "div", ["class": "caption"], .tag("h5", [:], HTML(caption.picture)),
        pictures?.thumbnail(caption.picture) ?? .empty,
        caption.attention.map { CaptionMarkup.words(caption.words, attention: $0) }
          ?? .tag("p", ["class": "written"], HTML(caption.words.joined(separator: " "))),
        HTML(caption.references.map { .tag("p", ["class": "faint"], HTML($0)) }))
    }
    let hasAttention = captions.contains { $0.attention != nil }
    return HTML([
      caption(
        "The best caption of a beam of 5 for each test picture, over what people wrote of it."
          + (hasAttention ? " Above each word, how much it looked at each region: dark is much." : "")),
      .tag("div", ["class": "captions"], HTML(items)),
    ])
  }

  private func translations(_ translations: [PredictionSample.Translation]) -> HTML {
    guard !translations.isEmpty else { return .empty }
    let items = translations.map { sample -> HTML in
      .tag(
        "figure", ["class": "translation"], .tag("p", [:], HTML(sample.source)),
        .tag("p", ["class": "written"], HTML(sample.text)),
        .tag("p", ["class": "faint"], HTML(sample.reference)),
        AlignmentMarkup.picture(sample.alignment))
    }
    return HTML([
      caption(
        "Test sentences, the translation that the model finds best, and what people wrote. Below, a row for each symbol that it wrote, "
          + "and how much it looked at each symbol that it read: dark is much."),
      .tag("div", ["class": "translations"], HTML(items)),
    ])
  }

  private func neighbours(_ samples: [PredictionSample.Neighbour]) -> HTML {
    guard !samples.isEmpty else { return .empty }
    let rows = samples.map { sample -> HTML in
      .tag(
        "tr", ["class": sample.isRight ? nil : "miss"], .tag("td", [:], HTML(sample.text)),
        .tag("td", [:], mark(sample.isRight), HTML(" " + sample.found)),
        .tag("td", ["class": "number"], HTML(NumberText.fixed(sample.similarity, 2))),
        .tag("td", [:], HTML(sample.isRight ? "" : sample.expected)))
    }
    let heads = ["text", "nearest of all test texts", "similarity", "one of the same meaning"].map {
      HTML.tag("th", ["scope": "col"], HTML($0))
    }
    let right = samples.count(where: \.isRight)
    return HTML([
      caption(
        "Test texts and the text that is nearest to each, which means the same \(right) of \(samples.count) times."
      ),
      .tag(
        "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Nearest texts"],
        .tag(
          "table", ["class": "examples"], .tag("thead", [:], .tag("tr", [:], HTML(heads))),
          .tag("tbody", [:], HTML(rows)))),
    ])
  }

  private func forecasts(_ forecasts: [PredictionSample.Forecast]) -> HTML {
    guard !forecasts.isEmpty else { return .empty }
    let items = forecasts.map { ForecastChart.chart($0).figure(points: 1000) }
    return HTML([
      caption(
        "Test series: the values before and after the step from which the model forecasts, its mean, and shaded what it expects "
          + "to hold four values of five. The step 0 is the last one that it knows."),
      .tag("div", ["class": "wide"], HTML(items)),
    ])
  }

  private func rolls(_ rolls: [PredictionSample.Roll]) -> HTML {
    guard !rolls.isEmpty else { return .empty }
    let items = rolls.map { sample -> HTML in
      let name = sample.roll.name + (sample.note.isEmpty ? "" : ": " + sample.note)
      return .tag(
        "figure", ["class": "roll"], RollMarkup.picture(sample.roll, probabilities: sample.probabilities),
        .tag("figcaption", ["class": "note"], HTML(name)))
    }
    return HTML([
      caption(
        "Tunes, time from left to right, a row a key, the lowest at the bottom. Where a model looked on, dark is likely, and "
          + "what was played is framed."),
      HTML(items),
    ])
  }

  private func sentences(_ sentences: [PredictionSample.Tags]) -> HTML {
    guard !sentences.isEmpty else { return .empty }
    let tokens = sentences.reduce(0) { $0 + $1.words.count }
    let right = sentences.reduce(0) { $0 + $1.rightCount }
    return HTML([
      caption(
        "Test sentences with the tag that was found for each word, \(right) of \(tokens) right; where it is wrong, the true one is "
          + "below."),
      HTML(sentences.map(TagMarkup.sentence)),
    ])
  }
}
