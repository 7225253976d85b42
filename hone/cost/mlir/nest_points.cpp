// What whole numbers and truth values are at the sample points.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// Casts of whole numbers that do not keep all of them.
bool recasts(std::string_view name) {
  return name == "arith.extui" || name == "arith.trunci" || name == "arith.index_castui" ||
         name == "index.castu";
}

/// Whether a comparison holds: 1 or 0; NaN where one of the numbers is.
double compared(std::string_view written, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return NAN;
  // Without a sign what is below 0 is beyond all others.
  if (unsigned_order(written) && (a < 0.0) != (b < 0.0)) std::swap(a, b);
  const std::string_view predicate = without_sign(written);
  return (predicate == "eq"   ? a == b
          : predicate == "ne" ? a != b
          : predicate == "lt" ? a < b
          : predicate == "le" ? a <= b
          : predicate == "gt" ? a > b
                              : a >= b)
             ? 1.0
             : 0.0;
}

/// `and`, `or` and `xor`; NaN where that is none of them, or of numbers of which a double may not hold all
/// bits. Of truth values one that decides is enough.
double of_bits(std::string_view name, double a, double b, bool truth) {
  constexpr double kMost = 0x1p53;
  const bool both = name == "andi" || name == "and", one = name == "ori" || name == "or";
  if (both && (a == 0.0 || b == 0.0)) return 0.0;
  if (truth && one && (a == 1.0 || b == 1.0)) return 1.0;
  if (!(std::abs(a) < kMost && std::abs(b) < kMost)) return NAN;
  const auto left = static_cast<std::int64_t>(a), right = static_cast<std::int64_t>(b);
  if (both) return static_cast<double>(left & right);
  if (one) return static_cast<double>(left | right);
  return name == "xori" || name == "xor" ? static_cast<double>(left ^ right) : NAN;
}

/// What an operation gives of two whole numbers, by its name without the dialect; NaN where that is not
/// known.
double of_two(std::string_view name, double a, double b) {
  if (name == "addi" || name == "add") return a + b;
  if (name == "subi" || name == "sub") return a - b;
  if (name == "muli" || name == "mul") return a * b;
  // Without a sign what is below 0 is beyond all others.
  const bool turned = (a < 0.0) != (b < 0.0);
  if (name == "minui" || name == "minu") return turned ? std::max(a, b) : std::min(a, b);
  if (name == "maxui" || name == "maxu") return turned ? std::min(a, b) : std::max(a, b);
  if (name == "minsi" || name == "mins") return std::min(a, b);
  if (name == "maxsi" || name == "maxs") return std::max(a, b);
  if (name == "divsi" || name == "divs") return b == 0.0 ? NAN : std::trunc(a / b);
  if (name == "floordivsi" || name == "floordivs") return b == 0.0 ? NAN : std::floor(a / b);
  if (name == "divui" || name == "divu") return a >= 0.0 && b > 0.0 ? std::floor(a / b) : NAN;
  if (name == "ceildivui" || name == "ceildivu") return a >= 0.0 && b > 0.0 ? std::ceil(a / b) : NAN;
  if (name.starts_with("ceildiv")) return b == 0.0 ? NAN : std::ceil(a / b);
  if (name == "remsi" || name == "rems") return b == 0.0 ? NAN : std::fmod(a, b);
  if (name == "remui" || name == "remu") return a >= 0.0 && b > 0.0 ? std::fmod(a, b) : NAN;
  if (name.starts_with("sh")) {
    if (!(b >= 0.0 && b < 63.0)) return NAN;
    if (name == "shli" || name == "shl") return a * std::exp2(b);
    if (name == "shrsi" || name == "shrs") return std::floor(a / std::exp2(b));
    return (name == "shrui" || name == "shru") && a >= 0.0 ? std::floor(a / std::exp2(b)) : NAN;
  }
  return of_bits(name, a, b, false);
}

