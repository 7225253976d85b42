#include <algorithm>
#include <cmath>

#include "hone/space/solver.h"

namespace hone::space {
namespace {

constexpr std::int64_t kConflictWork = 2000;  // boxes to show that constraints exclude each other

}  // namespace

std::vector<Domain> Component::parts(std::size_t member, const Domain& domain, Rng* rng) const {
  const Variable& it = variable(member);
  std::vector<Domain> parts;
  if (it.form() == Variable::Form::interval) {
    const double low = it.low(domain), high = it.high(domain);
    const double middle = low + (high - low) / 2;
    const Operand near = it.nearest(middle);
    const bool inside = near.real >= low && near.real <= high;
    if (!inside) return {};  // no value in it: values are rounded
    if (rng != nullptr) {
      const Operand point = it.draw(domain, *rng);
      if (point.real >= low && point.real <= high) parts.push_back(it.only(point));
    }
    parts.push_back(it.only(near));
    if (middle > low && middle < high) {
      const bool upper_first = rng != nullptr && rng->below(2) == 1;
      parts.push_back(upper_first ? it.interval(middle, high) : it.interval(low, middle));
      parts.push_back(upper_first ? it.interval(low, middle) : it.interval(middle, high));
    }
    return parts;
  }
  if (it.form() == Variable::Form::set) {
    for (std::uint64_t set = domain.a; set != 0; set &= set - 1) parts.push_back({set & (~set + 1), 0});
    if (rng == nullptr) {
      const std::int64_t middle = it.index(it.middle());
      std::stable_sort(parts.begin(), parts.end(), [&](const Domain& a, const Domain& b) {
        return std::abs(it.first(a) - middle) < std::abs(it.first(b) - middle);
      });
      return parts;
    }
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      double sum = 0;
      for (std::size_t j = i; j < parts.size(); ++j) sum += it.mass(parts[j]);
      double pick = rng->uniform() * sum;
      std::size_t chosen = i;
      for (std::size_t j = i; j < parts.size() && pick >= 0; ++j) {
        chosen = j;
        pick -= it.mass(parts[j]);
      }
      std::swap(parts[i], parts[chosen]);
    }
    return parts;
  }
  const std::int64_t first = it.first(domain), last = it.last(domain);
  if (rng == nullptr) {
    const std::int64_t middle = it.index(it.middle());
    if (middle >= first && middle <= last) {
      parts.push_back(it.positions(middle, middle));
      if (middle > first) parts.push_back(it.positions(first, middle - 1));
      if (middle < last) parts.push_back(it.positions(middle + 1, last));
      return parts;
    }
  }
  const std::int64_t half = first + (last - first) / 2;
  parts = {it.positions(first, half), it.positions(half + 1, last)};
  const double lower = it.mass(parts[0]), upper = it.mass(parts[1]);
  const bool swap =
      rng != nullptr ? rng->uniform() * (lower + upper) >= lower : first > it.index(it.middle());
  // Nearness to the middle: below it, the upper half is nearer.
  if (rng != nullptr ? swap : !swap) std::swap(parts[0], parts[1]);
  return parts;
}

Component::Listing Component::list(State state, Work work, std::int64_t most_entries) const {
  Listing listing;
  std::vector<double> masses;
  std::vector<State> stack;
  const auto push = [&](State box, std::size_t changed) {
    if (propagate(box, work, changed)) stack.push_back(std::move(box));
  };
  state.done.assign(constraints_.size(), false);
  push(std::move(state), kOpen);
  while (!stack.empty()) {
    if (work.exceeded() ||
        static_cast<std::int64_t>((listing.boxes.size() + 1) * members_.size()) > most_entries)
      return {};
    State box = std::move(stack.back());
    stack.pop_back();
    bool fails = false;
    const std::size_t member = to_split(box, fails);
    if (fails) continue;
    if (member == kOpen) {
      masses.push_back(log_mass(box));
      listing.boxes.push_back(std::move(box));
      continue;
    }
    if (variable(member).form() == Variable::Form::interval) return {};  // boxes would never end
    for (const Domain& part : parts(member, box.domains[member], nullptr)) {
      State child = box;
      child.domains[member] = part;
      push(std::move(child), member);
    }
  }
  listing.complete = true;
  const double largest = masses.empty() ? 0 : *std::max_element(masses.begin(), masses.end());
  double sum = 0;
  std::int64_t end = 0;
  for (std::size_t i = 0; i < masses.size(); ++i) {
    listing.sums.push_back(sum += std::exp(masses[i] - largest));
    const std::int64_t n = end < 0 ? -1 : size(listing.boxes[i]);
    end = n < 0 || end > kMostConfigs - n ? -1 : end + n;
    if (end >= 0) listing.ends.push_back(end);
  }
  if (end < 0) listing.ends.clear();
  return listing;
}

