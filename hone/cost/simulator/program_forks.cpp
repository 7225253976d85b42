// Branches: what stands in which side, and what decides it.
#include <algorithm>

#include "hone/cost/simulator/program_builder.h"

namespace hone::cost::simulator {
namespace {

constexpr double kAlways = 1.0 - 1e-6;  // of a share that sample points give

}  // namespace

/// Before what stands in them is made.
void ProgramBuilder::make_forks() {
  const std::size_t items = lowered_.items.size();
  const auto places = static_cast<std::uint32_t>(((nest_.loops.size() + 2) * 4 + items) * Program::kPlaces);
  for (const Nest::Fork& one : nest_.forks) {
    Program::Fork made;
    if (!one.sides.empty()) made.in = side_of(one.loop, one.sides[0].begin, 1.0);
    made.known = one.known;
    made.drawn_in = one.loop;
    made.place = places + static_cast<std::uint32_t>(program_.forks_.size());
    for (const Nest::Fork::Sign& sign : one.first)
      made.first.push_back({sum_of(sign.sum), sign.below, sign.at, sign.above});
    for (const Nest::Fork::Side& side : one.sides) made.shares.push_back(side.share);
    forks_in_[one.loop].push_back(static_cast<int>(program_.forks_.size()));
    program_.forks_.push_back(std::move(made));
  }
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
    if (orders_[i].second < 0) continue;  // nothing is in it
    const int around = nest_.loops[i].parent;
    const double turns = around < 0 ? 1.0 : loop(around).iterations;
    const double share = turns > 0.0 ? nest_.loops[i].entries / turns : 1.0;
    node(static_cast<int>(i)).in = side_of(around, orders_[i].first, share);
  }
}

/// What decides them, where that is an instruction.
void ProgramBuilder::enter_forks() {
  for (std::size_t i = 0; i < nest_.forks.size(); ++i) {
    const int condition = nest_.forks[i].condition;
    Program::Fork& made = program_.forks_[i];
    made.condition = condition == Nest::kNoValue ? -1 : first_source(condition);
    made.key = static_cast<std::uint64_t>(i);
    const auto found = made_in_.find(made.condition);
    if (found == made_in_.end()) continue;
    made.drawn_in = found->second;
    made.key = (std::uint64_t{1} << 32U) + static_cast<std::uint64_t>(made.condition);
  }
}

Program::Side ProgramBuilder::side_of(int loop, int order, double share) {
  if (const auto found = forks_in_.find(loop); found != forks_in_.end())
    for (auto fork = found->second.rbegin(); fork != found->second.rend(); ++fork) {
      const std::vector<Nest::Fork::Side>& sides = nest_.forks[static_cast<std::size_t>(*fork)].sides;
      for (std::size_t k = 0; k < sides.size(); ++k)
        if (order >= sides[k].begin && order < sides[k].end) return {*fork, static_cast<int>(k)};
    }
  if (share >= kAlways) return {};
  const auto [found, fresh] =
      other_forks_.try_emplace({loop, share}, static_cast<int>(program_.forks_.size()));
  if (fresh) {
    Program::Fork made;
    made.known = nest_.even_branches == 0;
    made.drawn_in = loop;
    made.key = static_cast<std::uint64_t>(found->second);
    made.shares = {share};
    const auto items = lowered_.items.size();
    made.place = static_cast<std::uint32_t>(((nest_.loops.size() + 2) * 4 + items) * Program::kPlaces) +
                 static_cast<std::uint32_t>(found->second);
    program_.forks_.push_back(std::move(made));
  }
  return {found->second, 0};
}

/// Of the times that its loop's body is walked.
double ProgramBuilder::share_of(Program::Side side) const {
  double share = 1.0;
  while (side.fork >= 0) {
    const Program::Fork& fork = program_.forks_[static_cast<std::size_t>(side.fork)];
    const auto at = static_cast<std::size_t>(side.side);
    share *= at < fork.shares.size() ? fork.shares[at] : 0.0;
    side = fork.in;
  }
  return share;
}

}  // namespace hone::cost::simulator
