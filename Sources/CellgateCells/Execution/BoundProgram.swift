import CellgateBasics
import CellgateKernels
import CellgateTensor

/// A step's program with its sizes and packed weights: what the kernels' sweep runs. The slots' locations are
/// the only thing that microbatches have of their own.
@safe final class BoundProgram {
  /// A product on x, computed for a chunk of steps before the sweep goes through them.
  @safe struct Hoisted {
    /// The index of its result among the slots.
    var result: Int
    var columns: Int
    var matrices: [UnsafePointer<Float>]
    var bias: UnsafePointer<Float>?
    /// Where the products are in rows of those that are given; [] where they are computed.
    var given: [Range<Int>]
  }

  let slots: [StepProgram.Slot]
  let hoisted: [Hoisted]
  /// Slots whose rows are converted at each step; what they become lies in slots after `slots`.
  let converted: [StepProgram.Slot]
  private let weights: PackedWeights
  private let program: UnsafeMutablePointer<cg_program>
  private let stages: UnsafeMutableBufferPointer<cg_stage>
  private let products: UnsafeMutableBufferPointer<cg_step_product>
  private let factors: UnsafeMutableBufferPointer<cg_factor>
  private let operations: UnsafeMutableBufferPointer<cg_operation>
  private let conversions: UnsafeMutableBufferPointer<cg_conversion>
  private let reductions: UnsafeMutableBufferPointer<cg_reduction>
  private let mostFactors: Int

