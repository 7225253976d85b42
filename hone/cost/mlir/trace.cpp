#include "hone/cost/mlir/trace.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory_resource>
#include <set>
#include <tuple>
#include <utility>

#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/trace_place.h"

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostOps = 5000;      // gone through of a pass over a body; more are like these
constexpr std::size_t kMostVisits = 20000;  // of items, whether anything is computed or not
constexpr double kPointer = 8.0;            // bytes
constexpr int kDeep = 8;                    // values that are but others are followed so far
constexpr std::int32_t kNone = Trace::kNone;

/// Writes the trace of a loop that is left.
class Tracer {
 public:
  Tracer(const Nest& nest, const ValueUses& uses, const Lowered& lowered, int loop,
         const std::vector<int>& items, const std::vector<int>& loops, const std::set<int>& written,
         bool holds)
      : nest_(nest),
        uses_(uses),
        lowered_(lowered),
        loop_(loop),
        place_(nest, lowered, loop, items, loops),
        written_(written),
        holds_(holds && loop >= 0) {
    for (const int i : items) {
      const Lowered::Item& item = lowered.items[static_cast<std::size_t>(i)];
      if (loop >= 0 && item.promoted && item.home != loop && lowered.body(loop).lanes <= 1.0 &&
          ragged(nest, item))
        ragged_.insert(item.along);
      if (item.access < 0 || item.home < 0 || item.home == loop) continue;
      const Nest::Access& access = nest.accesses[static_cast<std::size_t>(item.access)];
      const Lowered::Body& body = lowered.body(item.home);
      if (access.store && access.buffer >= 0 && body.left && body.lanes > 1.0 && apart(item))
        scattered_.insert(access.buffer);
    }
    std::map<int, int> begins;
    for (const int i : items) {
      const int around = place_.innermost(lowered.items[static_cast<std::size_t>(i)]);
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
    for (int pass = 0; pass < passes && trace_.whole; ++pass) {
      trace_.passes.push_back(trace_.ops.size());
      made_.clear();
      known_.clear();
      trace_.visits += std::exchange(visits_, 0);
      walk(loop_);
      if (loop_ >= 0) hand_on(loop_);
      trace_.stored_behind.emplace_back();
      for (const auto& [where, known] : held_)
        if (known.stored) trace_.stored_behind.back().push_back(known.value);
    }
    trace_.visits += visits_;
    trace_.passes.push_back(trace_.ops.size());
    return std::move(trace_);
  }

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

  void walk(int loop) {
    const auto found = events_.find(loop);
    if (found == events_.end()) return;
    for (const Event& event : found->second) {
      if (trace_.ops.size() - trace_.passes.back() >= kMostOps || ++visits_ > kMostVisits) {
        trace_.whole = false;
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
      TracePlace::At& now = place_.at(event.index);
      const bool together = now.together > 0.0;
      double wide = body.left && body.lanes > 1.0 ? body.lanes : together ? now.together : 1.0;
      now.iteration = 0.0;
      const double block = wide * std::max(1.0, body.interleave), main = std::floor(trips / block) * block;
      double rest = 0.0;  // iterations that copies side by side still stand for
      while (now.iteration < trips && trace_.whole) {
        if (together) {
          while (wide > 1.0 && rest <= 0.0 && now.iteration + wide > trips) wide /= 2.0;
          if (rest <= 0.0) now.row = now.iteration, rest = wide;
        } else if (now.iteration + wide > main && !body.masked) {
          wide = 1.0;
        }
        now.wide = wide;
        const double here = now.iteration;
        walk(event.index);
        hand_on(event.index);
        rest -= 1.0;
        now.iteration = here + (together ? 1.0 : wide);
      }
      now.iteration = trips - 1.0;
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

  /// Moves of a function that is called for each lane of a vector.
  double moves_of_calls(const Nest::Step& step, const Lowered::Item& item) const {
    const double part = place_.share(item.home, item);
    const double lanes = step.elements * place_.abreast(item.home, item) * part;
    return calls_of(lanes, step, lowered_.target).moves * place_.interleaved(item.home, item) / part;
  }

  /// `home`: the loop that it is computed in.
  std::int32_t fresh(double bits, double elements, bool real, int home, const Lowered::Item& item) {
    const double side = place_.abreast(home, item);
    const double bytes = std::max(8.0, bits) / 8.0 * elements * side;
    Trace::Value value;
    const double part = place_.share(home, item);
    value.vector = real || elements > 1.0 || side > 1.0 || part > 1.0;
    if (value.vector)
      value.registers = std::max(1.0, std::ceil(bytes / lowered_.target.vector_bytes)) *
                        place_.interleaved(home, item) / part;
    trace_.values.push_back(value);
    return static_cast<std::int32_t>(trace_.values.size() - 1);
  }

  /// The numbers of what a value is now; none: it is no register's content, or a constant.
  void values_of(int value, std::vector<std::int32_t>& out, int depth) {
    if (value == Nest::kNoValue || depth > kDeep || out.size() > 8) return;
    if (const auto found = carried_.empty() ? carried_.end() : carried_.find(value);
        found != carried_.end()) {
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
    const std::uint64_t at = place_.key(giver->second);
    if (const auto found = made_.find(at); found != made_.end()) {
      if (found->second != kNone) out.push_back(found->second);
      return;
    }
    const auto [found, is_new] = outside_.try_emplace(at, kNone);
    if (is_new) {
      const Lowered::Item& item = lowered_.items[static_cast<std::size_t>(giver->second)];
      if (item.step >= 0) {
        const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
        if (!step.address) found->second = fresh(step.bits, step.elements, step.real, item.home, item);
      } else {
        const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
        found->second = fresh(access.bits, access.elements, access.real, item.home, item);
      }
    }
    if (found->second != kNone) out.push_back(found->second);
  }

  void op(std::int32_t result, const std::vector<std::int32_t>& operands, bool call = false,
          double moves = 0.0) {
    trace_.ops.push_back({result, trace_.operands.size(), call, moves});
    trace_.operands.insert(trace_.operands.end(), operands.begin(), operands.end());
  }

  void item(int index) {
    const Lowered::Item& one = lowered_.items[static_cast<std::size_t>(index)];
    if (one.along >= 0)
      if (const TracePlace::At& now = place_.at(one.along); now.row >= 0.0 && now.iteration != now.row)
        return;  // with the first of its row
    std::vector<std::int32_t>& used = used_;
    used.clear();
    const std::uint64_t here = place_.key(index);
    if (one.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(one.step)];
      if (step.address || made_.contains(here)) return;
      if (const auto from = uses_.from.find(step.value); from != uses_.from.end())
        for (const int value : from->second) values_of(value, used, 0);
      const std::int32_t result =
          step.value == Nest::kNoValue ? kNone : fresh(step.bits, step.elements, step.real, one.home, one);
      made_[here] = result;
      ++instructions_;
      const bool called = step.work == Work::transcendental;
      op(result, used, called || step.work == Work::call, called ? moves_of_calls(step, one) : 0.0);
      return;
    }
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(one.access)];
    if (access.buffer < 0 || (access.store && !place_.last_of(one))) return;
    const bool known_place = nest_.told(access, loop_);
    // Of a loop that was written out last of all nothing is taken for equal any more, nor for what was
    // stored.
    const bool late = one.home != loop_ && one.home >= 0 && lowered_.body(one.home).left;
    std::vector<std::int32_t> places;
    const bool gathers = late && gather(one, access, known_place, places);
    // Moved out of the loop: a register instead.
    const bool held =
        !gathers &&
        ((holds_ && !scattered_.contains(access.buffer)) ||
         (loop_ >= 0 && !written_.contains(nest_.memory(access.buffer)))) &&
        (!place_.inside(one.home) || (one.home != loop_ && known_place && !moves(access, loop_)));
    auto& known = held ? held_ : known_;
    const Where where{nest_.memory(access.buffer), access.buffer, place_.location(access)};
    if (!access.store) {
      if (made_.contains(here)) return;
      if (known_place && (held || !late))
        if (const auto found = known.find(where);
            found != known.end() &&
            (held || static_cast<double>(instructions_ - found->second.at) <= kSeenBack)) {
          made_[here] = found->second.value;
          return;
        }
      if (trace_.passes.size() == 1) ++trace_.accesses;
      const std::int32_t result = fresh(access.bits, access.elements, access.real,
                                        place_.inside(one.home) ? one.home : place_.innermost(one), one);
      if (held) share_register(one, result);
      if (!held && one.along >= 0 && ragged_.contains(one.along)) align(one, result);
      if (held && written_.contains(nest_.memory(access.buffer)) && single(one))
        trace_.values[static_cast<std::size_t>(result)].registers = place_.abreast(one.home, one);
      made_[here] = result;
      instructions_ += 2;
      if (known_place && (held || !late)) known[where] = {result, instructions_, false};
      if (!held) op(result, places);
      return;
    }
    if (const auto stored = uses_.stored.find(one.access); stored != uses_.stored.end())
      values_of(stored->second, used, 0);
    if (trace_.passes.size() == 1) ++trace_.accesses;
    if (held) {
      if (!used.empty()) {
        share_register(one, used[0]);
        held_[where] = {in_elements(one, access, used[0]), instructions_, true};
      }
      return;
    }
    forget(access, known_place);
    instructions_ += 2;
    if (known_place && !late && !used.empty()) known_[where] = {used[0], instructions_, false};
    used.insert(used.end(), places.begin(), places.end());
    op(kNone, used);
  }

  /// The ends of ragged rows of what a loop hands on to itself share registers.
  void share_register(const Lowered::Item& item, std::int32_t value) {
    const double wide = item.along >= 0 && ragged_.contains(item.along) ? place_.at(item.along).wide : 0.0;
    if (wide <= 0.0 || wide >= item.lanes) return;
    double& registers = trace_.values[static_cast<std::size_t>(value)].registers;
    registers = std::min(registers, wide / item.lanes);
  }

  /// What such sums take is put into vectors for every place that a row of theirs begins at.
  void align(const Lowered::Item& item, std::int32_t value) {
    const double trips = std::floor(nest_.loops[static_cast<std::size_t>(item.along)].most);
    const double rest = std::fmod(trips, item.lanes);
    const double pieces = std::floor(trips / item.lanes) + std::popcount(static_cast<std::uint64_t>(rest));
    double begins = item.lanes;  // different ones
    while (begins > 1.0 && std::fmod(trips, item.lanes / begins * 2.0) == 0.0) begins /= 2.0;
    double& registers = trace_.values[static_cast<std::size_t>(value)].registers;
    registers = std::max(registers, begins * trips / item.lanes / pieces);
  }

  /// Whether what a loop hands on is in registers element by element: rows that are vectors of a number of
  /// elements that is no power of two, and lanes a stride apart, loaded and stored one by one.
  bool single(const Lowered::Item& item) const {
    const double lanes = place_.abreast(item.home, item);
    if (lanes <= 1.0) return false;
    if (!item.in_group)
      return item.along < 0 && lowered_.body(item.home).lanes > 1.0 && !(std::abs(item.stride) <= 1.0) &&
             !lowered_.target.masks();
    const double elements = lanes * std::abs(item.stride);
    return std::exp2(std::round(std::log2(elements))) != elements;
  }
  std::int32_t in_elements(const Lowered::Item& item, const Nest::Access& access, std::int32_t value) {
    if (!single(item)) return value;
    const std::int32_t taken_out = fresh(access.bits, access.elements, access.real, item.home, item);
    trace_.values[static_cast<std::size_t>(taken_out)].registers = place_.abreast(item.home, item);
    op(taken_out, {value});
    return taken_out;
  }

  /// Whether elements in lanes are gathered or scattered.
  bool apart(const Lowered::Item& item) const {
    return !(std::abs(item.stride) <= 1.0) && !item.in_group && lowered_.target.masks();
  }
  /// Whether an access in lanes is a gather or a scatter, which no loop is left of. Where the places are that
  /// do not move with the loop around is computed outside it.
  bool gather(const Lowered::Item& item, const Nest::Access& access, bool known_place,
              std::vector<std::int32_t>& places) {
    const double lanes = place_.abreast(item.home, item);
    if (lanes <= 1.0 || !apart(item)) return false;
    if (loop_ < 0 || !known_place || moves(access, loop_)) return true;
    const auto [found, fresh] =
        places_.try_emplace({access.buffer, access.buffer, place_.location(access)}, kNone);
    if (fresh) {
      Trace::Value value;
      value.registers = std::ceil(lanes * kPointer / lowered_.target.widest_bytes());
      trace_.values.push_back(value);
      found->second = static_cast<std::int32_t>(trace_.values.size() - 1);
    }
    places.push_back(found->second);
    return true;
  }

  /// What other buffers have where a store may be, and its own where that is not known.
  void forget(const Nest::Access& store, bool known_place) {
    const int memory = nest_.memory(store.buffer), lowest = std::numeric_limits<int>::min();
    const auto begin = [&](int in, int buffer) { return known_.lower_bound({in, buffer, 0}); };
    known_.erase(begin(memory, lowest), begin(memory, store.buffer));
    known_.erase(begin(memory, store.buffer + (known_place ? 1 : 0)), begin(memory + 1, lowest));
  }

  const Nest& nest_;
  const ValueUses& uses_;
  const Lowered& lowered_;
  int loop_;
  std::pmr::monotonic_buffer_resource pool_;  ///< of the maps, which grow with what is gone through
  TracePlace place_;
  std::map<int, std::vector<Event>> events_;
  Trace trace_;
  std::pmr::unordered_map<std::uint64_t, std::int32_t> made_{&pool_}, outside_{&pool_};
  using Where = std::tuple<int, int, std::uint64_t>;  ///< memory, buffer, place in it
  struct Known {
    std::int32_t value = kNone;
    std::size_t at = 0;  ///< instructions before it
    bool stored = false;
  };
  std::pmr::map<Where, Known> known_{&pool_}, held_{&pool_};
  std::pmr::map<Where, std::int32_t> places_{&pool_};  ///< vectors of addresses
  std::size_t instructions_ = 0;
  std::pmr::unordered_map<int, std::int32_t> carried_{&pool_};
  std::vector<std::int32_t> used_;  ///< by the item at hand
  const std::set<int>& written_;    ///< memory that is stored to anywhere
  std::set<int> ragged_;            ///< loops written out whose rows of sums, handed on, are no whole vectors
  std::set<int> scattered_;         ///< buffers that vectors are scattered to
  std::size_t visits_ = 0;
  bool holds_;
};

}  // namespace

Trace trace_of(const Nest& nest, const ValueUses& uses, const Lowered& lowered, int loop,
               const std::vector<int>& items, const std::vector<int>& loops, const std::set<int>& written,
               bool holds, int passes) {
  return Tracer(nest, uses, lowered, loop, items, loops, written, holds).run(passes);
}

}  // namespace hone::cost::mlir
