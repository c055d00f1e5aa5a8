/// A pickle of Python, read as data.
///
/// A pickle is a program for a machine with a stack. Here the machine knows the operations that make values, and the
/// classes and functions of an allow-list; a call of one is kept as what it is, a name with arguments, and never made.
/// Everything else ends the reading with an error that names it.
///
/// Objects lie in one list and refer to each other by number: a pickle may hold cycles and nest as deeply as it likes, and
/// nothing here recurses. What the objects take is counted, and reading stops at a limit.
///
/// Source: https://docs.python.org/3/library/pickletools.html
package struct Pickle: Sendable {
  /// A value on the machine's stack.
  package enum Value: Equatable, Sendable {
    /// Python's None.
    case none
    /// True or False.
    case bool(Bool)
    /// A whole number.
    case integer(Int)
    /// A whole number that an Int can't hold: its bytes in two's complement, the lowest first.
    case bigInteger([UInt8])
    /// A float.
    case real(Double)
    /// A string.
    case text(String)
    /// Bytes.
    case bytes([UInt8])
    /// An allowed class or function: "collections OrderedDict", the module and the name.
    case global(String)
    /// An object by its number.
    case object(Int)
  }

  /// A key and a value of a dictionary.
  package struct Item: Equatable, Sendable {
    package let key: Value
    package let value: Value
  }

  /// An object.
  package enum Object: Equatable, Sendable {
    case list([Value])
    case tuple([Value])
    case set([Value])
    /// In the order of the file; a key may stand twice.
    case dictionary([Item])
    /// A call of an allowed class or function, which nobody makes: its name and its arguments.
    case call(String, [Value])
    /// What the program that wrote the pickle keeps elsewhere, by the id that it gave it.
    case persistent(Value)
    /// An object that is being changed.
    case changing
  }

  /// What an allowed class or function gives.
  package enum Global: Sendable {
    /// Called, a dictionary: of the items of its first argument.
    case dictionary
    /// Called, a set: of the elements of its first argument.
    case set
    /// Called, the call itself, as data.
    case function
    /// It can't be called.
    case constant
  }

  /// The value that the pickle holds.
  package let root: Value
  /// The objects.
  package let objects: [Object]
  /// The byte after the pickle's end.
  package let end: Int

  /// Reads the pickle that begins at a byte. `globals` says what an allowed class or function gives, by its module and name
  /// with a space between; nil refuses it. Objects may take about `limit` bytes.
  package init(
    _ bytes: [UInt8], from start: Int = 0, file: String, limit: Int, globals: @escaping (String) -> Global?
  ) throws(PickleError) {
    var machine = PickleMachine(bytes: bytes, position: start, file: file, limit: limit, globals: globals)
    root = try machine.run()
    objects = machine.objects
    end = machine.position
  }

  /// The items of a dictionary; nil of another value.
  package func items(_ value: Value) -> [Item]? {
    if case .object(let number) = value, case .dictionary(let items) = objects[number] { items } else { nil }
  }

  /// The elements of a tuple or list; nil of another value.
  package func elements(_ value: Value) -> [Value]? {
    guard case .object(let number) = value else { return nil }
    return switch objects[number] {
    case .tuple(let values), .list(let values): values
    default: nil
    }
  }

  /// A call as data; nil of another value.
  package func call(_ value: Value) -> (name: String, arguments: [Value])? {
    guard case .object(let number) = value, case .call(let name, let arguments) = objects[number] else {
      return nil
    }
    return (name, arguments)
  }

  /// An id of something kept elsewhere; nil of another value.
  package func persistent(_ value: Value) -> Value? {
    if case .object(let number) = value, case .persistent(let id) = objects[number] { id } else { nil }
  }
}
