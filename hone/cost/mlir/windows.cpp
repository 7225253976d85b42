// Loads that give what an earlier iteration loaded elsewhere: of rows that are read through a window.
#include <algorithm>
#include <map>
#include <set>

#include "hone/cost/mlir/vectorising.h"

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

/// The loads of a loop's body whose copies may give what another one gave an iteration earlier.
class Vectorising::Windows {
 public:
  Windows(const Vectorising& of, int id)
      : of_(of), nest_(of.nest_), id_(id), here_(of.at_[static_cast<std::size_t>(id + 1)]) {
    find_groups();
  }

  std::vector<CopiedLoad> loads() {
    double count = 0.0;
    for (const auto& [alike, group] : groups_) count += group.copies;
    std::vector<CopiedLoad> loads;
    if (count > kMostLoads) return loads;
    count_uses();
    size_ = of_.length(id_);
    loads.reserve(static_cast<std::size_t>(count));  // they point to each other
    for (const auto& [alike, group] : groups_) link_earlier(group, copies_of(group, loads));
    return loads;
  }

 private:
  struct One {
    std::size_t place;
    LoopsAround by;  ///< loops written out inside
  };
  /// Loads that differ by constants and by loops written out.
  struct Group {
    std::vector<One> loads;
    NumberKey ahead;  ///< an iteration, by dimension
    double copies = 0.0;
  };
  using Copies = std::map<NumberKey, CopiedLoad*>;  ///< different ones, by constants

  const Lowered::Item& item(std::size_t place) const { return of_.lowered_.items[here_[place]]; }
  const Nest::Access& access(std::size_t place) const {
    return nest_.accesses[static_cast<std::size_t>(item(place).access)];
  }
  const Nest::Loop& loop(int id) const { return of_.loop(id); }

  void find_groups() {
    std::set<int> written;
    for (std::size_t place = 0; place < here_.size(); ++place)
      if (item(place).access >= 0 && access(place).store) written.insert(access(place).buffer);
    for (std::size_t place = 0; place < here_.size(); ++place) add(place);
    std::erase_if(groups_, [&](const auto& entry) {
      const int buffer = access(entry.second.loads.front().place).buffer;
      return entry.second.copies <= 1.0 || std::any_of(written.begin(), written.end(),
                                                       [&](int other) { return nest_.meet(other, buffer); });
    });
  }

  /// Puts a load where it belongs, if it moves with the loop.
  void add(std::size_t place) {
    const Lowered::Item& item = this->item(place);
    if (item.access < 0 || item.share < 1.0) return;
    const Nest::Access& access = this->access(place);
    if (access.store || access.buffer < 0 || access.indices.empty() || !exact(access) || !moves(access, id_))
      return;
    One one{place, item.copied_by};
    std::sort(one.by.begin(), one.by.end());
    double copies = 1.0;
    for (const int by : one.by) copies *= loop(by).trips;
    if (copies != item.copies) return;
    NumberKey alike = {static_cast<double>(access.buffer)}, ahead;
    for (const Nest::Index& index : access.indices) {
      ahead.push_back(0.0);
      for (const auto& [moved_by, amount] : index.terms)
        if (moved_by == id_) {
          ahead.back() += amount;
        } else if (std::find(one.by.begin(), one.by.end(), moved_by) == one.by.end()) {
          alike.push_back(moved_by);
          alike.push_back(amount);
        }
      index.tell(alike);
      alike.push_back(ahead.back());
    }
    Group& group = groups_[std::move(alike)];
    group.ahead = std::move(ahead);
    group.copies += copies;
    group.loads.push_back(std::move(one));
  }

  /// How many accesses there are at a constant beside the variable.
  void count_uses() {
    for (std::size_t place = 0; place < here_.size(); ++place) {
      if (item(place).access < 0) continue;
      for (const Nest::Index& index : access(place).indices)
        if (std::any_of(index.terms.begin(), index.terms.end(),
                        [&](const auto& term) { return term.first == id_; }))
          ++uses_[index.constant];
    }
  }

