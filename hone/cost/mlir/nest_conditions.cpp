// What it takes to decide which side of an affine.if is taken.
#include <algorithm>
#include <bit>
#include <cstdlib>

#include "hone/base/mix.h"
#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {

/// A step on whole numbers that stands in no text; `bits`: of its result, 1 of a truth value.
int NestBuilder::whole_step(At at, Work work, Few<int> uses, std::uint64_t code, int bits) {
  Nest::Step step;
  step.loop = at.loop;
  step.work = work;
  step.count = count(at);
  step.bits = bits;
  step.address = bits > 1;
  step.code = mixed(std::hash<std::string_view>()("affine.if"), code);
  step.order = order_++;
  step.value = --implied_;
  step.uses = std::move(uses);
  nest_.steps.push_back(std::move(step));
  return implied_;
}

/// Makes a branch of which each side runs a part of the times; `holds`: where its first one does. Its number.
std::size_t NestBuilder::fork(int loop, int condition, const Condition& holds, std::vector<double> shares,
                              bool known) {
  Nest::Fork made;
  made.loop = loop;
  made.condition = condition;
  made.known = known;
  const bool by_loops = holds.not_all.empty() && holds.computed.empty() &&
                        std::ranges::all_of(holds.all, [](const Constraint& one) { return one.known(); });
  if (known && by_loops)
    for (const Constraint& one : holds.all)
      made.first.push_back({one.difference, one.holds(-1.0), one.holds(0.0), one.holds(1.0)});
  for (const double share : shares) made.sides.push_back({share, order_, order_});
  nest_.forks.push_back(std::move(made));
  return nest_.forks.size() - 1;
}

/// Of each constraint the sums on its two sides, which are compared, and of all that they hold together: the
/// value that they do; kNoValue where there is none.
int NestBuilder::decide(const Operation& operation, At at) {
  enum Code : std::uint8_t { product, quotient, sum, comparison, both };
  const auto coded = [](Code code, auto of) { return mixed(mixed(0, static_cast<int>(code)), of); };
  int all = Nest::kNoValue;
  for (const auto& [name, id] : operation.attributes) {
    const Attribute& set = module_.attributes[static_cast<std::size_t>(id)];
    if (set.kind != Attribute::Kind::set || set.map < 0) continue;
    const AffineMap& map = module_.maps[static_cast<std::size_t>(set.map)];
    for (std::size_t k = 0; k < map.results.size(); ++k) {
      const Linear side = linear(map, k);
      const std::vector<bool> by = side.exact ? std::vector<bool>() : divided(map, k);
      double constant = static_cast<double>(side.constant);
      Few<int> terms;
      Few<std::int64_t> factors;
      for (std::size_t i = 0; i < side.factors.size() && i < operation.operands.size(); ++i) {
        const std::int64_t fixed = module_.constant(operation.operands[i]), factor = side.factors[i];
        if (factor == 0) continue;
        if (fixed != kDynamic) {
          constant += static_cast<double>(factor) * static_cast<double>(fixed);
          continue;
        }
        int term = operation.operands[i];
        if (!side.exact)  // of which a quotient or remainder is taken
          term = whole_step(at, by[i] ? Work::integer_divide : Work::integer, {term},
                            mixed(coded(quotient, set.map), k), 64);
        terms.push_back(term);
        factors.push_back(factor);
      }
      if (terms.empty()) continue;
      // The factor of a single term goes into what it is compared with.
      for (std::size_t i = 0; i < terms.size() && terms.size() > 1; ++i)
        if (const std::int64_t factor = std::abs(factors[i]); factor != 1)
          terms[i] =
              whole_step(at,
                         std::has_single_bit(static_cast<std::uint64_t>(factor)) ? Work::integer
                                                                                 : Work::integer_multiply,
                         {terms[i]}, coded(product, factor), 64);
      // Of two terms each is a side, and what is left is added to one of them.
      std::uint64_t code = coded(sum, constant);
      for (const std::int64_t factor : factors) code = mixed(code, factor);
      while (terms.size() > 2) {
        const int last = terms.back();
        terms.pop_back();
        terms.back() = whole_step(at, Work::integer, {terms.back(), last}, code, 64);
      }
      if (terms.size() == 2 && constant != 0.0)
        terms[1] = whole_step(at, Work::integer, {terms[1]}, code, 64);
      code = mixed(mixed(code, static_cast<int>(comparison)), set.numbers[k]);
      const int holds = whole_step(at, Work::integer, std::move(terms), code, 1);
      all = all == Nest::kNoValue ? holds : whole_step(at, Work::integer, {all, holds}, coded(both, 0), 1);
    }
  }
  return all;
}

}  // namespace hone::cost::mlir
