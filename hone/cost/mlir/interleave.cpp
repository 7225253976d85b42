// How many vectors of a loop's lanes are gone through at once.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {
namespace {

constexpr double kGeneral = 16.0;  // registers of addresses and counters

}  // namespace

Vectorising::Addresses Vectorising::addresses_of(int id) const {
  std::map<NumberKey, double> rows;                 // how many of each
  std::map<NumberKey, std::pair<int, int>> places;  // the first and the last access there
  std::set<int> heap;
  std::vector<int> orders;
  int next = -1;  // the first access that needs what the loop's variable becomes
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (access.buffer < 0 || !(std::abs(item.stride) == 1.0) || access.indices.empty()) continue;
    const Nest::Buffer& buffer = nest_.buffers[static_cast<std::size_t>(access.buffer)];
    if (buffer.heap) heap.insert(access.buffer);
    NumberKey row;
    for (std::size_t k = 1; k < buffer.shape.size(); ++k) row.push_back(static_cast<double>(buffer.shape[k]));
    double copies = 1.0;
    bool moved = false;
    for (std::size_t k = 0; k < access.indices.size(); ++k) {
      const Nest::Index& index = access.indices[k];
      if (k + 1 < access.indices.size()) row.push_back(index.constant);
      index.tell(row);
      moved = moved || index.unknown != Nest::kNoValue || index.offset != 0;
      for (const auto& [at, by] : index.terms) {
        if (at == id || by == 0.0) continue;
        row.push_back(at), row.push_back(by);
        if (std::find(item.copied_by.begin(), item.copied_by.end(), at) != item.copied_by.end())
          copies *= std::max(1.0, loop(at).trips);
        else
          moved = true;
      }
    }
    const double last = access.indices.back().constant;
    NumberKey place = row;
    place.push_back(last);
    if (moved) rows[std::move(row)] = copies;
    const auto [found, fresh] = places.try_emplace(std::move(place), access.order, access.order);
    found->second.second = std::max(found->second.second, access.order);
    orders.push_back(access.order);
    if (last == loop(id).first.constant + loop(id).step && (next < 0 || access.order < next))
      next = access.order;
  }
  Addresses made;
  made.outside = static_cast<double>(heap.size());
  for (const auto& [row, copies] : rows) made.outside += copies;
  for (const int now : orders) {
    double open = 2.0 + (next >= 0 && next <= now ? 1.0 : 0.0);  // the variable and the address itself
    for (const auto& [place, between] : places)
      open += between.first <= now && now < between.second ? 1.0 : 0.0;
    made.inside = std::max(made.inside, open);
  }
  return made;
}

double Vectorising::interleave(int id, const Lowered::Body& body) const {
  if (body.safe_lanes > 0.0) return 1.0;  // how far it is went into the lanes
  const Nest::Loop& one = loop(id);
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  double most = 4.0;
  if (one.known) {
    // Of bounds that differ from entry to entry it knows each one's range, not that they move together.
    // Of rows that are loaded with gaps the last is left for a remainder.
    const bool gaps = std::any_of(here.begin(), here.end(), [&](std::size_t i) {
      return lowered_.items[i].in_group && lowered_.items[i].group < std::abs(lowered_.items[i].stride);
    });
    const double trips = (body.fixed ? one.most : one.span) - (gaps ? 1.0 : 0.0);
    const double least = std::min(4.0, floor_to_power(trips / (2.0 * body.lanes))),
                 greatest = std::min(4.0, floor_to_power(trips / body.lanes));
    const bool even =
        body.fixed && std::fmod(trips, body.lanes * greatest) == std::fmod(trips, body.lanes * least);
    most = even ? greatest : least;
  }
  // LLVM counts what instructions outside give, not constants and arguments, and takes it from the registers
  // without a sign: where none is left it sees no limit.
  const auto limited = [&](double registers, double outside, double inside) {
    const double left = registers - outside - 1.0;
    if (left >= 0.0) most = std::min(most, floor_to_power(left / std::max(1.0, inside - 1.0)));
  };
  // Places of elements that lie apart are vectors, too.
  const bool apart = lowered_.target.masks() && std::any_of(here.begin(), here.end(), [&](std::size_t i) {
                       const Lowered::Item& item = lowered_.items[i];
                       return item.access >= 0 && !item.in_group && !(std::abs(item.stride) <= 1.0);
                     });
  limited(lowered_.target.vector_registers, given_outside_,
          body.alive - body.held + body.chains + (apart ? 1.0 : 0.0));
  const Addresses addresses = addresses_of(id);
  limited(kGeneral, addresses.outside, addresses.inside);
  most = std::max(1.0, most);
  if (body.chains > 0.0) return most;
  const double total = cost(id, body.lanes, false);
  if (total >= 20.0) return 1.0;
  double loads = 0.0, stores = 0.0;
  for (const std::size_t i : here) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access >= 0)
      (nest_.accesses[static_cast<std::size_t>(item.access)].store ? stores : loads) += item.copies;
  }
  const double small = std::min(most, floor_to_power(20.0 / total));
  return std::max({small, std::floor(most / std::max(1.0, stores)), std::floor(most / std::max(1.0, loads))});
}

}  // namespace hone::cost::mlir
