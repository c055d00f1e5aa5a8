import Cellgate
import Foundation

/// What went wrong, in one line.
struct GridError: Error {
  let message: String
  init(_ message: String) { self.message = message }
}

/// A command line: a command, then options `--name value` and flags `--name`.
struct Options {
  var command = ""
  var cells = ["lstm"]
  var steps = 128, batch = 16, input = 128, hidden = 128, layers = 1
  var bidirectional = false
  /// Valid steps of each sequence; nil when all are `steps` long.
  var lengths: [Int]?
  /// Steps between the states that are kept for the backward pass; nil keeps all that it needs.
  var recomputeEvery: Int?
  var precision = Precision.float32
  var threads = ProcessInfo.processInfo.activeProcessorCount
  /// How many times are taken.
  var repeats = 5
  /// Calls of a stream that one time is the mean of.
  var calls = 1
  /// `operation`: which one, and forward or training. `captions`: which form, and training or beam.
  /// `everyday`: which model, and masked, padded or data.
  var name = "", pass = "forward"
  /// `captions` and `translation`: hypotheses of a beam, and pictures or sentences.
  var width = 5, pictures = 1000
  var markdown = false
  /// `losses`: a run's folder, and the file to write.
  var run = "", out = "losses.safetensors"
  /// `sessions`: numbers that the head gives, and the ONNX file to write; none where it is empty.
  var outputs = 64, onnx = ""
  /// `search`: keys; its pass is exact or lists.
  var keys = 1_000_000
  /// `transformer`: heads; its pass is training or decoding.
  var heads = 4

  var cell: Cell {
    get throws(GridError) {
      guard let name = cells.first, cells.count == 1 else { throw GridError("--cell: expected one cell") }
      guard let cell = Cell.named(name) else {
        throw GridError("--cell: expected one of \(Cell.all.map(\.name)), found '\(name)'")
      }
      return cell
    }
  }

  init(_ words: [String]) throws(GridError) {
    guard let command = words.first else { throw GridError("expected a command, one of \(Grid.names)") }
    self.command = command
    var rest = words.dropFirst()
    func value(_ name: String) throws(GridError) -> String {
      guard let word = rest.popFirst() else { throw GridError("\(name): expected a value") }
      return word
    }
    func whole(_ name: String, _ word: String, from least: Int) throws(GridError) -> Int {
      guard let number = Int(word), number >= least else {
        throw GridError("\(name): expected a whole number of at least \(least), found '\(word)'")
      }
      return number
    }
    while let name = rest.popFirst() {
      switch name {
      case "--bidirectional": bidirectional = true
      case "--markdown": markdown = true
      case "--name": self.name = try value(name)
      case "--pass": pass = try value(name)
      case "--run": run = try value(name)
      case "--out": out = try value(name)
      case "--onnx": onnx = try value(name)
      case "--outputs": outputs = try whole(name, value(name), from: 1)
      case "--cell", "--cells": cells = try value(name).split(separator: ",").map(String.init)
      case "--steps": steps = try whole(name, value(name), from: 1)
      case "--batch": batch = try whole(name, value(name), from: 1)
      case "--input": input = try whole(name, value(name), from: 1)
      case "--hidden": hidden = try whole(name, value(name), from: 1)
      case "--keys": keys = try whole(name, value(name), from: 1)
      case "--heads": heads = try whole(name, value(name), from: 1)
      case "--layers": layers = try whole(name, value(name), from: 1)
      case "--recompute-every": recomputeEvery = try whole(name, value(name), from: 1)
      case "--threads": threads = try whole(name, value(name), from: 1)
      case "--repeats": repeats = try whole(name, value(name), from: 1)
      case "--width": width = try whole(name, value(name), from: 1)
      case "--pictures": pictures = try whole(name, value(name), from: 1)
      case "--calls": calls = try whole(name, value(name), from: 1)
      case "--precision":
        let word = try value(name)
        guard let known = Precision(rawValue: word) else {
          throw GridError("--precision: expected f32, bf16 or int8, found '\(word)'")
        }
        if let problem = known.problem(on: .active) { throw GridError("--precision: \(problem)") }
        precision = known
      case "--lengths":
        var numbers: [Int] = []
        for word in try value(name).split(separator: ",") {
          numbers.append(try whole(name, "\(word)", from: 0))
        }
        lengths = numbers
      default: throw GridError("unknown option '\(name)'")
      }
    }
    if let lengths {
      guard lengths.count == batch, lengths.allSatisfy({ $0 <= steps }) else {
        throw GridError("--lengths: expected \(batch) numbers of at most \(steps), found \(lengths.count)")
      }
    }
    if command == "training" || command == "memory", !precision.trains {
      throw GridError("--precision: expected f32 or bf16 for \(command), found '\(precision.rawValue)'")
    }
  }
}
