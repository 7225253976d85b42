#include "hone/cost/mlir/index_sum.h"

#include <algorithm>
#include <iterator>

#include "hone/base/mix.h"

namespace hone::cost::mlir {

std::uint64_t IndexSum::key() const {
  std::uint64_t made = mixed(mixed(mixed(1, constant), offset), loaded);
  for (const auto& [id, by] : terms) made = mixed(mixed(made, id), by);
  return made;
}

bool IndexSum::several() const {
  return loaded == 0 && offset == 0 && !terms.empty() && (terms.size() > 1 || constant != 0.0);
}

IndexSum index_sum(const Nest& nest, const Nest::Index& index, int inside, int& unlike) {
  FewByKey<int, double> left;
  FewByKey<int, int> stands;
  for (const auto& [id, by] : index.terms) left[id] += by;
  IndexSum made;
  made.constant = index.constant;
  made.offset = index.offset;
  while (!left.empty()) {
    const auto [id, by] = *std::prev(left.end());
    left.erase(std::prev(left.end()));
    const Nest::Loop& one = nest.loops[static_cast<std::size_t>(id)];
    // The variable of a loop that goes round once is what it begins as.
    if (by == 0.0) continue;
    if (one.known && one.fixed && one.most <= 1.0) {
      for (const auto& [at, step] : one.first.terms) stands.try_emplace(at, id);
      continue;
    }
    const double factor = by / std::max(1.0, one.step);
    made.terms.emplace_back(id, factor);
    const auto stand = stands.find(id);
    made.stands.push_back(stand == stands.end() ? id : stand->second);
    made.constant -= factor * one.first.constant;
    made.offset -= modulo(factor) * one.first.offset;
    for (const auto& [at, step] : one.first.terms)
      if (at < id) left[at] -= factor * step;
  }
  std::reverse(made.terms.begin(), made.terms.end());
  std::reverse(made.stands.begin(), made.stands.end());
  if (index.exact && !index.indirect) return made;
  const bool known = index.unknown != Nest::kNoValue;
  made.loaded = known ? mixed(4, index.unknown) : mixed(11, ++unlike);
  made.where = known ? index.within : inside;
  // What moves beside it is one with it here: how it moves does not always say how it is computed. Loops have
  // lower numbers than those inside them.
  if (!made.terms.empty()) made.where = std::max(made.where, made.terms.back().first);
  for (const auto& [id, by] : made.terms) made.loaded = mixed(mixed(made.loaded, id), by);
  made.terms.clear();
  made.stands.clear();
  return made;
}

}  // namespace hone::cost::mlir
