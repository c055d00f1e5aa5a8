import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateData

@Suite("Series")
struct SeriesTests {
  // MARK: Times

  @Test(
    "Times are read as people write them",
    arguments: [
      ("1970-01-02", 86_400.0, TimeForm.date), ("19700102", 86_400, .date), ("1970/01/02", 86_400, .date),
      ("02.01.1970", 86_400, .date), ("01/02/1970", 86_400, .date), ("13/01/1970", 12 * 86_400, .date),
      ("1970-02", 31 * 86_400, .month), ("1970-01-01 01:02", 3720, .time),
      ("1970-01-01T01:02:03Z", 3723, .time), ("1970-01-01 01:00:00.5+01:00", 0.5, .time),
      ("1/1/1970 1:30 PM", 48_600, .time), ("1969-12-31 23:59:59", -1, .time), ("17", 17, .number),
      ("-2.5", -2.5, .number), ("2000-02-29", 951_782_400, .date),
    ])
  func times(_ text: String, _ value: Double, _ form: TimeForm) throws {
    let time = try #require(SeriesTime(text))
    #expect(time.value == value && time.form == form)
  }

  @Test(
    "What is no time is none",
    arguments: [
      "", "monday", "1970-13-01", "1999-02-29", "1970-01-32", "1-2", "25:00", "1970-01-01 25:00", "nan",
      "1970-01 10:00", "12:61", "inf", "--", "1970-01-01 10:00+99",
    ])
  func noTimes(_ text: String) {
    // The last one has hours of a zone that is far, but is one.
    if text.hasSuffix("+99") { return #expect(SeriesTime(text) != nil) }
    #expect(SeriesTime(text) == nil)
  }

  @Test("Times are written as they are read")
  func written() throws {
    for text in ["2016-07-01 13:15:00", "2016-07-01", "2016-07", "17", "2.5", "1582-10-15", "9999-12-31"] {
      #expect(try #require(SeriesTime(text)).text == text)
    }
    for day in stride(from: -400_000.0, to: 400_000, by: 997) {
      let text = SeriesTime(value: day * 86_400, form: .date).text
      #expect(try #require(SeriesTime(text)).value == day * 86_400)
    }
  }

  private func step(_ texts: [String]) throws -> (step: TimeStep, form: TimeForm) {
    let times = try texts.map { try #require(SeriesTime($0)) }
    return (try #require(TimeStep(of: [times.map(\.value)], form: times[0].form)), times[0].form)
  }

  @Test("Step and season follow from the times")
  func seasons() throws {
    func season(_ texts: String...) throws -> Int {
      let (step, form) = try step(texts)
      return step.season(form)
    }
    #expect(try season("2016-07-01 00:00", "2016-07-01 01:00", "2016-07-01 02:00") == 24)
    #expect(try season("2016-07-01 00:00", "2016-07-01 00:15", "2016-07-01 00:30") == 96)
    #expect(try season("2016-07-01", "2016-07-02", "2016-07-03", "2016-07-05") == 7)
    #expect(try season("2016-07-01", "2016-07-08", "2016-07-15") == 52)
    #expect(try season("2016-01", "2016-02", "2016-03") == 12)
    #expect(try season("2016-01-31", "2016-02-29", "2016-03-31") == 12)
    #expect(try season("2016-01-01", "2016-04-01", "2016-07-01") == 4)
    #expect(try season("1", "2", "3") == 1)
  }

  @Test("Steps of months go by the calendar")
  func months() throws {
    let (step, form) = try step(["2015-11-30", "2015-12-31", "2016-01-31"])
    let start = try #require(SeriesTime("2015-11-30")).value
    let texts = (0..<5).map { SeriesTime(value: step.time($0, after: start), form: form).text }
    #expect(texts == ["2015-11-30", "2015-12-31", "2016-01-31", "2016-02-29", "2016-03-31"])
    #expect(step.steps(from: start, to: step.time(40, after: start)) == 40)
  }

  // MARK: Tables

  private func table(
    _ text: String, time: [String] = ["t"], targets: [String] = ["all"], group: String? = nil,
    past: [String] = []
  ) throws -> SeriesTable {
    let scratch = try Scratch()
    try scratch.write(Array(text.utf8), as: "s.csv")
    var columns = SeriesTable.Columns(time: time, targets: targets)
    (columns.group, columns.past) = (group, past)
    return try withExtendedLifetime(scratch) { try SeriesTable(scratch.path + "/s.csv", columns: columns) }
  }

  private func error(
    _ text: String, time: [String] = ["t"], targets: [String] = ["all"], group: String? = nil
  ) -> String {
    do {
      _ = try table(text, time: time, targets: targets, group: group)
      return "none"
    } catch {
      let text = "\(error)"
      return text.split(separator: "s.csv: ").last.map(String.init) ?? text
    }
  }

  @Test("Gaps and fields without a value are NaN, and counted")
  func gaps() throws {
    let table = try table(
      "t,a,b,note\n2020-01-01,1,2,x\n2020-01-02,NA,3,y\n2020-01-03,4,5,z\n2020-01-06,7,,w\n")
    #expect(table.columns.targets == ["a", "b"])
    #expect(table.step.length == 86_400 && table.absentSteps == 2 && table.missingValues == 2)
    let a = table.series[0].targets[0]
    #expect(a.map { $0.isNaN ? -1 : $0 } == [1, -1, 4, -1, -1, 7])
    #expect(table.time(6, of: table.series[0]) == "2020-01-07")
  }

  @Test("Rows of several series may stand in any order between them")
  func groups() throws {
    let table = try table(
      "id,t,v,x\nb,1,10,0\na,1,1,5\nb,2,20,0\na,2,2,6\na,3,3,7\n", targets: ["v"], group: "id", past: ["x"])
    #expect(table.series.map(\.id) == ["b", "a"])
    #expect(table.series[0].targets == [[10, 20]] && table.series[1].targets == [[1, 2, 3]])
    #expect(table.series[1].covariates == [[5, 6, 7]])
  }

  @Test("A time in several columns is put together")
  func parts() throws {
    let table = try table(
      "y,m,d,h,v\n2010,1,1,22,1\n2010,1,1,23,2\n2010,1,2,0,3\n", time: ["y", "m", "d", "h"])
    #expect(table.columns.targets == ["v"] && table.step.length == 3600 && table.form == .time)
  }

  @Test("What is wrong with a table is one line with its place")
  func errors() {
    #expect(
      error("t,v\n1,1\n1,2\n2,3\n")
        == "line 3: column 't': expected a time after 1, found the same time again")
    #expect(error("t,v\n1,1\n3,2\n2,3\n") == "line 4: column 't': expected a time after 3, found 2")
    #expect(
      error("id,t,v\na,2,1\nb,1,2\na,1,3\n", group: "id")
        == "line 4: column 't': expected a time after 2 of series 'a', found 1")
    #expect(error("t,v\n1,1\n") == "expected two rows or more of a series, found one")
    #expect(
      error("t,v\n1,1\nnoon,2\n") == "line 3: column 't': expected a date, a time or a number, found 'noon'")
    #expect(
      error("t,v\n1,1\n2,many\n", targets: ["v"])
        == "line 3: column 'v': expected a number, or nothing, found 'many'")
    #expect(
      error("t,v\n1,1\n2,inf\n", targets: ["v"])
        == "line 3: column 'v': expected a number, or nothing, found 'inf'")
    #expect(error("t,v\n1,1\n2,2\n", targets: ["w"]) == "expected a column 'w', found 't', 'v'")
    #expect(error("t,v\n1,x\n2,y\n") == "expected a column of numbers to forecast, found none")
    #expect(error("t,v\n1,1\n2,2\n3,3\n99999999,4\n").contains("expected times about 1.0 apart"))
    #expect(
      error("t,v\n1,1\n2,2\n3,3\n3.2,4\n")
        == "line 5: column 't': expected a step of 1.0 after the row before, found 3.2")
    #expect(
      error("t,v\n1,1\n2020-01-01,2\n")
        == "line 3: column 't': expected a number as before, found '2020-01-01'")
    #expect(
      error("t,v\n1,1\n2,2\n", targets: ["v", "v"])
        == "column 'v': expected a column named once, as target, past, future or static, found it twice")
  }

  // MARK: Scales

  @Test("A scale doesn't count what is missing, and divides equal numbers by 1")
  func scales() throws {
    let scale = try #require(
      SeriesPreprocessing.Scale(id: "", column: "v", fitting: [1, .nan, 3]))
    #expect(scale.mean == 2 && scale.deviation == 1)
    let constant = try #require(
      SeriesPreprocessing.Scale(id: "", column: "v", fitting: [0.1, 0.1, 0.1]))
    #expect(constant.deviation == 1)
    #expect(SeriesPreprocessing.Scale(id: "", column: "v", fitting: [.nan]) == nil)
  }

  @Test("Dates lie on circles: a day, a week and a year later they are the same")
  func dates() {
    let hour = TimeStep(length: 3600)
    let now = SeriesPreprocessing.dates(1_000_000, form: .time, step: hour)
    let nextWeek = SeriesPreprocessing.dates(1_000_000 + 7 * 86_400, form: .time, step: hour)
    #expect(now.count == 6)
    for (one, other) in zip(now.dropFirst(2), nextWeek.dropFirst(2)) { #expect(abs(one - other) < 1e-6) }
    for pair in [0, 2, 4] {
      #expect(abs(now[pair] * now[pair] + now[pair + 1] * now[pair + 1] - 1) < 1e-6)
    }
    #expect(SeriesPreprocessing.dates(5, form: .number, step: TimeStep(length: 1)).isEmpty)
  }
}
