extension Safetensors {
  /// The type of a tensor's numbers, named as in the file. Any name is one: what the format gets later, or somebody
  /// makes up, is a type whose size is not known.
  public struct Dtype: RawRepresentable, Hashable, Sendable {
    /// The name in the file: "F32".
    public let rawValue: String

    /// The type of a name.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Truth values, a byte each.
    public static let bool = Dtype(rawValue: "BOOL")
    /// Whole numbers of 0 or more, 1 byte.
    public static let u8 = Dtype(rawValue: "U8")
    /// Whole numbers, 1 byte.
    public static let i8 = Dtype(rawValue: "I8")
    /// Whole numbers of 0 or more, 2 bytes.
    public static let u16 = Dtype(rawValue: "U16")
    /// Whole numbers, 2 bytes.
    public static let i16 = Dtype(rawValue: "I16")
    /// IEEE half precision, 2 bytes.
    public static let f16 = Dtype(rawValue: "F16")
    /// bfloat16, 2 bytes.
    public static let bf16 = Dtype(rawValue: "BF16")
    /// Whole numbers of 0 or more, 4 bytes.
    public static let u32 = Dtype(rawValue: "U32")
    /// Whole numbers, 4 bytes.
    public static let i32 = Dtype(rawValue: "I32")
    /// IEEE single precision, 4 bytes.
    public static let f32 = Dtype(rawValue: "F32")
    /// Whole numbers of 0 or more, 8 bytes.
    public static let u64 = Dtype(rawValue: "U64")
    /// Whole numbers, 8 bytes.
    public static let i64 = Dtype(rawValue: "I64")
    /// IEEE double precision, 8 bytes.
    public static let f64 = Dtype(rawValue: "F64")

    /// Bits of a number; nil for a type that is not known.
    public var bits: Int? { Self.sizes[rawValue] }

    /// Those of the format's version 0.7.
    private static let sizes = [
      "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8,
      "F8_E8M0": 8,
      "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
      "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
    ]
  }
}
