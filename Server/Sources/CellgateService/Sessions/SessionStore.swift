import Cellgate
import HTTPTypes

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a session is besides its states.
struct SessionRecord: Sendable, Equatable {
  /// What requests call it.
  let id: String
  /// The model that it is of.
  let model: String
  /// The name of the key that it was made with; "" for none.
  let owner: String
  /// When it was made and when it was last used, in seconds since 1970.
  let created: Double
  var used: Double
  /// Steps that it has taken.
  var steps = 0
  /// A symbol that was written and not taken yet: the next step begins with it.
  var pending: Int32?

  var tree: JSONTree {
    [
      "format_version": 1, "id": .string(id), "model": .string(model), "owner": .string(owner),
      "created": .real(created), "used": .real(used), "steps": .integer(steps),
      "pending": pending.map { .integer(Int($0)) } ?? .null,
    ]
  }

  init(id: String, model: String, owner: String, created: Double) {
    (self.id, self.model, self.owner, self.created, used) = (id, model, owner, created, created)
  }

  init?(_ tree: JSONTree) {
    guard tree["format_version"]?.integer == 1, let id = tree["id"]?.string,
      let model = tree["model"]?.string, let owner = tree["owner"]?.string,
      let created = tree["created"]?.number, let used = tree["used"]?.number,
      let steps = tree["steps"]?.integer, steps >= 0
    else { return nil }
    (self.id, self.model, self.owner, self.created, self.used, self.steps) =
      (id, model, owner, created, used, steps)
    if let symbol = tree["pending"]?.integer { pending = Int32(exactly: symbol) }
  }
}

/// A folder of sessions, a file each: the record as a line of JSON, then the session's bytes, which have a checksum. A file is whole or
/// not there.
actor SessionStore {
  private let executor = ThreadExecutor(label: "cellgate.store")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private nonisolated let folder: String

  /// Makes the folder if it isn't there; throws `store`.
  init(_ folder: String) throws(ServiceSetupError) {
    self.folder = folder
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw .store("\(folder): expected a folder for sessions, found that it can't be made") }
    guard FileManager.default.isWritableFile(atPath: folder) else {
      throw .store("\(folder): expected a folder that can be written, found one that can't")
    }
  }

  private nonisolated func path(_ id: String) -> String { folder + "/\(id).session" }

  /// Writes a session; throws 507 where the disk refuses.
  func write(_ record: SessionRecord, _ session: ModelSession) throws(ServiceError) {
    var data = Data((record.tree.text + "\n").utf8)
    data.append(contentsOf: session.bytes)
    do throws(FileError) { try AtomicFile.write(data, to: path(record.id)) } catch {
      throw ServiceError(
        .insufficientStorage, "the session can't be written to the store; it stays in memory",
        code: "store_failed")
    }
  }

  /// A session that was written; throws 500 for a file that is damaged or gone.
  func read(_ id: String) throws(ServiceError) -> (record: SessionRecord, session: ModelSession) {
    let damaged = ServiceError(
      .internalServerError, "the session's file in the store is damaged or gone", code: "store_damaged")
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path(id))),
      let end = data.firstIndex(of: 0x0A),
      let tree = try? JSONTree(data: Array(data[..<end]), file: "session"),
      let record = SessionRecord(tree), record.id == id,
      let session = try? ModelSession(bytes: Array(data[(end + 1)...]))
    else { throw damaged }
    return (record, session)
  }

  /// Removes a session's file, if there is one.
  func remove(_ id: String) { try? FileManager.default.removeItem(atPath: path(id)) }

  /// The records of all sessions in the folder, and how many files are damaged, which stay as they are.
  func records() -> (records: [SessionRecord], damaged: Int) {
    var (records, damaged): ([SessionRecord], Int) = ([], 0)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasSuffix(".session") && !name.hasPrefix(".") {
      if let found = try? read(String(name.dropLast(".session".count))) {
        records.append(found.record)
      } else {
        damaged += 1
      }
    }
    return (records, damaged)
  }
}
