#include "hone/task/cell.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/mix.h"

namespace hone::task {
namespace {

/// A flat sum: ids of inputs and of operations, repeated where one is added twice.
using Sum = std::vector<int>;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  return finalised(hash + value + 0x9e3779b97f4a7c15ULL);  // over a running sum
}

std::uint64_t mixed(std::uint64_t hash, std::vector<std::uint64_t> values) {
  std::sort(values.begin(), values.end());
  for (const std::uint64_t value : values) hash = mixed(hash, value);
  return mixed(hash, values.size());
}

/// A cell as operations on flat sums, and its canonical order.
class Canonicalizer {
 public:
  explicit Canonicalizer(const Cell& cell) : inputs_(cell.inputs) {
    for (int id = 0; id < inputs_; ++id) nodes_.push_back({});
    flatten(cell);
    find_live();
    number();
  }

  Cell result() const {
    Cell cell;
    cell.inputs = inputs_;
    for (const int id : order_)
      if (id >= inputs_) cell.states.push_back({terms(nodes_[id].sum), nodes_[id].op});
    std::vector<Sum> parts;
    for (const Sum& part : parts_) parts.push_back(renumbered(part));
    std::sort(parts.begin(), parts.end());
    for (const Sum& part : parts) {
      if (part.size() == 1) {
        cell.outputs.push_back(part.front());
        continue;
      }
      cell.outputs.push_back(inputs_ + static_cast<int>(cell.states.size()));
      CellState state;
      for (const int id : part) state.terms.push_back({id});
      cell.states.push_back(std::move(state));
    }
    cell.added = terms(added_);
    return cell;
  }

 private:
  struct Node {
    std::string op = {};
    Sum sum = {};
  };

  /// Adds what an operation makes of a sum to another one.
  void apply(const std::string& op, const Sum& sum, Sum& into) {
    if (op == "none") return;
    if (passes_on(op)) {
      into.insert(into.end(), sum.begin(), sum.end());
    } else if (!sum.empty() || !keeps_zero(op)) {
      into.push_back(static_cast<int>(nodes_.size()));
      nodes_.push_back({op, sum});
    }
  }

  void flatten(const Cell& cell) {
    std::vector<Sum> value;
    for (int id = 0; id < inputs_; ++id) value.push_back({id});
    const auto of = [&](int state) -> const Sum& {
      if (state < 0 || state >= static_cast<int>(value.size()))
        throw internal_error("a cell's state uses one that does not come before it");
      return value[static_cast<std::size_t>(state)];
    };
    const auto sum_of = [&](const std::vector<CellTerm>& list) {
      Sum sum;
      for (const CellTerm& term : list) apply(term.op, of(term.from), sum);
      return sum;
    };
    for (const CellState& state : cell.states) {
      const Sum sum = sum_of(state.terms);
      Sum result;
      apply(state.op, sum, result);
      value.push_back(std::move(result));
    }
    for (const int output : cell.outputs) parts_.push_back(of(output));
    added_ = sum_of(cell.added);
  }

  void find_live() {
    live_.assign(nodes_.size(), false);
    const auto mark = [&](const Sum& sum) {
      for (const int id : sum) live_[static_cast<std::size_t>(id)] = true;
    };
    for (const Sum& part : parts_) mark(part);
    mark(added_);
    for (std::size_t id = nodes_.size(); id-- > 0;)
      if (live_[id]) mark(nodes_[id].sum);
    for (int id = 0; id < inputs_; ++id) live_[static_cast<std::size_t>(id)] = true;
  }

  /// Colours by what lies below a node and above it, until no class splits; then of two that are equal one is
  /// set apart, and so on until all differ.
  void number() {
    const std::size_t n = nodes_.size();
    colour_.resize(n);
    level_.assign(n, 0);
    for (std::size_t id = 0; id < n; ++id) {
      colour_[id] = hash_key(nodes_[id].op).low;
      if (static_cast<int>(id) < inputs_) colour_[id] = mixed(colour_[id], id + 1);
      for (const int from : nodes_[id].sum)
        level_[id] = std::max(level_[id], level_[static_cast<std::size_t>(from)] + 1);
    }
    for (std::size_t id = 0; id < n; ++id)
      if (live_[id]) order_.push_back(static_cast<int>(id));
    for (;;) {
      refine();
      // Inputs keep their places; operations go by level, so that they come after what they use.
      std::sort(order_.begin(), order_.end(), [&](int a, int b) { return rank(a) < rank(b); });
      const auto tie = std::adjacent_find(order_.begin(), order_.end(), [&](int a, int b) {
        return a >= inputs_ && colour_[static_cast<std::size_t>(a)] == colour_[static_cast<std::size_t>(b)];
      });
      if (tie == order_.end()) break;
      auto& colour = colour_[static_cast<std::size_t>(*tie)];
      colour = mixed(colour, 1);
    }
    number_.assign(n, -1);
    for (std::size_t i = 0; i < order_.size(); ++i)
      number_[static_cast<std::size_t>(order_[i])] = static_cast<int>(i);
  }

