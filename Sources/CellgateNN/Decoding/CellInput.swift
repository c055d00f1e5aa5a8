import CellgateBasics
import CellgateTensor

/// The input of a decoder's recurrent layers, which is put together of parts, and their steps.
///
/// Where the cell reads its input by matrices alone, each part is multiplied with its columns of them by itself: what is
/// known of all steps at once, what is the same at all of them only once, and only what depends on the states at each step.
/// Else the parts are put side by side at each step.
final class CellInput {
  let stepper: RecurrentStepper
  /// Of each part the map to its products; nil where parts are put side by side.
  private let maps: [SteppedLinear]?

  /// Steps of `recurrent` whose input has parts of these sizes.
  init(_ recurrent: Recurrent, parts: [Int], _ context: ForwardContext) {
    let takesProducts = recurrent.inputMaps != nil && context.observer == nil
    stepper = RecurrentStepper(recurrent, context, takesProducts: takesProducts)
    maps =
      takesProducts
      ? recurrent.inputMap.split(sizes: parts, axis: 1).map { SteppedLinear(weight: $0) } : nil
  }

  /// Numbers of the products; nil where parts are put side by side.
  var productWidth: Int? { maps?.first?.outputSize }

  /// What a part `[B, K]` adds to the input: its products, or itself.
  func part(_ index: Int, _ x: Tensor) -> Tensor { maps?[index](x) ?? x }

  /// What symbols add as a part: their vectors' products, computed once for equal symbols, or the vectors.
  func part(_ index: Int, _ symbols: [Int32], _ layers: SymbolLayers, _ context: ForwardContext) -> Tensor {
    guard let maps else { return layers.vectors(symbols, shape: [symbols.count], context) }
    return layers.products(symbols, context) { maps[index]($0) }
  }

  /// One step of an input of all parts, in their order, that `part` has made.
  func callAsFunction(_ parts: [Tensor], states: [Tensor]) -> RecurrentStepper.Step {
    let input = maps == nil ? concatenated(parts) : parts.dropFirst().reduce(parts[0], +)
    return stepper(input, states: states)
  }
}
