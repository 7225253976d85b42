#include "hone/cost/simulator/caches.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace hone::cost::simulator {
namespace {

constexpr int kMemoryWindow = 4, kBytesWindow = 3;  // logarithms of cycles
constexpr double kMissWindows = 512.0;              // that a miss is on its way in, at most or nearly
constexpr int kRing = 12;                           // of windows at first, a logarithm
constexpr std::size_t kStreams = 256;               // instructions whose strides are remembered

/// A line takes a few windows of memory's at most, however slow it is.
int memory_window(const Core& core) {
  const double cycles = core.line_bytes / 4.0 / core.memory_bytes_per_cycle();
  return std::max(kMemoryWindow, static_cast<int>(std::ceil(std::log2(cycles))));
}

/// The same of misses on their way, behind as many lines as memory is asked for at once.
int miss_window(const Core& core) {
  const double lines = core.caches[static_cast<std::size_t>(core.levels()) - 1].misses;
  const double cycles = core.memory_cycles() + lines * core.line_bytes / core.memory_bytes_per_cycle();
  return std::max(Booking::kGrain, static_cast<int>(std::ceil(std::log2(cycles / kMissWindows))));
}

}  // namespace

Booking::Booking(double capacity, int window_log2)
    : capacity_(capacity),
      shift_(window_log2),
      mask_((std::uint64_t{1} << kRing) - 1),
      ring_(std::size_t{1} << kRing) {}

void Booking::grow() {
  std::vector<Window> longer(2 * ring_.size());
  mask_ = longer.size() - 1;
  for (const Window& one : ring_)
    if (one.number != ~std::uint64_t{0} && one.number >= first_) longer[one.number & mask_] = one;
  ring_ = std::move(longer);
}

std::uint64_t Booking::room(std::uint64_t at, double amount) const {
  const std::uint64_t first = at >> shift_;
  std::uint64_t window = first;
  while (taken(window) + amount > capacity_ + 1e-9) ++window;
  return window == first ? at : window << shift_;
}

std::uint64_t Booking::take(std::uint64_t at, double amount) {
  const std::uint64_t first = at >> shift_;
  std::uint64_t window = first;
  for (;; ++window) {
    const double piece = std::min(amount, capacity_ - taken(window));
    if (piece <= 0.0) continue;
    add(window, piece);
    amount -= piece;
    if (amount <= 1e-9) break;
  }
  return window == first ? at : window << shift_;
}

void Booking::hold(std::uint64_t from, std::uint64_t to, double amount) {
  for (std::uint64_t window = from >> shift_; window <= to >> shift_; ++window) add(window, amount);
}

std::uint64_t Booking::entry(std::uint64_t at, std::uint64_t cycles) const {
  std::uint64_t begin = at;
  for (std::uint64_t window = at >> shift_;; ++window) {
    begin = std::max(begin, window << shift_);
    const std::uint64_t end = (window + 1) << shift_;
    const double left = capacity_ - taken(window);
    if (left < 1.0) continue;
    if (left < static_cast<double>(end - (begin >> kGrain << kGrain)))
      begin = std::max(begin, end - static_cast<std::uint64_t>(left));
    std::uint64_t behind = window + 1;
    const auto room = [&](std::uint64_t one) {
      const std::uint64_t until = std::min(begin + cycles, (one + 1) << shift_);
      return capacity_ - taken(one) >= static_cast<double>(until - (one << shift_));
    };
    while (behind << shift_ < begin + cycles && room(behind)) ++behind;
    if (behind << shift_ >= begin + cycles) return begin;
    window = behind - 1;  // which has no room for all of it
  }
}

void Booking::stay(std::uint64_t from, std::uint64_t to) {
  const std::uint64_t first = from >> shift_;
  for (std::uint64_t window = first; window << shift_ < to; ++window) {
    const std::uint64_t begin = window == first ? from >> kGrain << kGrain : window << shift_;
    const auto cycles = static_cast<double>(std::min(to, (window + 1) << shift_) - begin);
    const double left = capacity_ - taken(window);
    add(window, window == first && left >= 1.0 ? std::min(cycles, left) : cycles);
  }
}

