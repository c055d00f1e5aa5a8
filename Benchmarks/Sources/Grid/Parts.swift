import Cellgate
import CellgateKernels

/// Where a training step's time goes: each of the kernels that it needs, timed alone on the same sizes and all
/// threads, beside the whole.
///
/// What is left of the whole is the elementwise work, the traffic of saved states and whatever the parts lose
/// to one another's cache lines.
struct Parts: Encodable {
  struct Part: Encodable {
    let name: String
    let ms: Double
    /// Floating-point operations of products; 0 of others.
    let operations: Double
    let gflops: Double
  }

  let command = "parts"
  let cell: String
  let steps, batch, input, hidden, threads: Int
  let isa: String
  let peakGflops: Double
  let parts: [Part]
  /// Bytes that the forward pass keeps and the backward pass reads.
  let savedBytes: Int
  let forwardMs, trainingMs: Double

  init(_ options: Options) throws(GridError) {
    guard options.layers == 1, !options.bidirectional, options.lengths == nil else {
      throw GridError("parts: expected one layer, one direction and full lengths")
    }
    let cell = try options.cell
    let (T, B, I, H) = (options.steps, options.batch, options.input, options.hidden)
    let threads = min(options.threads, B)
    ThreadPool.shared.threads = options.threads
    let matrices = cell.parameters.compactMap { parameter -> Matrix? in
      guard let columns = parameter.columns else { return nil }
      return Matrix(
        rows: parameter.gates.count * H, columns: columns == .input ? I : H, readsInput: columns == .input)
    }
    let rows = (0..<threads).map { (B * ($0 + 1)) / threads - (B * $0) / threads }
    let own = matrices.filter { !$0.readsInput }, read = matrices.filter(\.readsInput)

    func measure(_ name: String, _ operations: Int, _ body: () -> Void) -> Part {
      let time = medianSeconds(options.repeats, body)
      return Part(
        name: name, ms: time * 1e3, operations: Double(operations), gflops: Double(operations) / time * 1e-9)
    }
    func all(_ matrices: [Matrix]) -> Int { 2 * T * B * matrices.reduce(0) { $0 + $1.rows * $1.columns } }

    let forward = matrices.map { Product(k: $0.columns, n: $0.rows) }
    let backward = own.map { Product(k: $0.rows, n: $0.columns) }
    var parts = [
      measure("packing of the weights", 0) {
        for product in forward + backward { product.pack() }
      }
    ]
    func products(_ name: String, _ operations: Int, _ list: [Product], stepwise: Bool) -> Part {
      let most = rows.max() ?? 1
      let windows = rows.map { _ in list.map { Window($0, rows: stepwise ? most : most * T) } }
      return measure(name, operations) {
        ThreadPool.shared.run(threads) { thread in
          for (product, window) in zip(list, windows[thread]) {
            if stepwise {
              for _ in 0..<T { product.run(rows[thread], window) }
            } else {
              product.run(rows[thread] * T, window)
            }
          }
        }
      }
    }
    let inputs = zip(matrices, forward).filter { $0.0.readsInput }.map(\.1)
    let states = zip(matrices, forward).filter { !$0.0.readsInput }.map(\.1)
    parts.append(products("input product, all steps at once", all(read), inputs, stepwise: false))
    parts.append(products("recurrent products, step by step", all(own), states, stepwise: true))
    parts.append(products("their transposes, step by step", all(own), backward, stepwise: true))

    let sums = rows.map { _ in matrices.map { Tensor.zeros([$0.rows, $0.columns]) } }
    let deltas = rows.map { Tensor.full([$0 * T, (matrices.map(\.rows).max() ?? 1)], 1e-3) }
    let operands = rows.map { Tensor.full([$0 * T, max(I, H)], 1e-3) }
    parts.append(
      measure("gradients of the weights", all(matrices)) {
        ThreadPool.shared.run(threads) { thread in
          for (matrix, sum) in zip(matrices, sums[thread]) {
            unsafe cg_outer(
              rows[thread] * T, matrix.rows, matrix.columns, deltas[thread].pointer, deltas[thread].shape[1],
              operands[thread].pointer, operands[thread].shape[1], sum.pointer, matrix.columns)
          }
        }
      })

    let workload = try Workload(options)
    self.parts = parts
    self.cell = cell.name
    (steps, batch, input, hidden, self.threads) = (T, B, I, H, options.threads)
    isa = "\(InstructionSet.active)"
    savedBytes = 4 * T * B * H * cell.planDescription.saved.count
    forwardMs = medianSeconds(options.repeats) { workload.infer() } * 1e3
    trainingMs = medianSeconds(options.repeats) { workload.train() } * 1e3
    peakGflops = InstructionSet.active.measurePeak(threads: options.threads) * 1e-9
  }

  private struct Matrix {
    let rows, columns: Int
    let readsInput: Bool
  }

  /// A packed matrix [k, n].
  private struct Product {
    let k, n: Int
    let source, packed: Tensor

    init(k: Int, n: Int) {
      (self.k, self.n) = (k, n)
      source = .full([k, n], 1e-3)
      packed = .zeros([cg_packed_count(k, n)])
      pack()
    }

    func pack() { unsafe cg_pack(k, n, source.pointer, 1, k, packed.pointer) }

    func run(_ rows: Int, _ window: Window) {
      var term = unsafe cg_term(a: window.a.pointer, lda: k, k: k, packed: packed.pointer)
      unsafe cg_product(rows, n, &term, 1, CG_START_ZERO, nil, window.c.pointer, n)
    }
  }

  /// What a thread multiplies, and where the result goes.
  private struct Window {
    let a, c: Tensor

    init(_ product: Product, rows: Int) {
      a = .full([rows, product.k], 1e-3)
      c = .zeros([rows, product.n])
    }
  }

  var markdown: String {
    var lines = parts.map { part in
      [
        part.name, Output.number(part.ms, 2), Output.number(100 * part.ms / trainingMs, 1),
        part.operations > 0 ? Output.number(100 * part.gflops / peakGflops, 0) : "",
      ]
    }
    let rest = trainingMs - parts.reduce(0) { $0 + $1.ms }
    lines.append(
      [
        "the rest: elementwise, saved states (\(savedBytes / 1_000_000) MB)", Output.number(rest, 2),
        Output.number(100 * rest / trainingMs, 1), "",
      ])
    let rate = parts.reduce(0) { $0 + $1.operations } / trainingMs * 1e-6
    lines.append(
      ["**a training step**", Output.number(trainingMs, 2), "100", Output.number(100 * rate / peakGflops, 0)])
    lines.append(["a forward pass", Output.number(forwardMs, 2), "", ""])
    return
      "\(cell), T, B, I, H = \(steps), \(batch), \(input), \(hidden); \(threads) threads, \(isa)\n\n"
      + Output.table(["part", "ms", "% of the step", "% of peak"], lines)
  }
}
