#include <algorithm>
#include <array>
#include <cmath>

#include "hone/base/mix.h"
#include "hone/cost/simulator/made.h"
#include "hone/cost/simulator/program.h"

namespace hone::cost::simulator {
namespace {

constexpr std::size_t kBatch = 2048;  // instructions handed on at once
constexpr std::uint64_t kTurnsUnasked = 1
                                        << 20;  // turns of loops after which the sink is asked, come what may

}  // namespace

class Walker {
 public:
  Walker(const Program& program, const TraceSink& sink)
      : program_(program),
        sink_(sink),
        last_(static_cast<std::size_t>(program.registers_) * Program::kCopies),
        iteration_(program.nodes_.size()),
        trips_(program.nodes_.size()),
        owed_(program.nodes_.size()),
        inside_(program.nodes_.size()),
        times_(program.ops_.size()),
        turns_(program.nodes_.size()),
        decided_(program.forks_.size()) {
    batch_.reserve(kBatch);
  }

  std::uint64_t run() {
    body(-1);
    flush();
    return handed_;
  }

 private:
  double& iteration(int id) { return iteration_[static_cast<std::size_t>(id + 1)]; }
  std::uint64_t& last(int reg, int copy) {
    return last_[static_cast<std::size_t>(reg * Program::kCopies + copy)];
  }

  void flush() {
    if (batch_.empty() || stopped_) return;
    handed_ += batch_.size();
    stopped_ = !sink_(batch_);
    batch_.clear();
  }

  /// Its number, from 1.
  std::uint64_t push(Instruction one, std::span<const std::uint64_t> sources) {
    ++number_;
    std::size_t k = 0;
    for (const std::uint64_t from : sources.first(std::min<std::size_t>(3, sources.size()))) {
      const std::uint64_t back = from == 0 ? 0 : number_ - from;
      one.sources[k++] = back > 0xffffffffULL ? 0 : static_cast<std::uint32_t>(back);
    }
    batch_.push_back(one);
    if (batch_.size() == kBatch) flush();
    return number_;
  }

  double value(const Program::Sum& sum) {
    double value = sum.constant;
    for (const auto& [loop, by] : sum.terms) value += by * iteration(loop);
    return value;
  }

  double trips(int id) {
    const Program::Node& node = program_.nodes_[static_cast<std::size_t>(id + 1)];
    if (!node.begins.empty()) {
      double begin = value(node.begins[0]), end = value(node.ends[0]);
      for (const Program::Sum& one : node.begins) begin = std::max(begin, value(one));
      for (const Program::Sum& one : node.ends) end = std::min(end, value(one));
      return std::max(0.0, std::ceil((end - begin) / node.step));
    }
    double wanted = node.trips;
    if (!node.fixed && node.bounded_by >= 0 && node.parent_trips > 1.0) {
      const double at = std::clamp(iteration(node.bounded_by) / (node.parent_trips - 1.0), 0.0, 1.0);
      wanted = node.shrinks ? node.most - at * (node.most - node.least)
                            : node.least + at * (node.most - node.least);
    }
    // What rounding takes from one entry the next ones get.
    double& owed = owed_[static_cast<std::size_t>(id + 1)];
    const double whole = std::max(0.0, std::round(wanted + owed));
    owed = std::clamp(owed + wanted - whole, -1.0, 1.0);
    return whole;
  }

  void jump(const Program::Node& node, bool taken) {
    const std::array<std::uint64_t, 1> counter = {last(node.counter, 0)};
    Instruction one;
    one.place = node.place;
    last(node.counter, 0) = push(one, counter);
    one.kind = Kind::branch;
    one.place = node.place + 1;
    one.taken = taken;
    const std::array<std::uint64_t, 1> counted = {last(node.counter, 0)};
    push(one, counted);
  }

  void hand_on(const Program::Node& node, int copies) {
    if (node.carries.empty()) return;
    handing_.clear();
    for (const Program::Carry& carry : node.carries)
      for (int u = 0; u < copies; ++u) handing_.push_back(last(carry.next, u));
    std::size_t k = 0;
    for (const Program::Carry& carry : node.carries)
      for (int u = 0; u < copies; ++u) last(carry.to, u) = handing_[k++];
  }

