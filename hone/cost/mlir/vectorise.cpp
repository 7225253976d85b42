#include "hone/cost/mlir/vectorise.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "hone/cost/mlir/addresses.h"
#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr double kCall = 10.0;  // of the mathematics library, to LLVM

/// What LLVM takes `width` divisions, square roots or products of integers for, with AVX2 or AVX-512.
double slow_cost(Work work, double width, int bits, bool masks) {
  const double halves = std::max(1.0, std::ceil(width * bits / 128.0));  // of a register of 256 bits
  if (work == Work::integer_multiply) {
    if (bits <= 32) return width <= 1.0 || masks ? std::max(1.0, halves / 4.0) : 2.0 * halves;
    if (width <= 1.0) return masks ? 1.0 : 2.0;
    return masks ? std::max(2.0, 3.0 * halves / 4.0) : 6.0 * std::max(1.0, halves / 2.0);
  }
  if (!masks) return (bits <= 32 ? 7.0 : 14.0) * halves;
  return bits > 32 ? (work == Work::root ? 6.0 : 4.0) * halves
                   : std::max(3.0, (work == Work::root ? 3.0 : 2.5) * halves);
}

}  // namespace

void Vectorising::run() {
  for (int loop = -1; loop < static_cast<int>(nest_.loops.size()); ++loop) {
    Lowered::Body& body = lowered_.bodies[static_cast<std::size_t>(loop + 1)];
    if (loop >= 0 && !body.left) continue;
    if (loop >= 0) {
      carried(loop, body);
      handed_on_.clear();
      memory(loop, body);
    }
    registers(loop, body);
    paths(loop, body);
    lanes(loop, body);
  }
}

namespace {

/// LLVM's costs of the shuffles of groups of so many rows for AVX2, by elements of a row and their bits
/// (X86TTIImpl::getInterleavedMemoryOpCostAVX2).
struct Shuffles {
  double rows, width, bits, loads, stores;
};
constexpr Shuffles kShuffles[] = {
    {2, 2, 32, 2, 2},  {2, 4, 32, 2, 2},   {2, 8, 32, 4, 4},   {2, 2, 64, 2, 2}, {2, 4, 64, 4, 4},
    {3, 2, 32, 3, 4},  {3, 4, 32, 3, 5},   {3, 8, 32, 7, 11},  {3, 2, 64, 1, 4}, {3, 4, 64, 5, 6},
    {4, 2, 32, 4, 5},  {4, 4, 32, 8, 6},   {4, 8, 32, 16, 16}, {4, 2, 64, 6, 6}, {4, 4, 64, 8, 8},
    {6, 2, 32, 6, 9},  {6, 4, 32, 15, 12}, {6, 8, 32, 31, 33}, {6, 2, 64, 6, 8}, {6, 4, 64, 18, 15},
    {8, 8, 32, 40, 0},
};

/// What a group of strided accesses costs the vectoriser's model.
double group_cost(const Nest::Access& access, double stride, double members, double width,
                  const CodeTarget& target) {
  if (!target.masks() && members >= stride)
    for (const Shuffles& known : kShuffles) {
      const double shuffles = access.store ? known.stores : known.loads;
      if (known.rows == stride && known.width == width && known.bits == access.bits && shuffles > 0.0)
        return std::max(1.0, std::ceil(stride * width * access.bits / (8.0 * target.vector_bytes))) +
               shuffles;
    }
  return together(access, stride, members, width, target);
}

}  // namespace

double Vectorising::strided_cost(const Lowered::Item& item, double width, bool masked) const {
  const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
  if (!lowered_.target.masks()) {
    // One by one, and into or out of vectors, of which the first real is there for nothing in each half, of
    // stores the places too; behind a branch each where lanes are switched off.
    const double single =
        item.copies *
        (masked ? 6.0 * width : (access.store ? 3.25 : 2.0) * width + (access.real ? -1.0 : 1.0));
    if (masked || !item.in_group) return single;
    return std::min(single,
                    item.copies / item.group *
                        group_cost(access, std::abs(item.stride), item.group, width, lowered_.target));
  }
  const double parts = std::max(1.0, width * 64.0 / 512.0);  // of registers that hold the places
  const double apart = item.copies * (width <= 2.0 ? 4.0 * width : parts * 2.0 + width);
  return masked || !item.in_group ? apart
                                  : std::min(apart, item.copies / item.group *
                                                        together(access, std::abs(item.stride), item.group,
                                                                 width, lowered_.target));
}

