// Blocks that jump to each other: those that are jumped back to are loops.
#include <algorithm>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// Ways and loops of blocks inside each other: so deep ways are told apart, and loops. What is further inside
/// counts once.
constexpr int kMostWays = 256, kMostInside = 4096;

/// What comes back to a loop's first block as its argument: what that has itself handed on, where the others
/// only pass it back.
int passed_on(const Few<std::pair<int, int>>& handed, int next, int argument) {
  for (const auto& [name, value] : handed)
    if (name == next && value != argument) return value;
  return next;
}

}  // namespace

void NestBuilder::jumps(int region, At at) {
  const Jumps jumps = jumps_of(module_, region);
  blocks(jumps, {0, static_cast<int>(jumps.blocks.size()), -1}, at);
}

void NestBuilder::blocks(const Jumps& jumps, Walk walk, At at) {
  const int entered = at.loop;
  const int inside = inside_++;
  for (int b = walk.begin; b < walk.end; ++b) {
    const int last = std::min(jumps.end[static_cast<std::size_t>(b)], walk.end - 1);
    const bool head = jumps.last[static_cast<std::size_t>(b)] >= 0;
    const bool begins =
        head && (b > walk.begin || heads_.empty() || heads_.back() != std::pair(jumps.region, b));
    if (begins && inside < kMostInside) {
      const std::optional<Counter> counter = this->counter(jumps, b);
      const Points trips =
          counter ? counter->trips : Points(samples_, static_cast<double>(Nest::kUnknownTrips));
      const int loop =
          add_loop({entered, at.share, at.under}, trips, false, counter && counter->known, false);
      handed_back(jumps, b, loop, counter);
      weigh(loop, {entered, at.share, at.under});
      heads_.emplace_back(jumps.region, b);
      blocks(jumps, {b, last + 1, -1}, {loop, 1.0, at.under});
      heads_.pop_back();
      b = last;
      continue;
    }
    const auto& to = jumps.to[static_cast<std::size_t>(b)];
    const bool back = std::any_of(to.begin(), to.end(), [&](int other) { return other <= b; });
    // What goes on with the next block is no jump.
    const auto& operations = jumps.block(b).operations;
    if (to.size() == 1 && to[0] == b + 1 && !dead_.empty())
      dead_[static_cast<std::size_t>(operations.back())] = true;
    block(jumps.block(b), at);
    if (begins) ++nest_.branches;
    if (to.size() < 2 || head || back) continue;
    const auto ways = inside < kMostWays ? this->ways(jumps, b, walk) : std::nullopt;
    if (ways && both_ways(jumps, b, *ways, at))
      b = ways->second.end - 1;
    else
      ++nest_.branches;
  }
  --inside_;
}

/// Of a block that jumps to the next one or to another further on: the blocks of both ways, up to the one in
/// which all of them meet, which nothing else comes to. The second way may have none. Ways inside a way may
/// meet where that goes on: at the end of the walk.
std::optional<std::pair<NestBuilder::Walk, NestBuilder::Walk>> NestBuilder::ways(const Jumps& jumps,
                                                                                 int block, Walk walk) const {
  const auto place = [&](int to) { return to == walk.then ? walk.end : to; };
  const Few<int>& to = jumps.to[static_cast<std::size_t>(block)];
  if (to.size() != 2) return std::nullopt;
  const auto [first, second] = std::minmax({place(to[0]), place(to[1])});
  const int furthest = walk.then < 0 ? walk.end - 1 : walk.end;
  if (first != block + 1 || second == first || second > furthest) return std::nullopt;
  // Where blocks that only `block` jumps to from outside go behind their end; -1: to several, or nowhere.
  const auto leads = [&](int from, int behind) {
    int meet = -1;
    for (int b = from; b < behind; ++b) {
      const Few<int>&next = jumps.to[static_cast<std::size_t>(b)],
            &before = jumps.from[static_cast<std::size_t>(b)];
      const bool entered = std::ranges::any_of(
          before, [&](int by) { return (by < from || by >= behind) && (by != block || b != from); });
      if (entered || next.empty()) return -1;
      for (const int other : next) {
        const int goes = place(other);
        if (goes >= from && goes < behind) continue;
        if (goes < behind || (meet >= 0 && meet != goes)) return -1;
        meet = goes;
      }
    }
    return meet;
  };
  const int meet = leads(first, second);
  if (meet < 0 || meet > furthest || (meet != second && leads(second, meet) != meet)) return std::nullopt;
  const int then = meet == walk.end ? walk.then : meet;
  return std::pair(Walk{first, second, then}, Walk{second, meet, then});
}

