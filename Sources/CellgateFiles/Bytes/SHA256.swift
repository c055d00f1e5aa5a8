import CellgateBasics

/// SHA-256 over a stream of bytes (FIPS 180-4).
///
/// Foundation has no SHA on Linux and swift-crypto would add more than a minute to each clean build for this one
/// function, which guards against damaged downloads, so it is written out here and tested with NIST's vectors.
package struct SHA256 {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var pending: [UInt8] = []
  private var length: UInt64 = 0

  /// An empty stream.
  package init() { pending.reserveCapacity(64) }

  /// Takes the next bytes of the stream.
  package mutating func update(_ bytes: [UInt8]) {
    length &+= UInt64(bytes.count)
    unsafe bytes.withUnsafeBufferPointer { (all) in
      var start = 0
      if !pending.isEmpty {
        start = min(64 - pending.count, all.count)
        unsafe pending.append(contentsOf: all[..<start])
        guard pending.count == 64 else { return }
        let block = pending
        unsafe block.withUnsafeBufferPointer { (full) in
          if let base = full.baseAddress { unsafe compress(base, blocks: 1) }
        }
        pending.removeAll(keepingCapacity: true)
      }
      let blocks = (all.count - start) / 64
      if blocks > 0, let base = all.baseAddress { unsafe compress(base + start, blocks: blocks) }
      unsafe pending.append(contentsOf: all[(start + 64 * blocks)...])
    }
  }

  /// Ends the stream: the digest as 64 lower-case hexadecimal digits.
  package consuming func finish() -> String {
    let bits = length &* 8
    let padding = [UInt8](repeating: 0, count: (119 - pending.count) % 64)
    update([0x80] + padding + (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) })
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for word in state {
      for shift in stride(from: 28, through: 0, by: -4) {
        text.append(digits[Int(word >> UInt32(shift)) & 15])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The digest of one array.
  package static func hex(_ bytes: [UInt8]) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  /// The digest of a file, read a mebibyte at a time; throws `FileError`.
  package static func hex(ofFile path: String) throws(FileError) -> String {
    let file = try InputFile(path)
    var hash = SHA256()
    var offset = 0
    while offset < file.size {
      let count = min(1 << 20, file.size - offset)
      hash.update(try file.read(at: offset, count: count))
      offset += count
    }
    return hash.finish()
  }

  private mutating func compress(_ bytes: UnsafePointer<UInt8>, blocks: Int) {
    unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { (w) in
      unsafe Self.constants.withUnsafeBufferPointer { (k) in
        for block in 0..<blocks {
          for t in 0..<16 {
            let word = unsafe bytes + 64 * block + 4 * t
            let high = unsafe UInt32(word[0]) << 24 | UInt32(word[1]) << 16
            unsafe w[t] = unsafe high | UInt32(word[2]) << 8 | UInt32(word[3])
          }
          for t in 16..<64 {
            let (x, y) = unsafe (w[t - 15], w[t - 2])
            let s0 = (x >> 7 | x << 25) ^ (x >> 18 | x << 14) ^ (x >> 3)
            let s1 = (y >> 17 | y << 15) ^ (y >> 19 | y << 13) ^ (y >> 10)
            unsafe w[t] = unsafe w[t - 16] &+ s0 &+ w[t - 7] &+ s1
          }
          var (a, b, c, d) = (state[0], state[1], state[2], state[3])
          var (e, f, g, h) = (state[4], state[5], state[6], state[7])
          for t in 0..<64 {
            let s1 = (e >> 6 | e << 26) ^ (e >> 11 | e << 21) ^ (e >> 25 | e << 7)
            let choice = (e & f) ^ (~e & g)
            let t1 = unsafe h &+ s1 &+ choice &+ k[t] &+ w[t]
            let s0 = (a >> 2 | a << 30) ^ (a >> 13 | a << 19) ^ (a >> 22 | a << 10)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            (h, g, f, e) = (g, f, e, d &+ t1)
            (d, c, b, a) = (c, b, a, t1 &+ s0 &+ majority)
          }
          state[0] &+= a
          state[1] &+= b
          state[2] &+= c
          state[3] &+= d
          state[4] &+= e
          state[5] &+= f
          state[6] &+= g
          state[7] &+= h
        }
      }
    }
  }

  private static let constants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]
}