void Vectorising::find_places(int id) {
  of_places_.clear();
  if (lowered_.target.masks()) return;
  std::vector<int> open;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0 || !std::isnan(item.stride)) continue;
    for (const Nest::Index& index : nest_.accesses[static_cast<std::size_t>(item.access)].indices)
      if (index.unknown != Nest::kNoValue) open.push_back(index.unknown);
  }
  std::set<int> seen;
  while (!open.empty()) {
    const int value = open.back();
    open.pop_back();
    if (!seen.insert(value).second) continue;
    const auto given = uses_.item.find(value);
    if (given != uses_.item.end()) {
      const auto i = static_cast<std::size_t>(given->second);
      if (lowered_.items[i].home != id) continue;
      of_places_.insert(i);
    }
    if (const auto from = uses_.from.find(value); from != uses_.from.end())
      open.insert(open.end(), from->second.begin(), from->second.end());
  }
}

double Vectorising::cost(int id, double width, bool masked) const {
  const double registers = std::max(1.0, width * bits_ / (8.0 * lowered_.target.vector_bytes));
  double total = 2.0;
  bool strided = false;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (width > 1.0 && of_places_.contains(i)) {
      total += item.copies * width;
      continue;
    }
    if (item.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
      if (step.address) continue;
      const double parts = std::max(1.0, width * step.bits / (8.0 * lowered_.target.vector_bytes));
      switch (step.work) {
        case Work::divide:
        case Work::root:
        case Work::integer_multiply:
          total += item.copies * slow_cost(step.work, width, step.bits, lowered_.target.masks());
          break;
        case Work::compare:
          total += item.copies * (step.real && step.choice.single > 2.0 ? 2.0 : 1.0) * parts;
          break;
        case Work::transcendental:  // a call for each element
          total += item.copies * (width > 1.0 ? kCall * width + 2.0 * width - 1.0 : kCall);
          break;
        default:
          total += item.copies * parts;
      }
      continue;
    }
    const double stride = std::abs(item.stride);
    if (width == 1.0) {
      total += item.copies;
    } else if (stride == 0.0 && of_sum(item)) {
      continue;
    } else if (stride == 1.0) {
      const bool store = nest_.accesses[static_cast<std::size_t>(item.access)].store;
      total += item.copies * registers *
               (!masked                   ? 1.0
                : lowered_.target.masks() ? 1.5
                                          : switched_access(store));
    } else {
      strided = strided || masked || !item.in_group;
      total += strided_cost(item, width, masked);
    }
  }
  const double side = lowered_.target.masks() ? width / 8.0 : width;
  if (width == 1.0) return total + address_;
  // Of accesses that are loaded or stored together only one needs its place; of those that are not the places
  // are vectors of 64 bits.
  const double address = masked ? address_ : grouped_address_,
               products = masked ? products_ : grouped_products_;
  if (!strided) return total + address;
  total += (address - products) * std::max(1.0, side) +
           products * slow_cost(Work::integer_multiply, width, 64, lowered_.target.masks());
  return total;
}

double Vectorising::instructions_of(const AddressCode& code, int id) const {
  double total = code.of(id).moving + code.of(id).own;
  if (id < 0) return total;
  // Of copies what their own variable moves is a constant.
  for (int inner = id + 1; inner < static_cast<int>(nest_.loops.size()) && nest_.inside(inner, id); ++inner) {
    if (home_of(inner) != id || code.of(inner).moving == 0.0) continue;
    double copies = 1.0;
    for (int at = inner; at != id; at = loop(at).parent) copies *= copies_of(at);
    total += code.of(inner).moving * copies;
  }
  return total;
}

