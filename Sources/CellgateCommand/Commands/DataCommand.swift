import ArgumentParser
import Cellgate

/// `cellgate data`: data sets that tasks read.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "List, fetch and verify data sets.",
    discussion: """
      Some tasks read real data. It lies in a data folder: the one named by --data, else by the environment \
      variable CELLGATE_DATA, else cellgate in your cache folder.

      EXAMPLES:
        cellgate data list
        cellgate data fetch mnist
        cellgate data verify mnist --data /scratch/data
      """,
    subcommands: [List.self, Fetch.self, Verify.self])

  /// Where the data is.
  struct Place: ParsableArguments {
    @Option(help: ArgumentHelp("The data folder.", valueName: "dir"))
    var data: String?

    @Flag(help: "Print JSON and nothing else.")
    var json = false

    func directory() throws(CommandFailure) -> DataDirectory {
      let directory = DataDirectory(option: data)
      try Arguments.check(directory)
      return directory
    }

    /// The data set of a name.
    func dataSet(_ name: String) throws(CommandFailure) -> DataSet {
      guard let set = DataSet.all.first(where: { $0.name == name }) else {
        throw CommandFailure(.usage, Names.unknown("data set", name, known: DataSet.all.map(\.name)))
      }
      return set
    }
  }

  /// `cellgate data list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the data sets and whether they are there.",
      discussion: """
        EXAMPLES:
          cellgate data list
          cellgate data list --json
        """)

    @OptionGroup var place: Place

    func run() throws {
      let directory = try place.directory()
      let sets = DataSet.all.map { set in (set, isThere: (try? set.require(in: directory)) != nil) }
      if place.json {
        JSONValue.array(
          sets.map { set, isThere in
            [
              "name": .string(set.name), "summary": .string(set.summary), "licence": .string(set.licence),
              "bytes": .integer(set.bytes), "present": .bool(isThere), "directory": .string(directory.path),
              "files": .strings(set.files.map(\.path)),
            ]
          }
        ).print()
        return
      }
      var table = Table([.left("data set"), .right("size"), .left("here"), .left("what it is")])
      for (set, isThere) in sets {
        table.add([set.name, Text.bytes(Double(set.bytes)), isThere ? "yes" : "no", set.summary])
      }
      Console.print()
      table.print()
      Console.print("\n  Data folder: \(directory.path)")
      for (set, isThere) in sets where !isThere {
        Console.print("  Get \(set.name): cellgate data fetch \(set.name)")
      }
      Console.print()
    }
  }

  /// `cellgate data fetch`.
  struct Fetch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Download a data set.",
      discussion: """
        Files that are already whole are left alone, and a download that was cut off goes on where it stopped. \
        Each file's checksum is checked before it is put in place. The downloading is done by curl, which must be \
        installed; without it the command ends with exit code 69.

        EXAMPLES:
          cellgate data fetch mnist
          cellgate data fetch mnist --data /scratch/data
          cellgate data fetch mnist --mirror http://localhost:8000/mnist/
        """)

    @Argument(help: "The data set: see 'cellgate data list'.")
    var name: String

    @Option(
      help: ArgumentHelp(
        "The address of a folder with the files, instead of the known ones.", valueName: "url"))
    var mirror: [String] = []

    @OptionGroup var place: Place

    func run() throws {
      let set = try place.dataSet(name)
      let directory = try place.directory()
      let display = LiveDisplay(set.files.map(\.name), unit: "kB", isSilent: place.json)
      let json = place.json
      let fetched = try set.fetch(into: directory, mirrors: mirror.isEmpty ? nil : mirror) { progress in
        let (received, total) = (progress.received, progress.total)
        if json {
          let record: JSONValue = [
            "record": "progress", "file": .string(progress.file.path), "received": .integer(received),
            "total": .integer(total),
          ]
          record.print()
        } else if let index = set.files.firstIndex(of: progress.file) {
          display.update(index, done: received / 1000, total: total / 1000, note: "")
          if received == total { display.finish(index, verdict: "whole") }
        }
      } warn: {
        Console.warn($0)
      }
      display.close()
      if json {
        let record: JSONValue = [
          "record": "result", "name": .string(set.name), "directory": .string(directory.path),
          "fetched": .strings(fetched.map(\.path)),
        ]
        record.print()
      } else {
        let what = fetched.isEmpty ? "was already there" : "fetched (\(Text.plural(fetched.count, "file")))"
        Console.print("\(set.name): \(what), in \(directory.path)/\(set.name)")
        Console.print("Licence: \(set.licence)")
      }
    }
  }

  /// `cellgate data verify`.
  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check that a data set's files are whole.",
      discussion: """
        Compares the size and the SHA-256 checksum of each file with those of the original. Ends with exit \
        code 65 if a file is wrong and with 66 if one is missing.

        EXAMPLES:
          cellgate data verify mnist
          cellgate data verify mnist --data /scratch/data --json
        """)

    @Argument(help: "The data set: see 'cellgate data list'.")
    var name: String

    @OptionGroup var place: Place

    func run() throws {
      let set = try place.dataSet(name)
      let directory = try place.directory()
      let checks = set.verify(in: directory)
      if place.json {
        let record: JSONValue = [
          "name": .string(set.name), "directory": .string(directory.path),
          "whole": .bool(checks.allSatisfy(\.isWhole)),
          "files": .array(
            checks.map {
              ["file": .string($0.file.path), "whole": .bool($0.isWhole), "finding": .string($0.description)]
            }),
        ]
        record.print()
      } else {
        for check in checks where check.isWhole { Console.print(check.description) }
      }
      let wrong = checks.filter { !$0.isWhole }
      guard !wrong.isEmpty else { return }
      let isMissing = wrong.allSatisfy { $0.state == .missing }
      throw CommandFailure(isMissing ? .noInput : .data, lines: wrong.map(\.description))
    }
  }
}