  std::tuple<int, std::uint64_t, int> rank(int id) const {
    if (id < inputs_) return {-1, static_cast<std::uint64_t>(id), id};
    return {level_[static_cast<std::size_t>(id)], colour_[static_cast<std::size_t>(id)], id};
  }

  void refine() {
    for (std::size_t classes = count_classes();;) {
      round();
      const std::size_t finer = count_classes();
      if (finer <= classes) return;
      classes = finer;
    }
  }

  void round() {
    const std::size_t n = nodes_.size();
    std::vector<std::uint64_t> up(n), down(n);
    std::vector<std::vector<std::uint64_t>> above(n);
    std::vector<std::vector<std::size_t>> users(n);
    for (std::size_t id = 0; id < n; ++id) {
      if (!live_[id]) continue;
      std::vector<std::uint64_t> below;
      for (const int from : nodes_[id].sum) {
        below.push_back(up[static_cast<std::size_t>(from)]);
        users[static_cast<std::size_t>(from)].push_back(id);
      }
      up[id] = mixed(colour_[id], std::move(below));
    }
    const auto out = [&](const Sum& part, std::uint64_t name) {
      std::vector<std::uint64_t> all;
      for (const int id : part) all.push_back(up[static_cast<std::size_t>(id)]);
      const std::uint64_t whole = mixed(name, std::move(all));
      for (const int id : part) above[static_cast<std::size_t>(id)].push_back(whole);
    };
    for (const Sum& part : parts_) out(part, 2);
    out(added_, 3);
    for (std::size_t id = n; id-- > 0;) {
      if (!live_[id]) continue;
      for (const std::size_t user : users[id]) above[id].push_back(mixed(up[user], down[user]));
      down[id] = mixed(4, std::move(above[id]));
      colour_[id] = mixed(up[id], down[id]);
    }
  }

  std::size_t count_classes() const {
    std::vector<std::uint64_t> seen;
    for (std::size_t id = 0; id < nodes_.size(); ++id)
      if (live_[id]) seen.push_back(colour_[id]);
    std::sort(seen.begin(), seen.end());
    return static_cast<std::size_t>(std::unique(seen.begin(), seen.end()) - seen.begin());
  }

  Sum renumbered(const Sum& sum) const {
    Sum numbers;
    for (const int id : sum) numbers.push_back(number_[static_cast<std::size_t>(id)]);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }

  std::vector<CellTerm> terms(const Sum& sum) const {
    std::vector<CellTerm> list;
    for (const int id : renumbered(sum)) list.push_back({id});
    return list;
  }

  int inputs_;
  std::vector<Node> nodes_;  ///< inputs first
  std::vector<Sum> parts_;
  Sum added_;
  std::vector<bool> live_;
  std::vector<int> level_;
  std::vector<std::uint64_t> colour_;
  std::vector<int> order_;
  std::vector<int> number_;
};

std::string sum_text(const std::vector<CellTerm>& terms) {
  std::string text;
  for (const CellTerm& term : terms) {
    if (!text.empty()) text += '+';
    text += passes_on(term.op) ? fmt::format("{}", term.from) : fmt::format("{}({})", term.op, term.from);
  }
  return text.empty() ? "zero" : text;
}

}  // namespace

bool passes_on(const std::string& op) { return op.empty() || op == "skip_connect"; }

bool keeps_zero(const std::string& op) {
  return op == "none" || passes_on(op) || op.starts_with("avg_pool") || op.starts_with("max_pool") ||
         op.starts_with("maxpool");
}

std::string Cell::text() const {
  std::string text;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const CellState& state = states[i];
    const std::string sum = sum_text(state.terms);
    text += fmt::format("{}={} ", inputs + static_cast<int>(i),
                        state.op.empty() ? sum : fmt::format("{}({})", state.op, sum));
  }
  text += "out=";
  for (std::size_t i = 0; i < outputs.size(); ++i) text += fmt::format("{}{}", i > 0 ? "," : "", outputs[i]);
  if (!added.empty()) text += fmt::format("+{}", sum_text(added));
  return text;
}

Cell canonical(const Cell& cell) { return Canonicalizer(cell).result(); }

Key key(const Cell& cell) {
  const Cell form = canonical(cell);
  return KeyBuilder().text("cell 1").integer(form.inputs).text(form.text()).build();
}

}  // namespace hone::task