/// Walks the two ways of a block whose condition is known, each as often as it is taken; false: it is not.
bool NestBuilder::both_ways(const Jumps& jumps, int block, const std::pair<Walk, Walk>& ways, At at) {
  const Operation& jump = module_.operations[static_cast<std::size_t>(jumps.block(block).operations.back())];
  if (!jump.name.ends_with("cond_br") || jump.operands.empty()) return false;
  Condition condition;
  const std::optional<double> taken = share({jump.operands[0], true}, condition, at);
  if (!taken) return false;
  const bool next = jumps.to[static_cast<std::size_t>(block)][0] == block + 1;
  const bool forks = *taken > 0.0 && *taken < 1.0;
  const std::size_t made =
      forks ? fork(at.loop, jump.operands[0], condition, {*taken, 1.0 - *taken}, true) : 0;
  const auto way = [&](const Walk& walk, bool holds) {
    const double share = holds ? *taken : 1.0 - *taken;
    if (!(share > 0.0 && walk.begin < walk.end)) return;
    const int begin = order_;
    side({at.loop, at.share * share, at.under}, condition, holds,
         [&](At inside) { blocks(jumps, walk, inside); });
    if (forks) nest_.forks[made].sides[holds ? 0 : 1] = {share, begin, order_};
  };
  way(ways.first, next);
  way(ways.second, !next);
  return true;
}

/// What a block's jump to another gives that one; none where that is not told. A jump to one of two has what
/// it gives the first behind its condition, then what it gives the second.
std::optional<std::span<const int>> NestBuilder::given(const Jumps& jumps, int by, int block) const {
  if (by < 0) return std::nullopt;
  const auto taken = [&](int b) { return jumps.block(b).arguments.size(); };
  const Few<int>& to = jumps.to[static_cast<std::size_t>(by)];
  if (to.empty()) return std::nullopt;
  const Operation& jump = module_.operations[static_cast<std::size_t>(jumps.block(by).operations.back())];
  const std::span<const int> operands = span_of(jump.operands);
  if (to.size() == 1) return operands.size() == taken(block) ? std::optional(operands) : std::nullopt;
  if (to.size() != 2 || to[0] == to[1] || !jump.name.ends_with("cond_br") ||
      operands.size() != 1 + taken(to[0]) + taken(to[1]))
    return std::nullopt;
  return operands.subspan(to[0] == block ? 1 : 1 + taken(to[0]), taken(block));
}

int NestBuilder::before(const Jumps& jumps, int head) {
  int before = -1;
  for (const int b : jumps.from[static_cast<std::size_t>(head)])
    if (b < head) before = b;
  return before;
}

/// Arguments of the loop's blocks that only its first one jumps to, and what it gives them.
Few<std::pair<int, int>> NestBuilder::handed_in(const Jumps& jumps, int head) const {
  Few<std::pair<int, int>> handed;
  for (const int b : jumps.to[static_cast<std::size_t>(head)]) {
    if (b <= head || b > jumps.end[static_cast<std::size_t>(head)]) continue;
    const bool others = jumps.from[static_cast<std::size_t>(b)].size() > 1;
    const auto values = given(jumps, head, b);
    if (others || !values) continue;
    const Few<int>& arguments = jumps.block(b).arguments;
    for (std::size_t i = 0; i < arguments.size(); ++i) handed.emplace_back(arguments[i], (*values)[i]);
  }
  return handed;
}

