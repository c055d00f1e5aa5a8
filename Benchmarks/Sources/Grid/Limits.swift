import Cellgate
import CellgateKernels
import GridKernels

/// What the machine can do at best, measured.
struct Limits: Encodable {
  struct Limit: Encodable {
    let name, unit: String
    /// On one thread, and on all of them together.
    let one, all: Double
  }

  let command = "limits"
  let machine = Machine()
  let threads: Int
  let limits: [Limit]

  init(threads: Int) {
    self.threads = threads
    func both(_ name: String, _ unit: String, _ measure: (Int) -> Double) -> Limit {
      Limit(name: name, unit: unit, one: measure(1), all: measure(threads))
    }
    let second = machine.caches["L2"] ?? 1 << 20, third = machine.caches["L3"] ?? 32 << 20
    // Half of a thread's share, so that nothing else drives the buffer out; far more than the last cache.
    let first = (machine.caches["L1"] ?? 32 << 10) / 2
    let places: [(name: String, bytes: Int)] = [
      ("L1", first), ("L2", second / 2), ("L3", max(2 * second, third / 2 / threads)), ("DRAM", 4 * third),
    ]
    var limits = [
      both("multiply-adds in registers", "GFLOP/s") { InstructionSet.active.measurePeak(threads: $0) * 1e-9 }
    ]
    for place in places {
      limits.append(
        both("read \(place.name)", "GB/s") { threads in
          unsafe Self.bandwidth(place.bytes, threads) { unsafe blackHole(grid_read($1, $0)) }
        })
    }
    for place in places.dropFirst() {
      limits.append(
        both("write \(place.name)", "GB/s") { threads in
          unsafe Self.bandwidth(place.bytes, threads) { unsafe grid_write($1, 1, $0) }
        })
    }
    limits.append(
      both("write DRAM past the caches", "GB/s") { threads in
        unsafe Self.bandwidth(4 * third, threads) { unsafe grid_write_past_caches($1, 1, $0) }
      })
    func function(_ name: String, _ apply: (UnsafeMutablePointer<Float>, Int) -> Void) -> Limit {
      both("\(name), of numbers in L1", "10⁹/s") { threads in
        unsafe Self.bandwidth(first / 4, threads, apply) / 4
      }
    }
    unsafe limits.append(function("exp") { unsafe cg_exp($1, $0, $0) })
    unsafe limits.append(function("tanh") { unsafe cg_tanh($1, $0, $0) })
    unsafe limits.append(function("sigmoid") { unsafe cg_sigmoid($1, $0, $0) })
    self.limits = limits
  }

  /// 10⁹ bytes per second, each counted once, when every thread runs `access` over floats of its own again and again.
  private static func bandwidth(
    _ bytes: Int, _ threads: Int, _ access: (UnsafeMutablePointer<Float>, Int) -> Void
  ) -> Double {
    ThreadPool.shared.threads = threads
    let count = bytes / 4 / 128 * 128
    let buffers = (0..<threads).map { _ in Tensor.full([count], 0.5) }
    func run(_ times: Int) -> Double {
      seconds {
        ThreadPool.shared.run(threads) { thread in
          for _ in 0..<times { unsafe access(buffers[thread].pointer, count) }
        }
      }
    }
    var times = 1
    while times < 1 << 24, run(times) < 0.01 { times *= 2 }
    let best = (0..<7).map { _ in run(times) }.min() ?? .infinity
    return Double(threads * times * count * 4) / best * 1e-9
  }

  var markdown: String {
    Output.table(
      ["limit", "unit", "1 thread", "\(threads) threads"],
      limits.map { limit in
        [limit.name, limit.unit, Output.number(limit.one, 1), Output.number(limit.all, 1)]
      })
  }
}

/// Keeps the compiler from leaving out what makes a value.
@inline(never) func blackHole(_ value: Float) {}
