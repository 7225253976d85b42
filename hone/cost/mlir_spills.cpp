#include "hone/cost/mlir_spills.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostOps = 500;      // gone through of a pass over a body; more are like these
constexpr std::size_t kMostVisits = 2000;  // of items, whether anything is computed or not
constexpr std::size_t kMostInAll = 3000;   // operations of a function; of loops beyond nothing is said
constexpr double kMostMore = 4.0;          // times as many moves are believed as were gone through
constexpr std::size_t kMostHeld = 250;     // accesses of a body beyond which LICM moves none of them out
constexpr int kDeep = 8;                   // values that are but others are followed so far
constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kNone = -1;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6U) + (hash >> 2U);
  return hash * 0xbf58476d1ce4e5b9ULL;
}

/// What a body computes, operation by operation, each of values by number.
struct Trace {
  struct Value {
    double registers = 1.0;  ///< it takes
    bool vector = true;      ///< of the vector unit, else general
  };
  struct Op {
    std::int32_t result = kNone;
    std::size_t first = 0;  ///< of its operands
    bool call = false;      ///< nothing outlives it in vector registers
  };
  std::vector<Value> values;
  std::vector<Op> ops;
  std::vector<std::int32_t> operands;
  std::vector<std::size_t> passes;  ///< where each begins in ops

  std::size_t end_of(std::size_t op) const {
    return op + 1 < ops.size() ? ops[op + 1].first : operands.size();
  }
};

/// Writes the trace of a loop that is left.
class Tracer {
 public:
  Tracer(const Nest& nest, const ValueUses& uses, const Lowered& lowered, int loop,
         const std::vector<int>& items, const std::vector<int>& loops, bool holds)
      : nest_(nest),
        uses_(uses),
        lowered_(lowered),
        loop_(loop),
        at_(nest.loops.size(), -1.0),
        holds_(holds && loop >= 0) {
    std::map<int, int> begins;
    for (const int id : loops) at_[static_cast<std::size_t>(id)] = 0.0;
    for (const int i : items) {
      const int around = place(lowered.items[static_cast<std::size_t>(i)]);
      events_[around].push_back({order(i), i, false});
      for (int at = around; at != loop && at >= 0; at = nest.loops[static_cast<std::size_t>(at)].parent) {
        const auto [found, fresh] = begins.try_emplace(at, order(i));
        found->second = std::min(found->second, order(i));
      }
    }
    for (const auto& [id, begin] : begins)
      events_[nest.loops[static_cast<std::size_t>(id)].parent].push_back({begin, id, true});
    for (auto& [id, list] : events_)
      std::sort(list.begin(), list.end(), [](const Event& a, const Event& b) {
        return std::pair(a.order, a.loop) < std::pair(b.order, b.loop);
      });
  }

  Trace run(int passes) {
    for (int pass = 0; pass < passes; ++pass) {
      trace_.passes.push_back(trace_.ops.size());
      made_.clear();
      known_.clear();
      visits_ = 0;
      walk(loop_);
      if (loop_ >= 0) hand_on(loop_);
    }
    trace_.passes.push_back(trace_.ops.size());
    return std::move(trace_);
  }
  bool whole() const { return whole_; }
  /// Loads and stores of the first pass, those kept in registers among them.
  std::size_t accesses() const { return accesses_; }

 private:
  struct Event {
    int order, index;
    bool loop;
  };

  int order(int item) const {
    const Lowered::Item& one = lowered_.items[static_cast<std::size_t>(item)];
    return one.step >= 0 ? nest_.steps[static_cast<std::size_t>(one.step)].order
                         : nest_.accesses[static_cast<std::size_t>(one.access)].order;
  }
  int origin(const Lowered::Item& item) const {
    return item.step >= 0 ? nest_.steps[static_cast<std::size_t>(item.step)].loop
                          : nest_.accesses[static_cast<std::size_t>(item.access)].loop;
  }
  /// The innermost of the body's loops around an item.
  int place(const Lowered::Item& item) const {
    int at = origin(item);
    while (at >= 0 && at != loop_ && at_[static_cast<std::size_t>(at)] < 0.0)
      at = nest_.loops[static_cast<std::size_t>(at)].parent;
    return at >= 0 ? at : loop_;
  }

