import CellgateBasics

/// How the times of a series are written.
public enum TimeForm: String, Codable, Sendable {
  /// Numbers: of a step, a year, or seconds or milliseconds since 1970.
  case number
  /// "2016-07".
  case month
  /// "2016-07-01".
  case date
  /// "2016-07-01 13:15:00".
  case time
}

/// A point in time as people write it, in seconds since 1970-01-01 00:00:00; a text without a zone is taken as it stands.
public struct SeriesTime: Equatable, Sendable {
  /// Seconds since 1970, or the number itself where the form is `number`.
  public let value: Double
  /// How it was written.
  public let form: TimeForm

  /// Reads ISO 8601 dates and times ("2016-07-01T13:15", "2016/07/01 13:15:30.5+02:00", "20160701", "2016-07"), dates of the forms
  /// "31.12.2016" and "12/31/2016", the latter with the day first where the first number is above 12, and numbers. Nil for other texts.
  public init?(_ text: String) {
    let text = text.trimmed
    if let number = Double(text), number.isFinite {
      if text.utf8.count == 8, let day = Self.compact(text) {
        (value, form) = (day, .date)
        return
      }
      (value, form) = (number, .number)
      return
    }
    var parts = text.split(whereSeparator: { $0 == " " || $0 == "T" || $0 == "t" }).map(String.init)
    guard let first = parts.first, let (day, hasDay) = Self.date(first) else { return nil }
    parts.removeFirst()
    guard hasDay || parts.isEmpty else { return nil }
    guard !parts.isEmpty else {
      (value, form) = (day, hasDay ? .date : .month)
      return
    }
    guard let seconds = Self.clock(parts) else { return nil }
    (value, form) = (day + seconds, .time)
  }

  /// The day of eight digits.
  private static func compact(_ text: String) -> Double? {
    guard let number = Int(text), number > 0 else { return nil }
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100)
    return (1700...2200).contains(year) ? seconds(year, month, day) : nil
  }

  private static func date(_ text: String) -> (seconds: Double, hasDay: Bool)? {
    let separators: [Character] = ["-", "/", "."]
    guard let separator = separators.first(where: { text.dropFirst().contains($0) }) else {
      return text.utf8.count == 8 ? compact(text).map { ($0, true) } : nil
    }
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      !part.isEmpty && part.utf8.count <= 4 && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
        ? Int(part) : nil
    }
    guard numbers.count == parts.count else { return nil }
    if parts.count == 2, parts[0].utf8.count == 4 {
      return seconds(numbers[0], numbers[1], 1).map { ($0, false) }
    }
    guard parts.count == 3 else { return nil }
    var (year, month, day) = (numbers[0], numbers[1], numbers[2])
    if parts[0].utf8.count != 4 {
      guard parts[2].utf8.count == 4 else { return nil }
      let isDayFirst = separator == "." || numbers[0] > 12
      (year, month, day) = (
        numbers[2], numbers[isDayFirst ? 1 : 0], numbers[isDayFirst ? 0 : 1]
      )
    }
    return seconds(year, month, day).map { ($0, true) }
  }

  /// "13:15:30.5", "13:15Z", "13:15+02:00", "1:15 PM".
  private static func clock(_ parts: [String]) -> Double? {
    var text = parts[0]
    var offset = 0.0
    var half: String?
    for part in parts.dropFirst() {
      let upper = part.uppercased()
      if upper == "AM" || upper == "PM" { half = upper } else if upper != "UTC", upper != "Z" { text += part }
    }
    if text.hasSuffix("Z") || text.hasSuffix("z") { text.removeLast() }
    if let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }) {
      let digits = text[text.index(after: sign)...].filter { $0 != ":" }
      guard digits.count == 4 || digits.count == 2, let number = Int(digits) else { return nil }
      let minutes = digits.count == 4 ? number / 100 * 60 + number % 100 : number * 60
      offset = Double(text[sign] == "+" ? -minutes : minutes) * 60
      text = String(text[..<sign])
    }
    let fields = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...3).contains(fields.count), var hour = Int(fields[0]), (0...24).contains(hour) else {
      return nil
    }
    if let half {
      guard (1...12).contains(hour) else { return nil }
      hour = hour % 12 + (half == "PM" ? 12 : 0)
    }
    var seconds = Double(hour) * 3600 + offset
    if fields.count > 1 {
      guard let minute = Int(fields[1]), (0..<60).contains(minute) else { return nil }
      seconds += Double(minute) * 60
    }
    if fields.count > 2 {
      guard let second = Double(fields[2]), second >= 0, second < 61 else { return nil }
      seconds += second
    }
    return seconds
  }

  /// A time of this value.
  init(value: Double, form: TimeForm) { (self.value, self.form) = (value, form) }

  // MARK: The calendar

  /// Seconds since 1970 of a day of the Gregorian calendar; nil where there is none.
  static func seconds(_ year: Int, _ month: Int, _ day: Int) -> Double? {
    guard (1...9999).contains(year), (1...12).contains(month),
      day >= 1 && day <= days(of: month, in: year)
    else { return nil }
    // Howard Hinnant's days_from_civil: years that begin in March.
    let y = month <= 2 ? year - 1 : year
    let era = y / 400
    let ofEra = y - era * 400
    let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return Double(era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468) * 86_400
  }

  static func days(of month: Int, in year: Int) -> Int {
    let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// The date and the seconds of its day.
  static func parts(_ seconds: Double) -> (year: Int, month: Int, day: Int, seconds: Double) {
    let days = (min(max(seconds, -6e10), 2.6e11) / 86_400).rounded(.down)
    let z = Int(days) + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let ofEra = z - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * ofYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, ofYear - (153 * shifted + 2) / 5 + 1, seconds - days * 86_400)
  }

  /// The time in its form: numbers as numbers, dates as ISO 8601 has them.
  public var text: String {
    if form == .number {
      return value.rounded() == value && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }
    let (year, month, day, rest) = Self.parts(value + 5e-4)
    func two(_ number: Int) -> String { (number < 10 ? "0" : "") + "\(number)" }
    let years = String(repeating: "0", count: max(0, 4 - "\(year)".count)) + "\(year)"
    if form == .month { return years + "-" + two(month) }
    let date = years + "-" + two(month) + "-" + two(day)
    if form == .date { return date }
    let whole = Int(rest)
    let thousandths = Int((rest - Double(whole)) * 1000)
    let fraction = thousandths == 0 ? "" : "." + String("\(1000 + thousandths)".dropFirst())
    return date + " " + two(whole / 3600) + ":" + two(whole / 60 % 60) + ":" + two(whole % 60) + fraction
  }
}

