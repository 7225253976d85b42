#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hone/base/key.h"

namespace hone::identity {

/// The paper finds that 7 bits and more leave about one function a key; 10 tell small differences of a
/// learning rate apart and still forgive rounding in the last digits.
constexpr int kDefaultMantissaBits = 10;

/// How the floats of a probe become a key, and what rounding it forgives.
///
/// A float is rounded to the nearest multiple of its quantum, 2^(e - mantissa_bits) for |x| in [2^e,
/// 2^(e+1)): so many bits of the mantissa after the leading one. (The paper truncates; to the nearest,
/// numbers such as 0, 1 and 0.25 lie in the middle of a cell rather than on its edge.) Near zero, where
/// rounding errors are as large as the number, the quantum no longer shrinks: it is at least 16 x absolute
/// (the next power of two), so that 1e-17 and 0 are the same, and smaller numbers keep fewer bits, as
/// subnormal floats do. With the default 10 bits and 1e-6 numbers from 1/64 up keep all, and what is
/// below 7.6e-6 is 0.
///
/// Two probes of one function are taken to differ by at most relative x |x| + absolute in each float:
/// absolute is what rounding leaves of sums that cancel, for terms of about 1. A probe whose inputs are
/// larger says so. Where nobody knows how large numbers are, of_largest takes the place of absolute: what
/// counts as nothing is measured by the largest float of the same probe.
struct Quantisation {
  int mantissa_bits = kDefaultMantissaBits;  ///< 1 to 52
  double relative = 2e-6;                    ///< 0 to 0.1; 0 with absolute 0: only the same bits share a key
  double absolute = 1e-6;                    ///< 0 to 0.1
  double of_largest = 0.0;  ///< 0 to 0.1: absolute is at least so much of the probe's largest |x|

  bool operator==(const Quantisation&) const = default;

  /// For what was computed with float32 (the default), and with doubles throughout.
  static Quantisation float32(int mantissa_bits = kDefaultMantissaBits) {
    return {mantissa_bits, 2e-6, 1e-6};
  }
  static Quantisation float64(int mantissa_bits = kDefaultMantissaBits) {
    return {mantissa_bits, 1e-12, 1e-13};
  }
  /// For numbers of any size that somebody else's program prints, with nine digits or more: floats that
  /// differ by 5e-7 of themselves are two, however small or large they are, and below 8e-15 (to 1.6e-14) of
  /// the probe's largest float is 0, which is what doubles that cancel leave. Errors of single precision are
  /// not forgiven: a miss costs an evaluation, while a collision hands out another design's result.
  static Quantisation reported(int mantissa_bits = 22) { return {mantissa_bits, 1e-8, 0.0, 1e-15}; }
};

/// Of so many floats on the edge of a cell both sides are hashed: up to 2^3 keys.
constexpr int kMostAmbiguous = 3;

/// The functional signature of a candidate: a hash of what it computes, not of how it is written (Unified
/// Functional Hashing in Automatic Machine Learning).
struct Signature {
  Key key;
  /// The keys that it would have with floats within their tolerance of a cell's edge on the other side: every
  /// combination of the kMostAmbiguous that are nearest to an edge, up to 7 keys. What lies further from an
  /// edge is not flipped: two probes of one function share no key where more than that many in each cross.
  std::vector<Key> near;
  int ambiguous = 0;  ///< floats within their tolerance of an edge, however many

  bool operator==(const Signature&) const = default;
};

/// Whether they have a key in common: the same function as far as the probe sees.
bool shares_key(const Signature& a, const Signature& b);

/// For every signature the index of the first one that it shares a key with, directly or by way of others
/// (so that two may fall together through a third); an unhashable one is its own.
std::vector<std::size_t> function_classes(const std::vector<std::optional<Signature>>& signatures);

/// `probe` are the floats that a candidate gave on the canonical batch over a few steps, in order. `literal`
/// is what the probe cannot see. nullopt where a float is NaN or infinite, or there are none: such a
/// candidate is unhashable.
std::optional<Signature> signature(const std::vector<double>& probe, const std::string& literal,
                                   const Quantisation& quantisation = {});

}  // namespace hone::identity
