#include "hone/cost/mlir/spills.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "hone/cost/mlir/trace.h"

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostInAll = 20000;  // operations of a function; of loops beyond nothing is said
constexpr std::size_t kVisits = 4;         // of items that no operation comes of, that take as long as one
constexpr double kMostMore = 4.0;          // times as many moves are believed as were gone through
constexpr std::size_t kMostHeld = 250;     // accesses of a body beyond which LICM moves none of them out
constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();

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
    made_.assign(n, false);
    for (const Trace::Op& op : trace.ops)
      if (op.result != Trace::kNone) made_[static_cast<std::size_t>(op.result)] = true;
    for (std::size_t i = 0; i < n; ++i)
      if (!made_[i] && begin_[i] < begin_[i + 1]) put(static_cast<std::int32_t>(i), Trace::kNone);
  }

  /// Moves of the operations from `first` to before `end`, all before them done.
  double moves(std::size_t first, std::size_t end) {
    double before = moves_;
    for (; now_ < end; ++now_) {
      if (now_ == first) before = moves_;
      step(now_);
    }
    return moves_ - before;
  }
  /// So far of what comes from outside, in front of all operations.
  double moves_before() const { return outside_; }

  /// Of values that are needed behind all, those back into registers that are in none.
  double moves_behind(const std::vector<std::int32_t>& values) const {
    double moves = 0.0;
    for (const std::int32_t id : values)
      if (const auto i = static_cast<std::size_t>(id); !in_[i] && stored_[i]) moves += value(id).registers;
    return moves;
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
    moves_ += op.moves;
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
    if (op.result != Trace::kNone && next_use(op.result, t + 1) != kNever)
      put(op.result, static_cast<std::int32_t>(t));
  }
  void save(std::int32_t id) {
    const auto i = static_cast<std::size_t>(id);
    if (!stored_[i]) (made_[i] ? moves_ : outside_) += value(id).registers;
    stored_[i] = true;
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
      std::int32_t furthest = Trace::kNone;
      for (std::size_t k = 0; k < held_[kind].size(); ++k) {
        const std::int32_t use = next_use(held_[kind][k], static_cast<std::size_t>(std::max(at, 0)));
        if (use == at && at != Trace::kNone) continue;
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
  std::vector<bool> in_, stored_, made_;
  double moves_ = 0.0, outside_ = 0.0;
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
  // Operations of a body that are an item's: of loops inside that are written out at last, too.
  const auto copies_of = [&](const Lowered::Item& item, int home) {
    double copies = item.copies;
    for (int at = item.home; at != home && at >= 0; at = nest.loops[static_cast<std::size_t>(at)].parent)
      if (const Lowered::Body& body = lowered.body(at); body.left)
        copies *= std::max(1.0, std::ceil(nest.loops[static_cast<std::size_t>(at)].trips / body.lanes));
    return item.along >= 0 ? copies / item.lanes : copies;
  };
  std::set<int> written;
  for (const Nest::Access& access : nest.accesses)
    if (access.store && access.buffer >= 0) written.insert(nest.memory(access.buffer));
  // What runs most often is what matters most: the inner ones first.
  std::size_t all = 0;
  for (auto entry = items.rbegin(); entry != items.rend() && all < kMostInAll; ++entry) {
    const auto& [loop, list] = *entry;
    Lowered::Body& body = lowered.bodies[static_cast<std::size_t>(loop + 1)];
    if (body.idiom) continue;
    const auto traced = [&, &loop = loop, &list = list](bool holds) {
      return trace_of(nest, uses, lowered, loop, list, loops[loop], written, holds, loop < 0 ? 1 : 3);
    };
    Trace trace = traced(true);
    if (loop >= 0 && trace.accesses > kMostHeld) trace = traced(false);
    all += trace.ops.size() + trace.visits / kVisits;
    std::vector<int> buffers;
    double copies = 0.0;
    for (const int i : list) {
      const Lowered::Item& item = lowered.items[static_cast<std::size_t>(i)];
      copies += copies_of(item, loop);
      if (item.access >= 0) buffers.push_back(nest.accesses[static_cast<std::size_t>(item.access)].buffer);
    }
    std::sort(buffers.begin(), buffers.end());
    const auto places = std::unique(buffers.begin(), buffers.end()) - buffers.begin();
    Allocation allocation(trace, lowered.target.vector_registers,
                          std::max(4.0, 13.0 - static_cast<double>(places)));
    const std::size_t pass = trace.passes.size() > 2 ? 1 : 0;
    const std::size_t first = trace.passes[pass], end = trace.passes[pass + 1];
    double moves = allocation.moves(first, end);
    double once = allocation.moves_before() + allocation.moves_behind(trace.stored_behind[pass]);
    if (!trace.whole) {
      const double more =
          std::clamp(copies / std::max(1.0, static_cast<double>(end - first)), 1.0, kMostMore);
      moves *= more;
      once *= more;
    }
    body.spills = moves * body.unrolled + once;
    body.spills_once = once;
  }
}

}  // namespace hone::cost::mlir
