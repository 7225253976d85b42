// What loops count by: while loops, blocks that are jumped back to, bodies of operations on tensors.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr double kMostIterations = 1e18;

/// Where in its range a loop of a depth stands at a sample point. The first dimension is even but for a shift
/// inside each part, without which a range of a power of two would be seen at one remainder by 4, 8, 16
/// alone; the shifts of two halves are each other's reflection, so that means of what grows evenly are exact.
/// The others are fractions of golden kin.
double place(std::size_t sample, int depth) {
  static constexpr double kSteps[] = {0.6180339887, 0.7548776662, 0.8191725134, 0.8566748838,
                                      0.8812714616, 0.8986537126, 0.9115923534, 0.9215993196};
  const auto dimension = static_cast<std::size_t>(depth - 1) % 8;
  const auto shift = [](std::size_t s, double step) {
    const double position = (static_cast<double>(s) + 0.5) * step;
    return position - std::floor(position);
  };
  if (dimension > 0) return shift(sample, kSteps[dimension - 1]);
  const bool second = sample >= kSamples / 2;
  const double in_part = shift(second ? kSamples - 1 - sample : sample, kSteps[0]);
  return (static_cast<double>(sample) + (second ? 1.0 - in_part : in_part)) / static_cast<double>(kSamples);
}

enum class Added { nothing, plus, minus };
/// Whether an operation is a sum or a difference of two whole numbers.
Added adds(const Operation& operation) {
  const std::string_view name = plain_name(operation.name);
  if (operation.operands.size() != 2) return Added::nothing;
  if (name == "arith.addi" || name == "index.add") return Added::plus;
  return name == "arith.subi" || name == "index.sub" ? Added::minus : Added::nothing;
}

/// Of a number that begins at 0 and goes on by `step`: how often `predicate`, without its sign, holds of it
/// and `bound` before it does not; NaN where it is for ever or never known.
double trips_until(std::string_view predicate, double bound, double step) {
  const bool up = step > 0.0;
  const bool strict = predicate == "ne" || predicate == (up ? "lt" : "gt");
  if (step == 0.0 || (!strict && predicate != (up ? "le" : "ge"))) return NAN;
  const double steps = strict ? std::ceil(bound / step) : std::floor(bound / step) + 1.0;
  return std::isnan(steps) ? NAN : std::clamp(steps, 0.0, kMostIterations);
}

}  // namespace

bool goes_around(std::string_view name) {
  return name.ends_with("while") || name.ends_with("while_loop") || name.ends_with("WhileRegion") ||
         name.ends_with("Loop");
}

std::string_view predicate_of(const Module& module, const Operation& operation) {
  static constexpr std::string_view kPredicates[] = {"eq",  "ne",  "slt", "sle", "sgt",
                                                     "sge", "ult", "ule", "ugt", "uge"};
  if ((operation.name != "arith.cmpi" && operation.name != "index.cmp" && operation.name != "llvm.icmp") ||
      operation.operands.size() != 2)
    return {};
  const Attribute* number = module.attribute(operation, "predicate");
  if (number != nullptr && number->kind == Attribute::Kind::integer)
    return number->integer < 0 || number->integer > 9
               ? std::string_view()
               : kPredicates[static_cast<std::size_t>(number->integer)];
  std::string_view text = operation.text;
  if (const Attribute* own = module.attribute(operation, "pred"); own != nullptr) {
    // `pred = #index<cmp_predicate slt>`.
    constexpr std::string_view kKind = "cmp_predicate";
    const std::size_t at = own->text.find(kKind);
    text = at == std::string_view::npos ? std::string_view() : own->text.substr(at + kKind.size());
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(" (")));
  } else {
    // In the pretty form it is the first word: `arith.cmpi slt, ...`, `llvm.icmp "slt" ...`.
    text.remove_prefix(std::min(text.size(), operation.name.size()));
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \"")));
  }
  for (const std::string_view one : kPredicates)
    if (text.starts_with(one)) return one;
  return {};
}

std::string_view turned(std::string_view predicate) {
  return predicate == "lt"   ? "gt"
         : predicate == "gt" ? "lt"
         : predicate == "le" ? "ge"
         : predicate == "ge" ? "le"
                             : predicate;
}