  void walk(int loop) {
    const auto found = events_.find(loop);
    if (found == events_.end()) return;
    for (const Event& event : found->second) {
      if (trace_.ops.size() - trace_.passes.back() >= kMostOps || ++visits_ > kMostVisits) {
        whole_ = false;
        return;
      }
      if (!event.loop) {
        item(event.index);
        continue;
      }
      const auto id = static_cast<std::size_t>(event.index);
      for (const int value : nest_.loops[id].carried) carried_.erase(value);
      const double trips = std::max(1.0, std::floor(nest_.loops[id].most));
      const Lowered::Body& body = lowered_.body(event.index);
      double wide = body.left && body.lanes > 1.0 ? body.lanes : 1.0;
      at_[id] = 0.0;
      while (at_[id] < trips && whole_) {
        if (at_[id] + wide > trips && !body.masked) wide = 1.0;
        wide_[event.index] = wide;
        const double here = at_[id];
        walk(event.index);
        hand_on(event.index);
        at_[id] = here + wide;
      }
      at_[id] = trips - 1.0;
    }
  }

  /// What an iteration gives to the next.
  void hand_on(int loop) {
    const Nest::Loop& one = nest_.loops[static_cast<std::size_t>(loop)];
    std::vector<std::pair<int, std::int32_t>> next;
    for (std::size_t k = 0; k < std::min(one.carried.size(), one.yielded.size()); ++k) {
      std::vector<std::int32_t> given;
      values_of(one.yielded[k], given, 0);
      if (!given.empty()) next.emplace_back(one.carried[k], given[0]);
    }
    for (const auto& [value, number] : next) carried_[value] = number;
  }

  std::uint64_t key(int item) const {
    std::uint64_t hash = mixed(1, static_cast<std::uint64_t>(item));
    const auto add = [&](int id) {
      if (at_[static_cast<std::size_t>(id)] >= 0.0)
        hash = mixed(hash, static_cast<std::uint64_t>(at_[static_cast<std::size_t>(id)]) * 1024U +
                               static_cast<std::uint64_t>(id));
    };
    for (const int id : lowered_.items[static_cast<std::size_t>(item)].copied_by) add(id);
    for (int id = lowered_.items[static_cast<std::size_t>(item)].home; id >= 0 && id != loop_;
         id = nest_.loops[static_cast<std::size_t>(id)].parent)
      add(id);
    return hash;
  }
  /// Where an access is; the same for accesses to the same element.
  std::uint64_t location(const Nest::Access& access) const {
    std::uint64_t hash = mixed(2, static_cast<std::uint64_t>(access.buffer));
    for (const Nest::Index& index : access.indices) {
      double place = index.constant;
      for (const auto& [id, step] : index.terms) {
        const double at = id == loop_ ? -1.0 : at_[static_cast<std::size_t>(id)];
        if (at >= 0.0)
          place += step * at;
        else
          hash = mixed(
              hash,
              static_cast<std::uint64_t>(static_cast<std::int64_t>(std::clamp(step, -1e15, 1e15))) * 1024U +
                  static_cast<std::uint64_t>(id));
      }
      hash =
          mixed(hash, static_cast<std::uint64_t>(static_cast<std::int64_t>(std::clamp(place, -1e15, 1e15))));
    }
    return hash;
  }

  /// `home`: the loop that it is computed in.
  std::int32_t fresh(double bits, double elements, bool real, int home) {
    const Lowered::Body& body = lowered_.body(home);
    const auto merged = wide_.find(home);
    const double side = merged != wide_.end()           ? merged->second
                        : home >= 0 && body.lanes > 1.0 ? body.lanes
                                                        : 1.0;
    const double bytes = std::max(8.0, bits) / 8.0 * elements * side;
    Trace::Value value;
    value.vector = real || elements > 1.0 || side > 1.0;
    if (value.vector)
      value.registers = std::max(1.0, std::ceil(bytes / lowered_.target.vector_bytes)) *
                        (home == loop_ && side > 1.0 ? body.interleave : 1.0);
    trace_.values.push_back(value);
    return static_cast<std::int32_t>(trace_.values.size() - 1);
  }

