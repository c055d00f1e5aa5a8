import CellgateBasics
import CellgateKernels
import CellgateTensor

/// The last W keys and values of some sequences of one ``TransformerStream``, and the memory of their steps: a step allocates
/// nothing. For one thread at a time.
@safe final class TransformerCache: SteppedStage {
  private let stream: TransformerStream
  /// Of each sequence the keys and values, layer by layer.
  private let states: Storage
  /// The steps that each has had.
  private var counts: [Int]
  /// [rows, D] five times, [rows, F] twice, weights [W] and three numbers of a row.
  private let units: [Storage], inner: [Storage]
  private let weights: Storage, numbers: Storage
  /// A map's inputs as its product reads them.
  private let words: Storage
  /// cos and sin of the angles of a step.
  private var turns: [Float]

  /// Sequences that have not begun.
  init(_ stream: TransformerStream, batch: Int) {
    self.stream = stream
    states = Storage(zeros: batch * (stream.stateCount - 2))
    counts = [Int](repeating: 0, count: batch)
    units = (0..<5).map { _ in Storage(count: batch * stream.units) }
    inner = (0..<2).map { _ in Storage(count: batch * stream.inner) }
    weights = Storage(count: stream.keyCount)
    numbers = Storage(count: 3)
    words = Storage(count: batch * stream.wordCount)
    turns = [Float](repeating: 0, count: 2 * stream.rates.count)
  }

  // MARK: States

  /// Steps of the second part of a count, all of which a Float holds.
  private static let radix = 1 << 20

  func copyStates(of row: Int, to numbers: UnsafeMutablePointer<Float>) {
    let count = stream.stateCount - 2
    unsafe (numbers[0], numbers[1]) = (Float(counts[row] / Self.radix), Float(counts[row] % Self.radix))
    unsafe (numbers + 2).update(from: states.pointer + row * count, count: count)
  }

  func setStates(of row: Int, to numbers: UnsafePointer<Float>) {
    let count = stream.stateCount - 2
    // Sessions of bytes that no model wrote hold any numbers.
    func whole(_ number: Float) -> Int { number >= 0 && number < Float(Self.radix) ? Int(number) : 0 }
    counts[row] = unsafe whole(numbers[0]) * Self.radix + whole(numbers[1])
    unsafe (states.pointer + row * count).update(from: numbers + 2, count: count)
  }

  // MARK: Steps

  /// A step of the first `rows` sequences: x [rows, I] gives [rows, D].
  func step(_ x: UnsafePointer<Float>, rows: Int, output: UnsafeMutablePointer<Float>) {
    let (size, options) = (stream.units, stream.options.layer)
    let (h, n) = unsafe (units[0].pointer, units[1].pointer)
    if let input = stream.input {
      unsafe input.map(x, rows: rows, to: h, words: words.pointer)
    } else {
      unsafe h.update(from: x, count: rows * size)
    }
    if let table = stream.table {
      for row in 0..<rows {
        let start = counts[row] % stream.window * size
        for index in 0..<size { unsafe h[row * size + index] += table[start + index] }
      }
    }
    for (place, block) in stream.blocks.enumerated() {
      if options.normFirst { unsafe normalize(block.norms[0], h, rows, to: n) }
      unsafe attend(block, place, options.normFirst ? n : h, rows: rows, to: n)
      unsafe add(n, to: h, rows)
      if !options.normFirst { unsafe normalize(block.norms[0], h, rows, to: h) }
      if options.normFirst { unsafe normalize(block.norms[1], h, rows, to: n) }
      let (a, b) = unsafe (inner[0].pointer, inner[1].pointer)
      unsafe block.maps[0].map(options.normFirst ? n : h, rows: rows, to: a, words: words.pointer)
      // ReLU and GELU need no scratch.
      unsafe options.activation.apply(a, rows: rows, size: stream.inner, to: b, scratch: a)
      unsafe block.maps[1].map(b, rows: rows, to: n, words: words.pointer)
      unsafe add(n, to: h, rows)
      if !options.normFirst { unsafe normalize(block.norms[1], h, rows, to: h) }
    }
    if let norm = stream.norm {
      unsafe normalize(norm, h, rows, to: output)
    } else {
      unsafe output.update(from: h, count: rows * size)
    }
    for row in 0..<rows { counts[row] += 1 }
  }

