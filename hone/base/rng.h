#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace hone {

/// Counter-based randomness: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
/// SC 2011). A stream is named by (seed, purpose, index, part), so what one part of the engine draws never
/// shifts what another draws, and any stream can be made again at any time. The distributions are our own:
/// the same numbers on every platform. A small value; copy it freely. Not thread safe.
class Rng {
 public:
  using result_type = std::uint64_t;

  /// The stream of `purpose` (a short constant text, "ask") for item `index` (a trial), sub-item `part`.
  Rng(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0, std::uint32_t part = 0);

  std::uint64_t next();                     ///< 64 random bits
  double uniform();                         ///< in [0, 1), 53 bits
  double uniform(double low, double high);  ///< in [low, high)
  std::uint64_t below(std::uint64_t n);     ///< in [0, n), unbiased; n > 0
  double normal();                          ///< standard normal (Box-Muller)

  // UniformRandomBitGenerator
  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }
  std::uint64_t operator()() { return next(); }

  /// One block of the generator, for tests against published vectors.
  static std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                             std::array<std::uint32_t, 2> key);

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
  double spare_normal_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace hone