/// The time between two steps of a series: so many seconds, or months of the calendar.
public struct TimeStep: Codable, Equatable, Sendable {
  /// Seconds, or the difference of numbers; of months about as many.
  public var length: Double
  /// Months of the calendar; nil for a step of always the same length.
  public var months: Int?

  /// A step.
  public init(length: Double, months: Int? = nil) { (self.length, self.months) = (length, months) }

  /// The step of series of times, each in its order: the median difference, or whole months where all times lie on the same day of the month
  /// at the same hour. Nil where no series has two times.
  public init?(of series: [[Double]], form: TimeForm) {
    var differences = series.flatMap { times in zip(times.dropFirst(), times).map { $0 - $1 } }
    guard !differences.isEmpty else { return nil }
    differences.sort()
    let median = differences[differences.count / 2]
    let day = 86_400.0
    if form != .number, median >= 28 * day {
      let all = series.joined().lazy.map { SeriesTime.parts($0) }
      let isSameDay = Set(all.map { $0.day * 100_000 + Int($0.seconds) }).count == 1
      let isLastDay = all.allSatisfy {
        $0.day == SeriesTime.days(of: $0.month, in: $0.year) && $0.seconds == 0
      }
      if isSameDay || isLastDay {
        let months = max(1, Int((median / (30.4375 * day)).rounded()))
        self.init(length: median, months: months)
        return
      }
    }
    self.init(length: median)
  }

  /// Steps from one time to another: whole where both lie on the grid.
  public func steps(from start: Double, to time: Double) -> Double {
    guard let months else { return (time - start) / length }
    let (one, other) = (SeriesTime.parts(start), SeriesTime.parts(time))
    return Double((other.year - one.year) * 12 + other.month - one.month) / Double(months)
  }

  /// The time of step `index` after `start`. Steps of months stay on the day of the month, or on its last one where `start` is.
  public func time(_ index: Int, after start: Double) -> Double {
    guard let months else { return start + Double(index) * length }
    let first = SeriesTime.parts(start)
    let place = first.year * 12 + first.month - 1 + index * months
    let (year, month) = (place / 12, place % 12 + 1)
    let last = SeriesTime.days(of: month, in: year)
    let isLast = first.day == SeriesTime.days(of: first.month, in: first.year) && first.day > 27
    return (SeriesTime.seconds(year, month, isLast ? last : min(first.day, last)) ?? start) + first.seconds
  }

  /// Steps of the season that is usual for the step: a day of hours and minutes, a week of days, a year of weeks and months; 1 for none.
  public func season(_ form: TimeForm) -> Int {
    if form == .number { return 1 }
    if let months { return months < 12 && 12 % months == 0 ? 12 / months : 1 }
    let day = 86_400.0
    func whole(_ ratio: Double) -> Int { abs(ratio - ratio.rounded()) < 1e-6 ? Int(ratio.rounded()) : 1 }
    switch length {
    case ..<60: return length >= 1 ? whole(3600 / length) : 1
    case ..<day: return whole(day / length)
    case day: return 7
    case 7 * day: return 52
    default: return 1
    }
  }
}