/// Of a loop that only its first block leaves, or only the one that jumps back, which compares a number.
std::optional<NestBuilder::Counter> NestBuilder::counter(const Jumps& jumps, int head) {
  const int end = jumps.end[static_cast<std::size_t>(head)],
            last = jumps.last[static_cast<std::size_t>(head)];
  const auto initial = given(jumps, before(jumps, head), head), next = given(jumps, last, head);
  if (!initial || !next) return std::nullopt;
  const auto leaves = [&](int to) { return to < head || to > end; };
  int test = -1;
  Few<int> others;  // that jump back, too
  for (int b = head; b <= end; ++b)
    for (const int to : jumps.to[static_cast<std::size_t>(b)]) {
      if (to == head && b != last) others.push_back(b);
      if (!leaves(to)) continue;
      if ((test >= 0 && test != b) || (b != head && b != last)) return std::nullopt;
      test = b;
    }
  if (test < 0 || (test != head && !others.empty())) return std::nullopt;
  const Few<int>& to = jumps.to[static_cast<std::size_t>(test)];
  const auto& operations = jumps.block(test).operations;
  const Few<int>& decides = module_.operations[static_cast<std::size_t>(operations.back())].operands;
  if (to.size() != 2 || leaves(to[0]) == leaves(to[1]) || decides.empty()) return std::nullopt;
  bool at_end = true;  // nothing is done behind the test
  for (int b = head + 1; b <= end && test != last; ++b)
    at_end = at_end && jumps.block(b).operations.size() == 1;
  const auto handed = handed_in(jumps, head);
  const Few<int>& arguments = jumps.block(head).arguments;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (std::ranges::any_of(others, [&](int b) {
          const auto by_other = given(jumps, b, head);
          return !by_other || (*by_other)[i] != (*next)[i];
        }))
      continue;
    Few<int> names = {arguments[i]};
    for (const auto& [name, value] : handed)
      if (value == arguments[i]) names.push_back(name);
    auto found = counter(decides[0], !leaves(to[0]), std::move(names), (*initial)[i],
                         passed_on(handed, (*next)[i], arguments[i]), at_end);
    if (!found) continue;
    for (const auto& [name, value] : handed)
      if (value == found->next) found->sums.push_back(name);
    return found;
  }
  return std::nullopt;
}

/// What a loop's first block is given by the jump to it and the jump back.
void NestBuilder::handed_back(const Jumps& jumps, int head, int loop, const std::optional<Counter>& counter) {
  const Few<int>& arguments = jumps.block(head).arguments;
  const int last = jumps.last[static_cast<std::size_t>(head)];
  const auto initial = given(jumps, before(jumps, head), head), next = given(jumps, last, head);
  if (counter) {
    counts_by(*counter, loop, nest_.loops[static_cast<std::size_t>(loop)].parent);
    // Jumps that are the loop's own, as those of loops that are written.
    const auto own = [&](int to) { return to <= head || to > jumps.end[static_cast<std::size_t>(head)]; };
    for (const int block : {head, last})
      if (!dead_.empty() && std::ranges::any_of(jumps.to[static_cast<std::size_t>(block)], own))
        dead_[static_cast<std::size_t>(jumps.block(block).operations.back())] = true;
  }
  const auto handed = handed_in(jumps, head);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    // As what an iteration knows it: what stands behind the first block has it from that.
    Few<int> names = {arguments[i]};
    for (const auto& [name, given] : handed)
      if (given == arguments[i]) names.push_back(name);
    for (const int name : names) stands_[name] = loop;
    if (!initial || !next || (counter && arguments[i] == counter->names[0])) continue;
    const Type& type = module_.type_of(arguments[i]);
    if (type.shaped() && type.kind != Type::Kind::vector) {
      for (const int name : names) same_place(name, (*initial)[i]);
      continue;
    }
    const int back = passed_on(handed, (*next)[i], arguments[i]);
    if (hands_on_pointer(span_of(names), back, (*initial)[i], loop)) continue;
    Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
    if (counted(span_of(names), back, (*initial)[i], loop)) {
      made.variables.insert(made.variables.end(), names.begin(), names.end());
      continue;
    }
    (type.real_elements() ? made.carries_real : made.carries_integer) = true;
    made.carried.push_back(names.back());
    made.yielded.push_back(back);
    made.initial.push_back((*initial)[i]);
    for (std::size_t k = 0; k + 1 < names.size(); ++k)
      nest_.flows.push_back({loop, false, order_++, {names[k]}, {names.back()}, true});
  }
  const Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
  const Few<int> from = made.carried, to = made.yielded;
  carried_chain(span_of(from), span_of(to), loop);
}

}  // namespace hone::cost::mlir
