import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("Answers to questions")
struct AnswerTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(_ options: [String: OptionValue] = [:]) -> TrainingSettings {
    var settings = AnswerTask.defaults
    settings.taskOptions.merge(["embedding": 12, "attention": 12]) { $1 }
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.dropout, settings.cell) = (12, 0, "lstm-wm")
    return settings
  }

  private func task(_ file: String, _ options: [String: OptionValue] = [:]) throws -> AnswerTask {
    let prepared = try AnswerTask.prepared(settings(options), data: .file(file))
    return try AnswerTask(settings: prepared, data: .unspecified)
  }

  private func write(_ text: String, as name: String = "train.txt") throws -> String {
    try scratch.write(Array(text.utf8), as: name)
  }

  private func failure(_ text: String) throws -> String {
    let file = try write(text, as: "a.txt")
    return try #require(throws: TaskDataError.self) { try task(file) }.description
  }

  private static let people = ["Ada", "Emmy", "Kurt"], places = ["attic", "cellar", "garden"]

  /// Stories in which people go to places, and who is asked for went there once.
  private func stories(_ count: Int) -> String {
    (0..<count).map { number in
      let own = number % 3, other = (number / 3 % 2 + own + 1) % 3
      let lines = [
        "1 \(Self.people[own]) went to the \(Self.places[number / 6 % 3]).",
        "2 \(Self.people[other]) went to the \(Self.places[number / 18 % 3]).",
      ]
      let isOwn = number % 2 == 0
      let place = isOwn ? number / 6 % 3 : number / 18 % 3
      return lines.joined(separator: "\n")
        + "\n3 Where is \(Self.people[isOwn ? own : other])?\t\(Self.places[place])\t\(isOwn ? 1 : 2)\n"
    }.joined()
  }

  @Test("Stories and JSON Lines give questions, their texts and where answers come from")
  func reading() throws {
    let text =
      "1 Ada slept.\n2 Who slept?\tAda\t1\n3 She woke.\n4 Who woke?\tAda, she\t3 1\n1 Kurt ate.\n2 Who?\tKurt\n"
    let found = try QuestionFile(write(text), needsAnswers: true).questions
    #expect(found.map(\.context) == [["Ada slept."], ["Ada slept.", "She woke."], ["Kurt ate."]])
    #expect(found.map(\.answer) == ["Ada", "Ada, she", "Kurt"] && found.map(\.story) == [0, 0, 1])
    #expect(found.map(\.supporting) == [[0], [1, 0], []] && found.map(\.line) == [2, 4, 6])
    let json = """
      {"context": "It rained. Did it?\\nYes! 3.5 mm", "question": "What?", "answer": "rain", "id": 7}

      {"context": ["It rained.", "So."], "question": "What?", "supporting": [1], "answer": null}
      """
    let lines = try QuestionFile(write(json, as: "q.jsonl"), needsAnswers: false).questions
    #expect(lines[0].context == ["It rained.", "Did it?", "Yes!", "3.5 mm"] && lines[0].id == "7")
    #expect(
      lines[1].context == ["It rained.", "So."] && lines[1].supporting == [1] && lines[1].answer == nil)
    #expect(QuestionFile.sentences(of: "雨。晴れ！ ok") == ["雨。", "晴れ！", "ok"])
  }

  @Test("What is wrong with a file is named with its line")
  func mistakes() throws {
    #expect(try failure("").contains("expected questions"))
    #expect(try failure("1 Ada slept.\n").contains("found none in 1 lines"))
    #expect(try failure("Ada slept.\n").contains("line 1: expected a line's number"))
    #expect(try failure("2 Ada slept.\n").contains("line 1: expected line 1 of a story"))
    #expect(try failure("1 A.\n3 B.\n3 C.\n").contains("line 3: expected line 4 of a story, or 1, found 3"))
    #expect(try failure("1 A.\n2 Who?\tA\t5\n").contains("line 2: expected the number of a sentence"))
    #expect(try failure("1 A.\n2 Who?\t\n").contains("line 2: expected an answer"))
    #expect(try failure("1 A\0.\n").contains("byte 0"))
    #expect(try failure("{\"context\": 3}\n").contains("line 1: 'question'"))
    #expect(try failure("{\"context\": [3], \"question\": \"w\"}\n").contains("'context'"))
    #expect(try failure("{\"context\": \"a\", \"question\": \"w\", \"answer\": \"b\"").contains("line 1"))
    #expect(
      try failure("{\"context\": [\"a\"], \"question\": \"w\", \"answer\": \"b\", \"supporting\": [1]}\n")
        .contains("'supporting'"))
    #expect(try failure("1 A.\n2 Who?\tA\n").contains("3 texts or more"))
    let same = (0..<5).map { _ in "1 A.\n2 Who?\tA\n" }.joined()
    #expect(try failure(same).contains("two answers or more"))
  }

  @Test(
    "A model learns the stories of a file, and its file alone answers new questions",
    arguments: ["encoder", "attention", "memory"])
  func learns(form: String) throws {
    let file = try write(stories(108))
    var prepared = settings(["model": .text(form), "hops": 2])
    if form == "attention" { prepared.taskOptions["supporting"] = .real(0) }
    (prepared.epochs, prepared.steps, prepared.optimizerSettings.learningRate) = (nil, 150, 0.02)
    prepared = try AnswerTask.prepared(prepared, data: .file(file))
    let folder = try RunDirectory(creating: scratch.file("run"), settings: prepared)
    let task = try AnswerTask(settings: prepared, data: .unspecified)
    guard case .completed(let result) = try Trainer(task: task, settings: prepared, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(result.value > (form == "encoder" ? 0.6 : 0.95), "\(result.value), \(result.baseline)")
    let model = try Model.load(folder.path)
    let answerer = try #require(QuestionAnswerer(model))
    var questions = (0..<3).map { number in
      Question(
        context: [
          "Ada went to the \(Self.places[number]).", "Emmy went to the \(Self.places[(number + 1) % 3]).",
        ],
        question: "Where is Ada?")
    }
    if form != "encoder" {
      let found = answerer.answers(questions)
      #expect(found.map(\.answer) == Self.places)
      #expect(found.allSatisfy { $0.sentences.first == 0 || form == "memory" && $0.sentences.last == 0 })
    }
    questions += [
      Question(context: [], question: "Where?"), Question(context: ["Zoë?", ""], question: "…"),
      Question(context: (0..<150).map { "Ada \($0)." }, question: String(repeating: "Where ", count: 200)),
    ]
    let all = answerer.answers(questions)
    for (own, one) in zip(all, questions.map { answerer.answers([$0])[0] }) {
      #expect(own.answer == one.answer && abs(own.probability - one.probability) < 1e-5)
    }
    #expect(all.allSatisfy { Self.places.contains($0.answer) && $0.probability.isFinite })
    let other = try write(stories(36), as: "other.txt")
    let scored = try Tasks.evaluate(run: folder.path, data: DataDirectory(option: other))
    #expect(scored.evaluation.value > (form == "encoder" ? 0.6 : 0.95))
    guard case .answer(let sample)? = task.samples(task.makeModel(cell: .gru), count: 3).first else {
      Issue.record("expected a question")
      return
    }
    #expect(sample.weights.count == (form == "encoder" ? 0 : form == "memory" ? 2 : 1))
  }

  @Test("Nothing of the validation and test parts is learned, and a story's questions stay together")
  func leaks() throws {
    let train = try write(stories(36))
    let other = try write(
      stories(4) + "1 A lëak.\n2 Where?\tnowhere\n", as: "test.txt")
    let own = try task(train, ["test": .text(other), "valid": .text(other)])
    let known = own.batches.encoder.preprocessing
    #expect(known.words?.contains("ada") == true && known.words?.contains("lëak") == false)
    #expect(own.batches.encoder.labels == Self.places && own.batches.examples(.test).last?.answer == -1)
    let remark = own.evaluate(own.makeModel(cell: .gru), on: .test).remark
    #expect(remark == "1 of 5 answers are none of the 3 that training has: all wrong")
    let pairs = try task(
      try write(
        (0..<20).map { "1 A \($0).\n2 Who?\ta\n3 B.\n4 What?\tb\n" }.joined(), as: "pairs.txt"))
    let parts = [
      pairs.batches.training.map(\.source.story), pairs.batches.examples(.validation).map(\.source.story),
      pairs.batches.examples(.test).map(\.source.story),
    ]
    #expect(parts.map(\.count) == [32, 4, 4])
    #expect(Set(parts[0]).isDisjoint(with: parts[1]) && Set(parts[1]).isDisjoint(with: parts[2]))
    // Each shard is its part.
    let whole = pairs.batches.batch(seed: 3, step: 1, shard: .whole)
    let shards = (0..<2).map { pairs.batches.batch(seed: 3, step: 1, shard: Shard($0, of: 2)) }
    #expect(shards.flatMap(\.answers) == whole.answers)
  }
}
