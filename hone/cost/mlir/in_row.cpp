// Groups of strided stores whose elements come about in the same way from elements that lie as they do.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "hone/base/numbers.h"
#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostRows = 2000;  // that shuffles are followed through

}  // namespace

bool has_vectors(const Nest::Step& step) {
  switch (step.work) {
    case Work::transcendental:
    case Work::integer_divide:
    case Work::call:
    case Work::control:
    case Work::load:
    case Work::store:
    case Work::unknown:
      return false;
    default:
      return !step.opaque && step.elements <= 1.0;
  }
}

bool by_constants(const Nest::Access& a, const Nest::Access& b) {
  if (a.buffer != b.buffer || a.indices.size() != b.indices.size() || !placed(a) || !placed(b)) return false;
  for (std::size_t k = 0; k < a.indices.size(); ++k)
    if (!a.indices[k].moves_like(b.indices[k])) return false;
  return true;
}

double distance(const Nest& nest, const Nest::Access& a, const Nest::Access& b) {
  if (a.buffer < 0) return kNaN;
  const std::vector<std::int64_t>& strides = nest.buffers[static_cast<std::size_t>(a.buffer)].strides;
  if (!strides.empty() && strides.back() != 1) return kNaN;
  if (a.store != b.store || a.indices.empty() || !by_constants(a, b)) return kNaN;
  for (std::size_t k = 0; k + 1 < a.indices.size(); ++k)
    if (a.indices[k].constant != b.indices[k].constant) return kNaN;
  return b.indices.back().constant - a.indices.back().constant;
}

void Vectorising::rows(int id) {
  std::map<NumberKey, std::vector<std::size_t>> groups;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0 || item.share < 1.0 || !(item.group >= 2.0) || item.group != item.stride) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (!access.store || access.elements > 1.0) continue;
    groups[row_of_access(access, item.copies)].push_back(i);
  }
  for (auto& [key, stores] : groups) {
    if (stores.size() > kMostStores) continue;
    const double stride = lowered_.items[stores[0]].stride;
    const auto place = [&](std::size_t i) {
      return nest_.accesses[static_cast<std::size_t>(lowered_.items[i].access)].indices.back().constant;
    };
    std::stable_sort(stores.begin(), stores.end(),
                     [&](std::size_t a, std::size_t b) { return place(a) < place(b); });
    const auto members = static_cast<double>(stores.size());
    // Copies go on where the text's elements end.
    const Lowered::Item& any = lowered_.items[stores[0]];
    int along = -1;
    for (const int by : any.copied_by)
      if (members * loop(by).trips == stride &&
          stride_along(nest_, nest_.accesses[static_cast<std::size_t>(any.access)], by) == members)
        along = by;
    if (members != stride && along < 0) continue;
    std::vector<int> values;
    for (const std::size_t i : stores) {
      const auto stored = uses_.stored.find(lowered_.items[i].access);
      if (stored != uses_.stored.end() &&
          distance(nest_, nest_.accesses[static_cast<std::size_t>(lowered_.items[stores[0]].access)],
                   nest_.accesses[static_cast<std::size_t>(lowered_.items[i].access)]) ==
              static_cast<double>(values.size()))
        values.push_back(stored->second);
    }
    std::set<std::vector<int>> seen;
    std::vector<std::size_t> items = stores;
    if (values.size() < stores.size() || !in_step(id, along, values, seen, items)) continue;
    for (const std::size_t i : items) {
      lowered_.items[i].in_row = true;
      if (along < 0) lowered_.items[i].row = stride;
    }
  }
}

bool Vectorising::used_once(int value) const {
  const auto users = users_.find(value);
  return users != users_.end() && users->second.size() == 1;
}

bool Vectorising::in_step(int id, int along, const std::vector<int>& values, std::set<std::vector<int>>& seen,
                          std::vector<std::size_t>& items) const {
  if (!seen.insert(values).second) return true;
  if (seen.size() > kMostRows) return false;
  const auto item_of = [&](int value) -> const Lowered::Item* {
    const auto given = uses_.item.find(value);
    return given == uses_.item.end() ? nullptr : &lowered_.items[static_cast<std::size_t>(given->second)];
  };
  const double members = static_cast<double>(values.size()), copies = along < 0 ? 1.0 : loop(along).trips;
  const auto copied = [&](const Lowered::Item& item) {
    return std::find(item.copied_by.begin(), item.copied_by.end(), along) != item.copied_by.end();
  };
  const Lowered::Item* first = item_of(values[0]);
  const auto same = [&](int value) { return value == values[0]; };
  // One for all lanes, from outside.
  if ((members > 1.0 || first == nullptr || first->home != id) &&
      std::all_of(values.begin(), values.end(), same))
    return first == nullptr || (first->home != id && !copied(*first));
  for (std::size_t k = 0; k < values.size(); ++k) {
    const Lowered::Item* one = item_of(values[k]);
    if (one == nullptr || first == nullptr || one->home != id || (one->step >= 0) != (first->step >= 0) ||
        (along >= 0 && !copied(*one)) || one->share < 1.0)
      return false;
    if (one->step < 0) {
      const Nest::Access &a = nest_.accesses[static_cast<std::size_t>(first->access)],
                         &b = nest_.accesses[static_cast<std::size_t>(one->access)];
      if (one->group != members * copies || one->group != one->stride ||
          (along >= 0 && stride_along(nest_, b, along) != members) ||
          distance(nest_, a, b) != static_cast<double>(k))
        return false;
    } else {
      const Nest::Step &a = nest_.steps[static_cast<std::size_t>(first->step)],
                       &b = nest_.steps[static_cast<std::size_t>(one->step)];
      // Casts between kinds of numbers are not followed (foldShuffleToIdentity knows those of whole numbers).
      if (a.code != b.code || a.code == 0 || !has_vectors(b) || b.work == Work::convert ||
          !used_once(values[k]))
        return false;
    }
    items.push_back(static_cast<std::size_t>(uses_.item.at(values[k])));
  }
  if (first->step < 0) {
    // A group begins with the first of all its elements that are loaded.
    const Nest::Access& row = nest_.accesses[static_cast<std::size_t>(first->access)];
    const auto others = accesses_.find({home_of(row.loop), row.buffer});
    if (others == accesses_.end()) return false;
    for (const int other : others->second) {
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(other)];
      const double behind = access.store ? kNaN : distance(nest_, access, row);
      if (behind > 0.0 && std::fmod(behind, first->stride) != 0.0) return false;
    }
    return true;
  }
  const auto operands = uses_.from.find(values[0]);
  const std::size_t count = operands == uses_.from.end() ? 0 : operands->second.size();
  std::vector<std::vector<int>> before;
  for (std::size_t operand = 0; operand < count; ++operand) {
    std::vector<int> next;
    for (const int value : values) {
      const auto from = uses_.from.find(value);
      if (from == uses_.from.end() || from->second.size() != count) return false;
      next.push_back(from->second[operand]);
    }
    // What is computed here and used twice, be it by one operation, is not followed.
    const Lowered::Item* given = item_of(next[0]);
    const bool computed = given != nullptr && given->home == id && given->step >= 0;
    if (computed && std::find(before.begin(), before.end(), next) != before.end()) return false;
    if (!in_step(id, along, next, seen, items)) return false;
    before.push_back(std::move(next));
  }
  return true;
}

}  // namespace hone::cost::mlir
