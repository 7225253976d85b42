#pragma once

#include <string>
#include <vector>

#include "hone/cost/nest_model.h"
#include "hone/label/frontend.h"

namespace hone::label {

/// What may be done to a function of affine loops before its nests are reordered one by one. All of it keeps
/// the results bit for bit, but for `contract` and `reassociate`, and for `fuse` where the compiler's pass is
/// wrong, as it is for two kernels of PolyBench: what comes of it must be compared with the original.
struct Preparation {
  bool to_memory = false;  ///< sums that loops carry in registers go through memory
  /// What stands between loops goes into them, and loops are parted as far as dependences allow, so that
  /// perfect nests arise.
  bool distribute = false;
  std::string fuse;          ///< the compiler's affine-loop-fusion: "greedy", "producer", "sibling"; "": none
  bool contract = false;     ///< multiplications and additions may become fused multiply-adds
  bool reassociate = false;  ///< sums may be taken in another order
  bool operator==(const Preparation&) const = default;
  std::string text() const;
};

/// The function after the preparation, as text. Dependences are checked with the compiler's affine analysis;
/// what cannot be proven stays as it is. Buffers of different arguments are taken not to overlap.
std::string prepare_loops(const Frontend& frontend, const std::string& text, const Preparation& preparation,
                          const std::string& file = "");

/// The perfect nests around the function's innermost loops, in their order in the text.
std::vector<cost::PerfectNest> nests_of(const Frontend& frontend, const std::string& text,
                                        const std::string& file = "");

/// The function with a legal choice applied to each nest (as many as nests_of gives), by the compiler's own
/// utilities: permuteLoops, tilePerfectlyNested, loopUnrollJamByFactor; then cleaned up. Throws Error where a
/// utility refuses.
std::string transform_nests(const Frontend& frontend, const std::string& text,
                            const std::vector<cost::NestChoice>& choices, const std::string& file = "");

}  // namespace hone::label
