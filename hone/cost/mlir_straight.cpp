// What stands side by side in the text, as instructions on vectors: LLVM's SLPVectorizer, from stores to
// neighbouring elements to what is stored, round loops, and what sums add. Copies of loops:
// mlir_side_by_side.cpp.
#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "hone/cost/mlir_bundles.h"

namespace hone::cost::mlir {

namespace {

constexpr int kMostTrees = 100;  // one behind the other

}  // namespace

std::optional<Vectorising::Round> Vectorising::round_of(const std::vector<int>& values) const {
  const auto first = rounds_.find(values[0]);
  if (first == rounds_.end()) return std::nullopt;
  Round round;
  for (const int value : values) {
    const auto found = rounds_.find(value);
    if (found == rounds_.end() || found->second.first != first->second.first) return std::nullopt;
    const Nest::Loop& one = loop(found->second.first);
    round.yielded.push_back(one.yielded[found->second.second]);
    round.initial.push_back(one.initial[found->second.second]);
  }
  return round;
}

void Vectorising::go_on(std::vector<std::vector<int>> ends, double copies) {
  for (int trees = 0; !ends.empty() && trees < kMostTrees; ++trees) {
    const std::vector<int> values = std::move(ends.back());
    ends.pop_back();
    Bundles bundles(*this);
    bundles.grow_from(values, -bundles.apart_cost(values));  // that has been counted and falls away
    if (!bundles.pays()) continue;
    bundles.settle(static_cast<double>(values.size()), copies);
    ends.insert(ends.end(), bundles.ends().begin(), bundles.ends().end());
  }
}

void Vectorising::round_loop(int id, double widest) {
  if (id < 0) return;
  const Nest::Loop& one = loop(id);
  const std::size_t count = std::min({one.carried.size(), one.yielded.size(), one.initial.size()});
  if (count < 2 || !one.carries_real || one.carries_integer || home_of(id) != id) return;
  for (auto width = static_cast<std::size_t>(widest); width >= 2; width /= 2)
    for (std::size_t begin = 0; begin + width <= count;) {
      const std::vector<int> values(one.carried.begin() + static_cast<std::ptrdiff_t>(begin),
                                    one.carried.begin() + static_cast<std::ptrdiff_t>(begin + width));
      const auto made = uses_.item.find(one.yielded[begin]);
      if (made == uses_.item.end() || lowered_.items[static_cast<std::size_t>(made->second)].lanes > 1.0) {
        ++begin;
        continue;
      }
      Bundles bundles(*this);
      bundles.grow_from(values, static_cast<double>(width) - 1.0);  // behind the loop they are taken apart
      if (!bundles.pays()) {
        ++begin;
        continue;
      }
      bundles.settle(static_cast<double>(width), 1.0);
      go_on(bundles.ends(), 1.0);
      begin += width;
    }
}

/// Of the text: a + x, then + y, from the last sum on.
void Vectorising::sums_of_text(int id) {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  std::unordered_map<int, double> depths;  // by value: steps from it to the last that comes of it
  for (auto at = here.rbegin(); at != here.rend(); ++at) {
    const Lowered::Item& top = lowered_.items[*at];
    if (top.step < 0) continue;
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(top.step)];
    const auto from = uses_.from.find(step.value);
    if (from == uses_.from.end()) continue;
    const double depth = depths.try_emplace(step.value, 0.0).first->second;
    for (const int value : from->second) {
      const auto [found, fresh] = depths.try_emplace(value, depth + 1.0);
      if (!fresh) found->second = std::min(found->second, depth + 1.0);
    }
    if (top.lanes > 1.0 || step.work != Work::add || !step.real || step.elements > 1.0 ||
        from->second.size() != 2 || depth >= kDeepestSums)
      continue;
    if (id >= 0 && summed(step.value, id)) continue;  // it goes round the loop
    for (int k = 0; k < 2; ++k)
      if (pair_terms(*at, from->second[static_cast<std::size_t>(k)],
                     from->second[static_cast<std::size_t>(1 - k)]))
        break;
  }
}

bool Vectorising::pair_terms(std::size_t top, int before, int added) {
  const auto inner = uses_.from.find(before);
  const auto made = uses_.made.find(before);
  if (inner == uses_.from.end() || inner->second.size() != 2 || made == uses_.made.end() ||
      made->second.work != Work::add)
    return false;
  for (const int other : inner->second) {
    const auto one = uses_.item.find(added), two = uses_.item.find(other);
    if (one == uses_.item.end() || two == uses_.item.end()) continue;
    Lowered::Item& item = lowered_.items[static_cast<std::size_t>(one->second)];
    if (item.step < 0 || item.lanes > 1.0 ||
        lowered_.items[static_cast<std::size_t>(two->second)].lanes > 1.0)
      continue;
    Bundles bundles(*this);
    bundles.pair(other, added);
    if (!bundles.pays()) continue;
    const double copies = lowered_.items[top].copies;
    bundles.settle(2.0, copies);
    item.shuffles += copies;
    return true;
  }
  return false;
}

void Vectorising::straight(int id, double widest) {
  std::vector<std::size_t> stores;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0 || item.share < 1.0) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (access.store && access.elements <= 1.0) stores.push_back(i);
  }
  if (stores.size() < 2 || stores.size() > kMostStores) return;
  // Of loops written out, each copy by itself.
  std::map<int, bool> one_by_one;
  std::erase_if(stores, [&](std::size_t i) {
    const LoopsAround& by = lowered_.items[i].copied_by;
    return std::any_of(by.begin(), by.end(), [&](int along) {
      const auto [found, fresh] = one_by_one.try_emplace(along, false);
      if (fresh) found->second = waits(id, along);
      return found->second;
    });
  });
  // Rows of neighbours.
  std::vector<std::vector<std::size_t>> rows;
  std::map<NumberKey, std::size_t> row_of;
  const auto access_of = [&](std::size_t i) -> const Nest::Access& {
    return nest_.accesses[static_cast<std::size_t>(lowered_.items[i].access)];
  };
  for (const std::size_t i : stores) {
    const Nest::Access& access = access_of(i);
    const auto [row, fresh] =
        row_of.try_emplace(row_of_access(access, lowered_.items[i].copies), rows.size());
    if (fresh) rows.emplace_back();
    rows[row->second].push_back(i);
  }
  for (std::vector<std::size_t>& row : rows) {
    std::stable_sort(row.begin(), row.end(), [&](std::size_t a, std::size_t b) {
      return access_of(a).indices.back().constant < access_of(b).indices.back().constant;
    });
    // The widest first, anywhere.
    for (auto width = static_cast<std::size_t>(widest); width >= 2; width /= 2)
      for (std::size_t begin = 0; begin + width <= row.size();) {
        std::size_t end = begin;
        while (end < begin + width && lowered_.items[row[end]].lanes <= 1.0 &&
               (end == begin || distance(nest_, access_of(row[end - 1]), access_of(row[end])) == 1.0))
          ++end;
        if (end < begin + width) {
          begin = std::max(begin + 1, end);
          continue;
        }
        Bundles bundles(*this);
        bundles.grow({row.begin() + static_cast<std::ptrdiff_t>(begin),
                      row.begin() + static_cast<std::ptrdiff_t>(end)});
        if (bundles.pays()) {
          bundles.settle(static_cast<double>(width), lowered_.items[row[begin]].copies);
          go_on(bundles.ends(), lowered_.items[row[begin]].copies);
          begin = end;
        } else {
          ++begin;
        }
      }
  }
}

}  // namespace hone::cost::mlir