std::string_view opposite(std::string_view predicate) {
  return predicate == "lt"   ? "ge"
         : predicate == "ge" ? "lt"
         : predicate == "le" ? "gt"
         : predicate == "gt" ? "le"
         : predicate == "eq" ? "ne"
                             : "eq";
}

bool unsigned_order(std::string_view predicate) { return predicate.starts_with('u'); }

std::string_view without_sign(std::string_view predicate) {
  return predicate.size() == 3 ? predicate.substr(1) : predicate;
}

/// Which iteration a loop is in at the sample points.
NestBuilder::Points NestBuilder::stands_at(int loop, const Points& trips) const {
  Points at(samples_);
  for (std::size_t s = 0; s < samples_; ++s)
    at[s] = std::floor(place(s, nest_.loops[static_cast<std::size_t>(loop)].depth) * trips[s]);
  return at;
}

/// A whole number that is handed on with the same added each time, as the loop's own variable is: as what an
/// iteration knows it, what the next one gets, and what it begins as.
bool NestBuilder::counted(std::span<const int> names, int next, int initial, int loop) {
  const int definer = next < 0 ? -1 : module_.values[static_cast<std::size_t>(next)].operation;
  if (definer < 0 || initial < 0) return false;
  const Operation& sum = module_.operations[static_cast<std::size_t>(definer)];
  const Added added = adds(sum);
  if (added == Added::nothing) return false;
  const auto itself = [&](std::size_t k) {
    return std::find(names.begin(), names.end(), sum.operands[k]) != names.end();
  };
  const std::size_t at = added == Added::plus && itself(1) ? 1 : 0;
  const std::int64_t step = module_.constant(sum.operands[1 - at]);
  if (!itself(at) || step == kDynamic) return false;
  Nest::Index index = this->index(initial);
  index.terms.emplace_back(loop, static_cast<double>(added == Added::minus ? -step : step));
  for (const int name : names) indices_[name] = index;
  return true;
}

/// Whether a value is an argument of the function itself, the same all through it.
bool NestBuilder::given_to_function(int value) const {
  if (value < 0 || stands_.contains(value)) return false;
  const Value& one = module_.values[static_cast<std::size_t>(value)];
  if (one.operation >= 0 || one.region < 0) return false;
  const Region& around = module_.regions[static_cast<std::size_t>(one.region)];
  return module_.operations[static_cast<std::size_t>(around.operation)].name.ends_with("func") &&
         std::ranges::count(around.blocks[0].arguments, value) > 0;
}

/// `condition` ends the loop, where it `holds` it goes on; `next` is what the next iteration gets. `at_end`:
/// an iteration has been when it is looked at.
std::optional<NestBuilder::Counter> NestBuilder::counter(int condition, bool holds, Few<int> names,
                                                         int initial, int next, bool at_end) {
  const auto definer = [&](int value) {
    return value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
  };
  const auto itself = [&](int value) { return std::find(names.begin(), names.end(), value) != names.end(); };
  Counter made;
  made.comparison = definer(condition);
  made.addition = definer(next);
  if (made.comparison < 0 || made.addition < 0 || initial < 0) return std::nullopt;
  const Operation& comparison = module_.operations[static_cast<std::size_t>(made.comparison)];
  const Operation& sum = module_.operations[static_cast<std::size_t>(made.addition)];
  const std::string_view written = predicate_of(module_, comparison);
  std::string_view predicate = without_sign(written);
  const Added added = adds(sum);
  if (predicate.empty() || added == Added::nothing) return std::nullopt;
  const auto compared = [&](int value) { return value == next || itself(value); };
  const bool right = compared(comparison.operands[1]);
  if (right == compared(comparison.operands[0])) return std::nullopt;
  const bool ahead = comparison.operands[right ? 1 : 0] == next;
  const std::size_t at = added == Added::plus && itself(sum.operands[1]) ? 1 : 0;
  if (!itself(sum.operands[at])) return std::nullopt;
  if (right) predicate = turned(predicate);
  if (!holds) predicate = opposite(predicate);
  made.bound = comparison.operands[right ? 0 : 1];
  made.by = sum.operands[1 - at];
  made.initial = initial;
  made.next = next;
  made.first = points(initial);
  made.step = points(made.by);
  made.trips.resize(samples_);
  const Points bound = points(made.bound);
  for (std::size_t s = 0; s < samples_; ++s) {
    if (added == Added::minus) made.step[s] = -made.step[s];
    made.trips[s] = trips_until(predicate, bound[s] - made.first[s], made.step[s]);
    if (std::isnan(bound[s] - made.first[s]) && !std::isnan(trips_until(predicate, 0.0, made.step[s])) &&
        (given_to_function(made.bound) || stands_.contains(made.bound))) {
      // From or to a number that the text does not tell, which is the same in all iterations.
      made.known = false;
      made.trips[s] = static_cast<double>(Nest::kUnknownTrips);
      continue;
    }
    if (std::isnan(made.trips[s])) return std::nullopt;
    // Without a sign what is below 0 is beyond all others.
    const double last = made.first[s] + made.trips[s] * made.step[s];
    if (unsigned_order(written) && std::min({bound[s], made.first[s], last}) < 0.0) return std::nullopt;
    // The first iteration is not asked for; nor is the last, where each asks for itself.
    if (ahead) made.trips[s] = std::max(1.0, made.trips[s]);
    if (!ahead && at_end) made.trips[s] += 1.0;
  }
  made.names = std::move(names);
  made.condition = condition;
  made.holds = holds;
  made.at_end = at_end;
  return made;
}

