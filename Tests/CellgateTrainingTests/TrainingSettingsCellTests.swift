import CellgateCells
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("Cells of settings")
struct TrainingSettingsCellTests {
  private let own: Cell

  init() throws {
    own = try Cell(text: "cell own\nstate h\nmatrix W\nmatrix U start orthogonal\nh' = tanh(W x + U h)")
  }

  private var settings: TrainingSettings {
    TrainingSettings(task: MeanTask.name, cell: "lstm", hidden: 3, batch: 2, steps: 2)
  }

  @Test("Settings carry a cell as text, to config.json and back")
  func carried() throws {
    var settings = settings
    #expect(settings.definition()?.text == Cell.lstm.text)
    #expect(!String(decoding: settings.encoded(), as: UTF8.self).contains("cell_text"))
    settings.use(own)
    let read = try TrainingSettings(decoding: settings.encoded(), file: "config.json")
    #expect(read == settings && read.cell == "own" && read.definition()?.text == own.text)
    #expect(read.cellProblem(among: Cell.all) == nil && !read.isKnown())
  }

  @Test("A text that is no cell, or another's, is a problem of the settings")
  func problems() {
    var settings = settings
    settings.use(own)
    settings.cell = "lstm"
    #expect(
      settings.cellProblem(among: Cell.all)?.description == "cell_text: expected the cell 'lstm', found 'own'"
    )
    settings.cellText = "cell lstm\nstate h\nh' = hh"
    #expect(
      settings.problems(tasks: [MeanTask.self]).first?.description
        == "cell_text: line 3, column 6: unknown name 'hh'; known: h, x")
    settings.cellText = nil
    settings.cell = "own"
    #expect(settings.cellProblem(among: Cell.all)?.option == "cell")
  }

  @Test("Texts are shortened to where they differ")
  func difference() {
    let long = String(repeating: "a", count: 200)
    #expect(TextDifference.shortened("8", "9", most: 100) == ("8", "9"))
    let (one, other) = TextDifference.shortened(long + "b\nc", long + "d", most: 100)
    #expect(one == "'…aaab\\u{a}c'" && other == "'…aaad'")
  }
}
