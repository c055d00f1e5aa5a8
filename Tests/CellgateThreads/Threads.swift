import CellgateBasics
import CellgateTensor

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// `cellgate-threads [ROUNDS]`: works the thread pool and operations on it, for the sanitizers, which end it at a fault.
///
/// It is built by `make sanitize`, with `CELLGATE_SANITIZE=1`. Tasks write plain memory of their own without locks, as those
/// of the numeric core do, so that a race is one. It ends with 1 when a result is wrong.
@main
enum Threads {
  private static func expect(_ isRight: Bool, _ message: @autoclosure () -> String) {
    guard !isRight else { return }
    print("cellgate-threads: \(message())")
    exit(1)
  }

  static func main() {
    let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 40
    for threads in [1, 2, 3, 5] {
      let pool = ThreadPool(threads: threads)
      for round in 0..<rounds {
        // Back and forth, so that workers sleep, wake up and are too many.
        pool.threads = round % 3 == 2 ? 1 + round % 5 : threads
        for tasks in [0, 1, 2, 7, 64] { once(pool, tasks) }
        teams(pool, round)
      }
    }
    callers(rounds)
    operations()
    print("cellgate-threads: \(rounds) rounds on 1, 2, 3 and 5 threads")
  }

  /// Each task writes the number that is its own; the caller reads them all.
  private static func once(_ pool: ThreadPool, _ tasks: Int) {
    let numbers = UnsafeMutablePointer<Int>.allocate(capacity: max(1, tasks))
    defer { unsafe numbers.deallocate() }
    unsafe numbers.initialize(repeating: 0, count: max(1, tasks))
    nonisolated(unsafe) let written = unsafe numbers
    for _ in 0..<3 { pool.run(tasks) { task in unsafe written[task] += task } }
    for task in 0..<tasks {
      expect(unsafe written[task] == 3 * task, "task \(task) of \(tasks): found \(unsafe written[task])")
    }
  }

  /// Members of a team write their shares, and after they have waited read those of the others.
  private static func teams(_ pool: ThreadPool, _ round: Int) {
    let count = 96, tasks = 1 + round % 2
    let numbers = UnsafeMutablePointer<Int>.allocate(capacity: count * tasks)
    let sums = UnsafeMutablePointer<Int>.allocate(capacity: count * tasks)
    defer {
      unsafe numbers.deallocate()
      unsafe sums.deallocate()
    }
    unsafe numbers.initialize(repeating: 0, count: count * tasks)
    unsafe sums.initialize(repeating: 0, count: count * tasks)
    nonisolated(unsafe) let (written, added) = unsafe (numbers, sums)
    pool.run(tasks, mostMembers: 4) { task, member in
      let own = member.share(of: count)
      for step in 1...3 {
        for index in own { unsafe written[task * count + index] = step }
        member.wait()
        for index in own { unsafe added[task * count + index] += written[task * count + count - 1 - index] }
        member.wait()
      }
    }
    for index in 0..<count * tasks {
      expect(unsafe added[index] == 6, "a team of round \(round): found \(unsafe added[index])")
    }
  }

  /// Threads of one pool call another one at the same time; a task calls its own.
  private static func callers(_ rounds: Int) {
    let (outer, inner) = (ThreadPool(threads: 4), ThreadPool(threads: 2))
    let numbers = UnsafeMutablePointer<Int>.allocate(capacity: 8 * 5)
    defer { unsafe numbers.deallocate() }
    unsafe numbers.initialize(repeating: 0, count: 8 * 5)
    nonisolated(unsafe) let written = unsafe numbers
    for _ in 0..<rounds {
      outer.run(8) { caller in
        inner.run(5) { task in unsafe written[5 * caller + task] += 1 }
        outer.run(5) { task in unsafe written[5 * caller + task] += 1 }
      }
    }
    for place in 0..<40 {
      expect(unsafe written[place] == 2 * rounds, "caller \(place / 5): found \(unsafe written[place])")
    }
  }

  /// Products, a convolution, a normalisation and softmax, forward and back: the bits of one thread.
  private static func operations() {
    var stream = RandomStream(seed: 1, name: "threads")
    func random(_ shape: [Int]) -> Tensor { stream.uniform(shape, in: -1..<1) }
    let values = [
      random([4, 20, 24, 8]), random([16, 8, 3, 3]), random([16]), random([16]), random([16, 70]),
      random([70, 300]),
    ]
    func results(_ threads: Int) -> [[Float]] {
      ThreadPool.$current.withValue(ThreadPool(threads: threads)) {
        let parameters = values.map { Parameter($0) }
        let x = parameters.map(\.tensor)
        let pictures = conv2d(x[0], weight: x[1], padding: 1)
        let normal = layerNorm(pictures, weight: x[2], bias: x[3]).gelu()
        let output = matmul(matmul(normal.reshaped([4 * 20 * 24, 16]), x[4]).tanh(), x[5]).softmax()
        output.backward(gradient: output.detached)
        return [output.scalars] + parameters.map(\.gradient.scalars)
      }
    }
    let alone = results(1)
    for threads in [2, 4] {
      expect(results(threads) == alone, "\(threads) threads: expected the bits of one, found others")
    }
  }
}
