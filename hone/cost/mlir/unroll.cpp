// Which loops are written out, and what becomes of their bodies.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "hone/cost/mlir/addresses.h"
#include "hone/cost/mlir/lowering.h"
#include "hone/cost/mlir/price.h"

namespace hone::cost::mlir {

namespace {

constexpr double kSimulatedTrips = 10;  // loops of so few are judged after simplification
constexpr double kCalled = 9.0;         // what a function counts beyond an instruction then
constexpr double kMostBoost = 4.0;      // times as long they may be then
constexpr double kNearBounds = 4.0;     // instructions: least, sum
constexpr double kBounds = 7.0;         // with comparisons and jumps, where others stand between
constexpr double kJumps = 2.0;          // left of a loop of one iteration, until they are cleaned up
constexpr double kGuard = 3.0;          // of whether such a loop runs, outside others

}  // namespace

double Lowering::cost(const Item& item) const {
  const Lowered::Item& one = item.item;
  if (one.access >= 0) {
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(one.access)];
    if (access.apart) return one.copies * 4.0 * access.elements;
    if (!masked(one)) return one.copies;
    const double parts =
        std::max(1.0, std::ceil(access.elements * access.bits / 8.0 / result_.target.vector_bytes));
    const double switched = result_.target.masks() ? 1.0 : switched_access(access.store);
    return one.copies * parts * switched;
  }
  const Nest::Step& step = nest_.steps[static_cast<std::size_t>(one.step)];
  if (step.address || step.work == Work::none) return 0.0;
  return one.copies * vector_code(step, 1.0, result_.target);
}

bool Lowering::moves_memory(const std::vector<std::size_t>& items, int id) const {
  int loads = 0, stores = 0, value = Nest::kNoValue, stored = Nest::kNoValue, from = -1, to = -1;
  bool zero = false;
  for (const std::size_t k : items) {
    const Item& item = items_[k];
    if (item.item.access < 0) {
      if (!nest_.steps[static_cast<std::size_t>(item.item.step)].address) return false;
      continue;
    }
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.item.access)];
    if (stride_along(nest_, access, id) != 1.0 || access.elements > 1.0 || item.item.share < 1.0 ||
        item.item.copies > 1.0)
      return false;
    (access.store ? stores : loads) += 1;
    (access.store ? to : from) = access.buffer;
    if (access.store)
      zero = access.zero, stored = access.uses.empty() ? Nest::kNoValue : same(access.uses[0]);
    else
      value = access.value;
  }
  const bool copies = loads == 1 && from != to && value != Nest::kNoValue && value == stored;
  return stores == 1 && ((loads == 0 && zero) || copies);
}

/// Whether a loop is around but one other, which only copies or clears, and goes on where that one ends: then
/// both are one call.
bool Lowering::joins(int id, std::map<int, std::vector<std::size_t>>& at_home) {
  int inner = id + 1;
  const auto count = static_cast<int>(nest_.loops.size());
  while (inner < count && !(left(inner) && around(inner) == id)) ++inner;
  if (inner == count || !result_.body(inner).idiom || !loop(inner).fixed) return false;
  for (int between = loop(inner).parent; between != id && between >= 0; between = loop(between).parent)
    if (loop(between).trips > 1.0) return false;  // several calls, one behind the other
  const auto idle = [&](std::size_t k) {
    const Lowered::Item& item = items_[k].item;
    return item.access < 0 && nest_.steps[static_cast<std::size_t>(item.step)].address;
  };
  if (!std::all_of(at_home[id].begin(), at_home[id].end(), idle)) return false;
  for (const std::size_t k : at_home[inner]) {
    if (items_[k].item.access < 0) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(items_[k].item.access)];
    if (stride_along(nest_, access, id) != loop(inner).trips) return false;
  }
  for (const std::size_t k : at_home[inner]) {
    items_[k].item.home = id;
    at_home[id].push_back(k);
  }
  at_home[inner].clear();
  Lowered::Body& body = result_.bodies[static_cast<std::size_t>(inner + 1)];
  body.left = body.idiom = false;
  result_.homes[static_cast<std::size_t>(inner)] = id;
  return true;
}