std::uint64_t Booking::take_in_row(std::uint64_t at, std::uint64_t cycles) {
  std::uint64_t begin = at;
  for (std::uint64_t k = 0; k < cycles;) {
    if (taken(begin + k) + 1.0 > capacity_) {
      begin += k + 1;
      k = 0;
    } else {
      ++k;
    }
  }
  for (std::uint64_t k = 0; k < cycles; ++k) add(begin + k, 1.0);
  return begin;
}

Caches::Caches(const Core& core)
    : line_bytes_(core.line_bytes),
      memory_bytes_per_cycle_(core.memory_bytes_per_cycle()),
      line_shift_(std::countr_zero(static_cast<std::uint64_t>(core.line_bytes))),
      memory_cycles_(static_cast<std::uint64_t>(std::llround(core.memory_cycles()))),
      prefetcher_(static_cast<Prefetcher>(static_cast<int>(core.prefetcher))),
      prefetch_lines_(static_cast<std::uint64_t>(core.prefetch_lines)),
      streams_(kStreams) {
  const int window = memory_window(core), misses = miss_window(core);
  memory_ = Booking(std::ldexp(memory_bytes_per_cycle_, window), window);
  for (int k = 0; k < core.levels(); ++k) {
    const Core::Cache& one = core.caches[static_cast<std::size_t>(k)];
    Level level;
    level.ways = static_cast<std::size_t>(one.ways);
    level.sets = static_cast<std::uint64_t>(one.bytes / one.ways / line_bytes_);
    level.lines.resize(level.ways * level.sets);
    level.latency = static_cast<std::uint64_t>(one.latency);
    level.misses = Booking(std::ldexp(one.misses, misses), misses);
    level.bytes = Booking(std::ldexp(one.bytes_per_cycle, kBytesWindow), kBytesWindow);
    levels_.push_back(std::move(level));
  }
}

Caches::Line* Caches::find(Level& level, std::uint64_t number) {
  Line* set = &level.lines[(number % level.sets) * level.ways];
  for (std::size_t way = 0; way < level.ways; ++way)
    if (set[way].number == number) return &set[way];
  return nullptr;
}

void Caches::fill(std::size_t index, std::uint64_t number, const Answer& answer, bool dirty,
                  std::uint64_t at) {
  Level& level = levels_[index];
  Line* set = &level.lines[(number % level.sets) * level.ways];
  Line* oldest = set;
  for (std::size_t way = 1; way < level.ways; ++way)
    if (set[way].used < oldest->used) oldest = &set[way];
  const Line gone = *oldest;
  *oldest = {number, answer.ready, ++clock_, static_cast<std::uint64_t>(answer.level), dirty};
  if (!gone.dirty) return;
  ++counts_.written_back;
  if (index + 1 == levels_.size()) {
    counts_.memory_bytes += line_bytes_;
    memory_.take(at, line_bytes_);
  } else if (Line* below = find(levels_[index + 1], gone.number)) {
    below->dirty = true;
  } else {
    fill(index + 1, gone.number, {at, static_cast<int>(index) + 1}, true, at);
  }
}

Caches::Answer Caches::from_memory(std::uint64_t at) {
  counts_.memory_bytes += line_bytes_;
  return {memory_.take(at, line_bytes_) + memory_cycles_, 3};
}

Caches::Answer Caches::fetch(std::size_t index, std::uint64_t number, std::uint64_t at, bool counted) {
  if (index == levels_.size()) return from_memory(at);
  Level& level = levels_[index];
  if (counted) ++counts_.asked[index];
  if (Line* line = find(level, number)) {
    line->used = ++clock_;
    const std::uint64_t begin = level.bytes.take(at, line_bytes_);
    if (line->ready <= begin + level.latency) return {begin + level.latency, static_cast<int>(index)};
    return {line->ready, static_cast<int>(line->level)};
  }
  if (counted) ++counts_.missed[index];
  const std::uint64_t begin = level.misses.entry(at, least_behind(index));
  // Looking here takes part of the time that the levels behind are given for the whole way.
  const Answer answer =
      fetch(index + 1, number, begin + (index + 1 == levels_.size() ? level.latency : 0), counted);
  level.misses.stay(begin, answer.ready);
  fill(index, number, answer, false, at);
  return answer;
}

