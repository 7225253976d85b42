#include "hone/cost/mlir/jumps.h"

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>

namespace hone::cost::mlir {
namespace {

bool in_block_name(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         c == '.' || c == '-';
}

/// The blocks that each one's last operation names, in the order of the text.
std::vector<Few<int>> jump_targets(const Module& module, const std::vector<Block>& blocks) {
  std::vector<Few<int>> to(blocks.size());
  std::unordered_map<std::string_view, int> labels;
  for (std::size_t b = 0; b < blocks.size(); ++b) labels.try_emplace(blocks[b].label, static_cast<int>(b));
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    if (blocks[b].operations.empty()) continue;
    const std::string_view text =
        module.operations[static_cast<std::size_t>(blocks[b].operations.back())].text;
    for (std::size_t at = text.find('^'); at != std::string_view::npos; at = text.find('^', at + 1)) {
      std::size_t end = at + 1;
      while (end < text.size() && in_block_name(text[end])) ++end;
      const auto found = labels.find(text.substr(at, end - at));
      if (found != labels.end()) to[b].push_back(found->second);
    }
  }
  return to;
}

/// Puts blocks in the order of control.
class BlockOrder {
 public:
  explicit BlockOrder(const std::vector<Few<int>>& to)
      : to_(to), entered_(to.size(), -1), left_(to.size(), -1), rank_(to.size(), -1), around_(to.size()) {
    reach();
    find_loops();
  }

  /// Blocks that the first leads to.
  std::vector<int> blocks() const {
    if (in_order()) return reached_;
    return sorted();
  }
  bool reached(int block) const { return entered_[static_cast<std::size_t>(block)] >= 0; }

 private:
  struct NaturalLoop {
    std::vector<int> blocks;  ///< the one that is jumped back to first
    std::vector<int> then;    ///< what it goes on with
  };

  /// A walk from the first block, each block's jumps in order; numbers when it came to each and left it.
  void reach() {
    int clock = 0;
    std::vector<std::pair<int, std::size_t>> path;
    const auto enter = [&](int block) {
      entered_[static_cast<std::size_t>(block)] = clock++;
      path.emplace_back(block, 0);
    };
    if (!to_.empty()) enter(0);
    while (!path.empty()) {
      const auto [block, jump] = path.back();
      const Few<int>& to = to_[static_cast<std::size_t>(block)];
      if (jump == to.size()) {
        left_[static_cast<std::size_t>(block)] = clock++;
        path.pop_back();
      } else {
        ++path.back().second;
        if (!reached(to[jump])) enter(to[jump]);
      }
    }
    for (int block = 0; block < static_cast<int>(to_.size()); ++block) {
      if (!reached(block)) continue;
      rank_[static_cast<std::size_t>(block)] = static_cast<int>(reached_.size());
      reached_.push_back(block);
    }
  }

  /// The walk came to `block` from `other`, or it is that: a jump from it to `other` goes back.
  bool behind(int block, int other) const {
    const auto b = static_cast<std::size_t>(block), o = static_cast<std::size_t>(other);
    return entered_[o] <= entered_[b] && left_[b] <= left_[o];
  }

  void find_loops() {
    std::vector<Few<int>> from(to_.size());
    std::map<int, std::vector<int>> back;  // by the block that is jumped back to
    for (const int block : reached_)
      for (const int to : to_[static_cast<std::size_t>(block)]) {
        from[static_cast<std::size_t>(to)].push_back(block);
        if (behind(block, to)) back[to].push_back(block);
      }
    std::vector<int> inside(to_.size(), -1);  // the last loop that it was found in
    for (auto& [head, open] : back) {
      const auto number = static_cast<int>(loops_.size());
      NaturalLoop& loop = loops_.emplace_back();
      const auto take = [&](int block) {
        inside[static_cast<std::size_t>(block)] = number;
        around_[static_cast<std::size_t>(block)].push_back(number);
        loop.blocks.push_back(block);
      };
      take(head);
      while (!open.empty()) {
        const int block = open.back();
        open.pop_back();
        if (inside[static_cast<std::size_t>(block)] == number) continue;
        take(block);
        for (const int by : from[static_cast<std::size_t>(block)])
          if (behind(by, head)) open.push_back(by);
      }
      for (const int block : loop.blocks)
        for (const int to : to_[static_cast<std::size_t>(block)])
          if (inside[static_cast<std::size_t>(to)] != number && !behind(block, to)) loop.then.push_back(to);
    }
  }

