import CellgateBasics

/// The structural similarity of two pictures (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861).
enum FrameSimilarity {
  /// The mean over all windows of 11 × 11 pixels with Gaussian weights of deviation 1.5 that lie within the picture, and over the channels, of
  /// brightness from 0 to 1; smaller pictures have one window of their size.
  static func ssim(_ a: [Float], _ b: [Float], width: Int, channels: Int) -> Double {
    let height = a.count / (width * channels)
    let rows = weights(height), columns = weights(width)
    var total = 0.0
    for channel in 0..<channels {
      func plane(_ picture: [Float]) -> [Double] {
        (0..<height * width).map { Double(picture[$0 * channels + channel]) }
      }
      let (x, y) = (plane(a), plane(b))
      func mean(_ values: [Double]) -> [Double] { filtered(values, width, rows, columns) }
      let (mx, my) = (mean(x), mean(y))
      let (xx, yy, xy) = (mean(zip(x, x).map(*)), mean(zip(y, y).map(*)), mean(zip(x, y).map(*)))
      var sum = 0.0
      for place in mx.indices {
        let (u, v) = (mx[place], my[place])
        let covariance = xy[place] - u * v
        let variances = xx[place] - u * u + yy[place] - v * v
        sum += (2 * u * v + c1) * (2 * covariance + c2) / ((u * u + v * v + c1) * (variances + c2))
      }
      total += sum / Double(mx.count)
    }
    return total / Double(channels)
  }

  private static let c1 = 0.01 * 0.01, c2 = 0.03 * 0.03

  /// Gaussian weights of a window along a side.
  private static func weights(_ side: Int) -> [Double] {
    let count = min(11, side), middle = Double(count - 1) / 2
    let weights = (0..<count).map { place -> Double in
      let distance = Double(place) - middle
      return CLibrary.exp(-distance * distance / (2 * 1.5 * 1.5))
    }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  /// The weighted mean of each window.
  private static func filtered(_ x: [Double], _ width: Int, _ rows: [Double], _ columns: [Double]) -> [Double]
  {
    let height = x.count / width, across = width - columns.count + 1, down = height - rows.count + 1
    var first = [Double](repeating: 0, count: height * across)
    for row in 0..<height {
      for column in 0..<across {
        var sum = 0.0
        for (index, weight) in columns.enumerated() { sum += weight * x[row * width + column + index] }
        first[row * across + column] = sum
      }
    }
    var second = [Double](repeating: 0, count: down * across)
    for row in 0..<down {
      for column in 0..<across {
        var sum = 0.0
        for (index, weight) in rows.enumerated() { sum += weight * first[(row + index) * across + column] }
        second[row * across + column] = sum
      }
    }
    return second
  }
}
