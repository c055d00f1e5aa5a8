/// The order of file lists for people: numbers count as numbers, "run2" stands before "run10"; upper and lower case are
/// the same unless nothing else differs.
package func naturallyPrecedes(_ a: String, _ b: String) -> Bool {
  func parts(_ text: String) -> [(digits: Bool, text: String)] {
    var parts: [(digits: Bool, text: String)] = []
    for character in text.lowercased() {
      let isDigit = ("0"..."9").contains(character)
      if let last = parts.last, last.digits == isDigit {
        parts[parts.count - 1].text.append(character)
      } else {
        parts.append((isDigit, String(character)))
      }
    }
    return parts
  }
  for (one, other) in zip(parts(a), parts(b)) {
    guard one.digits, other.digits else {
      if one.text != other.text { return one.text < other.text }
      continue
    }
    let (x, y) = (one.text.drop { $0 == "0" }, other.text.drop { $0 == "0" })
    if x.count != y.count { return x.count < y.count }
    if x != y { return x < y }
  }
  let (x, y) = (parts(a), parts(b))
  return x.count != y.count ? x.count < y.count : a < b
}
