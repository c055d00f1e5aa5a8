import Cellgate
import Foundation

/// Times Cellgate's side of the comparisons; see `Benchmarks/README.md`.
@main
struct Grid {
  static let names = [
    "serve", "training", "forward", "stream", "table", "rows", "machine", "peak", "limits", "memory",
    "losses", "operations", "operation", "captions", "translation",
    "sessions", "everyday", "transformer", "search", "numbers", "cells",
  ]

  static func main() {
    let words = Array(CommandLine.arguments.dropFirst())
    do {
      var grid = Grid()
      if words == ["serve"] {
        try grid.serve()
      } else {
        try grid.answer(words)
      }
    } catch {
      FileHandle.standardError.write(Data("grid: \(Self.message(error))\n".utf8))
      exit(64)
    }
  }

  /// Answers the commands on standard input, each a line as it would stand behind `grid`, with a line each.
  mutating func serve() throws {
    while let line = readLine() {
      do {
        try answer(line.split(separator: " ").map(String.init))
      } catch {
        Output.line(try Output.json(["error": Self.message(error)]))
      }
    }
  }

  private static func message(_ error: any Error) -> String { (error as? GridError)?.message ?? "\(error)" }

  // The last workload and stream stay, warm, as long as the same is asked for.
  private var workload: (key: [String], value: Workload)?
  private var streaming: (key: [String], value: Streaming)?
  private var sessions: (key: [String], value: SessionsWorkload)?
  private var operation: (key: [String], value: OperationWorkload)?
  private var captions: (key: [String], value: CaptionsWorkload)?
  private var translation: (key: [String], value: TranslationWorkload)?
  private var everyday: (key: [String], value: EverydayWorkload)?
  private var transformer: (key: [String], value: TransformerWorkload)?
  private var search: (key: [String], value: SearchWorkload)?

  private mutating func answer(_ words: [String]) throws {
    let options = try Options(words)
    ThreadPool.shared.threads = options.threads
    switch options.command {
    case "training", "forward": try print(time(options, words), options)
    case "stream": try print(stream(options, words), options)
    case "sessions": try print(step(options, words), options)
    case "table": try table(options)
    case "rows": Output.line(try Output.json(Row.grid))
    case "machine": Output.line(try Output.json(Machine()))
    case "peak":
      let peak =
        InstructionSet.active.measurePeak(threads: options.threads, precision: options.precision) * 1e-9
      Output.line(try Output.json(["gflops": peak]))
    case "limits":
      let limits = Limits(threads: options.threads)
      Output.line(options.markdown ? limits.markdown : try Output.json(limits))
    case "memory": try memory(options)
    case "losses":
      try print(Losses(run: options.run, updates: options.repeats, file: options.out), options)
    case "operations": Output.line(try Output.json(OperationWorkload.all))
    case "operation": try print(apply(options, words), options)
    case "captions": try print(caption(options, words), options)
    case "translation": try print(translate(options, words), options)
    case "everyday" where options.pass == "data": try print(EverydayData(options), options)
    case "everyday": try print(pass(options, words), options)
    case "transformer": try print(attend(options, words), options)
    case "search": try print(find(options, words), options)
    case "cells": Output.line(try Output.json(Cell.all.map(\.name)))
    case "numbers": try print(Numbers(options), options)
    case "forget":
      workload = nil
      operation = nil
      captions = nil
      translation = nil
      everyday = nil
      transformer = nil
      search = nil
      streaming = nil
      sessions = nil
      Output.line("{}")
    default: throw GridError("expected a command, one of \(Self.names), found '\(options.command)'")
    }
  }

  private func print(_ record: some Encodable, _ options: Options) throws {
    Output.line(try Output.json(record))
  }

