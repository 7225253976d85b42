#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <fmt/ranges.h>

namespace hone::cost::mlir {

/// A function's text with its blocks in another order, the first one before them.
inline std::string shuffled(const std::string& text, std::mt19937& random) {
  std::vector<std::string> blocks;
  const std::size_t close = text.rfind('}');
  std::size_t begin = text.find("\n^") + 1;
  const std::string first = text.substr(0, begin);
  while (begin < close) {
    const std::size_t next = std::min(text.find("\n^", begin) + 1, close);
    const std::size_t end = next == 0 ? close : next;
    blocks.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  std::ranges::shuffle(blocks, random);
  return first + fmt::format("{}", fmt::join(blocks, "")) + text.substr(close);
}

}  // namespace hone::cost::mlir
