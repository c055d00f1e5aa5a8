#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// C's functions of the names that operations on tensors and equations have too.
package enum CLibrary {
  package static func exp(_ x: Double) -> Double { exponential(x) }
  package static func log(_ x: Double) -> Double { logarithm(x) }
  package static func log1p(_ x: Double) -> Double { logarithmOfSum(x) }
  package static func tanh(_ x: Double) -> Double { hyperbolicTangent(x) }
  package static func atanh(_ x: Double) -> Double { inverseHyperbolicTangent(x) }
}

// Within `CLibrary` their own names are those above.
private func exponential(_ x: Double) -> Double { exp(x) }
private func logarithm(_ x: Double) -> Double { log(x) }
private func logarithmOfSum(_ x: Double) -> Double { log1p(x) }
private func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
private func inverseHyperbolicTangent(_ x: Double) -> Double { atanh(x) }