std::optional<Component::State> Component::find(State state, Rng* rng, Work& work) const {
  // A stack of the parts still to be tried, the next at its end; the same order as recursion gives.
  std::vector<State> stack;
  std::vector<std::size_t> changed;
  state.done.assign(constraints_.size(), false);
  stack.push_back(std::move(state));
  changed.push_back(kOpen);
  while (!stack.empty() && !work.exceeded()) {
    State box = std::move(stack.back());
    stack.pop_back();
    const std::size_t last = changed.back();
    changed.pop_back();
    if (!propagate(box, work, last)) continue;
    bool fails = false;
    const std::size_t member = to_split(box, fails);
    if (fails) continue;
    if (member == kOpen) return box;
    auto parts = this->parts(member, box.domains[member], rng);
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      stack.push_back(box);
      stack.back().domains[member] = *part;
      changed.push_back(member);
    }
  }
  return std::nullopt;
}

std::optional<Component::State> Component::descend(State state, Rng& rng, Work& work,
                                                   double& log_chance) const {
  log_chance = 0;
  state.done.assign(constraints_.size(), false);
  if (!propagate(state, work)) return std::nullopt;
  while (!work.exceeded()) {
    bool fails = false;
    const std::size_t member = to_split(state, fails);
    if (fails) return std::nullopt;
    if (member == kOpen) return state;
    const Variable& it = variable(member);
    const Domain domain = state.domains[member];
    if (it.form() == Variable::Form::interval) {
      const Operand point = it.draw(domain, rng);
      if (point.real < it.low(domain) || point.real > it.high(domain)) return std::nullopt;
      state.domains[member] = it.only(point);
      log_chance += std::log(it.mass(state.domains[member]) / it.mass(domain));
      if (!propagate(state, work, member)) return std::nullopt;
      continue;
    }
    // Two parts, each looked at before one is taken.
    Domain lower, upper;
    if (it.form() == Variable::Form::set) {
      std::uint64_t low_bits = 0, rest = domain.a;
      for (std::int64_t n = it.size(domain) / 2; n > 0; --n) {
        low_bits |= rest & (~rest + 1);
        rest &= rest - 1;
      }
      lower = {low_bits, 0};
      upper = {rest, 0};
    } else {
      const std::int64_t half = it.first(domain) + (it.last(domain) - it.first(domain)) / 2;
      lower = it.positions(it.first(domain), half);
      upper = it.positions(half + 1, it.last(domain));
    }
    State other = state;
    state.domains[member] = lower;
    other.domains[member] = upper;
    const bool lower_lives = propagate(state, work, member);
    const bool upper_lives = propagate(other, work, member);
    if (!lower_lives && !upper_lives) return std::nullopt;
    if (lower_lives && upper_lives) {
      const double a = log_mass(state), b = log_mass(other);
      // The root of the mass: solutions are often fewer than the room around them promises.
      const double chance = 1.0 / (1.0 + std::exp((b - a) / 2));
      const bool take_lower = rng.uniform() < chance;
      log_chance += std::log(take_lower ? chance : 1.0 - chance);
      if (!take_lower) state = std::move(other);
    } else if (!lower_lives) {
      state = std::move(other);
    }
  }
  return std::nullopt;
}

std::vector<std::size_t> Component::conflict(const State& from) const {
  std::vector<std::size_t> core = constraints_;
  for (std::size_t i = 0; i < core.size();) {
    std::vector<std::size_t> fewer = core;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    Work work{kConflictWork};
    State state = from;
    const bool none = !with(fewer).find(std::move(state), nullptr, work) && !work.exceeded();
    if (none && !fewer.empty())
      core = std::move(fewer);
    else
      ++i;
  }
  return core;
}

}  // namespace hone::space