void NestBuilder::counts_by(const Counter& counter, int loop, int around) {
  counted(span_of(counter.names), counter.next, counter.initial, loop);
  const Points at = stands_at(loop, counter.trips);
  Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
  Points value(samples_);
  double begin = INFINITY, end = -INFINITY;
  for (std::size_t s = 0; s < samples_; ++s) {
    value[s] = (std::isfinite(counter.first[s]) ? counter.first[s] : 0.0) + at[s] * counter.step[s];
    const double last = counter.first[s] + counter.trips[s] * counter.step[s];
    begin = std::min({begin, counter.first[s], last});
    end = std::max({end, counter.first[s], last});
  }
  for (const int name : counter.names) {
    made.variables.push_back(name);
    values_[name] = value;
    stands_[name] = loop;
  }
  for (const int name : counter.sums) {
    made.variables.push_back(name);
    const Nest::Index next = index(counter.next);
    indices_[name] = next;
    values_[name] = points(counter.next);
    stands_[name] = loop;
  }
  made.step = std::max(1.0, std::abs(counter.step[0]));
  if (counter.known) made.span = std::max(made.most, std::ceil((end - begin) / made.step));
  made.first = index(counter.initial);
  made.shifted = module_.constant(counter.initial) == kDynamic;
  for (const int bound : {counter.initial, counter.bound, counter.by}) bounded_by(loop, around, bound);
  if (!made.fixed && made.known)
    lengths_[loop] = {
        {counter.initial, counter.bound, counter.by},
        [this, condition = counter.condition, holds = counter.holds, names = counter.names,
         initial = counter.initial, next = counter.next, at_end = counter.at_end]() -> std::optional<Points> {
          const auto again = this->counter(condition, holds, names, initial, next, at_end);
          if (!again || !again->known) return std::nullopt;
          return again->trips;
        }};
  // What counts and compares is the loop's own, as it is of loops that are written.
  if (dead_.empty()) return;
  for (const int operation : {counter.comparison, counter.addition}) {
    const Few<int>& used = users(module_.operations[static_cast<std::size_t>(operation)].results[0]);
    const auto others = std::ranges::count_if(used, [&](int user) {
      return user != counter.comparison && !addresses_[static_cast<std::size_t>(user)];
    });
    if (others == 1) dead_[static_cast<std::size_t>(operation)] = true;
  }
}