/// The number that some of the lowest bits of a whole number are, the highest of them its sign.
double low_bits(double point, int bits) {
  const double all = std::exp2(bits), rest = point - all * std::floor(point / all);
  return rest < all / 2.0 ? rest : rest - all;
}

/// What a cast to one bit leaves of whole numbers.
void low_bits(std::vector<double>& points) {
  for (double& point : points) point = std::fmod(std::abs(point), 2.0);
}

}  // namespace

bool gives_a_side(const Operation& operation) {
  return (operation.name == "scf.if" || operation.name == "affine.if") && operation.regions.size() == 2;
}

NestBuilder::Points NestBuilder::points(int value) {
  if (!narrowed_.empty() && !narrowed_.back().settled) settle();
  if (const auto found = values_.find(value); found != values_.end()) return found->second;
  for (const auto* around : values_around_)
    if (const auto found = around->find(value); found != around->end()) return found->second;
  const std::int64_t fixed = module_.constant(value);
  const bool truth = module_.type_of(value).bits == 1;
  Points result(samples_, fixed == kDynamic ? NAN : static_cast<double>(truth ? fixed & 1 : fixed));
  const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
  if (fixed != kDynamic || definer < 0 || chain_ > kMaxChain) return result;
  const Longer longer(*this);
  values_[value] = result;  // a value that depends on itself ends here
  const Operation& operation = module_.operations[static_cast<std::size_t>(definer)];
  const std::string_view whole = plain_name(operation.name);
  const auto operand = [&](std::size_t i) { return points(operation.operands[i]); };
  if (operation.map >= 0 && (operation.name == "affine.apply" || operation.name == "affine.min" ||
                             operation.name == "affine.max")) {
    bool known = true;
    result = points({operation.map, operation.operands}, operation.name == "affine.max", known);
  } else if (const Origin from = origin(value); from.value != value) {
    if (from.member.empty()) result = points(from.value);
  } else if (whole.ends_with("index_cast") || whole.ends_with("extsi") || whole == "index.casts") {
    if (!operation.operands.empty()) result = operand(0);
    // The one bit of what is true is its sign.
    if (!operation.operands.empty() && module_.type_of(operation.operands[0]).bits == 1)
      for (double& point : result) point = 0.0 - point;
    if (truth) low_bits(result);
  } else if (operation.operands.size() == 1 && recasts(whole)) {
    result = recast(operation, operand(0));
  } else if (whole == "arith.select" && operation.operands.size() == 3) {
    result = chosen(operand(0), operation.operands[1], operation.operands[2]);
  } else if (gives_a_side(operation)) {
    const auto at = static_cast<std::size_t>(
        std::find(operation.results.begin(), operation.results.end(), value) - operation.results.begin());
    result = chosen(taken_at(operation), ended_with(operation.regions[0], at),
                    ended_with(operation.regions[1], at));
  } else if (operation.operands.size() == 2) {
    result = of_operands(operation, value);
  }
  values_[value] = result;
  return result;
}

/// Of an operation with two operands.
NestBuilder::Points NestBuilder::of_operands(const Operation& operation, int value) {
  const std::string_view whole = plain_name(operation.name), name = whole.substr(whole.find('.') + 1);
  if (name == "dim") {
    const std::int64_t at = module_.constant(operation.operands[1]);
    return at < 0 ? Points(samples_, NAN) : extent(operation.operands[0], static_cast<std::size_t>(at));
  }
  const std::string_view predicate = predicate_of(module_, operation);
  const bool truth = module_.type_of(value).bits == 1;
  const Points a = points(operation.operands[0]), b = points(operation.operands[1]);
  Points result(samples_);
  for (std::size_t s = 0; s < samples_; ++s)
    result[s] = !predicate.empty() ? compared(predicate, a[s], b[s])
                : truth            ? of_bits(name, a[s], b[s], true)
                                   : of_two(name, a[s], b[s]);
  return result;
}

