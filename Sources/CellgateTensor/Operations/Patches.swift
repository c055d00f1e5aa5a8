/// The entries under each window of a grid, side by side: im2col, for some rows at a time.
struct Patches {
  let rows: WindowTaps, columns: WindowTaps
  /// Places of windows, and the entries they are taken from.
  let places: (height: Int, width: Int), source: (height: Int, width: Int)
  let inner: Int
  /// Channels of the source, and the first and number of those that are taken.
  let channels: Int, firstChannel: Int, channelCount: Int

  /// The inputs of each output.
  init(_ grid: WindowGrid, channels: Int, first: Int, count: Int) {
    (rows, columns) = (grid.height.taps, grid.width.taps)
    places = (grid.height.output, grid.width.output)
    source = (grid.height.input, grid.width.input)
    inner = grid.inner
    (self.channels, firstChannel, channelCount) = (channels, first, count)
  }

  /// The outputs that each input has a part in, the last tap first.
  init(reversed grid: WindowGrid, channels: Int, first: Int, count: Int) {
    (rows, columns) = (grid.height.reversedTaps, grid.width.reversedTaps)
    places = (grid.height.input, grid.width.input)
    source = (grid.height.output, grid.width.output)
    inner = grid.inner
    (self.channels, firstChannel, channelCount) = (channels, first, count)
  }

  /// Numbers of a patch: taps by channels.
  var size: Int { rows.count * columns.count * channelCount }

  /// Writes the patches of the places `range` to target [range.count, size]; 0 stands beside the entries.
  func copy(_ range: Range<Int>, of x: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    // Where neighbouring taps meet neighbours in memory, a row of taps is copied at once.
    let joins = inner == 1 && columns.dilation == 1 && columns.divisor == 1 && channelCount == channels
    var to = unsafe target
    for place in range {
      let (rest, innerPlace) = place.quotientAndRemainder(dividingBy: inner)
      let (line, column) = rest.quotientAndRemainder(dividingBy: places.width)
      let (block, row) = line.quotientAndRemainder(dividingBy: places.height)
      for rowTap in 0..<rows.count {
        guard let y = rows.entry(row, rowTap) else {
          unsafe to.update(repeating: 0, count: columns.count * channelCount)
          unsafe to += columns.count * channelCount
          continue
        }
        let start = (block * source.height + y) * source.width
        if joins {
          let first = column * columns.step - columns.before
          let low = max(0, min(columns.count, -first))
          let high = max(low, min(columns.count, columns.limit - first))
          unsafe to.update(repeating: 0, count: low * channels)
          if high > low {
            unsafe (to + low * channels).update(
              from: x + (start + first + low) * channels, count: (high - low) * channels)
          }
          unsafe (to + high * channels).update(repeating: 0, count: (columns.count - high) * channels)
          unsafe to += columns.count * channels
          continue
        }
        for columnTap in 0..<columns.count {
          if let entry = columns.entry(column, columnTap) {
            let from = ((start + entry) * inner + innerPlace) * channels + firstChannel
            unsafe to.update(from: x + from, count: channelCount)
          } else {
            unsafe to.update(repeating: 0, count: channelCount)
          }
          unsafe to += channelCount
        }
      }
    }
  }
}
