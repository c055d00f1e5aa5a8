import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateTraining

/// Small whole files that libFuzzer begins with.
enum Seeds {
  /// Those of the reader of this name; files of other tools come from the tests' folders.
  static func seeds(of reader: String) -> [[UInt8]] {
    switch reader {
    case "safetensors":
      var file = Safetensors.Writer()
      file.add("weight", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
      return [[UInt8](file.encode())]
    case "npy": return [[UInt8](array.encode())]
    case "npz":
      var file = NumpyArchive.Writer()
      file.add("x", array)
      return [[UInt8](file.encode())]
    case "zip":
      return [true, false].map { isCompressed in
        var file = ZipArchive.Writer()
        file.add("a", bytes: [UInt8](repeating: 65, count: 300), isCompressed: isCompressed)
        file.add("b/c", bytes: [1, 2, 3], isCompressed: isCompressed)
        return [UInt8](file.encode())
      }
    case "gzip": return [hex("1f8b08000000000000034b4c4a06004fc4d2b903000000")]
    case "idx": return [hex("00000802 00000002 00000003 010203040506"), hex("00000801 00000002 0102")]
    case "json":
      return texts([#"{"a":[1,-2.5e3,true,false,null,"\u00e9\n"],"b":{}}"#, "[]", #""\ud83d\ude00""#])
    case "midi":
      return [
        hex("4d546864 00000006 0000 0001 0060 4d54726b 00000013 00ff5103 07a120 00903c40 60803c40 00ff2f00"),
        hex("4d546864 00000006 0001 0001 e728 4d54726b 0000000a 00903c40 603c00 00ff2f00"),
      ]
    case "png":
      return [
        hex(
          "89504e470d0a1a0a 0000000d49484452 00000001 00000001 08 02 00 00 00 907753de"
            + "0000000c49444154 78da6360606000000004 0001f61738550000000049454e44ae426082")
      ]
    case "wav":
      return [
        hex(
          "52494646 2c000000 57415645 666d7420 10000000 0100 0100 401f0000 803e0000 0200 1000 64617461 08000000"
            + "0000 ff7f 0080 0100")
      ]
    case "y4m":
      return texts([
        "YUV4MPEG2 W2 H2 F25:1 Cmono\nFRAME\nabcdFRAME\nefgh", "YUV4MPEG2 W2 H2 F25:1 C420\nFRAME\nabcdef",
      ])
    case "table":
      return texts([
        "a,b,c\n1,2,x\n3,,\"y, \"\"z\"\"\n", "date;t\r\n2020-01-02 03:04;1,5\r\n", "x\ty\n1\t2\n",
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":null}\n",
      ])
    case "cell": return texts(Cell.all.map(\.text))
    case "abc": return texts(["X:1\nT:a\nM:6/8\nL:1/8\nK:G\n|:GAB c2d|[1 e3 d3:|[2 (3abc z4 _B=A^G|]\n"])
    case "captions":
      return texts([
        #"{"images":[{"filename":"a.jpg","split":"train","sentences":[{"raw":"a dog","tokens":["a","dog"]}]}]}"#,
        #"{"images":[{"id":1,"file_name":"a.jpg"}],"annotations":[{"image_id":1,"id":2,"caption":"a dog"}]}"#,
        "a.jpg#0\tA dog .\na.jpg#1\tA cat .\n",
      ])
    case "config": return [[UInt8](TrainingSettings(hidden: 4, batch: 2, steps: 3).encoded())]
    case "initialization":
      return texts([
        #"{"weight_hh":{"distribution":"orthogonal"},"bias":{"distribution":"constant","value":1}}"#
      ])
    default: return []
    }
  }

  private static var array: NumpyArray { NumpyArray(shape: [2, 2], floats: [1, 2, 3, 4]) }

  private static func texts(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

  /// Bytes written as two digits each, with spaces where they read better.
  private static func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
