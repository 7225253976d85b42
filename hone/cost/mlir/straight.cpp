// What stands side by side in the text, as instructions on vectors: LLVM's SLPVectorizer, from stores to
// neighbouring elements to what is stored, round loops, and what sums add. Copies of loops:
// mlir/side_by_side.cpp.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "hone/cost/mlir/bundles.h"

namespace hone::cost::mlir {

namespace {

constexpr int kMostTrees = 100;           // one behind the other
constexpr std::size_t kMostTerms = 1000;  // of a reduction
constexpr std::size_t kFewestTerms = 4;   // that one is made of (ReductionLimit)

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

struct Vectorising::Reduction {
  std::vector<std::size_t> steps;  ///< items of one operation that lead to the last, which comes last
  std::vector<int> terms;          ///< of which they are made, in the text's order
};

std::set<int> Vectorising::looked_at_for_sums(int id) const {
  std::vector<int> open;
  std::map<int, std::pair<double, int>> stores;  // by whole buffer: how many, and what one of them stores
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    const auto stored = uses_.stored.find(item.access);
    if (item.access < 0 || stored == uses_.stored.end()) continue;
    const int buffer = nest_.accesses[static_cast<std::size_t>(item.access)].buffer;
    const int root = buffer < 0 ? -1 : nest_.buffers[static_cast<std::size_t>(buffer)].root;
    auto& [count, value] = stores[root >= 0 ? root : buffer];
    count += item.copies;
    value = stored->second;
  }
  for (const auto& [buffer, store] : stores)
    if (store.first <= 1.0 && used_once(store.second)) open.push_back(store.second);
  if (id >= 0) open.insert(open.end(), loop(id).yielded.begin(), loop(id).yielded.end());
  // What is in a register all through the loop goes round it.
  if (const auto kept = kept_.find(id); kept != kept_.end())
    for (const std::size_t i : kept->second) {
      const int buffer = nest_.accesses[static_cast<std::size_t>(lowered_.items[i].access)].buffer;
      const auto others = accesses_.find({id, buffer});
      if (others == accesses_.end()) continue;
      for (const int other : others->second)
        if (const auto stored = uses_.stored.find(other);
            stored != uses_.stored.end() && !moves(nest_.accesses[static_cast<std::size_t>(other)], id))
          open.push_back(stored->second);
    }
  std::set<int> values;
  for (int depth = 0; depth < static_cast<int>(kDeepestSums) && !open.empty(); ++depth) {
    std::vector<int> next;
    for (const int value : open) {
      const auto given = uses_.item.find(value);
      if (given == uses_.item.end() || lowered_.items[static_cast<std::size_t>(given->second)].home != id ||
          !values.insert(value).second)
        continue;
      if (const auto from = uses_.from.find(value); from != uses_.from.end())
        next.insert(next.end(), from->second.begin(), from->second.end());
    }
    open = std::move(next);
  }
  return values;
}

bool Vectorising::reductions(int id, double widest) {
  // What a loop stores and loads again becomes values that it hands on first (LoopLoadElimination, load PRE),
  // and sums of these are put together otherwise.
  if (id >= 0 && lowered_.body(id).recurrence) return false;
  bool any = false;
  std::set<std::size_t> seen;
  const std::set<int> looked_at = looked_at_for_sums(id);
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  for (auto at = here.rbegin(); at != here.rend(); ++at) {
    const Lowered::Item& top = lowered_.items[*at];
    if (top.step < 0 || top.lanes > 1.0 || seen.contains(*at)) continue;
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(top.step)];
    const bool any_order =
        step.real ? step.work == Work::compare && step.choice.single >= kExtremum.single
                  : (step.sum && !step.difference) || step.idempotent || step.work == Work::integer_multiply;
    if (!any_order || step.code == 0 || step.elements > 1.0 || step.address ||
        !looked_at.contains(step.value))
      continue;
    Reduction reduction;
    std::size_t entered = 0;
    // Depth first, so that terms come as they are written.
    const auto collect = [&](const auto& self, std::size_t i) -> void {
      seen.insert(i);
      ++entered;
      const auto from = uses_.from.find(nest_.steps[static_cast<std::size_t>(lowered_.items[i].step)].value);
      if (from == uses_.from.end()) return;
      for (const int value : from->second) {
        const auto given = uses_.item.find(value);
        const Lowered::Item* item =
            given == uses_.item.end() ? nullptr : &lowered_.items[static_cast<std::size_t>(given->second)];
        if (item != nullptr && item->step >= 0 && item->home == id && item->lanes <= 1.0 &&
            item->copies == top.copies && item->share == top.share && used_once(value) &&
            entered < kMostTerms && nest_.steps[static_cast<std::size_t>(item->step)].code == step.code)
          self(self, static_cast<std::size_t>(given->second));
        else
          reduction.terms.push_back(value);
      }
      reduction.steps.push_back(i);
    };
    collect(collect, *at);
    if (reduction.terms.size() == reduction.steps.size() + 1 && reduce(id, widest, reduction)) any = true;
  }
  return any;
}

