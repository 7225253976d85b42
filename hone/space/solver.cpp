#include "hone/space/solver.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hone::space {
namespace {

constexpr int kTriesBeforeListing = 16, kTriesByChance = 1000;
constexpr std::int64_t kListingWork = 20000;      // boxes
constexpr std::int64_t kListedEntries = 1000000;  // parameters of boxes: 16 MB
constexpr int kDescents = 16;
constexpr std::int64_t kDescentWork = 2000;  // boxes, each
constexpr std::int64_t kFindingWork = 10000;

std::string quoted(const Space::Plan& plan, const std::vector<std::size_t>& constraints) {
  std::vector<std::string> texts;
  for (const std::size_t c : constraints) texts.push_back("'" + plan.constraints[c].text() + "'");
  return fmt::format("{}", fmt::join(texts, " and "));
}

}  // namespace

Solver::Solver(const Space::Plan& plan) : plan_(plan) {
  const std::size_t n = plan.parameters.size();
  for (std::size_t i = 0; i < n; ++i) variables_.emplace_back(plan.scales[i], plan.parameters[i]);
  std::vector<std::size_t> root(n);
  std::iota(root.begin(), root.end(), 0);
  const auto find = [&](std::size_t i) {
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  };
  const auto mentions = [&](const BoundExpression& expression, auto visit) {
    for (const Binding& binding : expression.bindings) {
      for (std::uint32_t k = 0; k < binding.length; ++k) visit(std::size_t{binding.index} + k);
      if (binding.counter >= 0) visit(static_cast<std::size_t>(binding.counter));
    }
  };
  for (std::size_t i = 0; i < n; ++i) {
    mentions(plan.conditions[i], [&](std::size_t other) { root[find(other)] = find(i); });
    if (plan.ties[i] != Space::Plan::kNone) root[find(plan.ties[i])] = find(i);
  }
  std::vector<std::size_t> home(plan.bound_constraints.size(), n);
  std::vector<std::size_t> free;  // constraints over nothing: 1 == 2
  for (std::size_t c = 0; c < plan.bound_constraints.size(); ++c)
    mentions(plan.bound_constraints[c], [&](std::size_t i) {
      if (home[c] == n) home[c] = i;
      root[find(home[c])] = find(i);
    });
  std::vector<std::vector<std::size_t>> members(n), constraints(n);
  for (const std::size_t i : plan.order) members[find(i)].push_back(i);
  for (std::size_t c = 0; c < home.size(); ++c)
    (home[c] == n ? free : constraints[find(home[c])]).push_back(c);
  local_.resize(n);
  for (const auto& group : members)
    for (std::size_t m = 0; m < group.size(); ++m) local_[group[m]] = m;
  for (std::size_t i = 0; i < n; ++i)
    if (!members[i].empty()) {
      components_.emplace_back(plan, std::move(members[i]), std::move(constraints[i]), variables_, local_);
      lists_.push_back(std::make_unique<Lists>());
    }
  if (!free.empty()) {
    components_.emplace_back(plan, std::vector<std::size_t>(), std::move(free), variables_, local_);
    lists_.push_back(std::make_unique<Lists>());
  }
}

const Component::Listing& Solver::listing(std::size_t component) const {
  Lists& lists = *lists_[component];
  std::call_once(lists.once, [&] {
    const Component& it = components_[component];
    lists.listing = it.list(it.root(), Work{kListingWork}, kListedEntries);
  });
  return lists.listing;
}

Solver::Outcome Solver::draw(Rng& rng, Cells& cells, std::size_t& excluded) const {
  for (std::size_t i = 0; i < components_.size(); ++i) {
    excluded = i;
    const Component& it = components_[i];
    if (it.draw_by_chance(rng, it.constraints().empty() ? 1 : kTriesBeforeListing, cells)) continue;
    const Component::Listing& listed = listing(i);
    if (listed.complete) {
      if (listed.boxes.empty()) return Outcome::none;
      const double pick = rng.uniform() * listed.sums.back();
      const auto box = std::upper_bound(listed.sums.begin(), listed.sums.end() - 1, pick);
      it.draw(listed.boxes[static_cast<std::size_t>(box - listed.sums.begin())], rng, cells);
      continue;
    }
    if (it.draw_by_chance(rng, kTriesByChance, cells)) continue;
    // Importance resampling: a leaf's weight is its mass over the chance of the way to it.
    const Component::State root = it.root();
    std::vector<std::pair<double, Component::State>> leaves;
    for (int descent = 0; descent < kDescents; ++descent) {
      Work work{kDescentWork};
      double log_chance = 0;
      if (auto leaf = it.descend(root, rng, work, log_chance)) {
        const double weight = it.log_mass(*leaf) - log_chance;
        leaves.emplace_back(weight, std::move(*leaf));
      }
    }
    if (leaves.empty()) {
      Work work{kFindingWork};
      auto leaf = it.find(root, &rng, work);
      if (!leaf) return work.exceeded() ? Outcome::unknown : Outcome::none;
      it.draw(*leaf, rng, cells);
      continue;
    }
    double largest = leaves[0].first, sum = 0;
    for (const auto& leaf : leaves) largest = std::max(largest, leaf.first);
    for (auto& leaf : leaves) sum += leaf.first = std::exp(leaf.first - largest);
    double pick = rng.uniform() * sum;
    std::size_t chosen = 0;
    for (std::size_t k = 0; k < leaves.size() && pick >= 0; ++k) {
      chosen = k;
      pick -= leaves[k].first;
    }
    it.draw(leaves[chosen].second, rng, cells);
  }
  // A real drawn from a narrow interval is rounded, which may leave it.
  return plan_.feasible(cells) ? Outcome::found : Outcome::unknown;
}