  /// The numbers of what a value is now; none: it is no register's content, or a constant.
  void values_of(int value, std::vector<std::int32_t>& out, int depth) {
    if (value == Nest::kNoValue || depth > kDeep || out.size() > 8) return;
    if (const auto found = carried_.find(value); found != carried_.end()) {
      out.push_back(found->second);
      return;
    }
    const auto giver = uses_.item.find(value);
    if (giver == uses_.item.end()) {
      const auto from = uses_.from.find(value);
      if (from == uses_.from.end()) return;
      for (const int other : from->second) values_of(other, out, depth + 1);
      return;
    }
    const std::uint64_t at = key(giver->second);
    if (const auto found = made_.find(at); found != made_.end()) {
      if (found->second != kNone) out.push_back(found->second);
      return;
    }
    const auto [found, is_new] = outside_.try_emplace(at, kNone);
    if (is_new) {
      const Lowered::Item& item = lowered_.items[static_cast<std::size_t>(giver->second)];
      if (item.step >= 0) {
        const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
        if (!step.address) found->second = fresh(step.bits, step.elements, step.real, item.home);
      } else {
        const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
        found->second = fresh(access.bits, access.elements, access.real, item.home);
      }
    }
    if (found->second != kNone) out.push_back(found->second);
  }

  void op(std::int32_t result, const std::vector<std::int32_t>& operands, bool call = false) {
    trace_.ops.push_back({result, trace_.operands.size(), call});
    trace_.operands.insert(trace_.operands.end(), operands.begin(), operands.end());
  }

  /// Whether a loop's code is part of this body's.
  bool inside(int home) const {
    return home == loop_ || (home >= 0 && at_[static_cast<std::size_t>(home)] >= 0.0);
  }
  bool moves(const Nest::Access& access) const {
    return std::any_of(access.indices.begin(), access.indices.end(), [&](const Nest::Index& index) {
      return std::any_of(index.terms.begin(), index.terms.end(),
                         [&](const auto& term) { return term.first == loop_ && term.second != 0.0; });
    });
  }

  void item(int index) {
    const Lowered::Item& one = lowered_.items[static_cast<std::size_t>(index)];
    std::vector<std::int32_t> used;
    const std::uint64_t here = key(index);
    if (one.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(one.step)];
      if (step.address || made_.contains(here)) return;
      if (const auto from = uses_.from.find(step.value); from != uses_.from.end())
        for (const int value : from->second) values_of(value, used, 0);
      const std::int32_t result =
          step.value == Nest::kNoValue ? kNone : fresh(step.bits, step.elements, step.real, one.home);
      made_[here] = result;
      op(result, used, step.work == Work::transcendental || step.work == Work::call);
      return;
    }
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(one.access)];
    if (access.buffer < 0) return;
    const bool exact = std::all_of(access.indices.begin(), access.indices.end(),
                                   [](const Nest::Index& it) { return it.exact && !it.indirect; });
    // Moved out of the loop: a register instead.
    const bool held = holds_ && (!inside(one.home) || (one.home != loop_ && exact && !moves(access)));
    auto& known = held ? held_ : known_;
    const std::pair<int, std::uint64_t> where{access.buffer, location(access)};
    if (!access.store) {
      if (made_.contains(here)) return;
      if (exact)
        if (const auto found = known.find(where); found != known.end()) {
          made_[here] = found->second;
          return;
        }
      if (trace_.passes.size() == 1) ++accesses_;
      const std::int32_t result =
          fresh(access.bits, access.elements, access.real, inside(one.home) ? one.home : place(one));
      made_[here] = result;
      if (exact) known[where] = result;
      if (!held) op(result, {});
      return;
    }
    if (const auto stored = uses_.stored.find(one.access); stored != uses_.stored.end())
      values_of(stored->second, used, 0);
    if (trace_.passes.size() == 1) ++accesses_;
    if (held) {
      if (!used.empty()) held_[where] = used[0];
      return;
    }
    const auto begin = known_.lower_bound({access.buffer, 0});
    auto end = begin;
    while (end != known_.end() && end->first.first == access.buffer && !exact) ++end;
    known_.erase(begin, end);
    if (exact && !used.empty()) known_[where] = used[0];
    op(kNone, used);
  }

  const Nest& nest_;
  const ValueUses& uses_;
  const Lowered& lowered_;
  int loop_;
  std::vector<double> at_;  ///< by loop: its iteration, -1 where it is not written out here
  std::map<int, std::vector<Event>> events_;
  std::unordered_map<int, double> wide_;  ///< by loop of the body that runs in lanes: how many now
  Trace trace_;
  std::unordered_map<std::uint64_t, std::int32_t> made_, outside_;
  std::map<std::pair<int, std::uint64_t>, std::int32_t> known_, held_;  ///< by buffer and place
  std::unordered_map<int, std::int32_t> carried_;
  std::size_t visits_ = 0, accesses_ = 0;
  bool holds_, whole_ = true;
};