  private mutating func time(_ options: Options, _ words: [String]) throws(GridError) -> Workload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let run: (Workload) -> Void = options.command == "training" ? { $0.train() } : { $0.infer() }
    let workload: Workload
    if let last = self.workload, last.key == key {
      workload = last.value
    } else {
      self.workload = nil  // its memory is free before the next takes as much
      workload = try Workload(options)
      self.workload = (key, workload)
      run(workload)
      run(workload)
    }
    let times = (0..<options.repeats).map { _ in seconds { run(workload) } }
    return workload.record(options.command, times: times)
  }

  private mutating func stream(_ options: Options, _ words: [String]) throws(GridError) -> Streaming.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let streaming: Streaming
    if let last = self.streaming, last.key == key {
      streaming = last.value
    } else {
      streaming = try Streaming(options)
      self.streaming = (key, streaming)
      streaming.run(2)
    }
    return streaming.record(options)
  }

  private mutating func step(_ options: Options, _ words: [String]) throws -> SessionsWorkload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let sessions: SessionsWorkload
    if let last = self.sessions, last.key == key {
      sessions = last.value
    } else {
      self.sessions = nil
      sessions = try SessionsWorkload(options)
      self.sessions = (key, sessions)
      try sessions.run(2)
    }
    return try sessions.record(options)
  }

  private mutating func apply(
    _ options: Options, _ words: [String]
  ) throws(GridError) -> OperationWorkload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let operation: OperationWorkload
    if let last = self.operation, last.key == key {
      operation = last.value
    } else {
      self.operation = nil
      operation = try OperationWorkload(options)
      self.operation = (key, operation)
      operation.run(2)
    }
    return operation.record(options)
  }

  private mutating func caption(
    _ options: Options, _ words: [String]
  ) throws -> CaptionsWorkload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let captions: CaptionsWorkload
    if let last = self.captions, last.key == key {
      captions = last.value
    } else {
      self.captions = nil
      captions = try CaptionsWorkload(options)
      self.captions = (key, captions)
      captions.run()
      captions.run()
    }
    let times = (0..<options.repeats).map { _ in seconds { captions.run() } }
    return captions.record(options, times: times)
  }

  private mutating func translate(
    _ options: Options, _ words: [String]
  ) throws -> TranslationWorkload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let translation: TranslationWorkload
    if let last = self.translation, last.key == key {
      translation = last.value
    } else {
      self.translation = nil
      translation = try TranslationWorkload(options)
      self.translation = (key, translation)
      translation.run()
      translation.run()
    }
    let times = (0..<options.repeats).map { _ in seconds { translation.run() } }
    return translation.record(options, times: times)
  }

  private mutating func pass(
    _ options: Options, _ words: [String]
  ) throws -> EverydayWorkload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let everyday: EverydayWorkload
    if let last = self.everyday, last.key == key {
      everyday = last.value
    } else {
      self.everyday = nil
      everyday = try EverydayWorkload(options)
      self.everyday = (key, everyday)
      everyday.run()
      everyday.run()
    }
    let times = (0..<options.repeats).map { _ in seconds { everyday.run() } }
    return everyday.record(options, times: times)
  }

  private mutating func attend(
    _ options: Options, _ words: [String]
  ) throws -> TransformerWorkload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let transformer: TransformerWorkload
    if let last = self.transformer, last.key == key {
      transformer = last.value
    } else {
      self.transformer = nil
      transformer = try TransformerWorkload(options)
      self.transformer = (key, transformer)
      try transformer.run()
      try transformer.run()
    }
    let times = try (0..<options.repeats).map { _ in try seconds { try transformer.run() } }
    return transformer.record(options, times: times)
  }

  private mutating func find(_ options: Options, _ words: [String]) throws -> SearchWorkload.Record {
    let key = Self.withoutRepeats(words.dropFirst())
    let search: SearchWorkload
    if let last = self.search, last.key == key {
      search = last.value
    } else {
      self.search = nil
      search = try SearchWorkload(options)
      self.search = (key, search)
      search.run()
    }
    return search.record(times: (0..<options.repeats).map { _ in seconds { search.run() } })
  }

  /// The words but for how often something is timed.
  private static func withoutRepeats(_ words: ArraySlice<String>) -> [String] {
    var kept: [String] = []
    var rest = words
    while let word = rest.popFirst() {
      if word == "--repeats" || word == "--calls" {
        _ = rest.popFirst()
      } else {
        kept.append(word)
      }
    }
    return kept
  }

  /// Every row of the grid, training and forward.
  private mutating func table(_ options: Options) throws {
    let peak =
      InstructionSet.active.measurePeak(threads: options.threads, precision: options.precision) * 1e-9
    var lines: [[String]] = []
    for row in Row.grid {
      for cell in options.cells {
        var own = options
        own.cells = [cell]
        (own.steps, own.batch, own.input, own.hidden) = (row.steps, row.batch, row.input, row.hidden)
        let workload = try Workload(own)
        let times = (
          training: [medianSeconds(options.repeats) { workload.train() }],
          forward: [medianSeconds(options.repeats) { workload.infer() }]
        )
        let training = workload.record("training", times: times.training)
        let forward = workload.record("forward", times: times.forward)
        if options.markdown {
          lines.append([
            cell, row.text, Output.number(training.medianMs, 2),
            Output.number(100 * training.gflops / peak, 0), Output.number(forward.medianMs, 2),
            Output.number(100 * forward.gflops / peak, 0),
          ])
        } else {
          Output.line(try Output.json(training))
          Output.line(try Output.json(forward))
        }
      }
    }
    guard options.markdown else { return }
    Output.line(
      Output.table(["cell", "T, B, I, H", "training ms", "% of peak", "forward ms", "% of peak"], lines))
  }

  /// A few training steps; to be run in a process of its own.
  private func memory(_ options: Options) throws {
    let workload = try Workload(options)
    let before = try ResidentSize().now
    for _ in 0..<3 { workload.train() }
    Output.line(try Output.json(["before_bytes": before, "peak_bytes": ResidentSize().peak]))
  }
}
