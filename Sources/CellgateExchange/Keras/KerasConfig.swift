import CellgateFiles

/// A layer or model of a Keras configuration, read with errors that name it.
struct KerasConfig {
  /// The file's name, in errors.
  let file: String
  /// "LSTM".
  let className: String
  /// The layer's own name.
  let name: String
  /// `config` of the object.
  let members: JSONTree
  /// The whole object.
  let object: JSONTree

  /// An object `{class_name, config, …}`. Refuses custom objects and classes of other modules than Keras' by name.
  init(_ object: JSONTree, file: String) throws(ImportError) {
    guard let className = object["class_name"]?.string, let members = object["config"], members.object != nil
    else {
      throw .damaged(
        file: file, reason: "configuration: expected an object with class_name and config, found none")
    }
    self.file = file
    self.className = className
    self.members = members
    self.object = object
    name = members["name"]?.string ?? object["name"]?.string ?? className
    let module = object["module"]?.string
    let registered = object["registered_name"]?.string ?? ""
    if let module, module.split(separator: ".").first.map({ $0 == "keras" || $0 == "tf_keras" }) != true {
      throw unsupported("a class of Keras", "one of the module \(quotedName(module))")
    }
    if registered.contains(">"), !registered.hasPrefix("keras.") && !registered.hasPrefix("Keras>") {
      throw unsupported("a class of Keras", "the custom object \(quotedName(registered))")
    }
    if module == nil, registered != "", registered != className {
      throw unsupported("a class of Keras", "the custom object \(quotedName(registered))")
    }
  }

  /// "layer 'encoder' (LSTM)".
  var title: String { "layer '\(quotedName(name))' (\(quotedName(className)))" }

  func unsupported(_ expected: String, _ found: String) -> ImportError {
    .unsupported(file: file, reason: "\(title): expected \(expected), found \(found)")
  }

  func damaged(_ expected: String, _ found: String) -> ImportError {
    .damaged(file: file, reason: "\(title): expected \(expected), found \(found)")
  }

  /// A member that is not null.
  subscript(key: String) -> JSONTree? {
    guard let value = members[key], !value.isNull else { return nil }
    return value
  }

  /// A size of 1 or more.
  func size(_ key: String) throws(ImportError) -> Int {
    guard let value = self[key]?.integer, value >= 1, value <= Int(Int32.max) else {
      throw damaged("\(key) of 1 to \(Int32.max)", shown(members[key]))
    }
    return value
  }

  /// A size that may be a list of one; nil where there is none.
  func window(_ key: String) throws(ImportError) -> Int? {
    guard let value = self[key] else { return nil }
    guard let size = value.integer ?? (value.array?.count == 1 ? value.array?.first?.integer : nil),
      size >= 1,
      size <= Int(Int32.max)
    else { throw damaged("\(key) of 1 or more", shown(value)) }
    return size
  }

  func flag(_ key: String, _ standard: Bool = false) throws(ImportError) -> Bool {
    guard let value = self[key] else { return standard }
    guard let flag = value.bool ?? value.integer.map({ $0 != 0 }) else {
      throw damaged("\(key) true or false", shown(value))
    }
    return flag
  }

  func number(_ key: String, _ standard: Double) throws(ImportError) -> Double {
    guard let value = self[key] else { return standard }
    guard let number = value.number else { throw damaged("a number \(key)", shown(value)) }
    return number
  }

  func text(_ key: String, _ standard: String) throws(ImportError) -> String {
    guard let value = self[key] else { return standard }
    guard let text = value.string else { throw damaged("a text \(key)", shown(value)) }
    return text
  }

  /// A share in 0 ..< 1.
  func share(_ key: String) throws(ImportError) -> Float {
    let share = Float(try number(key, 0))
    guard share >= 0, share < 1 else { throw damaged("\(key) of 0 to below 1", "\(share)") }
    return share
  }

  /// Refuses what an option says unless it is the standard.
  func demand(_ key: String, _ standard: JSONTree) throws(ImportError) {
    if let value = self[key], value != standard, !(value.number != nil && value.number == standard.number) {
      throw unsupported("\(key) \(shown(standard))", shown(value))
    }
  }

  /// An object that this one wraps, such as the layer of Bidirectional.
  func inner(_ key: String) throws(ImportError) -> KerasConfig {
    guard let object = self[key] else { throw damaged("an object \(key)", "none") }
    return try KerasConfig(object, file: file)
  }

  /// The name of an activation; "linear" where there is none. Refuses functions that are no names.
  func activation(_ key: String = "activation", _ standard: String = "linear") throws(ImportError) -> String {
    guard let value = self[key] else { return members[key] == nil ? standard : "linear" }
    if let name = value.string { return name }
    let name = value["registered_name"]?.string ?? value["config"]?.string ?? value["class_name"]?.string
    throw unsupported("an \(key) by name", "the object \(quotedName(name ?? "without a name"))")
  }

  /// The policy of numbers: "float32", "mixed_bfloat16"; nil where none is named.
  func policy() -> String? {
    guard let value = self["dtype"] else { return nil }
    return value.string ?? value["config"]?["name"]?.string ?? value["class_name"]?.string
  }

  /// λ of an L2 penalty; nil for none; refuses nothing, as penalties matter in training alone.
  func l2(_ key: String) -> Float? {
    guard let value = self[key], let name = value["class_name"]?.string, name == "L2" || name == "L1L2" else {
      return nil
    }
    if let l1 = value["config"]?["l1"]?.number, l1 != 0 { return nil }
    guard let l2 = value["config"]?["l2"]?.number, l2 > 0 else { return nil }
    return Float(l2)
  }
}

/// A JSON value in an error: short.
func shown(_ value: JSONTree?) -> String {
  switch value {
  case nil: "none"
  case .null: "null"
  case .bool(let value): "\(value)"
  case .number(let text): quotedName(text)
  case .string(let text): "'\(quotedName(text))'"
  case .array(let values): "a list of \(values.count)"
  case .object: "an object"
  }
}
