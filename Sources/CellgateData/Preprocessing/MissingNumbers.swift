/// What stands for numbers of a series that are missing.
public enum MissingNumbers: String, Codable, Sendable, CaseIterable {
  /// The line between their neighbours in time; at an end the only neighbour.
  case interpolate
  /// The last number before; before the first one the mean.
  case last
  /// The mean, and beside each number goes in whether it is known.
  case mask

  /// T · `width` numbers, step by step, with what stands for those that are missing; what isn't finite afterwards stands for the mean.
  public func filled(_ numbers: [Float], width: Int) -> [Float] {
    guard self != .mask, numbers.contains(where: { !$0.isFinite }) else { return numbers }
    var numbers = numbers
    for feature in 0..<width {
      let places = Array(stride(from: feature, to: numbers.count, by: width))
      let known = places.filter { numbers[$0].isFinite }
      guard var left = known.first else { continue }
      if self == .interpolate {
        for place in places where place < left { numbers[place] = numbers[left] }
      }
      for right in known.dropFirst() {
        let gap = Float(right - left)
        for place in stride(from: left + width, to: right, by: width) {
          let share = self == .last ? 0 : Float(place - left) / gap
          numbers[place] = numbers[left] * (1 - share) + numbers[right] * share
        }
        left = right
      }
      for place in places where place > left { numbers[place] = numbers[left] }
    }
    return numbers
  }
}