Caches::Answer Caches::line(std::uint64_t number, double bytes, bool store, std::uint64_t at) {
  Level& first = levels_[0];
  ++counts_.asked[0];
  if (Line* line = find(first, number)) {
    line->used = ++clock_;
    line->dirty = line->dirty || store;
    // What a store writes comes the other way.
    const std::uint64_t begin = store ? at : first.bytes.take(at, bytes);
    if (line->ready <= begin + first.latency) return {begin + first.latency, 0};
    return {line->ready, static_cast<int>(line->level)};
  }
  ++counts_.missed[0];
  const std::uint64_t begin = first.misses.entry(at, least_behind(0));
  const Answer answer = fetch(1, number, begin, true);
  first.misses.stay(begin, answer.ready);
  fill(0, number, answer, store, at);
  return answer;
}

void Caches::prefetch(std::uint64_t address, std::uint64_t number, bool missed, std::uint32_t place,
                      std::uint64_t at) {
  std::int64_t step = 0;
  std::uint64_t first = 1;
  if (prefetcher_ == Prefetcher::next_line) {
    if (!missed) return;
    step = 1;
  } else {
    Stream& stream = streams_[place % kStreams];
    if (stream.place != place) stream = {address, 0, place, 0, ~std::uint64_t{0}};
    const auto moved = static_cast<std::int64_t>(address - stream.last);
    if (moved == 0) return;
    stream.sure = moved == stream.stride ? std::min(3, stream.sure + 1) : 0;
    stream.stride = moved;
    stream.last = address;
    if (stream.sure < 2) return;
    const auto line = static_cast<std::int64_t>(line_bytes_);
    step = std::abs(moved) <= line ? (moved > 0 ? 1 : -1) : moved / line;
    if (stream.ahead == number) return;  // once a line
    stream.ahead = number;
    if (moved % line != 0 && std::abs(moved) > line) first = 1;
  }
  for (std::uint64_t k = first; k <= prefetch_lines_; ++k) {
    const std::uint64_t wanted = number + static_cast<std::uint64_t>(step * static_cast<std::int64_t>(k));
    Level& level = levels_[1];
    if (find(level, wanted) != nullptr) continue;
    // It must not wait: what the core asks for itself comes first.
    if (level.misses.entry(at, least_behind(1)) != at) return;
    const Answer answer = fetch(2, wanted, at, false);
    level.misses.stay(at, answer.ready);
    fill(1, wanted, answer, false, at);
    ++counts_.prefetched;
  }
}

Caches::Answer Caches::access(std::uint64_t address, std::uint32_t bytes, bool store, std::uint32_t place,
                              std::uint64_t at) {
  const std::uint64_t first = address >> line_shift_;
  const std::uint64_t last = (address + std::max(1U, bytes) - 1) >> line_shift_;
  const double all = std::max(1U, bytes);
  const double in_first =
      first == last ? all
                    : static_cast<double>((last << line_shift_) - std::min(address, last << line_shift_));
  Answer answer = line(first, in_first, store, at);
  if (last != first) {
    const Answer other = line(last, all - in_first, store, at + 1);
    if (other.ready > answer.ready) answer = other;
  }
  if (prefetcher_ != Prefetcher::none) prefetch(address, first, answer.level > 0, place, at);
  return answer;
}

void Caches::forget(std::uint64_t before) {
  memory_.forget(before);
  for (Level& level : levels_) level.misses.forget(before), level.bytes.forget(before);
}

void Caches::warm(std::uint64_t address, std::uint64_t bytes) {
  if (bytes == 0) return;
  const std::uint64_t last = (address + bytes - 1) >> line_shift_;
  for (Level& level : levels_) {
    // Of what is longer than the level only the end is still there.
    const std::uint64_t most = level.sets * level.ways;
    std::uint64_t number = address >> line_shift_;
    if (last - number >= most) number = last - most + 1;
    for (; number <= last; ++number) {
      Line* set = &level.lines[(number % level.sets) * level.ways];
      Line* oldest = set;
      for (std::size_t way = 0; way < level.ways; ++way) {
        if (set[way].number == number) {
          oldest = &set[way];
          break;
        }
        if (set[way].used < oldest->used) oldest = &set[way];
      }
      *oldest = {number, 0, ++clock_, 0, false};
    }
  }
}

}  // namespace hone::cost::simulator
