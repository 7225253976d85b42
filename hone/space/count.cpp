#include <algorithm>
#include <numeric>

#include "hone/space/solver.h"

namespace hone::space {
namespace {

constexpr std::size_t kMostMembers = 500;

}  // namespace

/// Counts a box by splitting it, group by independent group: members that open constraints and conditions tie
/// together. Groups that are in the same situation (domains, and the decided values that their open
/// constraints see) are counted once.
class Component::Counter {
 public:
  Counter(const Component& component, Work& work) : it_(component), work_(work) {}

  std::optional<std::int64_t> count(const State& state, const std::vector<std::size_t>& members) {
    const std::size_t n = it_.members_.size();
    std::vector<bool> in(n, false);
    for (const std::size_t m : members) in[m] = true;
    std::vector<std::size_t> root(n);
    std::iota(root.begin(), root.end(), 0);
    const auto find = [&](std::size_t m) {
      while (root[m] != m) m = root[m] = root[root[m]];
      return m;
    };
    std::vector<std::size_t> open_constraints, open_conditions;
    std::vector<bool> linked(n, false);
    const auto link = [&](const std::vector<std::size_t>& mentioned, std::size_t first) {
      for (const std::size_t m : mentioned) {
        if (!is_open(m, state) || (!in[m] && !it_.tied(m))) continue;
        linked[m] = true;
        if (first == kOpen) first = m;
        root[find(m)] = find(first);
      }
    };
    for (std::size_t c = 0; c < it_.constraints_.size(); ++c) {
      const auto& mentioned = it_.mentioned_[c];
      if (std::none_of(mentioned.begin(), mentioned.end(),
                       [&](std::size_t m) { return (in[m] || it_.tied(m)) && is_open(m, state); }))
        continue;
      if (state.done[c]) continue;
      bool fails = false;
      if (it_.settled(c, state, fails)) {
        if (fails) return 0;
        continue;
      }
      open_constraints.push_back(c);
      link(mentioned, kOpen);
    }
    for (std::size_t m = 0; m < n; ++m) {
      if (state.activity[m] != Activity::unknown || (!in[m] && !it_.tied(m))) continue;
      open_conditions.push_back(m);
      linked[m] = linked[it_.sources_[m]] = true;
      root[find(it_.sources_[m])] = find(m);
      link(it_.condition_[m], m);
    }
    std::int64_t product = 1;
    std::vector<std::vector<std::size_t>> groups(n);
    for (const std::size_t m : members) {
      if (it_.tied(m) || !is_open(m, state)) continue;
      if (linked[m]) {
        groups[find(m)].push_back(m);
      } else if (!multiply(product, it_.variable(m).size(state.domains[m]))) {
        return std::nullopt;
      }
    }
    for (const auto& group : groups) {
      if (group.empty()) continue;
      const auto part = count_group(state, group, open_constraints, open_conditions);
      if (!part || !multiply(product, *part)) return std::nullopt;
      if (product == 0) return 0;
    }
    return product;
  }

 private:
  bool is_open(std::size_t m, const State& state) const { return !it_.decided(m, state); }

  static bool multiply(std::int64_t& product, std::int64_t n) {
    if (n < 0 || (n > 0 && product > kMostConfigs / n)) return false;
    product *= n;
    return true;
  }

  std::optional<std::int64_t> count_group(const State& state, const std::vector<std::size_t>& group,
                                          const std::vector<std::size_t>& open_constraints,
                                          const std::vector<std::size_t>& open_conditions) {
    const std::string key = situation(state, group, open_constraints, open_conditions);
    if (const auto known = counted_.find(key); known != counted_.end()) return known->second;
    std::size_t best = kOpen;
    for (const std::size_t m : group) {
      if (state.activity[m] != Activity::active) continue;
      const std::int64_t size = it_.variable(m).size(state.domains[m]);
      if (size < 0) continue;
      if (best == kOpen || size < it_.variable(best).size(state.domains[best])) best = m;
    }
    if (best == kOpen) return std::nullopt;  // only uncounted reals could be split
    std::int64_t sum = 0;
    for (const Domain& part : it_.parts(best, state.domains[best], nullptr)) {
      if (work_.exceeded()) return std::nullopt;
      State child = state;
      child.domains[best] = part;
      if (!it_.propagate(child, work_, best)) continue;
      const auto n = count(child, group);
      if (!n || sum > kMostConfigs - *n) return std::nullopt;
      sum += *n;
    }
    counted_.emplace(key, sum);
    return sum;
  }

  /// All that the group's number of configs hangs on.
  std::string situation(const State& state, const std::vector<std::size_t>& group,
                        const std::vector<std::size_t>& open_constraints,
                        const std::vector<std::size_t>& open_conditions) const {
    std::vector<std::size_t> seen = group;
    std::string key;
    const auto append = [&key](const void* data, std::size_t size) {
      key.append(static_cast<const char*>(data), size);
    };
    const auto touches = [&](const std::vector<std::size_t>& mentioned) {
      return std::any_of(mentioned.begin(), mentioned.end(), [&](std::size_t m) {
        return std::find(group.begin(), group.end(), m) != group.end();
      });
    };
    for (const std::size_t c : open_constraints)
      if (touches(it_.mentioned_[c])) {
        append(&c, sizeof c);
        seen.insert(seen.end(), it_.mentioned_[c].begin(), it_.mentioned_[c].end());
      }
    for (const std::size_t m : open_conditions)
      if (touches({it_.sources_[m]}) || touches(it_.condition_[m])) {
        append(&m, sizeof m);
        seen.push_back(m);
        seen.insert(seen.end(), it_.condition_[m].begin(), it_.condition_[m].end());
      }
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const std::size_t m : seen) {
      append(&m, sizeof m);
      append(&state.domains[m], sizeof(Domain));
    }
    // Ties are active or not on their own.
    for (std::size_t m = 0; m < it_.members_.size(); ++m)
      if (std::binary_search(seen.begin(), seen.end(), it_.sources_[m]))
        append(&state.activity[m], sizeof(Activity));
    return key;
  }

  const Component& it_;
  Work& work_;
  std::unordered_map<std::string, std::int64_t> counted_;
};

std::optional<std::int64_t> Component::count(Work& work) const {
  // Splitting goes as deep as there are members, and every box holds them all.
  if (members_.size() > kMostMembers) return std::nullopt;
  State state = root();
  if (!propagate(state, work)) return 0;
  std::vector<std::size_t> all(members_.size());
  std::iota(all.begin(), all.end(), 0);
  return Counter(*this, work).count(state, all);
}

}  // namespace hone::space