  bool in_order() const {
    const auto rank = [&](int block) { return rank_[static_cast<std::size_t>(block)]; };
    for (const int block : reached_)
      for (const int to : to_[static_cast<std::size_t>(block)])
        if (rank(to) <= rank(block) && !behind(block, to)) return false;
    return std::ranges::all_of(loops_, [&](const NaturalLoop& loop) {
      const int first = rank(loop.blocks[0]), size = static_cast<int>(loop.blocks.size());
      return std::ranges::all_of(
          loop.blocks, [&](int block) { return rank(block) >= first && rank(block) < first + size; });
    });
  }

  /// Each block behind all that lead to it and behind the loops that do, the latest that may follow first:
  /// what begins is done before what waits beside it.
  std::vector<int> sorted() const {
    std::vector<int> waits(to_.size(), 0), ready = {0}, order;
    std::vector<bool> placed(to_.size(), false);
    std::vector<std::size_t> left;  // by loop: blocks that are to come
    for (const NaturalLoop& loop : loops_) {
      left.push_back(loop.blocks.size());
      for (const int block : loop.then) ++waits[static_cast<std::size_t>(block)];
    }
    for (const int block : reached_)
      for (const int to : to_[static_cast<std::size_t>(block)])
        if (!behind(block, to)) ++waits[static_cast<std::size_t>(to)];
    std::vector<int> follow;
    const auto comes = [&](int block) {
      if (--waits[static_cast<std::size_t>(block)] == 0) follow.push_back(block);
    };
    for (std::size_t first = 0; order.size() < reached_.size();) {
      // Loops that are entered in several places may wait for each other: then as it is written.
      while (ready.empty() && placed[static_cast<std::size_t>(reached_[first])]) ++first;
      const int block = ready.empty() ? reached_[first] : ready.back();
      if (!ready.empty()) ready.pop_back();
      if (placed[static_cast<std::size_t>(block)]) continue;
      placed[static_cast<std::size_t>(block)] = true;
      order.push_back(block);
      follow.clear();
      for (const int to : to_[static_cast<std::size_t>(block)])
        if (!behind(block, to)) comes(to);
      for (const int loop : around_[static_cast<std::size_t>(block)])
        if (--left[static_cast<std::size_t>(loop)] == 0)
          for (const int to : loops_[static_cast<std::size_t>(loop)].then) comes(to);
      std::ranges::sort(follow, std::greater<>());
      ready.insert(ready.end(), follow.begin(), follow.end());
    }
    return order;
  }

  const std::vector<Few<int>>& to_;
  std::vector<int> entered_, left_;  ///< by block; -1: nothing leads to it
  std::vector<int> rank_;            ///< by block: which of those it is in the text
  std::vector<Few<int>> around_;     ///< by block: loops
  std::vector<int> reached_;
  std::vector<NaturalLoop> loops_;
};

}  // namespace

Jumps jumps_of(const Module& module, int region) {
  const std::vector<Block>& blocks = module.regions[static_cast<std::size_t>(region)].blocks;
  const std::vector<Few<int>> to = jump_targets(module, blocks), none(blocks.size());
  const BlockOrder control(to);
  std::vector<int> order = control.blocks(), place(blocks.size());
  for (int b = 0; b < static_cast<int>(blocks.size()); ++b)
    if (!control.reached(b)) order.push_back(b);
  Jumps jumps{region, {}, none, none, std::vector<int>(blocks.size(), -1), {}};
  for (std::size_t b = 0; b < order.size(); ++b) {
    place[static_cast<std::size_t>(order[b])] = static_cast<int>(b);
    jumps.blocks.push_back(&blocks[static_cast<std::size_t>(order[b])]);
  }
  for (std::size_t b = 0; b < order.size(); ++b) {
    if (!control.reached(order[b])) break;
    for (const int target : to[static_cast<std::size_t>(order[b])]) {
      const int other = place[static_cast<std::size_t>(target)];
      jumps.to[b].push_back(other);
      jumps.from[static_cast<std::size_t>(other)].push_back(static_cast<int>(b));
      if (other <= static_cast<int>(b)) jumps.last[static_cast<std::size_t>(other)] = static_cast<int>(b);
    }
  }
  // The jump that leaves a loop may be the one that goes back in the loop around it, whose blocks end later.
  jumps.end = jumps.last;
  for (std::size_t head = blocks.size(); head-- > 0;)
    for (int b = static_cast<int>(head) + 1; b <= jumps.end[head]; ++b) {
      b = std::max(b, jumps.end[static_cast<std::size_t>(b)]);
      jumps.end[head] = std::max(jumps.end[head], b);
    }
  return jumps;
}

}  // namespace hone::cost::mlir
