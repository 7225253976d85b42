#include "hone/task/cell_classes.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

#include <fmt/format.h>

namespace hone::task {
namespace {

constexpr int kDecimals = 9;

std::string joined(std::vector<std::string> parts, char between) {
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

/// NAS-Bench-201's strings: `#` is zero, an operation stands behind its operand.
class PublishedStrings {
 public:
  std::string of(const Cell& cell) {
    for (int i = 0; i < cell.inputs; ++i) nodes_.push_back(std::to_string(i));
    for (const CellState& state : cell.states) nodes_.push_back(applied(state.op, sum(state.terms)));
    std::vector<std::string> outputs;
    for (const int output : cell.outputs) outputs.push_back(nodes_[static_cast<std::size_t>(output)]);
    std::string text = joined(std::move(outputs), ',');
    if (!cell.added.empty()) text = joined({text, sum(cell.added)}, '+');
    return text;
  }

 private:
  static std::string applied(const std::string& op, const std::string& operand) {
    if (op == "none" || operand == "#") return "#";
    if (passes_on(op)) return operand;
    return fmt::format("({})@{}", operand, op);
  }
  std::string sum(const std::vector<CellTerm>& terms) const {
    std::vector<std::string> parts;
    for (const CellTerm& term : terms)
      parts.push_back(applied(term.op, nodes_[static_cast<std::size_t>(term.from)]));
    return joined(std::move(parts), '+');
  }

  std::vector<std::string> nodes_;
};

/// Sums as sorted lists of terms; an empty one is zero.
class StructuralStrings {
 public:
  std::string of(const Cell& cell) {
    for (int i = 0; i < cell.inputs; ++i) nodes_.push_back({std::to_string(i)});
    for (const CellState& state : cell.states) nodes_.push_back(applied(state.op, sum(state.terms)));
    std::vector<std::string> outputs;
    for (const int output : cell.outputs)
      outputs.push_back(joined(nodes_[static_cast<std::size_t>(output)], '+'));
    std::string text = joined(std::move(outputs), ',');
    if (!cell.added.empty()) text += fmt::format("+{}", joined(sum(cell.added), '+'));
    return text;
  }

 private:
  using Terms = std::vector<std::string>;
  static Terms applied(const std::string& op, const Terms& operand) {
    if (op == "none" || operand.empty()) return {};
    if (passes_on(op)) return operand;
    return {fmt::format("({})@{}", joined(operand, '+'), op)};
  }
  Terms sum(const std::vector<CellTerm>& terms) const {
    Terms all;
    for (const CellTerm& term : terms)
      for (std::string& one : applied(term.op, nodes_[static_cast<std::size_t>(term.from)]))
        all.push_back(std::move(one));
    return all;
  }

  std::vector<Terms> nodes_;
};

/// Bits of v x 10^k rounded to the nearest integer: the addition leaves them in the low end of the mantissa,
/// and makes of -0 what 0 is.
std::uint64_t rounded_bits(double value, double scale) {
  const double shifted = value * scale + 0x1.8p52;
  return std::bit_cast<std::uint64_t>(shifted);
}

/// Two hashes side by side.
struct Hash {
  std::uint64_t a = 0x243f6a8885a308d3ULL, b = 0x13198a2e03707344ULL;
  void add(std::uint64_t bits) {
    a = (a ^ bits) * 0x9e3779b97f4a7c15ULL;
    a ^= a >> 29;
    b = (b + bits) * 0xd6e8feb86659fd93ULL;
    b ^= b >> 32;
  }
  Key key() const { return {a, b}; }
};

}  // namespace

bool CellClasses::stable() const {
  return std::all_of(by_decimals.begin(), by_decimals.end(),
                     [&](std::int64_t count) { return count == classes; });
}

std::string cell_string(const Cell& cell, CellStrings convention) {
  return convention == CellStrings::published ? PublishedStrings().of(cell) : StructuralStrings().of(cell);
}

namespace {

CellClasses count_strings(const std::vector<std::vector<Cell>>& designs, CellStrings convention,
                          std::string name) {
  std::unordered_set<std::string> seen;
  for (const auto& design : designs) {
    std::string text;
    for (const Cell& cell : design) text += fmt::format("{};", cell_string(cell, convention));
    seen.insert(std::move(text));
  }
  return {std::move(name), static_cast<std::int64_t>(seen.size())};
}

CellClasses count_functions(const std::vector<std::vector<Cell>>& designs, CellMaps maps, std::string name) {
  CellFunctions functions(maps);
  std::vector<std::unordered_set<Key>> seen(kDecimals);
  for (const auto& design : designs) {
    std::vector<std::vector<double>> outputs;
    for (const Cell& cell : design) outputs.push_back(functions.values(cell));
    double scale = 1.0;
    for (int decimals = 1; decimals <= kDecimals; ++decimals) {
      scale *= 10.0;
      Hash hash;
      for (const std::vector<double>& output : outputs)
        for (const double value : output) hash.add(rounded_bits(value, scale));
      seen[static_cast<std::size_t>(decimals - 1)].insert(hash.key());
    }
  }
  CellClasses count{std::move(name)};
  for (const auto& one : seen) count.by_decimals.push_back(static_cast<std::int64_t>(one.size()));
  count.classes = count.by_decimals.back();
  return count;
}

}  // namespace

std::vector<CellClasses> class_counts(const std::vector<std::vector<Cell>>& designs) {
  return {count_strings(designs, CellStrings::published, "published"),
          count_strings(designs, CellStrings::structural, "structural"),
          count_functions(designs, CellMaps::tanh_bias, "tanh_bias"),
          count_functions(designs, CellMaps::tanh, "tanh"),
          count_functions(designs, CellMaps::relu_linear_pool, "relu_linear_pool")};
}

}  // namespace hone::task
