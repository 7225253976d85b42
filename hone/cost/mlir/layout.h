#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hone::cost::mlir {

/// How far apart values of a type of the llvm dialect lie in memory, bytes, as its text says (`f32`,
/// `vector<4xf32>`, `!llvm.struct<(ptr, array<2 x i64>)>`), on x86-64; none where the size is not known.
std::optional<double> spacing_of(std::string_view type);

/// What is inside a value of such a type at a number, and how far from its begin, bytes. Of an array or a
/// vector all are alike: any number will do.
struct Member {
  std::string_view type;
  double bytes = 0.0;
};
/// None where there is no such member.
std::optional<Member> member_of(std::string_view type, std::int64_t number);

}  // namespace hone::cost::mlir