  /// Copies and lanes of what a loop hands on become one.
  void reduce(const Program::Node& node) {
    std::uint32_t place = node.place + 2;
    for (const Program::Carry& carry : node.carries) {
      std::uint64_t sum = last(carry.to, 0);
      Instruction one;
      const Kind kind = carry.real ? Kind::fp_add : Kind::vector;
      for (int u = 1; u < static_cast<int>(node.interleave); ++u) {
        one.kind = kind, one.place = place++;
        sum = push(one, std::array<std::uint64_t, 2>{sum, last(carry.to, u)});
      }
      for (double lanes = node.lanes; lanes > 1.0; lanes /= 2.0) {
        one.kind = Kind::vector, one.place = place++;
        const std::uint64_t moved = push(one, std::array<std::uint64_t, 1>{sum});
        one.kind = kind, one.place = place++;
        sum = push(one, std::array<std::uint64_t, 2>{sum, moved});
      }
      for (int u = 0; u < Program::kCopies; ++u) last(carry.to, u) = sum;
      last(carry.next, 0) = sum;
    }
  }

  /// Whether what a loop holds gives no instruction in its iterations between the first and the last, where
  /// loops around it stand as they do: all of it has left the loop.
  bool silent_between(int loop, int id) {
    for (const Program::Event& event : program_.nodes_[static_cast<std::size_t>(id + 1)].events) {
      if (!event.loop) {
        if (!silent_between(loop, program_.ops_[static_cast<std::size_t>(event.index)])) return false;
        continue;
      }
      const Program::Node& inner = program_.nodes_[static_cast<std::size_t>(event.index + 1)];
      if (inner.fixed && inner.trips == 0.0) continue;
      if (inner.left || !silent_between(loop, event.index)) return false;
    }
    return true;
  }
  bool silent_between(int loop, const Program::Op& op) {
    const auto left_it = [&](const std::vector<int>& loops, bool first) {
      return std::any_of(loops.begin(), loops.end(), [&](int one) {
        if (one == loop) return true;
        if (!inside_[static_cast<std::size_t>(one + 1)]) return false;
        return first ? iteration(one) > 0.5
                     : iteration(one) + 1.0 < trips_[static_cast<std::size_t>(one + 1)];
      });
    };
    return left_it(op.first_of, true) || left_it(op.last_of, false);
  }

  /// Iterations of a loop from where it stands, `wide` at once.
  void iterate(int id, double count, double lanes, int copies) {
    const Program::Node& node = program_.nodes_[static_cast<std::size_t>(id + 1)];
    const double lanes_before = lanes_;
    const int copies_before = copies_, loop_before = lanes_loop_;
    if (node.left) lanes_ = lanes, copies_ = copies, lanes_loop_ = id;
    const double step = node.left ? lanes * copies : 1.0;
    double until_jump = node.unrolled;
    const bool silent = !node.left && count > 3.0 && silent_between(id, id);
    for (double k = 0.0; k < count && !stopped_; ++k) {
      body(id);
      hand_on(node, node.left ? copies : 1);
      if (silent && k == 1.0) {
        // The turns up to the last one are all like this one.
        for (std::size_t j = 0; j < node.carries.size(); ++j) hand_on(node, 1);
        iteration(id) += count - 3.0;
        k = count - 2.0;
      }
      if (!node.left || node.whole) {
        iteration(id) += step;
        continue;
      }
      if (--until_jump <= 0.5) {
        jump(node, k + 1.0 < count);
        until_jump = node.unrolled;
      } else if (k + 1.0 >= count) {
        jump(node, false);
      }
      iteration(id) += step;
    }
    lanes_ = lanes_before, copies_ = copies_before, lanes_loop_ = loop_before;
  }

  void enter(int id) {
    const Program::Node& node = program_.nodes_[static_cast<std::size_t>(id + 1)];
    const double all = trips(id);
    trips_[static_cast<std::size_t>(id + 1)] = all;
    iteration(id) = 0.0;
    if (all <= 0.0) return;
    for (const Program::Carry& carry : node.carries) {
      const std::uint64_t begin = carry.initial >= 0 ? last(carry.initial, 0) : 0;
      for (int u = 0; u < Program::kCopies; ++u) last(carry.to, u) = begin;
    }
    last(node.counter, 0) = 0;
    inside_[static_cast<std::size_t>(id + 1)] = true;
    if (!node.left) {
      iterate(id, all, 1.0, 1);
    } else {
      const WalkedSplit split = walked(node, all);
      if (split.blocks > 0.0) {
        iterate(id, split.blocks, node.lanes, static_cast<int>(node.interleave));
        if (!node.carries.empty()) reduce(node);
      }
      if (split.halves > 0.0) iterate(id, split.halves, split.half, 1);
      if (split.rest > 0.0) iterate(id, split.rest, 1.0, 1);
    }
    iteration(id) = all - 1.0;
    inside_[static_cast<std::size_t>(id + 1)] = false;
  }