/// Which loops are written out, from the innermost out, and what that leaves in those around.
class Lowering::Unrolling {
 public:
  explicit Unrolling(Lowering& code)
      : code_(code),
        nest_(code.nest_),
        children_(nest_.loops.size()),
        inside_(nest_.loops.size(), 0.0),
        given_(inside_),
        called_(inside_),
        copied_(inside_),
        handed_on_(inside_),
        bounds_(inside_),
        products_(nest_.loops.size()),
        again_(nest_.loops.size(), false),
        places_(nest_, accesses(code)) {
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) children_[i] = nest_.loops[i].children;
    for (std::size_t i = 0; i < code.items_.size(); ++i)
      if (!code.items_[i].gone) at_home_[code.items_[i].item.home].push_back(i);
    first_home_ = at_home_;
    for (std::size_t i = 0; i < code.items_.size(); ++i)
      if (code.items_[i].counts) first_home_[code.items_[i].item.home].push_back(i);
    for (std::size_t i = 0; i < nest_.loops.size(); ++i)
      for (const AddressCode::Product& one : places_.products(static_cast<int>(i)))
        products_[i][{one.loop, one.alone}] += 1.0;
    for (const Nest::Loop& one : nest_.loops) add_bounds(one);
  }

  void run() {
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) body(i).fixed = nest_.loops[i].fixed;
    for (std::size_t i = nest_.loops.size(); i-- > 0;) {
      judge(i);
      if (!left(static_cast<int>(i))) judge_again(i);
    }
  }

  /// Whether loops directly inside are left.
  bool innermost(std::size_t i) const { return children_[i] == 0; }

 private:
  /// Instructions of an iteration as they are counted when it is decided.
  struct Length {
    double plain = 0.0;  ///< but for what is below, and its addresses
    double stores = 0.0,
           first = 0.0;  ///< what stores to places that are no constants count besides; in copies the first
    double calls = 0.0;  ///< functions that are called
    double made = 0.0, own = 0.0, still = 0.0;  ///< products, of its own variable, and of none inside
    double size = 0.0;                          ///< all, but for kLoopControl
    double copy = 0.0;                          ///< of those, what a copy has
  };

  static std::vector<int> accesses(const Lowering& code) {
    std::vector<int> list;
    for (const Item& item : code.items_)
      if ((!item.gone || item.counts) && item.item.access >= 0) list.push_back(item.item.access);
    return list;
  }

  const Nest::Loop& loop(int id) const { return code_.loop(id); }
  bool left(int id) const { return code_.left(id); }
  Lowered::Body& body(std::size_t i) { return code_.result_.bodies[i + 1]; }

  /// Bounds that are the least of several are computed, and compared with where the loop begins, in the loop
  /// that moves them.
  void add_bounds(const Nest::Loop& one) {
    const int by = one.bounded_by.empty() ? -1 : std::ranges::max(one.bounded_by);
    if (by < 0) return;
    double& sum = bounds_[static_cast<std::size_t>(by)];
    if (one.several_bounds) sum += one.parent == by ? kNearBounds : kBounds;
    // Whether a loop of one iteration runs at all is asked outside the loops that do not decide it.
    int between = one.several_bounds || !one.known || !one.fixed || one.most > 1.0 ? by : one.parent;
    while (between != by && between >= 0 && loop(between).most <= 1.0) between = loop(between).parent;
    if (between != by) sum += kGuard;
  }

  double functions_called(const Item& item) const {
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.item.step)];
    return step.work == Work::transcendental && !step.opaque ? item.item.copies * step.elements : 0.0;
  }

  Length length(std::size_t i) {
    const Nest::Loop& one = nest_.loops[i];
    const auto id = static_cast<int>(i);
    Length length;
    length.plain = inside_[i];
    length.calls = called_[i];
    for (const std::size_t k : first_home_[id]) {
      const Item& item = code_.items_[k];
      length.plain += code_.cost(item);
      if (item.item.step >= 0) length.calls += functions_called(item);
      if (item.item.access < 0 || !nest_.accesses[static_cast<std::size_t>(item.item.access)].store) continue;
      // Stores to places that are no constants are two: in copies that of the first.
      const bool in_copies = places_.constant(item.item.access, id);
      length.plain += in_copies ? 0.0 : item.item.copies;
      if (!in_copies || places_.constant(item.item.access, -1)) continue;
      length.stores += item.item.copies;
      if (places_.several_parts(item.item.access)) length.first += 1.0;
    }
    for (const auto& [by, count] : products_[i]) {
      length.made += count;
      if (by.first == id && by.second) length.own += count;
      if (!nest_.inside(by.first, id)) length.still += count;
    }
    const AddressCode::Of& code = places_.of(id);
    length.size = length.plain + length.stores + code.moving + code.own + length.made + bounds_[i] + 1.0;
    length.copy = length.plain + code.moving + (one.shifted ? code.own + (one.trips > 1.0 ? 1.0 : 0.0) : 0.0);
    return length;
  }

  /// Whether a loop ends up written out.
  bool ends(std::size_t i, const Length& length, bool deleted) {
    const Nest::Loop& one = nest_.loops[i];
    const bool known = one.known && body(i).fixed;
    const double trips = one.fixed ? one.trips : one.most, size = length.size;
    bool ends =
        deleted || one.early || (known && (trips <= 1.0 || size * trips + kLoopControl < kWrittenOut));
    if (known && trips <= kSimulatedTrips && children_[i] == 0 && length.plain > 0.0) {
      // What becomes constant in a copy is not counted, and the more it is the longer the copies may be.
      // Where it begins elsewhere its places are not constants in a copy. What does not move counts in the
      // first copy.
      const double constant = one.shifted ? 0.0 : length.own;
      const double simulated =
          (length.copy + length.stores + length.made - constant + kCalled * length.calls) * trips -
          length.still * (trips - 1.0);
      const double whole = (size + kLoopControl + kCalled * length.calls) * trips;
      ends = ends || simulated < kWrittenOut * std::min(kMostBoost, whole / simulated);
    }
    return ends && !body(i).idiom;
  }

  /// Instructions that a loop is to what is around it.
  double added(std::size_t i, const Length& length, bool ends, bool deleted) {
    const Nest::Loop& one = nest_.loops[i];
    const double size = length.size;
    double adds = body(i).idiom ? 3.0
                  : !ends       ? size + 1.0 + kLoopControl
                  : deleted     ? 0.0
                                : length.copy * std::max(1.0, one.trips) + length.first +
                                  (one.trips > 1.0 ? 1.0
                                   : one.shifted   ? kJumps
                                                   : 0.0);
    if (ends || body(i).idiom || one.fixed || !body(i).fixed) return adds;
    // Where tiles are known copy by copy the last one may be short enough, though the others are not.
    double tiles = 1.0;
    for (const int by : std::set<int>(one.bounded_by.begin(), one.bounded_by.end()))
      tiles *= std::max(1.0, loop(by).trips);
    const double last = std::clamp(one.trips * tiles - one.most * (tiles - 1.0), 0.0, one.most);
    if (last < one.most && (last <= 1.0 || size * last + kLoopControl < kWrittenOut))
      adds = (adds * (tiles - 1.0) + length.copy * last) / tiles;
    return adds;
  }

  void judge(std::size_t i) {
    const Nest::Loop& one = nest_.loops[i];
    const auto id = static_cast<int>(i);
    Lowered::Body& body = this->body(i);
    const Length length = this->length(i);
    const AddressCode::Of& code = places_.of(id);
    body.size = length.size + kLoopControl;
    body.address = code.moving + code.own + copied_[i];
    body.copied_address = copied_[i];
    body.moved_address = code.handed_on + handed_on_[i];
    body.products = code.products;
    body.idiom = one.trips > 1.0 && (children_[i] == 0 ? code_.moves_memory(at_home_[id], id)
                                                       : children_[i] == 1 && code_.joins(id, at_home_));
    // What nothing is left of is deleted, however long it would run.
    const bool deleted = length.plain == 0.0 && children_[i] == 0 && one.carried.empty();
    const bool ends = this->ends(i, length, deleted);
    // All has moved out of it: it is there while lengths are counted, and deleted later.
    const bool empty =
        !ends && !body.idiom && children_[i] == 0 && one.carried.empty() && at_home_[id].empty();
    const double adds = added(i, length, ends, deleted);
    // The loop around that is left, and how often this stands in it.
    const int around = code_.around(id);
    double times = 1.0;
    for (int at = one.parent; at != around; at = loop(at).parent) times *= std::max(1.0, loop(at).trips);
    if (around >= 0) inside_[static_cast<std::size_t>(around)] += (adds - given_[i]) * times;
    given_[i] = adds;
    if (!ends && !empty) return;
    if (!deleted && !empty) times *= std::max(1.0, one.trips);
    write_out(i, around, times, length.calls);
  }

  /// A loop is no more: what it held stands `times` times in the one around.
  void write_out(std::size_t i, int around, double times, double calls) {
    const Nest::Loop& one = nest_.loops[i];
    const auto id = static_cast<int>(i);
    if (const auto to = static_cast<std::size_t>(around); around >= 0) {
      const AddressCode::Of& code = places_.of(id);
      copied_[to] += (code.moving + copied_[i] + (one.shifted ? code.own : 0.0)) * times;
      handed_on_[to] += body(i).moved_address * times;
      called_[to] += calls * times;
      for (const auto& [by, count] : products_[i])
        if (by.first != id || !by.second || one.shifted) products_[to][by] += count * times;
    }
    body(i).left = false;
    code_.result_.homes[i] = one.parent;
    if (around >= 0) children_[static_cast<std::size_t>(around)] += children_[i] - 1;
    const std::vector<std::size_t> here = std::move(at_home_[id]);
    at_home_[id].clear();
    for (const std::size_t k : here) {
      Item& item = code_.items_[k];
      item.copied_by.push_back(id);
      code_.place(item, item.item.home);
      // Loops around that were written out before this one.
      for (int at = one.parent; at != item.item.home; at = loop(at).parent)
        if (!left(at) && code_.stays_in(item, at)) item.copied_by.push_back(at);
      item.item.copies = code_.copies(item);
      at_home_[item.item.home].push_back(k);
    }
  }

  /// Where all that its bounds depend on is written out, each copy's are constants: such loops are judged
  /// again, before those around. So are those around what became longer by it.
  void judge_again(std::size_t i) {
    std::size_t end = i + 1;
    while (end < nest_.loops.size() && nest_.inside(static_cast<int>(end), static_cast<int>(i))) ++end;
    for (std::size_t j = end; j-- > i + 1;) {
      if (left(static_cast<int>(j)) && known_now(j)) again_[j] = body(j).fixed = true;
      if (!again_[j]) continue;
      again_[j] = false;
      if (left(static_cast<int>(j))) judge(j);
      if (const int parent = nest_.loops[j].parent; parent > static_cast<int>(i))
        again_[static_cast<std::size_t>(parent)] = true;
    }
  }

  bool known_now(std::size_t j) {
    const Nest::Loop& one = nest_.loops[j];
    const auto constant_now = [&](int by) {
      return by >= 0 && !left(by) && loop(by).first.exact &&
             std::ranges::none_of(loop(by).first.terms, [&](const auto& term) { return left(term.first); });
    };
    return !one.fixed && !body(j).fixed && one.known && !one.bounded_by.empty() &&
           std::all_of(one.bounded_by.begin(), one.bounded_by.end(), constant_now);
  }

  Lowering& code_;
  const Nest& nest_;
  std::vector<int> children_;   ///< by loop: those directly inside that are left
  std::vector<double> inside_;  ///< by loop: code of what stands inside
  std::vector<double> given_;   ///< of inside_, by the loop inside
  std::vector<double> called_;  ///< functions called in what was written out inside
  /// Instructions for addresses in copies inside, and of those what is moved out of loops later.
  std::vector<double> copied_, handed_on_;
  std::vector<double> bounds_;  ///< by loop: code for bounds of others
  /// By loop, with the copies of those written out inside: products that stand there, by what moves them.
  std::vector<std::map<std::pair<int, bool>, double>> products_;
  std::vector<bool> again_;  ///< loops to be judged again
  AddressCode places_;
  /// Items by the loop that they stand in: now, and at first, with those that only count.
  std::map<int, std::vector<std::size_t>> at_home_, first_home_;
};