/// Goes through a trace with so many registers.
class Allocation {
 public:
  Allocation(const Trace& trace, double vectors, double general)
      : trace_(trace), free_{general, vectors}, room_{general, vectors} {
    const std::size_t n = trace.values.size();
    next_.assign(n, 0);
    in_.assign(n, false);
    stored_.assign(n, false);
    begin_.assign(n + 1, 0);
    for (const std::int32_t value : trace.operands) ++begin_[static_cast<std::size_t>(value) + 1];
    for (std::size_t i = 0; i < n; ++i) begin_[i + 1] += begin_[i];
    uses_.resize(trace.operands.size());
    std::vector<std::size_t> at(begin_.begin(), begin_.end() - 1);
    for (std::size_t t = 0; t < trace.ops.size(); ++t)
      for (std::size_t k = trace.ops[t].first; k < trace.end_of(t); ++k)
        uses_[at[static_cast<std::size_t>(trace.operands[k])]++] = static_cast<std::int32_t>(t);
    // What comes from outside is in registers as long as there are some.
    std::vector<bool> made(n, false);
    for (const Trace::Op& op : trace.ops)
      if (op.result != kNone) made[static_cast<std::size_t>(op.result)] = true;
    for (std::size_t i = 0; i < n; ++i)
      if (!made[i] && begin_[i] < begin_[i + 1]) put(static_cast<std::int32_t>(i), kNone);
  }

  /// Moves of the operations from `first` to before `end`, all before them done.
  double moves(std::size_t first, std::size_t end) {
    double before = 0.0;
    for (; now_ < end; ++now_) {
      if (now_ == first) before = moves_;
      step(now_);
    }
    return moves_ - before;
  }

 private:
  const Trace::Value& value(std::int32_t id) const { return trace_.values[static_cast<std::size_t>(id)]; }
  std::int32_t next_use(std::int32_t id, std::size_t after) {
    const auto i = static_cast<std::size_t>(id);
    while (begin_[i] + next_[i] < begin_[i + 1] &&
           uses_[begin_[i] + next_[i]] < static_cast<std::int32_t>(after))
      ++next_[i];
    return begin_[i] + next_[i] < begin_[i + 1] ? uses_[begin_[i] + next_[i]] : kNever;
  }

  void step(std::size_t t) {
    const Trace::Op& op = trace_.ops[t];
    for (std::size_t k = op.first; k < trace_.end_of(t); ++k) {
      const std::int32_t id = trace_.operands[k];
      if (in_[static_cast<std::size_t>(id)]) continue;
      moves_ += value(id).registers;
      put(id, static_cast<std::int32_t>(t));
    }
    if (op.call)
      for (std::size_t k = held_[1].size(); k-- > 0;) {
        const std::int32_t id = held_[1][k];
        if (next_use(id, t + 1) != kNever) save(id);
        drop(1, k);
      }
    for (std::size_t k = op.first; k < trace_.end_of(t); ++k)
      if (next_use(trace_.operands[k], t + 1) == kNever) forget(trace_.operands[k]);
    if (op.result != kNone && next_use(op.result, t + 1) != kNever)
      put(op.result, static_cast<std::int32_t>(t));
  }
  void save(std::int32_t id) {
    if (!stored_[static_cast<std::size_t>(id)]) moves_ += value(id).registers;
    stored_[static_cast<std::size_t>(id)] = true;
  }
  void drop(std::size_t kind, std::size_t k) {
    const std::int32_t id = held_[kind][k];
    in_[static_cast<std::size_t>(id)] = false;
    free_[kind] += value(id).registers;
    held_[kind][k] = held_[kind].back();
    held_[kind].pop_back();
  }
  void forget(std::int32_t id) {
    const std::size_t kind = value(id).vector ? 1 : 0;
    const auto found = std::find(held_[kind].begin(), held_[kind].end(), id);
    if (found != held_[kind].end()) drop(kind, static_cast<std::size_t>(found - held_[kind].begin()));
  }
  /// Into a register; `at`: the operation whose operands must not give way.
  void put(std::int32_t id, std::int32_t at) {
    const std::size_t kind = value(id).vector ? 1 : 0;
    const double wants = std::min(value(id).registers, room_[kind]);
    while (free_[kind] < wants && !held_[kind].empty()) {
      std::size_t last = held_[kind].size();
      std::int32_t furthest = kNone;
      for (std::size_t k = 0; k < held_[kind].size(); ++k) {
        const std::int32_t use = next_use(held_[kind][k], static_cast<std::size_t>(std::max(at, 0)));
        if (use == at && at != kNone) continue;
        if (use > furthest) furthest = use, last = k;
      }
      if (last == held_[kind].size()) break;
      const std::int32_t leaves = held_[kind][last];
      if (furthest != kNever) save(leaves);
      drop(kind, last);
    }
    in_[static_cast<std::size_t>(id)] = true;
    free_[kind] -= value(id).registers;
    held_[kind].push_back(id);
  }

