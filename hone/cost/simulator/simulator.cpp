#include "hone/cost/simulator/simulator.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include <fmt/format.h>

namespace hone::cost::simulator {
namespace {

constexpr std::size_t kHeld = 4096;     // places of eight bytes that stores are remembered for
constexpr std::uint64_t kFirst = 1;     // cycle, so that 0 is "long ago"
constexpr std::uint64_t kForget = 256;  // instructions after which what lies behind them is forgotten

std::size_t held_at(std::uint64_t word) { return word & (kHeld - 1); }

}  // namespace

double Simulated::miss_rate(std::size_t level) const {
  return memory.asked[level] > 0
             ? static_cast<double>(memory.missed[level]) / static_cast<double>(memory.asked[level])
             : 0.0;
}

double Simulated::mispredicted_share() const {
  const std::uint64_t jumps = kinds[static_cast<std::size_t>(Kind::branch)];
  return jumps > 0 ? static_cast<double>(mispredicted) / static_cast<double>(jumps) : 0.0;
}

double Simulated::reorder_occupancy() const {
  return cycles > 0 ? reorder_cycles / static_cast<double>(cycles) : 0.0;
}
double Simulated::scheduler_occupancy() const {
  return cycles > 0 ? scheduler_cycles / static_cast<double>(cycles) : 0.0;
}

CoreSimulator::CoreSimulator(const Core& core)
    : core_(core), caches_(core), branches_(core), issue_(core.issue_width) {
  for (std::size_t k = 0; k < kKinds; ++k) {
    units_[k] = Booking(core.units[k].count);
    latency_[k] = static_cast<std::uint64_t>(core.units[k].latency);
    interval_[k] = static_cast<std::uint64_t>(core.units[k].interval);
  }
  const std::uint64_t size = std::bit_ceil(static_cast<std::uint64_t>(core.reorder_buffer) + 1);
  mask_ = size - 1;
  complete_.resize(size);
  retired_.resize(size);
  from_memory_.resize(size);
  loads_.resize(static_cast<std::size_t>(core.load_queue));
  stores_.resize(static_cast<std::size_t>(core.store_queue));
  held_.resize(kHeld);
  fetch_cycle_ = retire_cycle_ = kFirst;
}

/// The cycle in which an instruction enters the reorder buffer and all that it needs room in; `why`: what it
/// waited for longest.
std::uint64_t CoreSimulator::enters(const Instruction& one, Cause& why) {
  std::uint64_t at = fetch_cycle_;
  if (fetch_used_ >= static_cast<std::uint64_t>(core_.fetch_width)) ++at;
  why = Cause::front_end;
  const auto wait = [&](std::uint64_t until, Cause cause) {
    if (until > at) at = until, why = cause;
  };
  wait(fetch_again_, Cause::bad_speculation);
  const auto buffer = static_cast<std::uint64_t>(core_.reorder_buffer);
  if (number_ >= buffer) wait(retired_[(number_ - buffer) & mask_], full_for_);
  if (one.kind == Kind::load) wait(loads_[loads_so_far_ % loads_.size()], full_for_);
  if (one.kind == Kind::store) wait(stores_[stores_so_far_ % stores_.size()], Cause::memory);
  const auto later = std::greater<>();
  while (!waiting_.empty() && waiting_.front() <= at) {
    std::pop_heap(waiting_.begin(), waiting_.end(), later);
    waiting_.pop_back();
  }
  if (waiting_.size() >= static_cast<std::size_t>(core_.scheduler)) {
    wait(waiting_.front(), full_for_);
    std::pop_heap(waiting_.begin(), waiting_.end(), later);
    waiting_.pop_back();
  }
  if (at != fetch_cycle_) fetch_cycle_ = at, fetch_used_ = 0;
  ++fetch_used_;
  return at;
}

std::uint64_t CoreSimulator::load(const Instruction& one, std::uint64_t begin, int& level) {
  std::uint64_t held = 0;
  bool all = true;
  const std::uint64_t first = one.address >> 3U,
                      last = (one.address + std::max<std::uint64_t>(1, one.bytes) - 1) >> 3U;
  for (std::uint64_t word = first; word <= last; ++word) {
    const Held& store = held_[held_at(word)];
    if (store.word == word && store.written > begin)
      held = std::max(held, store.data);
    else
      all = false;
  }
  const auto forward = static_cast<std::uint64_t>(core_.forward_cycles);
  if (held > 0) ++counts_.forwarded;
  if (held > 0 && all) {
    level = 0;
    return std::max(begin, held) + forward;
  }
  const Caches::Answer answer = caches_.access(one.address, one.bytes, false, one.place, begin);
  level = answer.level;
  return held > 0 ? std::max(answer.ready, held + forward) : answer.ready;
}

void CoreSimulator::store(const Instruction& one, std::uint64_t data, std::uint64_t left) {
  // A line that is missing is asked for when the store leaves; lines may come in any order, writing is in the
  // program's, one store a cycle for each unit.
  const Caches::Answer answer = caches_.access(one.address, one.bytes, true, one.place, left);
  const std::uint64_t there = answer.level == 0 ? left : answer.ready;
  const bool full =
      written_used_ >= static_cast<std::uint64_t>(core_.units[static_cast<std::size_t>(Kind::store)].count);
  const std::uint64_t at = std::max(written_cycle_ + (full ? 1 : 0), there);
  if (at != written_cycle_) written_cycle_ = at, written_used_ = 0;
  ++written_used_;
  stores_[stores_so_far_++ % stores_.size()] = at;
  const std::uint64_t first = one.address >> 3U,
                      last = (one.address + std::max<std::uint64_t>(1, one.bytes) - 1) >> 3U;
  for (std::uint64_t word = first; word <= last; ++word) held_[held_at(word)] = {word, data, at};
}

/// `late`: why it entered late, `why`: why it completed late.
void CoreSimulator::retire(std::uint64_t entered, std::uint64_t complete, Cause late, Cause why) {
  const auto width = static_cast<std::uint64_t>(core_.retire_width);
  const std::uint64_t could = retire_used_ < width ? retire_cycle_ : retire_cycle_ + 1;
  const std::uint64_t at = std::max(could, complete + 1);
  if (at > could) {
    const std::uint64_t taken = could == retire_cycle_ ? retire_used_ : 0;
    const double slots = static_cast<double>((at - could) * width - taken);
    // As long as it was not even there, it is what kept it out.
    const std::uint64_t there = std::clamp(entered + 1, could, at);
    const double outside = static_cast<double>(there - could) / static_cast<double>(at - could);
    lost_[static_cast<std::size_t>(late)] += slots * outside;
    lost_[static_cast<std::size_t>(why)] += slots * (1.0 - outside);
    if (outside < 1.0) full_for_ = why;
  }
  if (at != retire_cycle_) retire_cycle_ = at, retire_used_ = 0;
  ++retire_used_;
}

void CoreSimulator::step(const Instruction& one) {
  Cause late = Cause::front_end;
  const std::uint64_t entered = enters(one, late);
  // Nothing that comes later happens before this enters.
  if (number_ % kForget == 0) {
    for (Booking& units : units_) units.forget(entered);
    issue_.forget(entered);
    caches_.forget(entered);
  }
  std::uint64_t ready = entered + 1, data = 0;
  std::uint32_t nearest = 0;
  bool on_memory = false;
  for (std::size_t k = 0; k < one.sources.size(); ++k) {
    const std::uint32_t back = one.sources[k];
    if (back == 0) continue;
    if (nearest == 0 || back < nearest) nearest = back;
    if (back > number_ || back > mask_) continue;  // long done
    const std::uint64_t from = (number_ - back) & mask_, there = complete_[from];
    // A store begins with its place; what it stores may come later.
    if (one.kind == Kind::store && k == 0) {
      data = there;
      if (there > ready) on_memory = from_memory_[from];
      continue;
    }
    if (there > ready) ready = there, on_memory = from_memory_[from];
  }
  ++counts_.distances[nearest == 0 || nearest >= 256 ? 8
                                                     : static_cast<std::size_t>(std::bit_width(nearest)) - 1];

  const auto kind = static_cast<std::size_t>(one.kind);
  // A unit and a slot in the same cycle.
  std::uint64_t begin = ready;
  for (;;) {
    const std::uint64_t slot = issue_.room(begin, 1.0);
    const std::uint64_t unit = interval_[kind] == 1 ? units_[kind].room(slot, 1.0) : slot;
    begin = unit;
    if (unit == slot) break;
  }
  if (interval_[kind] == 1)
    units_[kind].hold(begin, begin, 1.0);
  else
    begin = units_[kind].take_in_row(begin, interval_[kind]);
  issue_.hold(begin, begin, 1.0);
  waiting_.push_back(begin);
  std::push_heap(waiting_.begin(), waiting_.end(), std::greater<>());

  Cause why = Cause::core;
  std::uint64_t complete = begin + latency_[kind];
  int level = 0;
  if (one.kind == Kind::load) {
    complete = load(one, begin + latency_[kind] - 1, level);
    if (level > 0) why = Cause::memory;
    from_memory_[number_ & mask_] = level > 0;
  } else {
    from_memory_[number_ & mask_] = false;
  }
  if (one.kind == Kind::store) {
    complete = std::max(complete, data);
    if (on_memory && complete == data) why = Cause::memory;
  }
  complete_[number_ & mask_] = complete;
  if (one.kind == Kind::branch) {
    counts_.taken += one.taken ? 1 : 0;
    if (!branches_.right(one.place, one.taken)) {
      ++counts_.mispredicted;
      fetch_again_ = complete + static_cast<std::uint64_t>(core_.mispredict_cycles);
    } else if (one.taken) {
      fetch_used_ = static_cast<std::uint64_t>(core_.fetch_width);  // no more this cycle
    }
  }
  retire(entered, complete, late, why);
  retired_[number_ & mask_] = retire_cycle_;
  if (one.kind == Kind::load) loads_[loads_so_far_++ % loads_.size()] = retire_cycle_;
  if (one.kind == Kind::store) store(one, complete, retire_cycle_);
  counts_.reorder_cycles += static_cast<double>(retire_cycle_ - entered);
  counts_.scheduler_cycles += static_cast<double>(begin - entered);
  ++counts_.kinds[kind];
  ++number_;
}

Simulated CoreSimulator::result() const {
  Simulated result = counts_;
  result.instructions = number_;
  if (number_ == 0) return result;
  result.cycles = retire_cycle_ - kFirst + 1;
  result.memory = caches_.counts();
  const double width = core_.retire_width;
  const double slots = static_cast<double>(result.cycles) * width;
  result.top_down.retiring = static_cast<double>(number_) / slots;
  double lost = 0.0;
  for (const double one : lost_) lost += one;
  // The slots of the last cycle, and of cycles that ended at a full width, belong to no instruction.
  const double left = 1.0 - result.top_down.retiring;
  const auto part = [&](Cause cause) {
    return lost > 0.0 ? lost_[static_cast<std::size_t>(cause)] / lost * left : 0.0;
  };
  result.top_down.front_end = part(Cause::front_end) + (lost > 0.0 ? 0.0 : left);
  result.top_down.bad_speculation = part(Cause::bad_speculation);
  result.top_down.core_bound = part(Cause::core);
  result.top_down.memory_bound = part(Cause::memory);
  return result;
}

Json simulated_json(const Simulated& simulated, const Core& core) {
  Json json{{"instructions", simulated.instructions},
            {"cycles", simulated.cycles},
            {"ipc", simulated.ipc()},
            {"seconds", simulated.seconds(core)}};
  Json& misses = json["miss_rate"] = Json::object();
  for (int k = 0; k < core.levels(); ++k)
    misses[fmt::format("l{}", k + 1)] = simulated.miss_rate(static_cast<std::size_t>(k));
  json["mispredicted"] = simulated.mispredicted_share();
  json["memory_bytes"] = simulated.memory.memory_bytes;
  Json& kinds = json["instructions_by_kind"] = Json::object();
  for (std::size_t k = 0; k < kKinds; ++k) kinds[kind_name(static_cast<Kind>(k))] = simulated.kinds[k];
  const TopDown& down = simulated.top_down;
  json["top_down"] = {{"retiring", down.retiring},
                      {"front_end", down.front_end},
                      {"bad_speculation", down.bad_speculation},
                      {"core_bound", down.core_bound},
                      {"memory_bound", down.memory_bound}};
  return json;
}

}  // namespace hone::cost::simulator