void Vectorising::groups(int id, const Lowered::Body& body) {
  std::set<int> others;  // accesses that others are loaded or stored with
  struct Placed {
    double place;  ///< in elements
    std::size_t item;
  };
  std::map<std::pair<int, NumberKey>, std::vector<Placed>> alike;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    Lowered::Item& item = lowered_.items[i];
    const double stride = std::abs(item.stride);
    if (item.access < 0 || !(stride >= 2.0 && stride <= 8.0)) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    NumberKey key = {access.store ? 1.0 : 0.0, item.stride};
    for (const Nest::Index& index : access.indices) index.tell(key);
    Strides strides(nest_.buffers[static_cast<std::size_t>(access.buffer)], Nest::kUnknownTrips,
                    Nest::kUnknownTrips);
    double place = 0.0;
    for (std::size_t k = access.indices.size(); k-- > 0;) place += strides.of(k) * access.indices[k].constant;
    alike[{access.buffer, key}].push_back({place, i});
  }
  // Within one stride of the first of them, whatever dimensions that is along.
  std::vector<std::pair<NumberKey, std::vector<std::size_t>>> rows;
  for (auto& [key, list] : alike) {
    std::stable_sort(list.begin(), list.end(),
                     [](const Placed& a, const Placed& b) { return a.place < b.place; });
    double first = 0.0;
    for (std::size_t k = 0; k < list.size(); ++k) {
      if (k == 0 || list[k].place >= first + std::abs(key.second[1]))
        first = list[k].place, rows.emplace_back(key.second, std::vector<std::size_t>());
      rows.back().second.push_back(list[k].item);
    }
  }
  for (const auto& [key, list] : rows) {
    const double stride = std::abs(key[1]);
    double members = 0.0;
    for (const std::size_t i : list) {
      double side = 1.0;  // copies that lie within one stride
      for (const int copied : lowered_.items[i].copied_by) {
        const double step = std::abs(
            stride_along(nest_, nest_.accesses[static_cast<std::size_t>(lowered_.items[i].access)], copied));
        if (step >= 1.0 && step < stride) side *= std::max(1.0, loop(copied).trips);
      }
      members += side;
    }
    members = std::min(members, stride);
    if (key[0] == 1.0 && members < stride) continue;  // a store fills no gaps
    // Alone it is put into vectors so only where those have masks.
    for (const std::size_t i : list) {
      lowered_.items[i].group = members;
      lowered_.items[i].in_group = members > 1.0 || lowered_.target.masks();
    }
    for (const std::size_t i : list)
      if (i != list.front()) others.insert(lowered_.items[i].access);
  }
  wide_address_ = body.address;
  address_ = grouped_address_ = instructions_of(places(), id);
  products_ = grouped_products_ = places().of(id).products;
  if (others.empty()) return;
  std::vector<int> needed;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)])
    if (const int access = lowered_.items[i].access; access >= 0 && others.count(access) == 0)
      needed.push_back(access);
  const AddressCode code(nest_, needed), apart(nest_, needed, &lowered_.homes);
  wide_address_ = code.of(id).moving + code.of(id).own + body.copied_address;
  grouped_address_ = instructions_of(apart, id);
  grouped_products_ = apart.of(id).products;
}

bool Vectorising::may_run_in_lanes(int id, const Lowered::Body& body, bool& vectors) {
  bool possible = id >= 0 && body.innermost && !body.real_chain && !body.recurrence;
  bits_ = 0.0;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
      if (step.address) continue;
      possible = possible && !step.opaque;
      vectors = vectors || step.elements > 1.0;
      bits_ = std::max<double>(bits_, step.bits);
      switch (step.work) {
        case Work::call:
        case Work::control:
        case Work::unknown:
        case Work::load:
        case Work::store:
        case Work::integer_divide:
          possible = false;
          break;
        default:
          break;
      }
    } else {
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
      vectors = vectors || access.elements > 1.0;
      bits_ = std::max<double>(bits_, access.bits);
      if (access.store && item.stride == 0.0 && !of_sum(item)) possible = false;
      // LLVM takes a division in each lane for twenty (X86TTIImpl::getArithmeticInstrCost).
      for (const Nest::Index& index : access.indices)
        if (id >= 0 && std::find(index.divided.begin(), index.divided.end(), id) != index.divided.end())
          possible = false;
    }
  }
  if (bits_ <= 0.0) bits_ = 32.0;
  return possible;
}

void Vectorising::choose_lanes(int id, Lowered::Body& body, double widest) {
  const Nest::Loop& one = loop(id);
  // Of bounds that differ from entry to entry LLVM knows each one's range, not that they move together.
  const double trips = std::max(1.0, body.fixed ? one.most : one.span), single = cost(id, 1.0, false);
  // For so few no remainder is made: where the widest vectors would leave one, lanes are switched off.
  const double most = one.known && trips <= widest ? floor_to_power(trips) : widest;
  const bool masked = one.known && trips < 16.0 && (!body.fixed || std::fmod(trips, most) != 0.0);
  double best = one.known ? single * trips : single;
  const double most_lanes =
      std::min(masked ? widest : most, body.safe_lanes > 0.0 ? body.safe_lanes : widest);
  for (double width = 2.0; width <= most_lanes; width *= 2.0) {
    const double wide = cost(id, width, masked);
    double total = wide / width;
    if (one.known)
      total = masked ? wide * std::ceil(trips / width)
                     : wide * std::floor(trips / width) + single * std::fmod(trips, width);
    if (total < best) best = total, body.lanes = width;
  }
  body.masked = body.lanes > 1.0 && masked;
  // Lanes that are switched off keep accesses from being loaded together.
  if (body.masked)
    for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
      lowered_.items[i].group = 1.0;
      lowered_.items[i].in_group = false;
    }
  if (body.lanes > 1.0 && !body.masked) body.interleave = interleave(id, body);
}