  const Trace& trace_;
  double free_[2], room_[2];  ///< general, vector
  std::vector<std::int32_t> held_[2];
  std::vector<std::size_t> begin_, next_;
  std::vector<std::int32_t> uses_;
  std::vector<bool> in_, stored_;
  double moves_ = 0.0;
  std::size_t now_ = 0;
};

}  // namespace

void spill(const Nest& nest, const ValueUses& uses, Lowered& lowered) {
  std::map<int, std::vector<int>> items, loops;
  // The loop whose code a loop's is part of.
  const auto home_of = [&](int id) {
    while (id >= 0 && (!lowered.body(id).left || lowered.body(id).whole))
      id = nest.loops[static_cast<std::size_t>(id)].parent;
    return id;
  };
  for (std::size_t i = 0; i < nest.loops.size(); ++i)
    if (const int home = home_of(static_cast<int>(i)); home != static_cast<int>(i))
      loops[home].push_back(static_cast<int>(i));
  for (std::size_t i = 0; i < lowered.items.size(); ++i) {
    const Lowered::Item& item = lowered.items[i];
    const int home = home_of(item.home);
    items[home].push_back(static_cast<int>(i));
    if (item.access < 0 || !item.promoted) continue;
    // In a register all through the loop that it was moved out of.
    const int from = home_of(nest.accesses[static_cast<std::size_t>(item.access)].loop);
    if (from != home) items[from].push_back(static_cast<int>(i));
  }
  // What runs most often is what matters most: the inner ones first.
  std::size_t all = 0;
  for (auto entry = items.rbegin(); entry != items.rend() && all < kMostInAll; ++entry) {
    const auto& [loop, list] = *entry;
    Lowered::Body& body = lowered.bodies[static_cast<std::size_t>(loop + 1)];
    if (body.idiom) continue;
    Tracer first_try(nest, uses, lowered, loop, list, loops[loop], true);
    Trace trace = first_try.run(loop < 0 ? 1 : 3);
    bool whole = first_try.whole();
    if (loop >= 0 && first_try.accesses() > kMostHeld) {
      Tracer second(nest, uses, lowered, loop, list, loops[loop], false);
      trace = second.run(3);
      whole = second.whole();
    }
    all += trace.ops.size();
    std::vector<int> buffers;
    double copies = 0.0;
    for (const int i : list) {
      const Lowered::Item& item = lowered.items[static_cast<std::size_t>(i)];
      copies += item.copies;
      if (item.access >= 0) buffers.push_back(nest.accesses[static_cast<std::size_t>(item.access)].buffer);
    }
    std::sort(buffers.begin(), buffers.end());
    const auto places = std::unique(buffers.begin(), buffers.end()) - buffers.begin();
    Allocation allocation(trace, lowered.target.vector_registers,
                          std::max(4.0, 13.0 - static_cast<double>(places)));
    const std::size_t pass = trace.passes.size() > 2 ? 1 : 0;
    const std::size_t first = trace.passes[pass], end = trace.passes[pass + 1];
    double moves = allocation.moves(first, end);
    if (!whole) moves *= std::clamp(copies / std::max(1.0, static_cast<double>(end - first)), 1.0, kMostMore);
    body.spills = moves * body.unrolled;
  }
}

}  // namespace hone::cost::mlir
