import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTensor

/// Series in arrays: `x` [N, T, F] or [N, T], or frames [N, T, height, width] and perhaps channels, what each one is in `y` [N], and how many of its steps are valid in `lengths` [N], all T
/// where it is left out.
struct ArrayRows {
  private let file: String

  /// Whether a file holds arrays.
  static func isOne(_ file: String) -> Bool { ArrayFile.isOne(file) }

  init(_ file: String) { self.file = file }

  /// The series, step by step, and how many numbers a step has; throws what is wrong with the arrays.
  func rows() throws(TaskDataError) -> (rows: [SequenceRows.Row], dimensions: Int) {
    let arrays: [(name: String, tensor: Tensor)]
    do throws(ArrayFileError) { arrays = try ArrayFile.read(file) } catch { throw .arrays(error) }
    func array(_ name: String) -> Tensor? { arrays.first { $0.name == name }?.tensor }
    guard let x = array("x"), (2...5).contains(x.rank) else {
      let found = arrays.map { "\($0.name) \($0.tensor.shape)" }.joined(separator: ", ")
      throw .unfit(
        file: file,
        reason: "expected an array x [N, T, F], [N, T] or [N, T, height, width], found \(quotedName(found))")
    }
    let (count, steps) = (x.shape[0], x.shape[1])
    let width = x.shape[2...].reduce(1, *)
    for name in ["y", "lengths"] {
      guard let other = array(name), other.shape != [count] else { continue }
      throw .unfit(file: file, reason: "array '\(name)': expected [\(count)] as x has, found \(other.shape)")
    }
    guard count > 0, width > 0 else {
      throw .unfit(file: file, reason: "array 'x': expected series with numbers, found \(x.shape)")
    }
    let (values, labels, lengths) = (x.scalars, array("y")?.scalars, array("lengths")?.scalars)
    var rows: [SequenceRows.Row] = []
    for index in 0..<count {
      var length = steps
      if let given = lengths?[index] {
        guard let whole = Int(exactly: given), (0...steps).contains(whole) else {
          throw .unfit(
            file: file, reason: "array 'lengths', row \(index + 1): expected 0 to \(steps), found \(given)")
        }
        length = whole
      }
      let start = index * steps * width
      let numbers = Array(values[start..<start + length * width])
      if let infinite = numbers.first(where: \.isInfinite) {
        throw .unfit(
          file: file, reason: "array 'x', row \(index + 1): expected finite numbers, found \(infinite)")
      }
      rows.append(
        .init(
          id: "\(index + 1)", line: index + 1, numbers: numbers,
          label: labels.flatMap { Self.label($0[index]) }))
    }
    return (rows, width)
  }

  /// The arrays of a file as one sequence: the only one, [T, F] or [T, height, width] and perhaps channels, or those of `cellgate
  /// features`, of a shape each, in the natural order of their names. Gives the numbers, and how many a step has; throws what is wrong
  /// with them.
  func clip() throws(TaskDataError) -> (numbers: [Float], width: Int) {
    var arrays: [(name: String, tensor: Tensor)]
    do throws(ArrayFileError) { arrays = try ArrayFile.read(file) } catch { throw .arrays(error) }
    arrays.sort { naturallyPrecedes($0.name, $1.name) }
    let shape = arrays.first?.tensor.shape ?? []
    let isWhole = arrays.count == 1 && (2...4).contains(shape.count)
    guard isWhole || arrays.count > 1 && arrays.allSatisfy({ $0.tensor.shape == shape }),
      shape.reduce(1, *) > 0
    else {
      let found = arrays.prefix(8).map { "\($0.name) \($0.tensor.shape)" }.joined(separator: ", ")
      throw .unfit(
        file: file,
        reason:
          "expected an array [T, F] or [T, height, width], or arrays of one shape, found \(quotedName(found))"
      )
    }
    let numbers = arrays.flatMap(\.tensor.scalars)
    if let infinite = numbers.first(where: \.isInfinite) {
      throw .unfit(file: file, reason: "expected finite numbers, found \(infinite)")
    }
    return (numbers, shape[(isWhole ? 1 : 0)...].reduce(1, *))
  }

  /// Whole numbers as such; nil of NaN.
  private static func label(_ number: Float) -> String? {
    if number.isNaN { return nil }
    return Int(exactly: number).map { "\($0)" } ?? "\(number)"
  }
}
