#include "hone/cost/mlir/loop_body.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "hone/cost/mlir/reuse.h"

namespace hone::cost::mlir {
namespace {

/// Lines that one run along a stride puts into each set of a cache.
double lines_a_set(double stride_bytes, double trips, const CacheSets& cache) {
  return std::abs(stride_bytes) < Reuse::kLine ? 0.0 : trips / cache.along(std::abs(stride_bytes));
}

void add_step(const Nest::Step& step, const Lowered::Item& item, LoopBody& body) {
  if (step.address) return;
  const double share = item.copies * item.share;
  body.work[static_cast<std::size_t>(step.work)] += share;
  body.steps += share;
  if (step.real) body.real += share;
  if (step.real && step.choice.single >= kExtremum.single) body.extrema += share;
  const double operations = share * step.elements * (step.work == Work::fma ? 2.0 : 1.0);
  if (step.work != Work::shuffle && step.work != Work::convert)
    (step.real ? body.reals : body.integers) += operations;
  body.wide += share * step.elements;
  if (step.bits > 0) body.element_bytes = std::max(body.element_bytes, step.bits / 8.0);
  body.side_by_side = std::max(body.side_by_side, item.lanes);
}

void add_access(const Nest& nest, const Lowered& lowered, const Nest::Access& access,
                const Lowered::Item& item, LoopBody& body) {
  if (access.buffer < 0) return;
  const double share = item.copies * item.share;
  const double bytes = nest.buffers[static_cast<std::size_t>(access.buffer)].element_bytes;
  body.element_bytes = std::max(body.element_bytes, bytes);
  (access.store ? body.stores : body.loads) += share;
  (access.store ? body.stored : body.loaded) += share * access.elements * bytes;
  if (item.promoted) body.promoted += share;
  if (item.masked) body.switched += share;
  if (access.apart) body.apart += share * access.elements;
  if (item.lanes > 1.0 && lowered.body(item.home).lanes > 1.0 && !(std::abs(item.stride) <= 1.0) &&
      !item.in_group)
    (access.store ? body.scatters : body.gathers) += share;
  body.vector_elements = std::max(body.vector_elements, access.elements);
  body.places += 1.0;
  const double stride = std::abs(item.stride);
  if (std::isnan(stride)) {
    body.indirect += share;
  } else if (stride == 0.0) {
    body.still += share;
  } else if (stride <= std::max(1.0, access.elements)) {
    body.unit += share;
    if (access.store) body.unit_stores += share;
  } else {
    (stride * bytes < Reuse::kLine ? body.near : body.far) += share;
  }
}

/// How crowded the sets of both caches get by an access.
void crowd(const Nest& nest, const Lowered& lowered, const std::array<CacheSets, 2>& sets,
           const Nest::Access& access, const Lowered::Item& item, LoopBody& body) {
  if (access.buffer < 0) return;
  const double bytes = nest.buffers[static_cast<std::size_t>(access.buffer)].element_bytes;
  // Rows of a tile too lie a stride apart, whatever the innermost loop does.
  int around = item.home;
  for (int level = 0; level < 2 && around >= 0; ++level) {
    const double step = stride_along(nest, access, around) * bytes,
                 trips = nest.loops[static_cast<std::size_t>(around)].trips;
    if (!std::isnan(step)) {
      body.crowded_near = std::max(body.crowded_near, lines_a_set(step, trips, sets[0]));
      body.crowded_far = std::max(body.crowded_far, lines_a_set(step, trips, sets[1]));
    }
    around = left_around(nest, lowered, around);
  }
}

}  // namespace

double LoopBody::lines_apart() const {
  const double all = unit + still + near + far + indirect;
  return all > 0.0 ? (far + indirect) / all : 0.0;
}

std::vector<LoopBody> loop_bodies(const Nest& nest, const Lowered& lowered) {
  const std::array<CacheSets, 2> sets = cache_sets(lowered.target);
  std::vector<LoopBody> bodies(nest.loops.size() + 1);
  for (std::size_t i = 0; i < lowered.items.size(); ++i) {
    const Lowered::Item& item = lowered.items[i];
    LoopBody& body = bodies[static_cast<std::size_t>(item.home + 1)];
    body.items.push_back(i);
    if (item.step >= 0) {
      add_step(nest.steps[static_cast<std::size_t>(item.step)], item, body);
      continue;
    }
    const Nest::Access& access = nest.accesses[static_cast<std::size_t>(item.access)];
    add_access(nest, lowered, access, item, body);
    crowd(nest, lowered, sets, access, item, body);
  }
  return bodies;
}

int left_around(const Nest& nest, const Lowered& lowered, int loop) {
  if (loop < 0) return -1;
  const int parent = nest.loops[static_cast<std::size_t>(loop)].parent;
  return parent < 0 ? -1 : lowered.homes[static_cast<std::size_t>(parent)];
}

}  // namespace hone::cost::mlir
