// What the targets use of Foundation, and C's library. Of Foundation only its essentials where it is cut into parts: the
// others bring Unicode tables of 30 MB, which a binary with the runtime linked in would hold.

#if canImport(FoundationEssentials)
  @_exported import FoundationEssentials
#else
  @_exported import Foundation
#endif

#if canImport(Glibc)
  @_exported import Glibc
#elseif canImport(Musl)
  @_exported import Musl
#else
  @_exported import Darwin
#endif
