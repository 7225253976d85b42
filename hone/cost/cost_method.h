#pragma once

#include "hone/base/registry.h"

namespace hone::cost {

/// What `hone methods --kind cost` lists: cost models, with the quantities that they predict. A cost model is
/// used through its own functions, which the header that it names declares; there is nothing to make by name.
inline void add_cost_method(Registry& registry, MethodInfo info) {
  registry.add("cost", std::move(info), std::any{});
}

}  // namespace hone::cost