  void body(int id) {
    ++turn_;
    if (turn_ % kTurnsUnasked == 0 && !stopped_) stopped_ = !sink_({});
    const std::uint64_t turn = turns_[static_cast<std::size_t>(id + 1)] = turn_;
    for (const Program::Event& event : program_.nodes_[static_cast<std::size_t>(id + 1)].events) {
      if (stopped_) return;
      if (!event.loop)
        emit(event.index, turn, id);
      else if (runs(program_.nodes_[static_cast<std::size_t>(event.index + 1)].in, turn, id))
        enter(event.index);
    }
  }

  /// Whether a side of a branch is taken in this turn of its loop; the jump that decides it comes along with
  /// the first that asks.
  bool runs(const Program::Side& in, std::uint64_t turn, int id) {
    if (in.fork < 0) return true;
    const auto number = static_cast<std::size_t>(in.fork);
    Decided& decided = decided_[number];
    if (decided.turn != turn) {
      const Program::Fork& fork = program_.forks_[number];
      decided = {turn, -1};  // it is not come to
      if (runs(fork.in, turn, id)) {
        decided.side = decide(fork, turn, id);
        Instruction one;
        one.kind = Kind::branch;
        one.place = fork.place;
        one.taken = decided.side != 0;
        push(one, std::array<std::uint64_t, 1>{fork.condition < 0 ? 0 : last(fork.condition, 0)});
      }
    }
    return decided.side == in.side;
  }

  /// The side that is taken.
  int decide(const Program::Fork& fork, std::uint64_t turn, int id) {
    if (!fork.first.empty()) {
      const bool holds = std::all_of(fork.first.begin(), fork.first.end(), [&](const auto& one) {
        const double at = value(one.sum);
        return at < 0.0 ? one.below : at > 0.0 ? one.above : one.at;
      });
      return holds ? 0 : 1;
    }
    double at = 0.0;
    if (fork.known && fork.in.fork < 0) {
      at = iteration(id) / std::max(1.0, trips_[static_cast<std::size_t>(id + 1)]);
    } else {
      const std::uint64_t when = fork.known ? turn : turns_[static_cast<std::size_t>(fork.drawn_in + 1)];
      at = static_cast<double>(mixed(mixed(when, 17), fork.key) >> 11U) * 0x1p-53;
    }
    int side = 0;
    for (const double share : fork.shares) {
      if (at < share) break;
      at -= share, ++side;
    }
    return side;
  }

  void emit(int index, std::uint64_t turn, int id) {
    const Program::Op& op = program_.ops_[static_cast<std::size_t>(index)];
    for (const int loop : op.first_of)
      if (iteration(loop) > 0.5) return;
    for (const int loop : op.last_of)
      if (iteration(loop) + 1.0 < trips_[static_cast<std::size_t>(loop + 1)]) return;
    const std::uint64_t time = times_[static_cast<std::size_t>(index)]++;
    if (op.row > 1.0) {
      const double at = op.along >= 0 ? iteration(op.along) : static_cast<double>(time);
      if (std::fmod(at, op.row) != 0.0) return;
    }
    // In lanes both sides are computed.
    if (!(op.copied && lanes_ > 1.0) && !runs(op.in, turn, id)) return;
    const double lanes = op.copied ? lanes_ : 1.0;
    const double lane_move = lane_move_of(op, lanes_loop_);
    const Made made = made_of(op, lanes, program_.vector_bytes_, lane_move);
    const int copies = op.copied ? copies_ : 1;
    const bool access = op.kind == Kind::load || op.kind == Kind::store;
    double offset = 0.0;
    if (access) {
      offset = op.constant;
      for (const auto& [loop, bytes] : op.moves) offset += bytes * iteration(loop);
    }
    for (int u = 0; u < copies; ++u) {
      std::array<std::uint64_t, 3> sources = {};
      for (std::size_t k = 0; k < std::min<std::size_t>(3, op.sources.size()); ++k)
        if (const auto [reg, copied] = op.sources[k]; reg >= 0) sources[k] = last(reg, copied ? u : 0);
      const std::uint64_t made_now = access ? reach(op, made, sources, offset + lane_move * lanes * u,
                                                    time * Program::kCopies + static_cast<std::uint64_t>(u))
                                            : compute(op, made, sources);
      if (op.result >= 0) last(op.result, u) = made_now;
    }
  }

