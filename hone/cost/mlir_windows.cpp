// Loads that give what an earlier iteration loaded elsewhere: of rows that are read through a window.
#include <algorithm>
#include <map>
#include <set>

#include "hone/cost/mlir_vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr double kMostLoads = 200.0;  // of a loop; of more, none is looked for an iteration earlier

}  // namespace

/// A copy of a load: which of the loops written out inside (from the outermost in), and where it stands.
struct Vectorising::CopiedLoad {
  std::vector<int> copy;
  std::size_t place;
  int value;
  double before;                        // instructions of the body in front of it, roughly
  const CopiedLoad* earlier = nullptr;  // the load that gives it an iteration earlier
};

std::vector<Vectorising::CopiedLoad> Vectorising::loads_of_copies(int id) const {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  std::set<int> written;
  for (const std::size_t i : here)
    if (const int access = lowered_.items[i].access;
        access >= 0 && nest_.accesses[static_cast<std::size_t>(access)].store)
      written.insert(nest_.accesses[static_cast<std::size_t>(access)].buffer);
  struct One {
    std::size_t place;
    LoopsAround by;  // loops written out inside
  };
  /// Loads that differ by constants and by loops written out.
  struct Group {
    std::vector<One> loads;
    NumberKey ahead;  // an iteration, by dimension
    double copies = 0.0;
  };
  std::map<NumberKey, Group> groups;
  for (std::size_t place = 0; place < here.size(); ++place) {
    const Lowered::Item& item = lowered_.items[here[place]];
    if (item.access < 0 || item.share < 1.0) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (access.store || access.buffer < 0 || access.indices.empty() || !exact(access) || !moves(access, id))
      continue;
    One one{place, item.copied_by};
    std::sort(one.by.begin(), one.by.end());
    double copies = 1.0;
    for (const int by : one.by) copies *= loop(by).trips;
    if (copies != item.copies) continue;
    NumberKey alike = {static_cast<double>(access.buffer)}, ahead;
    for (const Nest::Index& index : access.indices) {
      ahead.push_back(0.0);
      for (const auto& [moved_by, amount] : index.terms)
        if (moved_by == id) {
          ahead.back() += amount;
        } else if (std::find(one.by.begin(), one.by.end(), moved_by) == one.by.end()) {
          alike.push_back(moved_by);
          alike.push_back(amount);
        }
      index.tell(alike);
      alike.push_back(ahead.back());
    }
    Group& group = groups[std::move(alike)];
    group.ahead = std::move(ahead);
    group.copies += copies;
    group.loads.push_back(std::move(one));
  }
  double count = 0.0;
  std::erase_if(groups, [&](const auto& entry) {
    const int buffer =
        nest_
            .accesses[static_cast<std::size_t>(lowered_.items[here[entry.second.loads.front().place]].access)]
            .buffer;
    if (entry.second.copies <= 1.0 ||
        std::any_of(written.begin(), written.end(), [&](int other) { return nest_.meet(other, buffer); }))
      return true;
    count += entry.second.copies;
    return false;
  });
  if (count > kMostLoads) return {};

  std::vector<CopiedLoad> loads;
  loads.reserve(static_cast<std::size_t>(count));  // they point to each other
  const double size = length(id);
  // How many accesses there are at a constant beside the variable.
  std::map<double, int> uses;
  for (const std::size_t i : here) {
    const int access = lowered_.items[i].access;
    if (access < 0) continue;
    for (const Nest::Index& index : nest_.accesses[static_cast<std::size_t>(access)].indices)
      if (std::any_of(index.terms.begin(), index.terms.end(),
                      [&](const auto& term) { return term.first == id; }))
        ++uses[index.constant];
  }
  // Whether a sum with the variable is a value of its own: what it becomes, or what several places need; not
  // one that sets bits which the variable has not (`or`), nor a constant of one address.
  const double first = loop(id).first.constant, step = loop(id).step;
  const auto named = [&](double constant) {
    const double beside = constant - first;
    if (beside == 0.0 || beside == step) return true;
    if (beside > 0.0 && beside < std::min(unit_of(step), unit_of(first))) return false;
    const auto found = uses.find(constant);
    return found != uses.end() && found->second > 1;
  };
  for (const auto& [alike, group] : groups) {
    std::map<NumberKey, CopiedLoad*> known;  // by constants
    for (const One& one : group.loads) {
      const Lowered::Item& item = lowered_.items[here[one.place]];
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
      std::vector<int> copy(one.by.size(), 0);
      double number = static_cast<double>(one.place) / static_cast<double>(here.size());
      for (bool more = true; more; number += 1.0) {
        NumberKey constants;
        for (const Nest::Index& index : access.indices) {
          constants.push_back(index.constant);
          for (std::size_t c = 0; c < one.by.size(); ++c)
            for (const auto& [moved_by, amount] : index.terms)
              if (moved_by == one.by[c]) constants.back() += amount * copy[c];
        }
        if (const auto [found, fresh] = known.try_emplace(std::move(constants), nullptr); fresh) {
          loads.push_back({copy, one.place, access.value, size * number / item.copies});
          found->second = &loads.back();
        }
        more = false;
        for (std::size_t c = one.by.size(); c-- > 0 && !more;) {
          more = ++copy[c] < static_cast<int>(loop(one.by[c]).trips);
          if (!more) copy[c] = 0;
        }
      }
    }
    for (const auto& [constants, load] : known) {
      // GVN sees it where the address of the next iteration is computed already. In tiles, which begin at the
      // variable, that is so of copies too.
      const std::vector<One>::const_iterator of = std::find_if(
          group.loads.begin(), group.loads.end(), [&](const One& one) { return one.place == load->place; });
      bool seen = std::all_of(of->by.begin(), of->by.end(), [&](int by) { return loop(by).shifted; });
      for (std::size_t k = 0; of->by.empty() && k < constants.size(); ++k)
        seen = seen && (group.ahead[k] == 0.0 || (group.ahead[k] == loop(id).step && named(constants[k]) &&
                                                  named(constants[k] + loop(id).step)));
      if (!seen) continue;
      NumberKey before = constants;
      for (std::size_t k = 0; k < before.size(); ++k) before[k] += group.ahead[k];
      if (const auto found = known.find(before); found != known.end() && found->second != load)
        load->earlier = found->second;
    }
  }
  return loads;
}

