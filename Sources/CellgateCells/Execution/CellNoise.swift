import CellgateKernels
import CellgateTensor

/// Where the random numbers come from that a derived cell reads, such as one with zoneout: a named stream, of which each
/// step, sequence and unit has a place of its own. They are drawn when they are needed, in the forward pass and again in
/// the backward pass, and never stored for more than some steps.
public struct CellNoise: Sendable {
  /// The stream; each of the cell's noises has a child of it, by its name.
  public let stream: RandomStream
  /// The place of the first step among the stream's steps: not 0 where a sequence is run in parts.
  public let firstStep: Int

  /// The noise of the steps from `firstStep` on.
  public init(_ stream: RandomStream, firstStep: Int = 0) {
    self.stream = stream
    self.firstStep = firstStep
  }

  /// The source of one noise.
  func source(_ definition: NoiseDefinition) -> Source {
    let words = stream.child(definition.name)
    return Source(
      key: UInt64(words.word(at: 1)) << 32 | UInt64(words.word(at: 0)),
      threshold: UInt32((definition.probability * 65536).rounded()), firstStep: UInt64(firstStep))
  }

  /// The numbers of one noise, by their places. A probability counts in units of 2⁻¹⁶.
  struct Source: Sendable {
    let key: UInt64
    let threshold: UInt32
    let firstStep: UInt64

    /// Some units of a sequence at a step, whose numbers have `width` columns, a multiple of 16 as the bounds are.
    func draw(
      step: Int, sequence: Int, width: Int, columns: Range<Int>, to target: UnsafeMutablePointer<Float>,
      _ instructions: InstructionSet
    ) {
      let first = (firstStep + UInt64(step)) << 32 + UInt64(sequence * width + columns.lowerBound)
      unsafe cg_coins_with(instructions.handle, key, first, threshold, columns.count, target)
    }
  }
}

extension CellExecution {
  /// The numbers of each of the cell's noises over some steps, `[T, B, H]` or `[T, B, P]`.
  package func values(of noise: CellNoise, steps: Int, batch: Int) -> [Tensor] {
    cell.noises.map { definition in
      let source = noise.source(definition), (size, width) = (sizes[definition.size], noiseWidth(definition))
      let row = Tensor.uninitialized([width]), values = Tensor.uninitialized([steps, batch, size])
      for step in 0..<steps {
        for sequence in 0..<batch {
          unsafe source.draw(
            step: step, sequence: sequence, width: width, columns: 0..<width, to: row.pointer, instructions)
          unsafe (values.pointer + (step * batch + sequence) * size).update(from: row.pointer, count: size)
        }
      }
      return values
    }
  }

  /// Columns of a noise's numbers: whole vectors on every instruction set, and the same for every execution.
  private func noiseWidth(_ definition: NoiseDefinition) -> Int { layout.columns(definition.size) }

  /// Draws a chunk's numbers of each noise, the columns that are a member's, into buffers of `layout.width` columns.
  func draw(
    _ noise: CellNoise?, _ microbatch: Microbatch, _ chunk: Range<Int>, tables: StepTables,
    to buffers: [UnsafeMutablePointer<Float>], columns: Range<Int>
  ) {
    guard let noise else { return }
    for (index, definition) in cell.noises.enumerated() {
      let buffer = unsafe buffers[index]
      let source = noise.source(definition), width = noiseWidth(definition)
      let own = columns.clamped(to: 0..<width)
      if own.isEmpty { continue }
      for step in chunk {
        let rows = unsafe buffer + tables.chunk[step] + own.lowerBound
        for row in 0..<Int(microbatch.active[step]) {
          unsafe source.draw(
            step: microbatch.time(row: row, step: step), sequence: microbatch.rows[row], width: width,
            columns: own, to: rows + row * layout.width, instructions)
        }
      }
    }
  }
}