void Vectorising::move_sums_out(int id) {
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    Lowered::Item& item = lowered_.items[i];
    if (item.access < 0 || item.stride != 0.0 || !of_sum(item)) continue;
    item.home = home_of(loop(id).parent);
    item.lanes = 1.0;
    item.promoted = true;
    if (item.home >= 0)
      item.stride = stride_along(nest_, nest_.accesses[static_cast<std::size_t>(item.access)], item.home);
  }
}

void Vectorising::lanes(int id, Lowered::Body& body) {
  groups(id, body);
  find_places(id);
  bool vectors = false;
  const bool possible = may_run_in_lanes(id, body, vectors);
  const double widest = std::max(1.0, lowered_.target.vector_bytes * 8.0 / bits_);
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  body.lanes = 1.0;
  if (body.idiom) {
    body.lanes = widest;
    body.interleave = 4.0;
  } else if (possible && !vectors && !too_many_checks(id, body) && !stored_too_early(id)) {
    choose_lanes(id, body, widest);
  }
  // What a tree from further out has put side by side stays so, unless the loop runs in lanes.
  if (body.lanes > 1.0)
    for (const std::size_t i : here) {
      Lowered::Item& item = lowered_.items[i];
      item.lanes = body.lanes;
      item.gathered = item.gathers = false;
      item.shuffles = 0.0;
    }
  if (body.lanes == 1.0 && !vectors && side_by_side(id, widest) && id >= 0 && !loop(id).chased)
    wait_side_by_side(id, body);
  if (body.lanes == 1.0 && body.innermost && !vectors) body.late_size = late_code(id, body);
  if (body.lanes <= 1.0) return;
  rows(id);
  move_sums_out(id);
  if (!body.idiom) body.wide_size = wide_code(id, body);
  // Whole products of vectors take longer.
  if (std::ranges::any_of(here, [&](std::size_t i) {
        const int step = lowered_.items[i].step;
        return step >= 0 && nest_.steps[static_cast<std::size_t>(step)].work == Work::integer_multiply;
      })) {
    body.path = {.cycles = 0.0};
    paths(id, body);
  }
}

NumberKey row_of_access(const Nest::Access& access, double copies) {
  NumberKey key = {static_cast<double>(access.buffer), copies};
  for (std::size_t k = 0; k < access.indices.size(); ++k) {
    if (k + 1 < access.indices.size()) key.push_back(access.indices[k].constant);
    for (const auto& [at, by] : access.indices[k].terms) key.push_back(at), key.push_back(by);
    access.indices[k].tell(key);
  }
  return key;
}

double stride_along(const Nest& nest, const Nest::Access& access, int loop) {
  if (access.buffer < 0) return NAN;
  Strides strides(nest.buffers[static_cast<std::size_t>(access.buffer)], Nest::kUnknownTrips,
                  Nest::kUnknownTrips);
  double total = 0.0;
  for (std::size_t k = access.indices.size(); k-- > 0;) {
    const double stride = strides.of(k);
    if (!nest.told(access.indices[k], loop) &&
        (access.indices[k].indirect ||
         std::any_of(access.indices[k].terms.begin(), access.indices[k].terms.end(),
                     [&](const auto& term) { return term.first == loop && term.second != 0.0; })))
      return NAN;
    for (const auto& [at, step] : access.indices[k].terms)
      if (at == loop) total += step * stride;
  }
  return total;
}

double together(const Nest::Access& access, double stride, double members, double width,
                const CodeTarget& target) {
  const double bits = access.bits > 0 ? access.bits : 32.0, vector_bytes = target.widest_bytes();
  const double moves = std::max(1.0, std::ceil(stride * width * bits / (8.0 * vector_bytes)));
  if (!target.masks()) {
    // LLVM's table knows no others; the rest is put together element by element.
    const bool known =
        stride <= 4.0 || stride == 6.0 || (stride == 8.0 && !access.store && width == 8.0 && bits == 32.0);
    if (members < stride || !known) return moves + 2.0 * width * members;
    const double each = stride <= 3.0 ? 2.0 + 0.3 * (stride - 2.0) : stride;
    return moves + members * std::max(1.0, width * bits / (8.0 * vector_bytes)) * each;
  }
  if (access.store) return moves * (1.0 + (stride - 1.0)) + moves * (stride - 1.0) / 2.0;
  const double results = members * std::max(1.0, width * bits / (8.0 * vector_bytes));
  const double shuffles = std::max(1.0, moves - 1.0);
  // Of a single result half of the loads are the shuffles' own.
  return results * shuffles + (results > 1.0 ? moves : std::floor(moves / 2.0)) +
         (results > 1.0 && moves > 1.0 ? results * shuffles / 2.0 : 0.0);
}

void vectorise(const Nest& nest, ValueUses& uses, Lowered& lowered) {
  Vectorising(nest, uses, lowered).run();
}

}  // namespace hone::cost::mlir
