// Truth values that others are joined to, by `and`, `or` and `not`.
#include <algorithm>
#include <array>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kMostConditions = 128;  // that a branch depends on, and what joins them
/// Lists of which not all hold, of one branch: each doubles the work.
constexpr std::size_t kMostLists = 4;

Condition::Literal negated(Condition::Literal literal) {
  literal.holds = !literal.holds;
  return literal;
}

}  // namespace

/// Adds what a literal takes to hold; false: it is joined of too many. `seen` counts them.
bool NestBuilder::condition(Literal literal, Condition& made, std::size_t& seen) {
  // An `and` may be of what others are of, too: each value says once what it says.
  std::vector<Literal> left{literal}, said;
  while (!left.empty()) {
    const Literal at = left.back();
    left.pop_back();
    if (std::find(said.begin(), said.end(), at) != said.end()) continue;
    if (++seen > kMostConditions) return false;
    said.push_back(at);
    if (const std::optional<Literal> same = same_truth(at)) {
      left.push_back(*same);
    } else if (const std::optional<Pair> two = pair(at); two && two->both) {
      left.push_back(two->second);
      left.push_back(two->first);
    } else if (two) {
      if (!either(at, *two, made, seen)) return false;
    } else if (std::optional<Constraint> one = constraint(at)) {
      made.all.push_back(std::move(*one));
    } else {
      made.computed.push_back({at});
    }
  }
  return true;
}

/// ... where one of two is enough: not both of their opposites hold.
bool NestBuilder::either(const Literal& whole, const Pair& pair, Condition& made, std::size_t& seen) {
  Condition neither;
  for (const Literal& one : {pair.first, pair.second})
    if (!condition(negated(one), neither, seen)) return false;
  if (!neither.not_all.empty() || !neither.computed.empty() || made.not_all.size() == kMostLists)
    made.computed.push_back({whole});
  else if (neither.all.size() == 1)
    made.all.push_back(neither.all[0].negated());
  else
    made.not_all.push_back(std::move(neither.all));
  return true;
}

/// Of a choice between two truth values: what decides, and the two.
std::optional<std::array<int, 3>> NestBuilder::chosen_by(int value) const {
  const Operation* operation = definer(value);
  if (operation == nullptr || module_.type_of(value).bits != 1) return std::nullopt;
  const Few<int>& operands = operation->operands;
  if (plain_name(operation->name) == "arith.select" && operands.size() == 3)
    return std::array{operands[0], operands[1], operands[2]};
  if (operation->name != "scf.if" || operation->regions.size() != 2 || operands.empty()) return std::nullopt;
  const auto at = static_cast<std::size_t>(
      std::find(operation->results.begin(), operation->results.end(), value) - operation->results.begin());
  return std::array{operands[0], ended_with(operation->regions[0], at),
                    ended_with(operation->regions[1], at)};
}

/// Of a literal that says what another one does: that one.
std::optional<NestBuilder::Literal> NestBuilder::same_truth(const Literal& literal) const {
  const auto fixed = [&](int value) { return module_.constant(value); };
  if (const auto choice = chosen_by(literal.value)) {
    const std::int64_t yes = fixed((*choice)[1]), no = fixed((*choice)[2]);
    if (yes == kDynamic || no == kDynamic || yes == no) return std::nullopt;
    return Literal{(*choice)[0], literal.holds == (yes != 0)};
  }
  const Operation* operation = definer(literal.value);
  if (operation == nullptr || operation->operands.size() != 2) return std::nullopt;
  const std::string_view name = plain_name(operation->name), predicate = predicate_of(module_, *operation);
  for (const std::size_t k : {0, 1}) {
    const int value = operation->operands[k];
    const std::int64_t with = fixed(operation->operands[1 - k]);
    if (with == kDynamic || module_.type_of(value).bits != 1) continue;
    if (name == "arith.xori" || predicate == "ne") return Literal{value, literal.holds == (with == 0)};
    if (predicate == "eq") return Literal{value, literal.holds == (with != 0)};
  }
  return std::nullopt;
}

/// The two that a literal is joined of.
std::optional<NestBuilder::Pair> NestBuilder::pair(const Literal& literal) const {
  const auto made = [&](bool both, Literal first, Literal second) -> Pair {
    if (literal.holds) return {both, first, second};
    return {!both, negated(first), negated(second)};
  };
  if (const auto choice = chosen_by(literal.value)) {
    const auto [decides, yes, no] = *choice;
    // Where one of the two is a constant, what decides and the other one are joined.
    if (const std::int64_t fixed = module_.constant(no); fixed != kDynamic)
      return made(fixed == 0, {decides, fixed == 0}, {yes, true});
    if (const std::int64_t fixed = module_.constant(yes); fixed != kDynamic)
      return made(fixed == 0, {decides, fixed != 0}, {no, true});
    return std::nullopt;
  }
  const Operation* operation = definer(literal.value);
  if (operation == nullptr || operation->operands.size() != 2 || module_.constant(literal.value) != kDynamic)
    return std::nullopt;
  const std::string_view name = plain_name(operation->name);
  const bool both = name == "arith.andi";
  if ((!both && name != "arith.ori") || module_.type_of(literal.value).bits > 1) return std::nullopt;
  return made(both, {operation->operands[0], true}, {operation->operands[1], true});
}

/// Of a comparison of what loops alone decide, and of a constant.
std::optional<NestBuilder::Constraint> NestBuilder::constraint(const Literal& literal) {
  using Is = Constraint::Is;
  if (const std::int64_t fixed = module_.constant(literal.value); fixed != kDynamic) {
    Constraint constant;
    constant.difference.constant = (fixed != 0) == literal.holds ? 0.0 : 1.0;
    return constant;
  }
  const Operation* operation = definer(literal.value);
  if (operation == nullptr || chain_ > kMaxChain) return std::nullopt;
  const Longer longer(*this);
  const std::string_view written = predicate_of(module_, *operation), predicate = without_sign(written);
  if (predicate.empty()) return std::nullopt;
  const Nest::Index left = index(operation->operands[0]), right = index(operation->operands[1]);
  if (unsigned_order(written) && !(least(left) >= 0.0 && least(right) >= 0.0)) return std::nullopt;
  Constraint one{sum(left, scaled(right, -1.0)), predicate == "eq"   ? Is::zero
                                                 : predicate == "ne" ? Is::other
                                                 : predicate == "lt" ? Is::negative
                                                 : predicate == "le" ? Is::not_positive
                                                 : predicate == "gt" ? Is::positive
                                                                     : Is::not_negative};
  if (!one.known() || !is_sum(one.difference)) return std::nullopt;
  return literal.holds ? one : one.negated();
}

}  // namespace hone::cost::mlir