/// Two regions, of which the first says whether the second runs; or what is named so in other dialects.
void NestBuilder::while_loop(const Operation& operation, At at) {
  const auto arguments = [&](std::size_t region) -> const Few<int>& {
    return module_.regions[static_cast<std::size_t>(operation.regions[region])].blocks[0].arguments;
  };
  const bool two = operation.name == "scf.while" && operation.regions.size() == 2;
  const Few<int> none, &before = two ? arguments(0) : none, &after = two ? arguments(1) : none;
  // What a condition hands to the other region, from which it comes back.
  const auto handed = [&](std::size_t i) {
    for (std::size_t k = 0; k < after.size(); ++k)
      if (ended_with(operation.regions[0], k + 1) == before[i]) return static_cast<int>(k);
    return -1;
  };
  // What comes back: where the other region only passes it on, what the first one has handed to it.
  const auto back = [&](std::size_t i) {
    const int yielded = ended_with(operation.regions[1], i);
    for (std::size_t k = 0; k < after.size(); ++k)
      if (const int given = ended_with(operation.regions[0], k + 1);
          yielded == after[k] && given >= 0 && given != before[i])
        return given;
    return yielded;
  };
  const bool at_end =
      two && module_.regions[static_cast<std::size_t>(operation.regions[1])].blocks[0].operations.size() == 1;
  const std::size_t values = std::min(before.size(), operation.operands.size());
  std::optional<Counter> counter;
  for (std::size_t i = 0; i < values && !counter; ++i) {
    Few<int> names = {before[i]};
    if (const int k = handed(i); k >= 0) names.push_back(after[static_cast<std::size_t>(k)]);
    counter = this->counter(ended_with(operation.regions[0], 0), true, std::move(names),
                            operation.operands[i], back(i), at_end);
  }
  for (std::size_t k = 0; counter && k < after.size(); ++k)
    if (ended_with(operation.regions[0], k + 1) == counter->next) counter->sums.push_back(after[k]);
  const Points unknown(samples_, static_cast<double>(Nest::kUnknownTrips));
  const int around = at.loop;
  at = {add_loop(at, counter ? counter->trips : unknown, false, counter && counter->known, false), 1.0,
        at.under};
  if (counter) counts_by(*counter, at.loop, around);
  weigh(at.loop, {around, 1.0, at.under});
  Few<int> from, to;
  for (std::size_t i = 0; i < values; ++i) {
    if (counter && before[i] == counter->names[0]) continue;
    const int k = handed(i), initial = operation.operands[i],
              name = k < 0 ? before[i] : after[static_cast<std::size_t>(k)];
    const Type& type = module_.type_of(before[i]);
    if (type.shaped() && type.kind != Type::Kind::vector) {
      for (const int value : {before[i], name}) same_place(value, initial);
      if (k >= 0 && static_cast<std::size_t>(k) < operation.results.size())
        same_place(operation.results[static_cast<std::size_t>(k)], initial);
      continue;
    }
    const int names[] = {before[i], name}, next = back(i);
    Nest::Loop& made = nest_.loops[static_cast<std::size_t>(at.loop)];
    if (counted(names, next, initial, at.loop)) {
      made.variables.insert(made.variables.end(), std::begin(names), std::end(names));
      continue;
    }
    (type.real_elements() ? made.carries_real : made.carries_integer) = true;
    made.carried.push_back(name);
    made.yielded.push_back(next);
    made.initial.push_back(initial);
    from.push_back(name);
    to.push_back(next);
    stands_[name] = at.loop;
    if (name != before[i]) nest_.flows.push_back({at.loop, false, order_++, {before[i]}, {name}, true});
  }
  if (!two) {
    // Tensors that go around are those that went in; what begins and ends differently begins with more.
    const auto same = [&](const Few<int>& list) {
      for (std::size_t i = 1; i <= std::min(list.size(), operation.operands.size()); ++i)
        if (const int value = list[list.size() - i]; !module_.type_of(value).shape.empty())
          same_place(value, operation.operands[operation.operands.size() - i]);
    };
    for (std::size_t region = 0; region < operation.regions.size(); ++region) same(arguments(region));
    same(operation.results);
  }
  for (const int id : operation.regions) region(id, at);
  carried_chain(span_of(from), span_of(to), at.loop);
}