bool Vectorising::reduce(int id, double widest, Reduction& reduction) {
  std::vector<int>& terms = reduction.terms;
  bool any = false;
  for (auto width = static_cast<std::size_t>(widest); width >= kFewestTerms; width /= 2)
    for (std::size_t begin = 0; begin + width <= terms.size();) {
      std::vector<int> values(terms.begin() + static_cast<std::ptrdiff_t>(begin),
                              terms.begin() + static_cast<std::ptrdiff_t>(begin + width));
      const double count = static_cast<double>(width), folds = std::log2(count);
      Bundles bundles(*this);
      // What others need as well is taken out again, though part of that is for nothing.
      const auto needed = static_cast<double>(std::ranges::count_if(values, [&](int value) {
        const auto given = uses_.item.find(value);
        return !used_once(value) && given != uses_.item.end() &&
               lowered_.items[static_cast<std::size_t>(given->second)].lanes <= 1.0;
      }));
      bundles.grow_from(values, 2.0 * folds - (count - 1.0) + 0.5 * needed);
      if (!bundles.pays()) {
        ++begin;
        continue;
      }
      const Lowered::Item& top = lowered_.items[reduction.steps.back()];
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(top.step)];
      bundles.settle(count, top.copies);
      shorten(id, (count - 1.0 - 2.0 * folds) * top.copies);
      // The vector is folded in half until one is left.
      const auto one_value = [&](std::size_t i) {
        return nest_.steps[static_cast<std::size_t>(lowered_.items[i].step)].value;
      };
      const bool last = terms.size() == width;
      std::vector<std::size_t>& steps = reduction.steps;
      int folded = Nest::kNoValue;
      for (std::size_t k = 0; k + 1 < width; ++k) {
        const bool top_of_all = last && k + 2 == width;
        const std::size_t i = top_of_all ? steps.back() : steps[k];
        lowered_.items[i].lanes = count;
        Few<int> from;
        if (static_cast<double>(k) + (last ? 1.0 : 0.0) < folds || top_of_all) {
          if (folded == Nest::kNoValue)
            from.assign(values.begin(), values.end());
          else
            from.assign(1, folded);
        }
        const bool left = !from.empty();
        uses_.from[one_value(i)] = std::move(from);
        if (!left) continue;
        folded = one_value(i);
      }
      const bool extrema = step.real && step.work == Work::compare;
      lowered_.items[steps.back()].shuffles +=
          top.copies * (1.5 * folds + (folds - 1.0) * (extrema ? step.choice.vector + 2.0 : 1.0));
      any = true;
      terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(begin),
                  terms.begin() + static_cast<std::ptrdiff_t>(begin + width));
      terms.push_back(folded);
      steps.erase(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(width - 1));
      if (last) return true;
    }
  if (!any) return false;
  // What is left comes one by one, what goes round the loop last.
  std::stable_partition(terms.begin(), terms.end(), [&](int value) {
    const auto given = uses_.item.find(value);
    return given != uses_.item.end() && lowered_.items[static_cast<std::size_t>(given->second)].home == id &&
           !(id >= 0 && hands_on(value, id));
  });
  int before = terms[0];
  for (std::size_t k = 0; k < reduction.steps.size(); ++k) {
    const int value = nest_.steps[static_cast<std::size_t>(lowered_.items[reduction.steps[k]].step)].value;
    uses_.from[value] = Few<int>{before, terms[k + 1]};
    before = value;
  }
  return true;
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
