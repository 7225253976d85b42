#include <numeric>

#include "hone/space/plan.h"

namespace hone::space {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 62;
constexpr std::int64_t kMostEnumerated = 1000000;
constexpr std::int64_t kInfinite = -1;

std::int64_t times(std::int64_t a, std::int64_t b) {
  if (a == kInfinite || b == kInfinite) return kInfinite;
  return b != 0 && a > kMost / b ? kInfinite : a * b;
}

std::int64_t plus(std::int64_t a, std::int64_t b) {
  if (a == kInfinite || b == kInfinite || a > kMost - b) return kInfinite;
  return a + b;
}

/// Parameters tied together by conditions: those that conditions mention, and those that hang on them.
class Group {
 public:
  Group(const Space::Plan& plan, std::vector<std::size_t> members, const std::vector<bool>& mentioned)
      : plan_(plan), cells_(plan.parameters.size()) {
    for (const std::size_t i : members) (mentioned[i] ? mentioned_ : hanging_).push_back(i);
  }

  std::int64_t count() {
    std::int64_t product = 1;
    for (const std::size_t i : mentioned_) product = times(product, size(i));
    if (product == kInfinite || product > kMostEnumerated) {
      for (const std::size_t i : hanging_) product = times(product, size(i));
      return product;
    }
    return count_from(0);
  }

 private:
  std::int64_t size(std::size_t i) const {
    if (plan_.ties[i] != Space::Plan::kNone) return 1;
    return plan_.scales[i].size() == 0 ? kInfinite : plan_.scales[i].size();
  }

  /// Configs of the group where the first `depth` mentioned parameters, in the order of conditions, are set.
  std::int64_t count_from(std::size_t depth) {
    if (depth == mentioned_.size()) {
      std::int64_t product = 1;
      for (const std::size_t i : hanging_)
        if (plan_.ties[i] == Space::Plan::kNone && plan_.active(i, cells_)) product = times(product, size(i));
      return product;
    }
    const std::size_t i = mentioned_[depth];
    cells_[i] = Operand();
    if (!plan_.active(i, cells_)) return count_from(depth + 1);
    if (plan_.ties[i] != Space::Plan::kNone) {
      cells_[i] = cells_[plan_.ties[i]];
      return count_from(depth + 1);
    }
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < plan_.scales[i].size(); ++k) {
      cells_[i] = plan_.scales[i].value(k);
      sum = plus(sum, count_from(depth + 1));
    }
    return sum;
  }

  const Space::Plan& plan_;
  Cells cells_;
  std::vector<std::size_t> mentioned_, hanging_;
};

}  // namespace

std::optional<std::int64_t> Space::cardinality() const {
  const Plan& plan = *plan_;
  const std::size_t n = plan.parameters.size();
  std::vector<std::size_t> root(n);
  std::iota(root.begin(), root.end(), 0);
  const auto find = [&](std::size_t i) {
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  };
  std::vector<bool> mentioned(n, false);
  const auto mention = [&](std::size_t i, std::size_t by) {
    mentioned[i] = true;
    root[find(i)] = find(by);
  };
  for (std::size_t i = 0; i < n; ++i)
    for (const Binding& binding : plan.conditions[i].bindings) {
      for (std::uint32_t k = 0; k < binding.length; ++k) mention(binding.index + k, i);
      if (binding.counter >= 0) mention(static_cast<std::size_t>(binding.counter), i);
    }
  // A tie that is mentioned stands for its source; those of `order` come after theirs.
  for (auto i = plan.order.rbegin(); i != plan.order.rend(); ++i)
    if (mentioned[*i] && plan.ties[*i] != Plan::kNone) mention(plan.ties[*i], *i);
  std::vector<std::vector<std::size_t>> groups(n);
  for (const std::size_t i : plan.order) groups[find(i)].push_back(i);
  std::int64_t product = 1;
  for (const auto& members : groups)
    if (!members.empty()) product = times(product, Group(plan, members, mentioned).count());
  if (product == kInfinite) return std::nullopt;
  return product;
}

}  // namespace hone::space