/// gpu.launch: blocks of threads, as loops around each other.
void NestBuilder::launch(const Operation& operation, At at) {
  constexpr std::size_t kSizes = 6;
  Few<int> sizes;
  for (const int operand : operation.operands)
    if (module_.type_of(operand).scalar == Type::Scalar::index && sizes.size() < kSizes)
      sizes.push_back(operand);
  const Few<int>& arguments =
      module_.regions[static_cast<std::size_t>(operation.regions[0])].blocks[0].arguments;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    Points trips = points(sizes[d]);
    const bool known = std::none_of(trips.begin(), trips.end(), [](double size) { return std::isnan(size); });
    for (double& size : trips)
      size = known ? std::clamp(size, 0.0, kMostIterations) : static_cast<double>(Nest::kUnknownTrips);
    const bool single = std::all_of(trips.begin(), trips.end(), [](double size) { return size == 1.0; });
    if (!single) at = {add_loop(at, trips, true, known, false), 1.0, at.under};
    const std::pair<int, std::int64_t> term{at.loop, 1};
    if (d < arguments.size()) numbered(arguments[d], {&term, single ? 0u : 1u}, at);
    if (d + kSizes >= arguments.size()) continue;
    indices_[arguments[d + kSizes]] = index(sizes[d]);
    values_[arguments[d + kSizes]] = trips;
  }
  region(operation.regions[0], at);
}

const Few<int>& NestBuilder::users(int value) {
  for (; counted_ < entered_.size(); ++counted_)
    for (std::size_t i = entered_[counted_].first; i < entered_[counted_].second; ++i)
      for (const int operand : module_.operations[i].operands) users_[operand].push_back(static_cast<int>(i));
  return users_[value];
}

/// A value that is a sum of where loops stand, times factors.
void NestBuilder::numbered(int value, std::span<const std::pair<int, std::int64_t>> terms, At at) {
  Nest::Index sum;
  Points points(samples_, 0.0);
  Nest::Flow flow{at.loop, false, order_++, {value}, {}};
  for (const auto& [loop, factor] : terms) {
    Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
    sum.terms.emplace_back(loop, static_cast<double>(factor));
    const Points at_samples = stands_at(loop, Points(samples_, made.trips));
    for (std::size_t s = 0; s < samples_; ++s) points[s] += static_cast<double>(factor) * at_samples[s];
    const int variable = terms.size() == 1 ? value : --implied_;
    made.variables.push_back(variable);
    flow.uses.push_back(variable);
  }
  std::sort(sum.terms.begin(), sum.terms.end());
  if (terms.size() > 1) nest_.flows.push_back(std::move(flow));
  stands_[value] = at.loop;
  indices_[value] = std::move(sum);
  values_[value] = std::move(points);
}

/// What a body knows of where it is: linalg.index, the arguments of tensor.generate. `dimensions`: as which
/// sum of `loops` it knows each.
void NestBuilder::number_body(int body, std::span<const std::vector<std::pair<int, std::int64_t>>> dimensions,
                              std::span<const int> loops, At at) {
  const Region& region = module_.regions[static_cast<std::size_t>(body)];
  const auto number = [&](int value, std::int64_t dimension) {
    if (dimension < 0 || dimension >= static_cast<std::int64_t>(dimensions.size())) return;
    std::vector<std::pair<int, std::int64_t>> terms = dimensions[static_cast<std::size_t>(dimension)];
    for (auto& [loop, factor] : terms) loop = loops[static_cast<std::size_t>(loop)];
    numbered(value, terms, at);
  };
  const Block& block = region.blocks[0];
  if (module_.operations[static_cast<std::size_t>(region.operation)].name == "tensor.generate")
    for (std::size_t d = 0; d < block.arguments.size(); ++d)
      number(block.arguments[d], static_cast<std::int64_t>(d));
  for (const int id : block.operations) {
    const Operation& operation = module_.operations[static_cast<std::size_t>(id)];
    if (operation.name != "linalg.index" || operation.results.empty() || operation.attributes.empty())
      continue;
    const Attribute* named = module_.attribute(operation, "dim");
    const Attribute& dimension =
        named != nullptr ? *named
                         : module_.attributes[static_cast<std::size_t>(operation.attributes[0].second)];
    if (dimension.kind == Attribute::Kind::integer) number(operation.results[0], dimension.integer);
  }
}

}  // namespace hone::cost::mlir
