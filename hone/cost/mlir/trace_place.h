#pragma once

#include <cstdint>
#include <vector>

#include "hone/cost/mlir/lowered.h"

namespace hone::cost::mlir {

/// Where a trace is in the body of a loop that is left (-1: in what stands outside all): in which iteration
/// of each loop that is written out in it, and which of them are one instruction now.
class TracePlace {
 public:
  struct At {
    double iteration = -1.0;  ///< below 0: the loop is not written out here
    double wide = 0.0;        ///< iterations that run in lanes now, 0: none yet
    double together = 0.0;    ///< copies that are one instruction, 0: none
    double row = -1.0;        ///< ... and where those begin that are one now, -1: nowhere
  };

  /// `items`, `loops`: as in trace_of().
  TracePlace(const Nest& nest, const Lowered& lowered, int loop, const std::vector<int>& items,
             const std::vector<int>& loops);

  At& at(int id) { return at_[static_cast<std::size_t>(id)]; }
  const At& at(int id) const { return at_[static_cast<std::size_t>(id)]; }

  /// The innermost of the body's loops around an item.
  int innermost(const Lowered::Item& item) const;
  /// Whether a loop's code is part of this body's.
  bool inside(int home) const { return home == loop_ || (home >= 0 && at(home).iteration >= 0.0); }

  /// The same where an item's copy is the same.
  std::uint64_t key(int item) const;
  /// Where an access is in its buffer; the same for accesses to the same element.
  std::uint64_t location(const Nest::Access& access) const;
  /// Whether this is the last iteration of the loops that an item has been moved out of.
  bool last_of(const Lowered::Item& item) const;

  /// Iterations of a loop, or of one written out, that are one instruction now.
  double abreast(int home, const Lowered::Item& item) const;
  /// Copies, gone through one by one, that are one instruction.
  double share(int home, const Lowered::Item& item) const;
  /// Vectors of a loop's lanes that are gone through at once.
  double interleaved(int home, const Lowered::Item& item) const;

 private:
  /// The loop that an item stands in, in the text.
  int origin(const Lowered::Item& item) const;

  const Nest& nest_;
  const Lowered& lowered_;
  int loop_;
  std::vector<At> at_;  ///< by loop of the nest
};

}  // namespace hone::cost::mlir
