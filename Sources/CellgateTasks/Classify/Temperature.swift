import CellgateBasics

/// The number by which logits are divided so that the classes that are right become the likeliest.
struct Temperature {
  /// In 0.05 ... 20; 1 where no class is known.
  let value: Double

  /// Of logits, N rows of C, and N classes; a class below 0 doesn't count.
  init(logits: [Float], classes: [Int32]) {
    let width = classes.isEmpty ? 1 : logits.count / classes.count
    let rows = classes.indices.filter { classes[$0] >= 0 }
    guard !rows.isEmpty, width > 1 else {
      value = 1
      return
    }
    func loss(_ logarithm: Double) -> Double {
      let scale = 1 / CLibrary.exp(logarithm)
      return rows.reduce(0) { sum, row in
        let own = logits[row * width..<(row + 1) * width].map { Double($0) * scale }
        let largest = own.max() ?? 0
        let total = own.reduce(0) { $0 + CLibrary.exp($1 - largest) }
        return sum + largest + CLibrary.log(total) - own[Int(classes[row])]
      }
    }
    // The loss has one minimum over 1/T; the golden section finds it.
    var (low, high) = (CLibrary.log(0.05), CLibrary.log(20))
    let ratio = (5.0.squareRoot() - 1) / 2
    for _ in 0..<40 {
      let (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
      if loss(left) < loss(right) { high = right } else { low = left }
    }
    value = CLibrary.exp((low + high) / 2)
  }
}
