#include "hone/cost/mlir/trace_place.h"

#include <algorithm>
#include <cmath>

#include "hone/base/mix.h"

namespace hone::cost::mlir {

TracePlace::TracePlace(const Nest& nest, const Lowered& lowered, int loop, const std::vector<int>& items,
                       const std::vector<int>& loops)
    : nest_(nest), lowered_(lowered), loop_(loop), at_(nest.loops.size()) {
  for (const int i : items)
    if (const Lowered::Item& item = lowered.items[static_cast<std::size_t>(i)];
        item.along >= 0 && (loop < 0 || (item.home >= 0 && nest.inside(item.home, loop))))
      at(item.along).together = item.lanes;
  for (const int id : loops) at(id).iteration = 0.0;
}

int TracePlace::origin(const Lowered::Item& item) const {
  return item.step >= 0 ? nest_.steps[static_cast<std::size_t>(item.step)].loop
                        : nest_.accesses[static_cast<std::size_t>(item.access)].loop;
}

int TracePlace::innermost(const Lowered::Item& item) const {
  int id = origin(item);
  while (id >= 0 && !inside(id)) id = nest_.loops[static_cast<std::size_t>(id)].parent;
  return id >= 0 ? id : loop_;
}

std::uint64_t TracePlace::key(int item) const {
  std::uint64_t hash = mixed(1, item);
  const Lowered::Item& one = lowered_.items[static_cast<std::size_t>(item)];
  const auto add = [&](int id) {
    const At& now = at(id);
    if (now.iteration < 0.0) return;
    hash = mixed(mixed(hash, id), id == one.along && now.row >= 0.0 ? now.row : now.iteration);
  };
  for (const int id : one.copied_by) add(id);
  for (int id = one.home; id >= 0 && id != loop_; id = nest_.loops[static_cast<std::size_t>(id)].parent)
    add(id);
  return hash;
}

std::uint64_t TracePlace::location(const Nest::Access& access) const {
  std::uint64_t hash = 2;
  for (const Nest::Index& index : access.indices) {
    double place = index.constant;
    if (index.unknown != Nest::kNoValue) hash = mixed(hash, index.unknown);
    if (index.offset != 0) hash = mixed(hash, index.offset);
    for (const auto& [id, step] : index.terms) {
      const double iteration = id == loop_ ? -1.0 : at(id).iteration;
      if (iteration >= 0.0)
        place += step * iteration;
      else
        hash = mixed(mixed(hash, id), step);
    }
    hash = mixed(hash, place);
  }
  return hash;
}

bool TracePlace::last_of(const Lowered::Item& item) const {
  for (int id = origin(item); id >= 0 && id != loop_; id = nest_.loops[static_cast<std::size_t>(id)].parent) {
    const At& now = at(id);
    if (now.iteration < 0.0 || now.wide <= 0.0 || nest_.inside(item.home, id) ||
        std::find(item.copied_by.begin(), item.copied_by.end(), id) != item.copied_by.end())
      continue;
    const double step = now.together > 0.0 ? 1.0 : now.wide;
    if (now.iteration + step < std::floor(nest_.loops[static_cast<std::size_t>(id)].most)) return false;
  }
  return true;
}

double TracePlace::abreast(int home, const Lowered::Item& item) const {
  const Lowered::Body& body = lowered_.body(home);
  const int id = item.along >= 0 ? item.along : home;
  const double merged = id >= 0 ? at(id).wide : 0.0;
  return merged > 0.0 ? merged : home >= 0 && body.lanes > 1.0 ? body.lanes : 1.0;
}

double TracePlace::share(int home, const Lowered::Item& item) const {
  return item.along < 0 && lowered_.body(home).lanes <= 1.0 ? std::max(1.0, item.lanes) : 1.0;
}

double TracePlace::interleaved(int home, const Lowered::Item& item) const {
  return home == loop_ && abreast(home, item) > 1.0 ? lowered_.body(home).interleave : 1.0;
}

}  // namespace hone::cost::mlir