Component::State Solver::state(const Component& component,
                               const std::vector<std::optional<Operand>>& given) const {
  Component::State state = component.root();
  for (const std::size_t i : component.members())
    if (given[i]) component.restrict(state, i, variables_[i].only(*given[i]));
  component.update_activity(state);
  return state;
}

Solver::Outcome Solver::complete(const std::vector<std::optional<Operand>>& given, Cells& cells) const {
  for (const Component& it : components_) {
    Work work{kFindingWork};
    const auto leaf = it.find(state(it, given), nullptr, work);
    if (!leaf) return work.exceeded() ? Outcome::unknown : Outcome::none;
    it.near_middle(*leaf, cells);
  }
  return plan_.feasible(cells) ? Outcome::found : Outcome::unknown;
}

std::string Solver::conflict(const std::vector<std::optional<Operand>>& given) const {
  for (const Component& it : components_) {
    const Component::State from = state(it, given);
    Work work{kFindingWork};
    if (!it.find(from, nullptr, work) && !work.exceeded()) return quoted(plan_, it.conflict(from));
  }
  return "";
}

std::int64_t Solver::max_work() { return kListingWork + kDescents * kDescentWork + kFindingWork; }

Error Solver::nothing(std::size_t component) const {
  const Component& it = components_[component];
  const std::vector<std::size_t> core = it.conflict(it.root());
  std::vector<std::string> names;
  for (const std::size_t c : core)
    for (const std::string& name : plan_.constraints[c].names())
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return Error(fmt::format("no config satisfies the constraints: {} {}", quoted(plan_, core),
                           core.size() > 1 ? "exclude each other" : "holds for none"),
               plan_.constraints[core.back()].place(),
               names.empty()
                   ? "remove it"
                   : fmt::format("loosen {}, or widen what {}: {}", core.size() > 1 ? "one of them" : "it",
                                 core.size() > 1 ? "they mention" : "it mentions", fmt::join(names, ", ")));
}

std::optional<std::int64_t> Solver::count() const {
  std::call_once(counted_, [this] {
    // An uncounted real that nothing restrains: no need to count the rest.
    for (std::size_t i = 0; i < plan_.parameters.size(); ++i) {
      const bool free = plan_.ties[i] == Space::Plan::kNone && plan_.conditions[i].tree == nullptr;
      const bool restrained =
          std::any_of(plan_.constraints.begin(), plan_.constraints.end(), [&](const Expression& constraint) {
            const auto& names = constraint.names();
            return std::find(names.begin(), names.end(), plan_.parameters[i].name) != names.end();
          });
      if (free && !restrained && variables_[i].size(variables_[i].all()) < 0) return;
    }
    Work work{Space::max_counting_work()};
    std::int64_t product = 1;
    for (const Component& it : components_) {
      const auto n = it.count(work);
      if (!n || (*n > 0 && product > (std::int64_t{1} << 62) / *n)) return;
      product *= *n;
      if (product == 0) break;
    }
    count_ = product;
  });
  return count_;
}

bool Solver::lists_all() const {
  for (std::size_t i = 0; i < components_.size(); ++i)
    if (!components_[i].constraints().empty() && !listing(i).complete) return false;
  return true;
}

bool Solver::listed() const {
  const auto n = count();
  if (!n || *n > Space::max_enumerated()) return false;
  for (std::size_t i = 0; i < components_.size(); ++i)
    if (!listing(i).complete) return false;
  return true;
}

void Solver::assign(std::int64_t k, Cells& cells) const {
  for (std::size_t i = 0; i < components_.size(); ++i) {
    const Component::Listing& listed = listing(i);
    const std::int64_t n = listed.ends.back();
    const std::int64_t mine = k % n;
    k /= n;
    const auto box = std::upper_bound(listed.ends.begin(), listed.ends.end(), mine);
    const auto index = static_cast<std::size_t>(box - listed.ends.begin());
    components_[i].assign(listed.boxes[index], mine - (index == 0 ? 0 : listed.ends[index - 1]), cells);
  }
}

}  // namespace hone::space