void Lowering::unroll() {
  Unrolling unrolling(*this);
  unrolling.run();
  for (Item& item : items_)
    if (!item.masked_by.empty()) place(item, item.item.home);
  for (std::size_t i = 0; i < nest_.loops.size(); ++i)
    result_.bodies[i + 1].innermost = result_.bodies[i + 1].left && unrolling.innermost(i);
  for (std::size_t i = 0; i < nest_.loops.size(); ++i)
    for (int at = nest_.loops[i].parent; at >= 0; at = loop(at).parent)
      if (!this->left(at)) result_.bodies[i + 1].replicas *= std::max(1.0, loop(at).trips);
  for (int& home : result_.homes)
    while (home >= 0 && result_.homes[static_cast<std::size_t>(home)] != home)
      home = result_.homes[static_cast<std::size_t>(home)];
}

double Lowering::copies(const Item& item) const {
  double all = 1.0;
  for (const int id : item.copied_by) all *= std::max(1.0, loop(id).trips);
  if (item.item.access < 0) return all;
  const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.item.access)];
  double distinct = 1.0;
  for (const Nest::Index& index : access.indices) {
    double most = 1.0, span = 1.0, least = 1e300;
    for (const auto& [at, by] : index.terms)
      if (by != 0.0 && std::find(item.copied_by.begin(), item.copied_by.end(), at) != item.copied_by.end()) {
        const double trips = std::max(1.0, loop(at).trips);
        most *= trips;
        span += std::abs(by) * (trips - 1.0);
        least = std::min(least, std::abs(by));
      }
    distinct *= std::min(most, least < 1e300 ? (span - 1.0) / least + 1.0 : 1.0);
    if (index.unknown != Nest::kNoValue)
      for (const int id : item.copied_by)
        if (!nest_.told(index, id)) distinct *= std::max(1.0, loop(id).trips);
  }
  // What other buffers' stores may have changed in between is loaded again, and what they show is stored.
  for (const int id : item.copied_by)
    if (!moves(access, id) && met_in(access, id)) distinct *= std::max(1.0, loop(id).trips);
  // One store, not a store and another one of the same, where the compiler does not see through the mask.
  if (masked(item.item))
    for (const int id : item.masked_by)
      if (std::find(item.copied_by.begin(), item.copied_by.end(), id) != item.copied_by.end())
        distinct *= std::max(1.0, loop(id).trips);
  return placed(access) ? std::min(all, distinct) : all;
}

}  // namespace hone::cost::mlir
