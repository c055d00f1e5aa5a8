import CellgateFiles
import CellgateTensor

/// Where a file of PyTorch keeps the numbers of its storages.
protocol TorchStorages {
  /// The bytes of a storage, exactly `count` of them, of which `used` at most are read.
  func bytes(_ key: String, count: Int, used: Int) throws(ImportError) -> [UInt8]
  /// Whether the highest byte of a number stands first.
  var isBigEndian: Bool { get }
}

/// The tensors of a state dict, made of what its pickle says of them.
struct TorchTensors {
  let pickle: Pickle
  let file: String
  /// In the order of the file.
  private(set) var tensors: [ForeignTensor] = []

  /// A part of a storage.
  private struct View {
    var key: String
    /// Bytes of the whole storage.
    var storageSize: Int
    var type: NumberType
    var layout: NumberLayout
    var count: Int
  }

  /// What a call describes: numbers of the file, or none that are read.
  private enum Description {
    case view(View)
    case leftOut(dtype: String, shape: [Int], problem: String)
  }

  /// Numbers that are more than the file has, of tensors that repeat them: at most so many bytes.
  private static let mostRepeated = 16 << 20

  init(
    _ named: [(name: String, value: Pickle.Value)], _ pickle: Pickle, _ storages: some TorchStorages,
    file: String
  ) throws(ImportError) {
    self.pickle = pickle
    self.file = file
    var descriptions: [(String, Description)] = []
    for (name, value) in named {
      do throws(Reason) {
        descriptions.append((name, try describe(value)))
      } catch {
        throw .damaged(file: file, reason: "tensor '\(quotedName(name))': \(error.text)")
      }
    }
    try readAll(descriptions, storages)
  }

  private struct Reason: Error {
    var text: String
  }

  // MARK: What the pickle says

  private func describe(_ value: Pickle.Value, depth: Int = 0) throws(Reason) -> Description {
    guard let (name, arguments) = pickle.call(value), depth < 4 else {
      throw Reason(text: "expected a tensor, found another value")
    }
    switch name {
    case TorchGlobals.tensor, TorchGlobals.tensor2:
      guard arguments.count >= 4 else { throw Reason(text: "expected 4 arguments, found \(arguments.count)") }
      return try view(arguments, dtype: nil)
    case TorchGlobals.tensor3:
      guard arguments.count >= 7, case .global(let dtype) = arguments[6] else {
        throw Reason(text: "expected 7 arguments with a dtype, found others")
      }
      return try view(arguments, dtype: dtype)
    case TorchGlobals.parameter, TorchGlobals.parameterWithState:
      guard let tensor = arguments.first else { throw Reason(text: "expected a tensor, found nothing") }
      return try describe(tensor, depth: depth + 1)
    case TorchGlobals.fromType:
      // A tensor with attributes: the call that makes it, its type, its arguments, and the attributes.
      guard arguments.count >= 3, case .global(let function) = arguments[0],
        case .global(let type) = arguments[1],
        let inner = pickle.elements(arguments[2])
      else { throw Reason(text: "expected a function, a type and arguments, found others") }
      guard ["torch Tensor", "torch._tensor Tensor", "torch.nn.parameter Parameter"].contains(type),
        function == TorchGlobals.tensor2, inner.count >= 4
      else {
        return .leftOut(dtype: TorchGlobals.shown(type), shape: [], problem: TorchGlobals.shown(function))
      }
      return try view(inner, dtype: nil)
    default:
      return .leftOut(dtype: "unknown", shape: [], problem: "a tensor made by \(TorchGlobals.shown(name))")
    }
  }

  /// `(storage, offset, sizes, strides, …)`.
  private func view(_ arguments: [Pickle.Value], dtype: String?) throws(Reason) -> Description {
    guard let id = pickle.persistent(arguments[0]), let parts = pickle.elements(id), parts.count >= 5,
      parts[0] == .text("storage"), case .global(let storage) = parts[1], case .text(let key) = parts[2],
      case .integer(let numbers) = parts[4], numbers >= 0
    else { throw Reason(text: "expected a storage (type, key, place, numbers), found another value") }
    if parts.count > 5, parts[5] != .none {
      throw Reason(text: "expected a storage of its own, found a view of another one")
    }
    guard case .integer(let offset) = arguments[1], let sizes = integers(arguments[2]),
      let strides = integers(arguments[3])
    else { throw Reason(text: "expected an offset, sizes and strides, found other values") }
    guard sizes.count == strides.count, sizes.count <= 64 else {
      throw Reason(
        text: "expected as many strides as sizes, at most 64, found \(sizes.count) and \(strides.count)")
    }
    guard let type = dtype.map({ TorchGlobals.dtypes[$0] }) ?? TorchGlobals.storages[storage] else {
      throw Reason(
        text: "expected a type of numbers, found \(quotedName(TorchGlobals.shown(dtype ?? storage)))")
    }
    let layout = NumberLayout(offset: offset, sizes: sizes, strides: strides)
    guard let extent = layout.extent else {
      throw Reason(
        text:
          "expected sizes, strides and an offset that can be counted, found \(sizes), \(strides), \(offset)")
    }
    guard let type else {
      let shown = TorchGlobals.shown(dtype ?? storage)
      return .leftOut(dtype: shown, shape: sizes, problem: "numbers of the type \(shown)")
    }
    let isUntyped = storage == TorchGlobals.untyped
    let (size, overflows) = numbers.multipliedReportingOverflow(by: isUntyped ? 1 : type.size)
    let own = isUntyped ? type : TorchGlobals.storages[storage] ?? nil
    guard !overflows, own?.size == type.size else {
      throw Reason(
        text: "expected a storage of numbers of \(type.size) bytes, found \(TorchGlobals.shown(storage))")
    }
    guard extent.count == 0 || extent.end <= size / type.size else {
      throw Reason(
        text: "expected numbers within the \(size / type.size) of its storage, found the end \(extent.end)")
    }
    return .view(View(key: key, storageSize: size, type: type, layout: layout, count: extent.count))
  }

