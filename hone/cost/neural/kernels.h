#pragma once

#include <cstdint>

namespace hone::cost {

/// out = a b + bias, row-major float32. a: [rows, inner], a row `stride` numbers after the one before (less
/// than `inner` makes windows that overlap); b: [inner, columns]; bias: [columns] or null; out: [rows,
/// columns], apart from the others. Compiled for several instruction sets; the loader picks one.
void product(const float* a, std::int64_t rows, std::int64_t inner, std::int64_t stride, const float* b,
             std::int64_t columns, const float* bias, float* out);

}  // namespace hone::cost