/// One of two values, where something is true and where it is not.
NestBuilder::Points NestBuilder::chosen(const Points& truth, int value, int other) {
  const auto all = [&](double one) {
    return std::all_of(truth.begin(), truth.end(), [&](double at) { return at == one; });
  };
  if (all(1.0)) return points(value);
  if (all(0.0)) return points(other);
  Points result = points(value);
  const Points instead = points(other);
  for (std::size_t s = 0; s < samples_; ++s)
    if (truth[s] == 0.0 || (std::isnan(truth[s]) && result[s] != instead[s]))
      result[s] = truth[s] == 0.0 ? instead[s] : NAN;
  return result;
}

/// Where the first side of a branch is taken: 1, where the second one is: 0; NaN where that is not known.
NestBuilder::Points NestBuilder::taken_at(const Operation& operation) {
  if (operation.name == "scf.if")
    return operation.operands.empty() ? Points(samples_, NAN) : points(operation.operands[0]);
  Points taken(samples_, NAN);
  for (const auto& [name, id] : operation.attributes) {
    const Attribute& set = module_.attributes[static_cast<std::size_t>(id)];
    if (set.kind != Attribute::Kind::set || set.map < 0) continue;
    taken.assign(samples_, 1.0);
    const AffineMap& map = module_.maps[static_cast<std::size_t>(set.map)];
    const std::vector<Points> operands = points(span_of(operation.operands));
    for (std::size_t k = 0; k < map.results.size(); ++k) {
      const Points at = points(map, k, operands);
      for (std::size_t s = 0; s < samples_; ++s)
        taken[s] = of_bits("and", taken[s], compared(set.numbers[k] != 0.0 ? "eq" : "sge", at[s], 0.0), true);
    }
  }
  return taken;
}

/// Whole numbers after such a cast, of fewer bits what those are with a sign; NaN where that is not known.
NestBuilder::Points NestBuilder::recast(const Operation& operation, Points points) const {
  const int from = module_.type_of(operation.operands[0]).bits;
  const int to = operation.results.empty() ? 0 : module_.type_of(operation.results[0]).bits;
  for (double& point : points) {
    if (to == 1) continue;
    if (to < from)
      point = to > 0 && to < 53 && std::abs(point) < 0x1p53 ? low_bits(point, to) : NAN;
    else if (point < 0.0)
      point = from > 0 && from < 53 ? point + std::exp2(from) : NAN;
  }
  if (to == 1) low_bits(points);
  return points;
}

/// One result of a map, of what enters it.
NestBuilder::Points NestBuilder::points(const AffineMap& map, std::size_t result,
                                        std::span<const Points> operands) const {
  Points values(samples_);
  std::vector<std::int64_t> at(operands.size());
  for (std::size_t s = 0; s < samples_; ++s) {
    for (std::size_t i = 0; i < operands.size(); ++i)
      at[i] = std::abs(operands[i][s]) < 1e15 ? static_cast<std::int64_t>(operands[i][s]) : kDynamic;
    const std::int64_t value = map.evaluate(result, at);
    values[s] = value == kDynamic ? NAN : static_cast<double>(value);
  }
  return values;
}

std::vector<NestBuilder::Points> NestBuilder::points(std::span<const int> values) {
  std::vector<Points> all;
  for (const int value : values) all.push_back(points(value));
  return all;
}

NestBuilder::Points NestBuilder::points(const Bound& bound, bool lower, bool& known) {
  const AffineMap& map = module_.maps[static_cast<std::size_t>(bound.map)];
  const std::vector<Points> operands = points(span_of(bound.operands));
  Points best(samples_, NAN);
  for (std::size_t r = 0; r < map.results.size(); ++r) {
    const Points one = points(map, r, operands);
    for (std::size_t s = 0; s < samples_; ++s)  // of several bounds one that is known still bounds
      best[s] = lower ? std::fmax(best[s], one[s]) : std::fmin(best[s], one[s]);
  }
  known = known && std::none_of(best.begin(), best.end(), [](double one) { return std::isnan(one); });
  return best;
}

}  // namespace hone::cost::mlir
