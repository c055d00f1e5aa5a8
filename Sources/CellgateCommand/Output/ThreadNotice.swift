import Cellgate
import Synchronization

/// The line that says how many threads the command has, where the system refused some.
enum ThreadNotice {
  private static let isPrinted = Atomic<Bool>(false)

  /// Prints the line once, above the bars of a display.
  static func print(above display: LiveDisplay? = nil) {
    guard let shortage = ThreadShortage.first, !isPrinted.exchange(true, ordering: .relaxed) else { return }
    display?.close()  // the bars are drawn again below
    Console.printError("cellgate: \(shortage)")
  }
}
