extension HDF5File {
  /// Bob Jenkins' lookup3 hash, which object headers of version 2 end with. Source:
  /// https://burtleburtle.net/bob/c/lookup3.c (public domain).
  static func lookup3(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
    func rotated(_ x: UInt32, _ count: UInt32) -> UInt32 { x << count | x >> (32 - count) }
    func word(_ begin: Int) -> UInt32 {
      (0..<4).reduce(0) { word, index in
        let place = begin + index
        return place < range.upperBound ? word | UInt32(bytes[place]) << (8 * UInt32(index)) : word
      }
    }
    var a = 0xDEAD_BEEF &+ UInt32(truncatingIfNeeded: range.count)
    var (b, c, place) = (a, a, range.lowerBound)
    while range.upperBound - place > 12 {
      a &+= word(place)
      b &+= word(place + 4)
      c &+= word(place + 8)
      a = (a &- c) ^ rotated(c, 4)
      c &+= b
      b = (b &- a) ^ rotated(a, 6)
      a &+= c
      c = (c &- b) ^ rotated(b, 8)
      b &+= a
      a = (a &- c) ^ rotated(c, 16)
      c &+= b
      b = (b &- a) ^ rotated(a, 19)
      a &+= c
      c = (c &- b) ^ rotated(b, 4)
      b &+= a
      place += 12
    }
    guard place < range.upperBound else { return c }
    a &+= word(place)
    b &+= word(place + 4)
    c &+= word(place + 8)
    c = (c ^ b) &- rotated(b, 14)
    a = (a ^ c) &- rotated(c, 11)
    b = (b ^ a) &- rotated(a, 25)
    c = (c ^ b) &- rotated(b, 16)
    a = (a ^ c) &- rotated(c, 4)
    b = (b ^ a) &- rotated(a, 14)
    c = (c ^ b) &- rotated(b, 24)
    return c
  }
}
