#pragma once

#include <cstdint>

namespace hone::graph::ops {

/// How many elements of a head rotary turns: a whole head for fraction 1; else the largest even number not
/// above fraction x head_dim, but one pair at least; none for fraction 0. -1 where there is no such number (a
/// whole odd head, a head of one element).
std::int64_t rotary_width(std::int64_t head_dim, double fraction);

}  // namespace hone::graph::ops
