import CellgateBasics
import CellgateTensor

/// The products of a cell's matrices with its input, side by side, where they are given instead of the input: a decoder
/// computes them for all steps, or once for equal inputs.
struct InputProducts: Sendable, Equatable {
  /// The parameters whose matrices read the input.
  let parameters: [Int]
  /// Each matrix' first column, and how many it has.
  let columns: [Block: Range<Int>]
  /// Columns in all.
  let width: Int

  /// The parameters whose matrices read the input and nothing else, in every gate, where no other operation reads it; nil
  /// where the cell reads its input otherwise.
  static func parameters(of cell: Cell) -> [Int]? {
    let graph = cell.graph
    guard let input = graph.nodes.firstIndex(where: { $0.operation == .input }) else { return nil }
    var (onInput, others): (Set<Block>, Set<Int>) = ([], [])
    for node in graph.nodes {
      guard let (block, _) = node.operation.matrix else {
        if node.operands.contains(input) { return nil }
        continue
      }
      if node.operands == [input] { onInput.insert(block) } else { others.insert(block.parameter) }
    }
    let parameters = Set(onInput.map(\.parameter)).sorted()
    let areWhole = parameters.allSatisfy { index in
      !others.contains(index)
        && cell.parameters[index].gates.indices.allSatisfy {
          onInput.contains(Block(parameter: index, gate: $0))
        }
    }
    return areWhole && !parameters.isEmpty ? parameters : nil
  }

  /// Those of a cell of these sizes, whose parameters read the input alone.
  init(_ parameters: [Int], _ cell: Cell, _ sizes: CellSizes) {
    var (columns, width): ([Block: Range<Int>], Int) = ([:], 0)
    for index in parameters {
      let count = sizes[cell.parameters[index].rows]
      for gate in cell.parameters[index].gates.indices {
        columns[Block(parameter: index, gate: gate)] = width..<width + count
        width += count
      }
    }
    (self.parameters, self.columns, self.width) = (parameters, columns, width)
  }
}

extension Cell {
  /// The parameters whose matrices read the input and nothing else, where nothing else reads it; nil where the cell reads
  /// its input otherwise.
  package var inputMaps: [Int]? { InputProducts.parameters(of: self) }
}

extension CellExecution {
  /// The same execution of a cell that has ``Cell/inputMaps``, in float32, whose input is the products on x, `[T, B, N]`: of
  /// those parameters in their order, one gate after another. The input's gradient is that of the products; the
  /// parameters' gradient is left to who computes them.
  package func takingInputProducts() -> CellExecution {
    guard precision == .float32, grid == nil, let parameters = cell.inputMaps else {
      fail(
        "\(cell.name): expected a cell in float32 on no grid that reads its input by matrices alone, found another"
      )
    }
    var own = self
    own.inputProducts = InputProducts(parameters, cell, sizes)
    return own
  }

  /// The same execution of a cell that is derived from this one's.
  package func running(_ cell: Cell) -> CellExecution {
    CellExecution(
      cell: cell, inputSize: inputSize, hiddenSize: hiddenSize,
      projectionSize: cell.hasProjection ? projectionSize : nil, grid: grid, instructions: instructions,
      precision: precision)
  }
}
