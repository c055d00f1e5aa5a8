import CellgateCharts
import CellgateTraining

/// A series and its forecast as a chart.
enum ForecastChart {
  /// The values as one line, the forecast with its interval as another.
  static func chart(_ forecast: PredictionSample.Forecast) -> SVGChart {
    var chart = SVGChart(
      title: "\(forecast.series) from \(forecast.start) on", xLabel: "steps", yLabel: forecast.series)
    func points(_ values: [Double], from first: Int) -> [SVGChart.Point] {
      values.enumerated().map { SVGChart.Point(Double(first + $0.offset), $0.element) }
    }
    let first = 1 - forecast.history.count
    chart.series = [
      SVGChart.Series(
        name: "values", points: points(forecast.history + forecast.truth, from: first)),
      SVGChart.Series(
        name: "forecast", points: points(forecast.mean, from: 1),
        band: forecast.mean.indices.map {
          SVGChart.Interval(Double($0 + 1), lower: forecast.lower[$0], upper: forecast.upper[$0])
        }),
    ]
    return chart
  }
}