  private func add(_ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, _ rows: Int) {
    unsafe cg_apply(CG_ADD, rows * stream.units, x, y, nil, 0, y)
  }

  private func normalize(
    _ norm: TransformerStream.Norm, _ x: UnsafePointer<Float>, _ rows: Int,
    to y: UnsafeMutablePointer<Float>
  ) {
    let size = stream.units
    for row in 0..<rows {
      let to = unsafe y + row * size
      _ = unsafe cg_standardize(size, x + row * size, Double(norm.epsilon), to)
      for index in 0..<size { unsafe to[index] = to[index] * norm.weight[index] + norm.bias[index] }
    }
  }

  /// The attention of x [rows, D] to itself and the steps before; `result` may be x.
  private func attend(
    _ layer: TransformerStream.Block, _ index: Int, _ x: UnsafePointer<Float>, rows: Int,
    to result: UnsafeMutablePointer<Float>
  ) {
    let (size, heads) = (stream.units, stream.options.layer.heads)
    let block = TransformerStream.keysOfBlock
    let (q, k, v) = unsafe (units[2].pointer, units[3].pointer, units[4].pointer)
    unsafe layer.attention[0].map(x, rows: rows, to: q, words: words.pointer)
    unsafe layer.attention[1].map(x, rows: rows, to: k, words: words.pointer)
    unsafe layer.attention[2].map(x, rows: rows, to: v, words: words.pointer)
    let width = size / heads, scale = 1 / Float(width).squareRoot()
    for row in 0..<rows {
      let keys = unsafe states.pointer + row * (stream.stateCount - 2) + index * stream.layerCount
      let values = unsafe keys + size * stream.keyCount
      let (own, known) = (counts[row] % stream.window, min(counts[row] + 1, stream.window))
      let (query, key, value) = unsafe (q + row * size, k + row * size, v + row * size)
      if !stream.rates.isEmpty {
        for (pair, rate) in stream.rates.enumerated() {
          let angle = Double(counts[row]) * rate
          turns[2 * pair] = Float(cos(angle))
          turns[2 * pair + 1] = Float(sin(angle))
        }
        unsafe turn(query, heads)
        unsafe turn(key, heads)
      }
      let place = own / block * size * block + own % block
      for index in 0..<size { unsafe keys[place + index * block] = key[index] }
      unsafe (values + own * size).update(from: value, count: size)
      // The context takes the query's place, head by head.
      for head in 0..<heads {
        let (from, w) = unsafe (query + head * width, weights.pointer)
        unsafe w.update(repeating: 0, count: known)
        for first in stride(from: 0, to: known, by: block) {
          unsafe cg_outer(
            width, 1, min(block, known - first), from, 1, keys + (first * size + head * width * block), block,
            w + first, block)
        }
        let all = cg_band(first: 0, last: known, step: 0, least: 0, most: known)
        unsafe (numbers.pointer[0], numbers.pointer[1]) = (-.infinity, 0)
        unsafe cg_attention_weights(
          1, known, all, scale, w, known, numbers.pointer, numbers.pointer + 1, numbers.pointer + 2)
        unsafe from.update(repeating: 0, count: width)
        unsafe cg_outer(known, 1, width, w, 1, values + head * width, size, from, size)
        unsafe cg_apply(CG_MULTIPLY_CONSTANT, width, from, nil, nil, 1 / numbers.pointer[1], from)
      }
    }
    unsafe layer.attention[3].map(q, rows: rows, to: result, words: words.pointer)
  }

  private func turn(_ x: UnsafeMutablePointer<Float>, _ heads: Int) {
    let half = stream.rates.count
    for head in 0..<heads {
      let (a, b) = unsafe (x + 2 * head * half, x + 2 * head * half + half)
      for pair in 0..<half {
        let (cosine, sine) = (turns[2 * pair], turns[2 * pair + 1])
        let (y, z) = unsafe (a[pair] * cosine - b[pair] * sine, b[pair] * cosine + a[pair] * sine)
        unsafe (a[pair], b[pair]) = (y, z)
      }
    }
  }
}