  init(_ source: StepProgram, layout: Layout, weights: PackedWeights) {
    self.weights = weights
    let slots = source.slots
    self.slots = slots
    let width = layout.width
    let indices = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1, $0) })
    func index(_ slot: StepProgram.Slot) -> Int {
      guard let index = indices[slot] else {
        fail("BoundProgram: expected a slot of some stage, found \(slot)")
      }
      return index
    }
    var stages: [cg_stage] = []
    var products: [cg_step_product] = unsafe []
    var factors: [cg_factor] = unsafe []
    var operations: [cg_operation] = []
    var conversions: [cg_conversion] = []
    var reductions: [cg_reduction] = []
    var converted: [StepProgram.Slot] = []
    /// Where products find an operand: x is converted before the sweep, others by the sweep when first they are read.
    func factorIndex(_ slot: StepProgram.Slot, k: Int) -> Int {
      if slot == .input || !layout.convertsFactors { return index(slot) }
      if let index = converted.firstIndex(of: slot) { return slots.count + index }
      conversions.append(
        cg_conversion(
          source: UInt32(index(slot)), result: UInt32(slots.count + converted.count),
          k: k / layout.sizes.neighbours, ld: width, ld_result: layout.factorWidth,
          grid: layout.sizes.grid?.kernelGrid ?? cg_grid()))
      converted.append(slot)
      return slots.count + converted.count - 1
    }
    var hoisted: [Hoisted] = []
    var mostFactors = 1
    /// What each stage reads of other members' columns, and what it writes of its own.
    var accesses: [StageAccess] = []
    func add(_ kind: cg_stage_kind, first: Int, count: Int, _ access: StageAccess) {
      if count == 0 { return }
      stages.append(cg_stage(kind: kind.rawValue, waits: 0, first: UInt32(first), count: UInt32(count)))
      accesses.append(access)
    }
    for stage in source.stages {
      switch stage {
      case .products(let list):
        let first = unsafe products.count, firstConversion = converted.count
        var access = StageAccess()
        for product in list {
          var own = product.factors
          let columns = weights.shape(own[0]).columns
          var start =
            product.continues ? CG_START_RESULT : product.biases.isEmpty ? CG_START_ZERO : CG_START_BIAS
          if layout.hoistsInput {
            let onInput = own.filter { $0.operand == .input }
            if !onInput.isEmpty {
              unsafe hoisted.append(
                .init(
                  result: index(product.result), columns: columns,
                  matrices: layout.inputProducts == nil
                    ? onInput.map { unsafe UnsafePointer(weights.matrix($0)) } : [],
                  bias: UnsafePointer(weights.bias(product.biases)),
                  given: onInput.compactMap { layout.inputProducts?.columns[$0.block] }))
              mostFactors = max(mostFactors, onInput.count)
              own.removeAll { $0.operand == .input }
              start = CG_START_RESULT
            }
          }
          if own.isEmpty { continue }
          let bias = unsafe start == CG_START_BIAS ? UnsafePointer(weights.bias(product.biases)) : nil
          unsafe products.append(
            cg_step_product(
              result: UInt32(index(product.result)), first_factor: UInt32(factors.count),
              factor_count: UInt32(own.count), start: start.rawValue, columns: columns, ld: width, bias: bias)
          )
          access.writes.append(.slot(product.result))
          for factor in own {
            let isInput = factor.operand == .input
            if !isInput {
              access.reads.append(
                layout.convertsFactors ? .converted(factor.operand) : .slot(factor.operand))
            }
            let k = weights.shape(factor).k
            unsafe factors.append(
              cg_factor(
                slot: UInt32(factorIndex(factor.operand, k: k)), k: UInt32(k),
                ld: isInput ? layout.inputWords : layout.factorWidth,
                packed: UnsafePointer(weights.matrix(factor))))
          }
          mostFactors = max(mostFactors, own.count)
        }
        // A scale is that of the whole row.
        let read =
          layout.precision == .int8 ? converted[firstConversion...].map { StageAccess.Content.slot($0) } : []
        add(
          CG_CONVERSIONS, first: firstConversion, count: converted.count - firstConversion,
          StageAccess(reads: read, writes: converted[firstConversion...].map { .converted($0) }))
        unsafe add(CG_PRODUCTS, first: first, count: products.count - first, access)
      case .reductions(let list):
        add(
          CG_REDUCTIONS, first: reductions.count, count: list.count,
          StageAccess(reads: list.map { .slot($0.operand) }, writes: list.map { .slot($0.result) }))
        for reduction in list {
          reductions.append(
            cg_reduction(
              source: UInt32(index(reduction.operand)), result: UInt32(index(reduction.result)),
              kind: reduction.kind.kernelKind.rawValue, k: layout.sizes[reduction.size]))
        }
      case .elementwise(let elements):
        add(
          CG_ELEMENTWISE, first: operations.count, count: elements.count,
          StageAccess(writes: elements.map { .slot($0.result) }))
        for element in elements {
          let result = UInt16(index(element.result))
          let operands = element.operands.map { UInt16(index($0)) }
          operations.append(
            cg_operation(
              code: UInt16(element.opcode.kernelCode.rawValue), result: result, a: operands.first ?? result,
              b: operands.count > 1 ? operands[1] : result, c: operands.count > 2 ? operands[2] : result,
              constant: element.constant))
        }
      }
    }
    for (index, waits) in StageAccess.waits(accesses).enumerated() { stages[index].waits = waits ? 1 : 0 }
    self.hoisted = hoisted
    self.converted = converted
    self.mostFactors = mostFactors
    unsafe self.stages = Self.copy(stages)
    unsafe self.products = Self.copy(products)
    unsafe self.factors = Self.copy(factors)
    unsafe self.operations = Self.copy(operations)
    unsafe self.conversions = Self.copy(conversions)
    unsafe self.reductions = Self.copy(reductions)
    unsafe program = .allocate(capacity: 1)
    unsafe program.initialize(
      to: cg_program(
        stages: self.stages.baseAddress, stage_count: stages.count, products: self.products.baseAddress,
        factors: self.factors.baseAddress, most_factors: mostFactors,
        operations: self.operations.baseAddress, conversions: self.conversions.baseAddress,
        reductions: self.reductions.baseAddress,
        slot_count: slots.count + converted.count, width: width, tile_rows: layout.tileRows,
        tile_columns: layout.tileColumns))
  }

  deinit {
    unsafe stages.deallocate()
    unsafe products.deallocate()
    unsafe factors.deallocate()
    unsafe operations.deallocate()
    unsafe conversions.deallocate()
    unsafe reductions.deallocate()
    unsafe program.deallocate()
  }

  private static func copy<Element>(_ array: [Element]) -> UnsafeMutableBufferPointer<Element> {
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: array.count)
    _ = unsafe buffer.initialize(from: array)
    return unsafe buffer
  }

  /// Runs `steps` of one microbatch, whose slots lie at `locations` (in the order of `slots`): the columns that are the
  /// member's share.
  func sweep(
    _ steps: Range<Int>, active: [UInt32], locations: [cg_location], backward: Bool, columns: Range<Int>,
    member: TeamMember
  ) {
    if steps.isEmpty { return }
    var share = unsafe cg_share(
      barrier: member.barrierPointer, first_column: columns.lowerBound, columns: columns.count)
    unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>?.self, capacity: 3 * locations.count)
    {
      scratch in
      unsafe withUnsafeTemporaryAllocation(of: cg_term.self, capacity: mostFactors) { terms in
        unsafe locations.withUnsafeBufferPointer { locations in
          unsafe active.withUnsafeBufferPointer { active in
            unsafe cg_sweep(
              weights.instructions.handle, program, locations.baseAddress, active.baseAddress,
              backward ? steps.upperBound - 1 : steps.lowerBound,
              steps.count, backward ? 1 : 0, scratch.baseAddress, terms.baseAddress, &share)
          }
        }
      }
    }
  }

  /// Where a vector parameter lies.
  func vector(_ block: Block) -> UnsafeMutablePointer<Float> { unsafe weights.vector(block) }

  /// Computes the hoisted products of `rows` rows of x, `[rows, I]` in words, into the slots' locations at a step: some columns
  /// of them.
  func hoist(
    rows: Int, x: UnsafePointer<Float>, layout: Layout, columns: Range<Int>, locations: [cg_location],
    step: Int
  ) {
    if layout.inputProducts != nil {
      for product in hoisted {
        unsafe take(product, rows: rows, x, layout: layout, columns: columns, locations[product.result], step)
      }
      return
    }
    let inputSize = layout.inputSize
    unsafe withUnsafeTemporaryAllocation(of: cg_term.self, capacity: mostFactors) { terms in
      for place in hoisted.indices {
        let product = hoisted[place]
        let own = columns.clamped(to: 0..<product.columns), first = own.lowerBound
        if own.isEmpty { continue }
        for index in unsafe product.matrices.indices {
          unsafe terms[index] = cg_term(
            a: x, lda: layout.inputWords, k: inputSize,
            packed: product.matrices[index]
              + cg_packed_count_with(weights.instructions.handle, inputSize, first))
        }
        let location = unsafe locations[product.result]
        let result = unsafe location.base + (location.offset?[step] ?? 0) + first
        unsafe cg_product_with(
          weights.instructions.handle, rows, own.count, terms.baseAddress, product.matrices.count,
          product.bias == nil ? CG_START_ZERO : CG_START_BIAS, product.bias.map { unsafe $0 + first }, result,
          layout.width)
      }
    }
  }

  /// Takes a hoisted product, a sum of such that are given in `rows` rows of x, and adds its bias.
  private func take(
    _ product: Hoisted, rows: Int, _ x: UnsafePointer<Float>, layout: Layout, columns: Range<Int>,
    _ location: cg_location, _ step: Int
  ) {
    let own = columns.clamped(to: 0..<product.columns)
    let result = unsafe location.base + (location.offset?[step] ?? 0)
    for row in 0..<rows {
      let to = unsafe result + row * layout.width
      let from = unsafe x + row * layout.inputWords
      for (index, given) in product.given.enumerated() {
        // What pads the columns is 0, as a product's.
        let real = own.clamped(to: 0..<given.count), first = real.lowerBound
        let source = unsafe from + given.lowerBound + first
        if index > 0 {
          unsafe cg_apply_with(
            weights.instructions.handle, CG_ADD, real.count, to + first, source, nil, 0, to + first)
        } else if let bias = unsafe product.bias {
          unsafe cg_apply_with(
            weights.instructions.handle, CG_ADD, real.count, bias + first, source, nil, 0, to + first)
        } else {
          unsafe (to + first).update(from: source, count: real.count)
        }
        if index == 0, real.upperBound < own.upperBound {
          let rest = max(real.upperBound, own.lowerBound)
          unsafe (to + rest).update(repeating: 0, count: own.upperBound - rest)
        }
      }
    }
  }
}
