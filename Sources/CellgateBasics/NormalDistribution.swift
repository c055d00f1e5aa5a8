/// The standard normal distribution.
package enum NormalDistribution {
  /// The density at z.
  package static func density(_ z: Double) -> Double {
    CLibrary.exp(-z * z / 2) / (2 * Double.pi).squareRoot()
  }

  /// The continuous ranked probability score of z (Gneiting and Raftery 2007, https://doi.org/10.1198/016214506000001437).
  package static func rankedScore(_ z: Double) -> Double {
    z * (2 * SpecialFunctions.normalProbability(z) - 1) + 2 * density(z) - 1 / Double.pi.squareRoot()
  }
}
