#if MPI
  import CellgateBasics
  import CellgateNN

  #if canImport(Darwin)
    import Darwin
  #elseif canImport(Musl)
    import Musl
  #else
    import Glibc
  #endif

  /// The processes of MPI's world, by the functions of a library that is opened at run time.
  ///
  /// Handles are pointers in Open MPI and numbers in MPICH and those that share its binary interface (Intel MPI, Cray MPICH); both fit an
  /// Int. An error of the library ends all processes, which is MPI's default.
  ///
  /// Whoever waits for the others for longer than `CELLGATE_MPI_TIMEOUT` seconds (1,800) ends its process with a line, and with it `mpirun`
  /// all of them: by SIGALRM, which the group takes for itself.
  ///
  /// Source: https://www.mpi-forum.org/docs/mpi-4.1/mpi41-report.pdf
  @safe final class MPIGroup: ProcessGroup {
    private typealias Initialize =
      @convention(c) (
        UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, Int32, UnsafeMutablePointer<Int32>
      ) -> Int32
    private typealias Number = @convention(c) (Int, UnsafeMutablePointer<Int32>) -> Int32
    // A call that begins: its last argument is where its request goes, a pointer or a number like other handles.
    private typealias GatherAll =
      @convention(c) (
        UnsafeRawPointer?, Int32, Int, UnsafeMutableRawPointer?, UnsafePointer<Int32>?, UnsafePointer<Int32>?,
        Int, Int, UnsafeMutablePointer<Int>
      ) -> Int32
    private typealias ExchangeAll =
      @convention(c) (
        UnsafeRawPointer?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int, UnsafeMutableRawPointer?,
        UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int, Int, UnsafeMutablePointer<Int>
      ) -> Int32
    private typealias Test =
      @convention(c) (UnsafeMutablePointer<Int>, UnsafeMutablePointer<Int32>, UnsafeMutableRawPointer) ->
      Int32
    private typealias Finalize = @convention(c) () -> Int32

    let rank: Int
    let count: Int
    let servesOtherThreads: Bool
    private let world: Int, byte: Int
    private let gatherAll: GatherAll
    private let exchangeAll: ExchangeAll
    private let test: Test
    private let finalize: Finalize
    private let timeout: UInt32

    /// MPI's constants in MPICH's binary interface.
    private static let (mpichWorld, mpichByte) = (0x4400_0000, 0x4c00_010d)
    /// MPI_THREAD_SERIALIZED, the same in both.
    private static let oneAtATime: Int32 = 2
    /// The most bytes of one call, whose numbers are Int32.
    private static let mostBytes = 1 << 30

    init(names: [String]) throws(MPIError) {
      var reason = ""
      var opened: (name: String, handle: UnsafeMutableRawPointer)?
      for name in names where unsafe opened == nil {
        // The library's own plug-ins look for its symbols among those of the whole program.
        if let handle = unsafe dlopen(name, RTLD_NOW | RTLD_GLOBAL) {
          unsafe opened = (name, handle)
        } else if reason.isEmpty {
          reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "\(name) can't be opened"
        }
      }
      guard let (library, handle) = unsafe opened else { throw .noLibrary(names: names, reason: reason) }
      func symbol(_ name: String) throws(MPIError) -> UnsafeMutableRawPointer {
        guard let found = unsafe dlsym(handle, name) else {
          throw .missing(library: library, function: name)
        }
        return unsafe found
      }
      if let ownWorld = unsafe dlsym(handle, "ompi_mpi_comm_world") {
        (world, byte) = unsafe (Int(bitPattern: ownWorld), Int(bitPattern: try symbol("ompi_mpi_byte")))
      } else {
        (world, byte) = (Self.mpichWorld, Self.mpichByte)
      }
      unsafe gatherAll = unsafeBitCast(try symbol("MPI_Iallgatherv"), to: GatherAll.self)
      unsafe exchangeAll = unsafeBitCast(try symbol("MPI_Ialltoallv"), to: ExchangeAll.self)
      unsafe test = unsafeBitCast(try symbol("MPI_Test"), to: Test.self)
      unsafe finalize = unsafeBitCast(try symbol("MPI_Finalize"), to: Finalize.self)
      let initialize = unsafe unsafeBitCast(try symbol("MPI_Init_thread"), to: Initialize.self)
      let ownRank = unsafe unsafeBitCast(try symbol("MPI_Comm_rank"), to: Number.self)
      let ownCount = unsafe unsafeBitCast(try symbol("MPI_Comm_size"), to: Number.self)
      var (level, rank, count) = (Int32(0), Int32(0), Int32(0))
      // Threads compute, and one at a time calls MPI: MPI_THREAD_SERIALIZED. A library that can't lets the first one alone.
      let status = unsafe initialize(nil, nil, Self.oneAtATime, &level)
      guard status == 0, unsafe ownRank(world, &rank) == 0, unsafe ownCount(world, &count) == 0 else {
        throw .refused(library: library, status: Int(status))
      }
      (self.rank, self.count, servesOtherThreads) = (Int(rank), Int(count), level >= Self.oneAtATime)
      let seconds = ProcessInfo.processInfo.environment["CELLGATE_MPI_TIMEOUT"].flatMap { UInt32($0) }
      timeout = seconds.map { max(1, $0) } ?? 1800
      LastWords.install(
        "cellgate: process \(rank) of \(count) has waited \(timeout) s for the others: the run ends; its last checkpoint is whole\n"
      )
    }

    func end() {
      alarm(timeout)
      check(finalize())
      alarm(0)
    }

    func gather(_ bytes: [UInt8]) -> [[UInt8]] {
      let sizes = gathered([bytes.count], sizes: [Int](repeating: 1, count: count)).map { $0[0] }
      return gathered(bytes, sizes: sizes)
    }

    func exchange(_ parts: [[UInt8]]) -> [[UInt8]] {
      let table = gathered(parts.map(\.count), sizes: [Int](repeating: count, count: count))
      var received = (0..<count).map { [UInt8](repeating: 0, count: table[$0][rank]) }
      let most = table.joined().max() ?? 0
      let piece = Self.mostBytes / count
      for start in stride(from: 0, to: max(most, 1), by: piece) {
        func sizes(_ whole: [Int]) -> [Int32] { whole.map { Int32(min(piece, max(0, $0 - start))) } }
        let (out, back) = (sizes(parts.map(\.count)), sizes(received.map(\.count)))
        let sent = zip(parts, out).flatMap { part, size in part[min(start, part.count)...].prefix(Int(size)) }
        var got = [UInt8](repeating: 0, count: back.reduce(0) { $0 + Int($1) })
        let (outPlaces, backPlaces) = (Self.places(out), Self.places(back))
        unsafe Self.pointers(out, outPlaces, back, backPlaces) { out, outPlaces, back, backPlaces in
          unsafe sent.withUnsafeBytes { sent in
            unsafe got.withUnsafeMutableBytes { got in
              unsafe wait {
                unsafe exchangeAll(
                  sent.baseAddress, out, outPlaces, byte, got.baseAddress, back, backPlaces, byte, world, $0)
              }
            }
          }
        }
        for (sender, place) in Self.places(back).enumerated() where back[sender] > 0 {
          received[sender].replaceSubrange(
            start..<start + Int(back[sender]), with: got[Int(place)..<Int(place) + Int(back[sender])])
        }
      }
      return received
    }

    /// What each process has, whose numbers all know.
    private func gathered<Element: BitwiseCopyable>(_ own: [Element], sizes: [Int]) -> [[Element]] {
      let width = MemoryLayout<Element>.stride
      let piece = Self.mostBytes / count / width
      var parts: [[Element]] = sizes.map { _ in [] }
      for start in stride(from: 0, to: max(sizes.max() ?? 0, 1), by: piece) {
        let numbers = sizes.map { min(piece, max(0, $0 - start)) }
        let bytes = numbers.map { Int32($0 * width) }
        let sent = Array(own[min(start, own.count)...].prefix(numbers[rank]))
        let total = numbers.reduce(0, +)
        let got = unsafe [Element](unsafeUninitializedCapacity: total) { buffer, filled in
          unsafe Self.pointers(bytes, Self.places(bytes), [], []) { sizes, places, _, _ in
            unsafe sent.withUnsafeBytes { sent in
              unsafe wait {
                unsafe gatherAll(
                  sent.baseAddress, bytes[rank], byte, buffer.baseAddress, sizes, places, byte, world, $0)
              }
            }
          }
          filled = total
        }
        var place = 0
        for (sender, number) in numbers.enumerated() {
          parts[sender] += got[place..<place + number]
          place += number
        }
      }
      return parts
    }

    private static func places(_ sizes: [Int32]) -> [Int32] {
      var place: Int32 = 0
      return sizes.map { size in
        defer { place += size }
        return place
      }
    }

    private typealias Numbers = UnsafePointer<Int32>?

    /// What a call reads until it is complete.
    private static func pointers(
      _ a: [Int32], _ b: [Int32], _ c: [Int32], _ d: [Int32],
      _ body: (Numbers, Numbers, Numbers, Numbers) -> Void
    ) {
      unsafe a.withUnsafeBufferPointer { a in
        unsafe b.withUnsafeBufferPointer { b in
          unsafe c.withUnsafeBufferPointer { c in
            unsafe d.withUnsafeBufferPointer { d in
              unsafe body(a.baseAddress, b.baseAddress, c.baseAddress, d.baseAddress)
            }
          }
        }
      }
    }

    /// How often a request is asked for at once before the thread sleeps between two questions, and the microseconds of that sleep: other threads
    /// compute meanwhile, on processors that a library's own wait would keep busy.
    private static let (patience, nap) = (200, UInt32(50))

    /// Begins a call, and returns once the other processes have made theirs.
    private func wait(_ begin: (UnsafeMutablePointer<Int>) -> Int32) {
      alarm(timeout)
      var request = 0
      check(unsafe begin(&request))
      // Larger than the status of either library, which nobody reads.
      var status = [UInt8](repeating: 0, count: 256)
      var isComplete: Int32 = 0
      var asked = 0
      while true {
        check(unsafe test(&request, &isComplete, &status))
        if isComplete != 0 { break }
        asked += 1
        if asked > Self.patience { usleep(Self.nap) }
      }
      alarm(0)
    }

    /// A library that reports an error instead of ending the processes is out of order.
    private func check(_ status: Int32) {
      require(status == 0, "MPIGroup: expected the processes to agree, found error \(status) of MPI")
    }
  }

  /// The line that a process ends with when an alarm rings: written with what a signal handler may use.
  private enum LastWords {
    nonisolated(unsafe) private static var text = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    /// The exit code of `sysexits.h` for a failure that may pass.
    private static let status: Int32 = 75

    static func install(_ line: String) {
      let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: line.utf8.count)
      _ = unsafe copy.initialize(from: line.utf8)
      unsafe text = UnsafeBufferPointer(copy)
      signal(SIGALRM) { _ in
        _ = unsafe write(2, LastWords.text.baseAddress, LastWords.text.count)
        _exit(LastWords.status)
      }
    }
  }
#endif