  /// Whether a sum with the variable is a value of its own: what it becomes, or what several places need; not
  /// one that sets bits which the variable has not (`or`), nor a constant of one address.
  bool named(double constant) const {
    const double first = loop(id_).first.constant, step = loop(id_).step;
    const double beside = constant - first;
    if (beside == 0.0 || beside == step) return true;
    if (beside > 0.0 && beside < std::min(unit_of(step), unit_of(first))) return false;
    const auto found = uses_.find(constant);
    return found != uses_.end() && found->second > 1;
  }

  /// The constants of an access in one copy.
  static NumberKey constants_of(const Nest::Access& access, const LoopsAround& by,
                                const std::vector<int>& copy) {
    NumberKey constants;
    for (const Nest::Index& index : access.indices) {
      constants.push_back(index.constant);
      for (std::size_t c = 0; c < by.size(); ++c)
        for (const auto& [moved_by, amount] : index.terms)
          if (moved_by == by[c]) constants.back() += amount * copy[c];
    }
    return constants;
  }

  /// Goes on to the next copy, the innermost loop's first; false where that was the last.
  bool next(const LoopsAround& by, std::vector<int>& copy) const {
    for (std::size_t c = by.size(); c-- > 0;) {
      if (++copy[c] < static_cast<int>(loop(by[c]).trips)) return true;
      copy[c] = 0;
    }
    return false;
  }

  /// Appends a group's different copies to `loads`.
  Copies copies_of(const Group& group, std::vector<CopiedLoad>& loads) const {
    Copies copies;
    for (const One& one : group.loads) {
      const Nest::Access& access = this->access(one.place);
      std::vector<int> copy(one.by.size(), 0);
      double number = static_cast<double>(one.place) / static_cast<double>(here_.size());
      for (bool more = true; more; number += 1.0) {
        if (const auto [found, fresh] = copies.try_emplace(constants_of(access, one.by, copy), nullptr);
            fresh) {
          loads.push_back({copy, one.place, access.value, size_ * number / item(one.place).copies});
          found->second = &loads.back();
        }
        more = next(one.by, copy);
      }
    }
    return copies;
  }

  /// GVN sees it where the address of the next iteration is computed already. In tiles, which begin at the
  /// variable, that is so of copies too.
  bool seen(const Group& group, const NumberKey& constants, const CopiedLoad& load) const {
    const std::vector<One>::const_iterator of = std::find_if(
        group.loads.begin(), group.loads.end(), [&](const One& one) { return one.place == load.place; });
    if (!std::all_of(of->by.begin(), of->by.end(), [&](int by) { return loop(by).shifted; })) return false;
    if (!of->by.empty()) return true;
    const double step = loop(id_).step;
    for (std::size_t k = 0; k < constants.size(); ++k)
      if (group.ahead[k] != 0.0 &&
          !(group.ahead[k] == step && named(constants[k]) && named(constants[k] + step)))
        return false;
    return true;
  }

  void link_earlier(const Group& group, const Copies& copies) const {
    for (const auto& [constants, load] : copies) {
      if (!seen(group, constants, *load)) continue;
      NumberKey before = constants;
      for (std::size_t k = 0; k < before.size(); ++k) before[k] += group.ahead[k];
      if (const auto found = copies.find(before); found != copies.end() && found->second != load)
        load->earlier = found->second;
    }
  }

  const Vectorising& of_;
  const Nest& nest_;
  const int id_;
  const std::vector<std::size_t>& here_;
  std::map<NumberKey, Group> groups_;
  std::map<double, int> uses_;  ///< by constant
  double size_ = 0.0;           ///< instructions of the body, roughly
};

std::vector<Vectorising::CopiedLoad> Vectorising::loads_of_copies(int id) const {
  return Windows(*this, id).loads();
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
