import CellgateData

/// What a window's forecast is before anything is learned, and the level and the spread that its numbers are seen from.
struct ForecastBase {
  let kind: SeriesPreprocessing.Base
  let season: Int
  let scalesWindows: Bool

  /// The forecast of `horizon` steps from `origin` on, which must be 1 or more, by the values before it. Where there are less than two seasons
  /// of these it is the last value.
  func forecast(_ x: [Float], origin: Int, horizon: Int) -> [Float] {
    let (s, last) = (season, x[origin - 1])
    guard kind != .last, has(2, origin) else { return [Float](repeating: last, count: horizon) }
    switch kind {
    case .last: return [Float](repeating: last, count: horizon)
    case .season: return (0..<horizon).map { x[origin - s + $0 % s] }
    case .change:
      let change = last - x[origin - 1 - s]
      return (0..<horizon).map { x[origin - s + $0 % s] + change }
    case .trend:
      let change = Self.mean(x[(origin - s)..<origin]) - Self.mean(x[(origin - 2 * s)..<(origin - s)])
      return (0..<horizon).map { x[origin - s + $0 % s] + change * Float($0 / s + 1) }
    case .profile, .steady:
      let count = min(kind == .profile ? 8 : 14, origin / s)
      var profile = [Float](repeating: 0, count: s)
      for place in (origin - count * s)..<origin { profile[(place - origin + count * s) % s] += x[place] }
      let all = profile.reduce(0, +) / Float(count * s)
      let last = Self.mean(x[(origin - s)..<origin])
      let move = kind == .profile ? last - all : (last - all) / 2
      return (0..<horizon).map { profile[$0 % s] / Float(count) + move }
    }
  }

  /// What is subtracted from a window's numbers: the last value, or the last season's mean where a base goes by that.
  func level(_ x: [Float], origin: Int) -> Float {
    switch kind {
    case .last, .change: x[origin - 1]
    case .season, .trend, .profile, .steady:
      has(2, origin) ? Self.mean(x[(origin - season)..<origin]) : x[origin - 1]
    }
  }

  /// What a window's numbers, and its forecast, are divided by: their deviation from the level, at least 0.1 of the series' own.
  func spread(_ x: ArraySlice<Float>, level: Float) -> Float {
    guard scalesWindows else { return 1 }
    let square = x.reduce(0) { $0 + ($1 - level) * ($1 - level) } / Float(x.count)
    return (square + 0.01).squareRoot()
  }

  private func has(_ seasons: Int, _ origin: Int) -> Bool { season > 1 && origin >= seasons * season }

  private static func mean(_ values: ArraySlice<Float>) -> Float { values.reduce(0, +) / Float(values.count) }

  /// The base of the least squared error of some of the windows whose targets lie in the training part: the simpler one of two that are the
  /// same.
  static func best(_ data: ForecastData, season: Int, horizon: Int) -> SeriesPreprocessing.Base {
    guard season > 1 else { return .last }
    let windows = data.windows({ $0.training }, isTraining: true)
    let chosen = stride(from: 0, to: windows.count, by: max(1, windows.count / 3000)).map { windows[$0] }
    let errors = SeriesPreprocessing.Base.allCases.map { kind in
      let base = ForecastBase(kind: kind, season: season, scalesWindows: false)
      return chosen.reduce(0.0) { sum, window in
        let channel = data.channels[Int(window.channel)]
        let origin = Int(window.origin)
        let found = base.forecast(channel.values, origin: origin, horizon: horizon)
        return found.enumerated().reduce(sum) { sum, one in
          guard channel.isKnown[origin + one.offset] else { return sum }
          let error = Double(channel.values[origin + one.offset] - one.element)
          return sum + error * error
        }
      }
    }
    // Two that are the same differ by rounding.
    let least = (errors.min() ?? 0) * 1.001 + 1e-6 * errors[0]
    return zip(SeriesPreprocessing.Base.allCases, errors).first { $1 <= least }?.0 ?? .last
  }
}
