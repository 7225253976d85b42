#pragma once

#include <vector>

#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// Where the blocks of a region jump to, in the order of control: a block before those that it leads to, but
/// for jumps back, and the blocks of a loop next to each other. As they are written where that is so there;
/// what nothing leads to stands at the end and leads nowhere. The module must outlive it.
struct Jumps {
  int region = -1;
  std::vector<const Block*> blocks;
  std::vector<Few<int>> to, from;  ///< by block
  std::vector<int> last;           ///< by block: the last that jumps back to it; -1: none does
  std::vector<int> end;            ///< by block that is jumped back to: the last of its loop

  const Block& block(int at) const { return *blocks[static_cast<std::size_t>(at)]; }
};
Jumps jumps_of(const Module& module, int region);

}  // namespace hone::cost::mlir