  private func integers(_ value: Pickle.Value) -> [Int]? {
    // torch.Size stands as a call with a tuple.
    let tuple = pickle.call(value).flatMap { $0.name == "torch Size" ? $0.arguments.first : nil } ?? value
    guard let values = pickle.elements(tuple) else { return nil }
    var integers: [Int] = []
    for value in values {
      guard case .integer(let integer) = value else { return nil }
      integers.append(integer)
    }
    return integers
  }

  // MARK: Numbers

  private struct ViewKey: Hashable {
    let key: String
    let type: NumberType
    let layout: NumberLayout
  }

  /// Several names may have the same numbers, but not so that all of them are many more than the file has.
  private func checkTotal(_ views: [String: [View]]) throws(ImportError) {
    var (all, held) = (0, 0)
    for own in views.values {
      let (numbers, isMore) = held.addingReportingOverflow(
        own.map { $0.storageSize / $0.type.size }.max() ?? 0)
      held = isMore ? .max : numbers
      for view in own {
        let (sum, overflows) = all.addingReportingOverflow(view.count)
        all = overflows ? .max : sum
      }
    }
    let (most, overflows) = held.multipliedReportingOverflow(by: 4)
    guard overflows || all <= most || all <= Self.mostRepeated / 4 else {
      throw .unsupported(
        file: file,
        reason: "expected at most \(most) numbers in all tensors, found \(all) of \(held) in the file")
    }
  }

  /// Reads storage by storage, each once, so that not all bytes are in memory at a time.
  private mutating func readAll(
    _ descriptions: [(String, Description)], _ storages: some TorchStorages
  ) throws(ImportError) {
    var views: [String: [View]] = [:]
    var order: [String] = []
    for case (let name, .view(let view)) in descriptions {
      if let first = views[view.key]?.first {
        guard first.storageSize == view.storageSize else {
          throw .damaged(
            file: file,
            reason:
              "tensor '\(quotedName(name))': expected a storage of \(first.storageSize) bytes as before, found \(view.storageSize)"
          )
        }
      } else {
        order.append(view.key)
      }
      views[view.key, default: []].append(view)
    }
    try checkTotal(views)
    var read: [ViewKey: Tensor] = [:]
    var repeated = 0
    for key in order {
      let all = views[key] ?? []
      var distinct: [ViewKey: View] = [:]
      for view in all { distinct[ViewKey(key: key, type: view.type, layout: view.layout)] = view }
      var (numbers, held) = (0, 0)
      for view in distinct.values {
        let (sum, overflows) = numbers.addingReportingOverflow(view.count)
        numbers = overflows ? .max : sum
        held = max(held, view.storageSize / view.type.size)
      }
      let more = max(0, numbers - held)
      repeated = repeated.addingReportingOverflow(more).overflow ? .max : repeated + more
      guard repeated <= Self.mostRepeated / 4 else {
        throw .unsupported(
          file: file,
          reason:
            "storage '\(quotedName(key))': expected at most \(Self.mostRepeated / 4) numbers more than the file holds, found tensors of \(numbers) numbers in \(held)"
        )
      }
      let used = all.map { min($0.count, held) * $0.type.size }.max() ?? 0
      let bytes = try storages.bytes(key, count: all[0].storageSize, used: used)
      for (place, view) in distinct {
        read[place] = Tensor(bytes, view.type, isBigEndian: storages.isBigEndian, layout: view.layout)
      }
    }
    tensors = descriptions.map { name, description in
      switch description {
      case .view(let view):
        ForeignTensor(
          name: name, dtype: view.type.rawValue, shape: view.layout.sizes,
          tensor: read[ViewKey(key: view.key, type: view.type, layout: view.layout)])
      case .leftOut(let dtype, let shape, let problem):
        ForeignTensor(name: name, dtype: dtype, shape: shape, tensor: nil, problem: problem)
      }
    }
  }
}