  std::uint64_t compute(const Program::Op& op, const Made& made, std::array<std::uint64_t, 3> sources) {
    Instruction one;
    one.kind = op.kind;
    std::uint64_t result = 0;
    std::uint32_t step = 0;
    const auto chain = static_cast<int>(made.chain), rows = static_cast<int>(made.accesses);
    const int beside = rows > 0 ? static_cast<int>(made.beside / rows) : 0;
    for (int row = 0; row < rows; ++row) {
      one.place = op.place + step++ % (Program::kPlaces - 1);
      result = push(one, sources);
      for (int k = 1; k < chain; ++k) {
        one.place = op.place + step++ % (Program::kPlaces - 1);
        result = push(one, std::array<std::uint64_t, 1>{result});
      }
      for (int k = 0; k < beside; ++k) {
        Instruction other;
        other.kind = k % 2 == 0 ? Kind::fp_add : Kind::integer;
        other.place = op.place + step++ % (Program::kPlaces - 1);
        push(other, std::array<std::uint64_t, 1>{sources[0]});
      }
    }
    return result;
  }

  std::uint64_t reach(const Program::Op& op, const Made& made, std::array<std::uint64_t, 3> sources,
                      double offset, std::uint64_t time) {
    Instruction one;
    one.kind = op.kind;
    one.bytes = static_cast<std::uint16_t>(std::max(1.0, made.bytes));
    std::uint64_t result = 0, shuffled = 0;
    const auto count = static_cast<int>(made.accesses), beside = static_cast<int>(made.beside);
    std::uint32_t step = 0;
    Instruction other;
    other.kind = Kind::vector;
    if (op.kind == Kind::store)
      for (int k = 0; k < beside; ++k) {
        other.place = op.place + 32 + static_cast<std::uint32_t>(k % 31);
        shuffled = push(other, std::array<std::uint64_t, 1>{sources[0]});
      }
    if (shuffled != 0) sources[0] = shuffled;
    for (int k = 0; k < count; ++k) {
      double place = offset + made.apart * k;
      for (const auto& [size, bytes] : op.anywhere)
        place +=
            bytes * std::floor(static_cast<double>(mixed(mixed(mixed(op.place, time), k), bytes) >> 11U) *
                               0x1p-53 * size);
      auto at = static_cast<std::int64_t>(place);
      const auto size = static_cast<std::int64_t>(op.buffer_bytes);
      if (at < 0 || at >= size) at = ((at % size) + size) % size;  // of bounds that are means
      one.address = op.base + static_cast<std::uint64_t>(at);
      one.place = op.place + step++ % 32;
      result = push(one, sources);
      if (op.kind == Kind::load && k < beside) {
        other.place = op.place + 32 + static_cast<std::uint32_t>(k % 31);
        shuffled = push(other, std::array<std::uint64_t, 2>{result, shuffled});
      }
    }
    return op.kind == Kind::load && shuffled != 0 ? shuffled : result;
  }

  const Program& program_;
  const TraceSink& sink_;
  std::vector<Instruction> batch_;
  std::vector<std::uint64_t> last_;               ///< by register and copy: the number of what gave it last
  std::vector<double> iteration_, trips_, owed_;  ///< by loop + 1
  std::vector<bool> inside_;                      ///< by loop + 1: it is being walked
  std::vector<std::uint64_t> times_;              ///< by op
  std::vector<std::uint64_t> handing_;
  std::vector<std::uint64_t> turns_;  ///< by loop + 1: the last one of its turns
  struct Decided {
    std::uint64_t turn = 0;
    int side = -1;
  };
  std::vector<Decided> decided_;  ///< by fork
  std::uint64_t number_ = 0, handed_ = 0, turn_ = 0;
  double lanes_ = 1.0;
  int copies_ = 1, lanes_loop_ = -1;
  bool stopped_ = false;
};

std::uint64_t Program::run(const TraceSink& sink) const { return Walker(*this, sink).run(); }

}  // namespace hone::cost::simulator
