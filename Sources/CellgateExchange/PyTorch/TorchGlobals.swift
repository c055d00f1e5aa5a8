import CellgateFiles

/// The classes and functions that a file of PyTorch may name, by module and name with a space between. None of them is ever
/// called; those that make tensors are understood, the others stand beside the weights and mean nothing here.
enum TorchGlobals {
  /// What one gives; nil for those that aren't allowed.
  static func global(_ name: String) -> Pickle.Global? {
    if dictionaries.contains(name) { return .dictionary }
    if sets.contains(name) { return .set }
    if rebuilders.contains(name) || records.contains(name) { return .function }
    if storages[name] != nil || dtypes[name] != nil || constants.contains(name) { return .constant }
    return nil
  }

  static let tensor = "torch._utils _rebuild_tensor"
  static let tensor2 = "torch._utils _rebuild_tensor_v2"
  static let tensor3 = "torch._utils _rebuild_tensor_v3"
  static let parameter = "torch._utils _rebuild_parameter"
  static let parameterWithState = "torch._utils _rebuild_parameter_with_state"
  static let fromType = "torch._tensor _rebuild_from_type_v2"
  /// Storages that don't know what they hold.
  static let untyped = "torch.storage UntypedStorage"

  /// Functions that make tensors. Those that `TorchTensors` doesn't know make tensors that are left out.
  static let rebuilders: Set<String> = [
    tensor, tensor2, tensor3, parameter, parameterWithState, fromType, "torch._utils _rebuild_sparse_tensor",
    "torch._utils _rebuild_sparse_csr_tensor", "torch._utils _rebuild_nested_tensor",
    "torch._utils _rebuild_meta_tensor_no_storage", "torch._utils _rebuild_qtensor",
    "torch._utils _rebuild_device_tensor_from_numpy", "torch._utils _rebuild_device_tensor_from_cpu_tensor",
  ]

  private static let dictionaries: Set<String> = [
    "collections OrderedDict", "collections defaultdict", "collections Counter", "__builtin__ dict",
    "builtins dict",
  ]

  private static let sets: Set<String> = [
    "__builtin__ set", "builtins set", "__builtin__ frozenset", "builtins frozenset",
  ]

  /// What training scripts put beside the weights.
  private static let records: Set<String> = [
    "argparse Namespace", "torch Size", "torch device", "torch.serialization _get_layout",
    "torch Tensor", "torch.nn.parameter Parameter", "torch.nn.parameter Buffer",
    "pathlib PosixPath", "pathlib PurePosixPath", "pathlib WindowsPath", "pathlib PureWindowsPath",
    "pathlib Path", "pathlib._local PosixPath", "pathlib._local PurePosixPath", "pathlib._local WindowsPath",
    "datetime datetime", "datetime date", "datetime time", "datetime timedelta", "_codecs encode",
    "numpy dtype", "numpy ndarray", "numpy.core.multiarray scalar", "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray scalar", "numpy._core.multiarray _reconstruct", "__builtin__ bytearray",
    "builtins bytearray", "__builtin__ complex", "builtins complex",
  ]

  private static let constants: Set<String> = [
    "__builtin__ list", "builtins list", "__builtin__ int", "builtins int", "__builtin__ float",
    "builtins float", "__builtin__ str", "builtins str", "__builtin__ bool", "builtins bool",
    "__builtin__ tuple", "builtins tuple", "torch._tensor Tensor", untyped, "torch per_tensor_affine",
    "torch per_channel_affine", "torch strided",
  ]

  /// Storages: what their numbers are; nil for those that Cellgate has no numbers for.
  static let storages: [String: NumberType?] = {
    let types: [String: NumberType?] = [
      "Double": .float64, "Float": .float32, "Half": .float16, "BFloat16": .bfloat16, "Long": .int64,
      "Int": .int32, "Short": .int16, "Char": .int8, "Byte": .uint8, "Bool": .bool, "ComplexFloat": nil,
      "ComplexDouble": nil, "QInt8": nil, "QUInt8": nil, "QInt32": nil,
      "Float8_e4m3fn": nil, "Float8_e5m2": nil,
    ]
    var storages: [String: NumberType?] = [:]
    for (name, type) in types {
      storages["torch \(name)Storage"] = .some(type)
      storages["torch.cuda \(name)Storage"] = .some(type)
    }
    return storages
  }()

  /// Types of numbers; nil for those that Cellgate has no numbers for.
  static let dtypes: [String: NumberType?] = [
    "torch float64": .float64, "torch double": .float64, "torch float32": .float32, "torch float": .float32,
    "torch float16": .float16, "torch half": .float16, "torch bfloat16": .bfloat16, "torch int64": .int64,
    "torch long": .int64, "torch int32": .int32, "torch int": .int32, "torch int16": .int16,
    "torch short": .int16, "torch int8": .int8, "torch uint8": .uint8, "torch uint16": .uint16,
    "torch uint32": .uint32, "torch uint64": .uint64, "torch bool": .bool, "torch complex64": nil,
    "torch complex128": nil, "torch complex32": nil, "torch float8_e4m3fn": nil,
    "torch float8_e4m3fnuz": nil, "torch float8_e5m2": nil, "torch float8_e5m2fnuz": nil,
    "torch float8_e8m0fnu": nil, "torch qint8": nil, "torch quint8": nil,
    "torch qint32": nil,
  ]

  /// A name for people: "torch.FloatStorage".
  static func shown(_ name: String) -> String { name.split(separator: " ").joined(separator: ".") }
}
