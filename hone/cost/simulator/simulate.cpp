#include "hone/cost/simulator/simulate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "hone/base/clock.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/nest.h"

namespace hone::cost::simulator {

Program program_of(const mlir::Module& module, int function, const Core& core) {
  const mlir::Nest nest = mlir::nest(module, function);
  return Program(nest, mlir::lowered(nest, core.code_target()));
}

bool executes(const mlir::Module& module, int function) {
  const mlir::Nest nest = mlir::nest(module, function);
  return !nest.steps.empty() || !nest.accesses.empty();
}

std::uint64_t portion_of(const Program& program, const SimulateOptions& options) {
  if (options.portion >= 1.0)
    return options.most > 0 ? options.most : std::numeric_limits<std::uint64_t>::max();
  const double part = std::clamp(options.portion * program.instructions(), 1.0, 1e18);
  const auto wanted = std::max(static_cast<std::uint64_t>(part), options.least);
  return options.most > 0 ? std::min(wanted, options.most) : wanted;
}

namespace {

void prepare(CoreSimulator& core, const Program& program, const SimulateOptions& options) {
  if (!options.warm) return;
  for (const Program::Memory& one : program.buffers()) core.warm(one.address, one.bytes);
}

// Whether to go on is asked at first, then after so many instructions or so long, whichever comes first.
constexpr std::uint64_t kAskEvery = 1 << 17;
constexpr double kAskEvery_s = 0.1;

/// Hands a trace to a core up to a number of instructions.
class Feeding {
 public:
  Feeding(CoreSimulator& core, std::uint64_t most, const SimulateOptions& options)
      : core_(core), left_(most), options_(options) {}

  bool operator()(std::span<const Instruction> next) {
    const std::size_t take = std::min<std::uint64_t>(next.size(), left_);
    core_.run(next.first(take));
    left_ -= take;
    done_ += take;
    if (options_.going && (done_ >= ask_at_ || next.empty() || monotonic_s() >= ask_at_s_)) {
      ask_at_ = done_ + kAskEvery;
      ask_at_s_ = monotonic_s() + kAskEvery_s;
      if (!options_.going(done_)) stopped = true;
    }
    if (take < next.size() || left_ == 0) cut = true;
    return !stopped && !cut;
  }

  bool stopped = false;
  bool cut = false;  ///< the number was reached

 private:
  CoreSimulator& core_;
  std::uint64_t left_, done_ = 0, ask_at_ = kAskEvery;
  double ask_at_s_ = 0.0;
  const SimulateOptions& options_;
};

}  // namespace

SimulatedRun simulate(const Program& program, const Core& core, const SimulateOptions& options) {
  const double begin = monotonic_s();
  CoreSimulator simulator(core);
  prepare(simulator, program, options);
  Feeding feeding(simulator, portion_of(program, options), options);
  program.run([&](std::span<const Instruction> next) { return feeding(next); });
  SimulatedRun run;
  run.part = simulator.result();
  run.stopped = feeding.stopped;
  run.whole = !feeding.stopped && !feeding.cut;
  run.wall_s = monotonic_s() - begin;
  return run;
}

PortionAndWhole simulate_both(const Program& program, const Core& core, const SimulateOptions& options) {
  const double begin = monotonic_s();
  CoreSimulator simulator(core);
  prepare(simulator, program, options);
  SimulateOptions all = options;
  all.portion = 1.0;
  Feeding feeding(simulator, portion_of(program, all), options);
  PortionAndWhole both;
  std::uint64_t left = portion_of(program, options);
  program.run([&](std::span<const Instruction> next) {
    if (left > 0 && left <= next.size()) {
      // The portion ends inside: what is behind it is another piece.
      const bool more = feeding(next.first(left));
      both.portion = simulator.result();
      both.portion_s = monotonic_s() - begin;
      const auto rest = next.subspan(left);
      left = 0;
      return more && (rest.empty() || feeding(rest));
    }
    left -= std::min<std::uint64_t>(left, next.size());
    return feeding(next);
  });
  both.whole = simulator.result();
  both.whole_s = monotonic_s() - begin;
  both.finished = !feeding.stopped && !feeding.cut;
  if (left > 0) both.portion = both.whole, both.portion_s = both.whole_s;
  return both;
}

}  // namespace hone::cost::simulator
