import CellgateBasics
import CellgateFiles
import CellgateKernels
import CellgateTensor

extension InvertedLists {
  /// Keys that are put into lists at once.
  private static let keysAtOnce = 1 << 16
  /// Keys of which codes are learned, at most.
  private static let quantizerSample = 1 << 15

  /// Makes lists of all keys of an index and writes them into a file, whole or not at all. Where `shouldStop` says so nothing is written,
  /// and the result is false. Throws `file`, or `badKeys` for options that can't be used.
  @discardableResult
  public static func write(
    _ path: String, of index: VectorIndex, options: Options = Options(), shouldStop: () -> Bool = { false }
  ) throws(VectorIndexError) -> Bool {
    if let problem = options.problem(dimension: index.dimension) {
      throw .badKeys(file: path, expected: "options of lists that can be used", found: problem)
    }
    let size = index.dimension, count = index.count
    let wanted = options.lists ?? max(1, Int(4 * Double(count).squareRoot()))
    var stream = RandomStream(seed: options.seed, name: "lists")
    let sample = index.keys(at: drawn(min(count, wanted * options.sample), of: count, &stream))
    if shouldStop() { return false }
    let clusters = Clusters(fitting: sample, count: wanted, iterations: options.iterations, stream: &stream)
    let lists = clusters.count

    // Of each key its list; of each list its keys in their order.
    var list: [Int32] = []
    for first in stride(from: 0, to: count, by: keysAtOnce) {
      if shouldStop() { return false }
      list += clusters.nearest(index.keys(at: first..<min(count, first + keysAtOnce)))
    }
    var starts = [Int](repeating: 0, count: lists + 1)
    for own in list { starts[Int(own) + 1] += 1 }
    for place in 0..<lists { starts[place + 1] += starts[place] }
    var ends = starts
    var places = [Int32](repeating: 0, count: count)
    for (place, own) in list.enumerated() {
      places[ends[Int(own)]] = Int32(place)
      ends[Int(own)] += 1
    }
    if shouldStop() { return false }

    let learned = drawn(min(count, quantizerSample), of: count, &stream)
    let quantizer = ProductQuantizer(
      fitting: rests(index.keys(at: learned), of: learned.map { list[$0] }, clusters),
      partSize: options.partSize, iterations: 2 * options.iterations, stream: stream.child("codes"))
    if shouldStop() { return false }

    let blocks = ListsLayout.blocks(starts), keysOfBlock = Int(CG_KEYS_OF_BLOCK), parts = quantizer.parts
    let coded = SharedParts<(codes: [UInt8], lengths: [Float])>(count: lists)
    ThreadPool.current.run(lists) { own in
      let mine = places[starts[own]..<starts[own + 1]]
      let keys = index.keys(at: mine.lazy.map { Int($0) })
      let rest = rests(keys, of: mine.map { list[Int($0)] }, clusters)
      let slots = (blocks[own + 1] - blocks[own]) * keysOfBlock
      var codes = [UInt8](repeating: 0, count: slots / keysOfBlock * parts * 16)
      var lengths = [Float](repeating: .infinity, count: slots)
      unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: parts) { code in
        guard let code = code.baseAddress else { return }
        for row in 0..<mine.count {
          let left = unsafe rest.pointer + row * size
          unsafe quantizer.encode(left, into: code)
          let (block, place) = (row / keysOfBlock, row % keysOfBlock)
          for part in 0..<parts {
            let byte = (block * parts + part) * 16 + place % 16
            unsafe codes[byte] |= place < 16 ? code[part] : code[part] << 4
          }
          // What is left is small beside the difference of a query and what the codes stand for, which is known exactly.
          let key = unsafe keys.pointer + row * size
          unsafe lengths[row] = Float(
            cg_dot(size, key, key) - 2 * cg_dot(size, key, left) + cg_dot(size, left, left))
        }
      }
      coded.set(own, (codes, lengths))
    }
    if shouldStop() { return false }

    let all = coded.all
    var contents: [[UInt8]] = [padded(clusters.centres.scalars)]
    contents.append(padded(quantizer.centres.flatMap { centre in (0..<16).map { centre[$0] } }))
    contents.append(padded(starts.map { UInt32($0) }))
    contents.append(padded(places))
    contents.append(padded(all.flatMap(\.codes)))
    contents.append(padded(all.flatMap(\.lengths)))
    var checksum = CRC32()
    for part in contents { checksum.update(part) }
    do throws(FileError) {
      let pending = try PendingFile(path)
      try pending.file.write(
        ListsLayout.header(
          index, lists: lists, partSize: options.partSize, count: count, checksum: checksum.value))
      for part in contents { try pending.file.write(part) }
      try pending.commit()
    } catch { throw .file(error) }
    return true
  }

  /// Some places of a number of them, each once, in order.
  private static func drawn(_ wanted: Int, of count: Int, _ stream: inout RandomStream) -> [Int] {
    if wanted == count { return Array(0..<count) }
    var chosen: [Int] = []
    // Of the places left each is as likely as any other.
    for place in 0..<count where stream.nextLong() % UInt64(count - place) < UInt64(wanted - chosen.count) {
      chosen.append(place)
    }
    return chosen
  }

  /// Keys less the centres of their lists.
  private static func rests(_ keys: Tensor, of lists: [Int32], _ clusters: Clusters) -> Tensor {
    let size = keys.shape[1]
    let rest = Tensor.uninitialized(keys.shape)
    let (to, from, centres) = unsafe (rest.pointer, keys.pointer, clusters.centres.pointer)
    for (row, list) in lists.enumerated() {
      for column in 0..<size {
        unsafe to[row * size + column] = from[row * size + column] - centres[Int(list) * size + column]
      }
    }
    return rest
  }
}