double Vectorising::length(int id) const {
  double length = 3.0;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access >= 0)
      length += 2.0 * item.copies;
    else if (!nest_.steps[static_cast<std::size_t>(item.step)].address)
      length += item.copies;
  }
  return length;
}

bool Vectorising::stored_too_early(int id) const {
  const std::vector<CopiedLoad> loads = loads_of_copies(id);
  const double size = length(id);
  // Where copies hand several on, one to the next, they are loaded anew, as far as was seen.
  const bool handed_along = std::any_of(loads.begin(), loads.end(), [](const CopiedLoad& load) {
    return !load.copy.empty() && load.earlier != nullptr && load.earlier->earlier != nullptr;
  });
  return std::any_of(loads.begin(), loads.end(), [&](const CopiedLoad& load) {
    if (load.earlier == nullptr || (!load.copy.empty() && handed_along)) return false;
    const CopiedLoad* last = load.earlier;
    while (last->earlier != nullptr) last = last->earlier;
    // GVN looks so far back from a load to where the body begins, and from its end.
    return load.before <= kSeenBack && size - last->before <= kSeenBack && stored_before(id, load, *last);
  });
}

bool Vectorising::stored_before(int id, const CopiedLoad& load, const CopiedLoad& last) const {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  // All of a copy stands in front of the next one.
  const bool other_copy = load.copy.size() == last.copy.size() && load.copy != last.copy;
  if (other_copy && last.copy < load.copy) return false;
  std::set<int> moved = {load.value};
  for (std::size_t place = 0; place < (other_copy ? here.size() : last.place); ++place) {
    const Lowered::Item& item = lowered_.items[here[place]];
    if (item.step >= 0) {
      const int value = nest_.steps[static_cast<std::size_t>(item.step)].value;
      const auto from = uses_.from.find(value);
      if (from != uses_.from.end() && std::any_of(from->second.begin(), from->second.end(),
                                                  [&](int one) { return moved.count(one) > 0; }))
        moved.insert(value);
    } else if (const auto stored = uses_.stored.find(item.access);
               stored != uses_.stored.end() && moved.count(stored->second) > 0 &&
               (!other_copy || item.copied_by.size() == load.copy.size())) {
      return true;  // what is stored once for all copies is so behind them
    }
  }
  return false;
}

}  // namespace hone::cost::mlir
