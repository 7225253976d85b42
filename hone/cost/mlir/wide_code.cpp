// The code of a loop in lanes as LLVM's LoopUnroll counts it (TargetTransformInfo's code size for x86).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <set>

#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr double kAligned = 3.0;  // shuffles of a vector: seen of LLVM 19
constexpr double kControl = 3.0;  // instructions of the loop's own

/// Of a store of a whole row: vectors are put behind one another two by two, the last two shuffled.
double putting_together(double members, double bytes, const CodeTarget& target) {
  double total = 0.0;
  for (; members > 2.0; members = std::ceil(members / 2.0)) total += std::floor(members / 2.0);
  const double parts = register_parts(bytes, target);
  return total + parts * (2.0 * parts - 1.0);
}

}  // namespace

double Vectorising::wide_code(int id, const Lowered::Body& body) const {
  const CodeTarget& target = lowered_.target;
  const double lanes = body.lanes;
  double each = 0.0, once = 0.0, groups = 0.0;
  bool apart = false, whole_rows = false;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.home != id) continue;
    if (item.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
      if (step.address) continue;
      each += item.copies * (item.in_row ? lanes * step.bits / 8.0 / target.widest_bytes()
                                         : vector_code(step, lanes, target));
      continue;
    }
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    const double stride = std::abs(item.stride), bytes = lanes * access.bits / 8.0;
    if (stride <= 1.0) {
      each += item.copies * (body.masked && !target.masks() ? switched_access(access.store) : 1.0);
      if (access.store && !body.masked && !places().constant(item.access, -1)) once += 1.0;
    } else if (item.in_group) {
      whole_rows = true;
      const double rows = item.copies / item.group;
      each += rows;
      if (access.store) groups += rows;
      if (item.in_row) continue;
      each += access.store
                  ? rows * putting_together(item.group, bytes * stride, target)
                  : item.copies * std::max(1.0, std::ceil(bytes * stride / target.widest_bytes()) - 1.0);
    } else {
      apart = true;
      each += item.copies * (target.masks() ? register_parts(bytes, target) : 2.0 * lanes);
    }
  }
  const double address = std::max(0.0, (body.masked ? body.address : wide_address_) - body.moved_address),
               others = body.interleave - 1.0;
  double addresses = address;
  if (apart)
    addresses += address * others + others + 1.0;
  else if (whole_rows)
    addresses += others + groups * body.interleave;
  return kControl + each * body.interleave + once + addresses;
}

double Vectorising::late_code(int id, const Lowered::Body& body) const {
  double total = kControl + std::max(0.0, body.address - body.moved_address);
  // Sums in registers whose rows are no whole vectors: what they take is brought into place for each.
  if (const auto kept = kept_.find(id); kept != kept_.end())
    for (const std::size_t i : kept->second) {
      const Lowered::Item& item = lowered_.items[i];
      if (item.along >= 0 && nest_.accesses[static_cast<std::size_t>(item.access)].store &&
          ragged(nest_, item))
        total += kAligned * item.copies / item.lanes;
    }
  std::set<int> spread;  // items of which each copy is put into all lanes of a vector
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    const double side = std::max(1.0, item.lanes);
    double copies = item.copies / side;
    if (item.along >= 0) {
      // Of iterations that lanes do not divide the rest is vectors half as long, and so on.
      const double trips = std::max(1.0, std::floor(loop(item.along).trips));
      const double pieces =
          std::floor(trips / side) + std::popcount(static_cast<std::uint64_t>(std::fmod(trips, side)));
      copies = item.copies / trips * pieces;
      if (item.step >= 0 && nest_.steps[static_cast<std::size_t>(item.step)].address) continue;
      for (const int other : operands_of(item))
        if (lowered_.items[static_cast<std::size_t>(other)].home == id &&
            lowered_.items[static_cast<std::size_t>(other)].along != item.along &&
            spread.insert(other).second)
          total += lowered_.items[static_cast<std::size_t>(other)].copies;
    }
    total += item.shuffles;
    if (item.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
      if (step.address || step.work == Work::none) continue;
      total += copies * vector_code(step, side, lowered_.target);
      continue;
    }
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    total += access.apart                     ? item.copies * 4.0 * access.elements
             : item.gathered && !item.gathers ? item.copies
                                              : copies;
    if (access.store && !places().constant(item.access, -1)) total += 1.0;
  }
  return total;
}

std::vector<int> Vectorising::operands_of(const Lowered::Item& item) const {
  std::vector<int> items;
  for (const int value : values_of(item))
    if (const auto giver = uses_.item.find(value); giver != uses_.item.end()) items.push_back(giver->second);
  return items;
}

const AddressCode& Vectorising::places() const {
  if (!places_) {
    std::vector<int> accesses;
    for (const Lowered::Item& item : lowered_.items)
      if (item.access >= 0) accesses.push_back(item.access);
    places_.emplace(nest_, accesses, &lowered_.homes);
  }
  return *places_;
}

}  // namespace hone::cost::mlir
