#include "hone/cost/mlir/written_out.h"

#include <algorithm>

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kMostOperations = 3000;  // of a module written out
constexpr std::int64_t kMostTrips = 64;

class Copier {
 public:
  Copier(const Module& module, const BoundingLoops& loops) : from_(module), loops_(loops) {
    to_.source = from_.source;
    to_.file = from_.file;
    to_.values = from_.values;
    to_.types = from_.types;
    to_.attributes = from_.attributes;
    to_.maps = from_.maps;
    now_.resize(from_.values.size());
    for (std::size_t i = 0; i < now_.size(); ++i) now_[i] = static_cast<int>(i);
  }

  std::optional<WrittenOut> run() {
    for (const int id : from_.top) put(id, -1, to_.top);
    if (!changed_ || too_long_) return std::nullopt;
    return WrittenOut{std::move(to_), std::move(early_)};
  }

 private:
  static bool holds(const std::vector<int>& operations, int id) {
    return std::find(operations.begin(), operations.end(), id) != operations.end();
  }
  int now(int value) const { return value < 0 ? value : now_[static_cast<std::size_t>(value)]; }
  void replace(Few<int>& values) const {
    for (int& value : values) value = now(value);
  }
  /// What stands for a value that is defined here: itself, but in copies.
  int defined(int value) {
    if (copies_ == 0) return value;
    to_.values.push_back(from_.values[static_cast<std::size_t>(value)]);
    return now_[static_cast<std::size_t>(value)] = static_cast<int>(to_.values.size()) - 1;
  }
  Value& value(int id) { return to_.values[static_cast<std::size_t>(id)]; }

  void put(int id, int region, std::vector<int>& list) {
    too_long_ = too_long_ || to_.operations.size() > kMostOperations;
    if (too_long_) return;
    if (holds(loops_.bounds, id) && copy(id, region, list)) return;
    list.push_back(operation(id, region));
  }

  int operation(int id, int region) {
    const Operation& one = from_.operations[static_cast<std::size_t>(id)];
    const auto place = static_cast<int>(to_.operations.size());
    if (copies_ > 0 && holds(loops_.between, id)) early_.push_back(place);
    to_.operations.push_back(one);
    Operation& made = to_.operations.back();
    made.region = region;
    made.regions.clear();
    replace(made.operands);
    for (Loop& loop : made.loops)
      for (Bound* bound : {&loop.lower, &loop.upper, &loop.step}) replace(bound->operands);
    for (int& result : made.results) value(result = defined(result)).operation = place;
    Few<int> regions;
    for (const int inside : one.regions) regions.push_back(this->region(inside, place));
    Operation& again = to_.operations[static_cast<std::size_t>(place)];  // others came in between
    again.regions = std::move(regions);
    for (Loop& loop : again.loops) loop.variable = now(loop.variable);
    return place;
  }

  int region(int id, int operation) {
    const auto place = static_cast<int>(to_.regions.size());
    to_.regions.emplace_back().operation = operation;
    std::vector<Block> blocks;
    for (const Block& block : from_.regions[static_cast<std::size_t>(id)].blocks) {
      Block& made = blocks.emplace_back();
      made.label = block.label;
      for (const int argument : block.arguments) {
        made.arguments.push_back(defined(argument));
        value(made.arguments.back()).region = place;
      }
      for (const int inside : block.operations) put(inside, place, made.operations);
    }
    to_.regions[static_cast<std::size_t>(place)].blocks = std::move(blocks);
    return place;
  }

  /// The greatest or least result of a bound's map; kDynamic where one is not known.
  std::int64_t bound(const Bound& bound, bool lower) const {
    std::vector<std::int64_t> operands;
    for (const int operand : bound.operands) operands.push_back(to_.constant(now(operand)));
    const AffineMap& map = from_.maps[static_cast<std::size_t>(bound.map)];
    std::int64_t best = kDynamic;
    for (std::size_t r = 0; r < map.results.size(); ++r) {
      const std::int64_t one = map.evaluate(r, operands);
      if (one == kDynamic) return kDynamic;
      best = r == 0 ? one : lower ? std::max(best, one) : std::min(best, one);
    }
    return best;
  }

  int constant(std::int64_t number, const Operation& loop, int variable, int region, std::vector<int>& list) {
    Attribute attribute;
    attribute.kind = Attribute::Kind::integer;
    attribute.integer = number;
    attribute.real = static_cast<double>(number);
    to_.attributes.push_back(std::move(attribute));
    Value made = from_.values[static_cast<std::size_t>(variable)];
    made.operation = static_cast<int>(to_.operations.size());
    made.region = -1;
    made.number = 0;
    to_.values.push_back(made);
    Operation operation;
    operation.name = operation.text = "arith.constant";
    operation.line = loop.line;
    operation.column = loop.column;
    operation.region = region;
    operation.results.push_back(static_cast<int>(to_.values.size()) - 1);
    operation.attributes.emplace_back("value", static_cast<int>(to_.attributes.size()) - 1);
    list.push_back(static_cast<int>(to_.operations.size()));
    to_.operations.push_back(std::move(operation));
    return static_cast<int>(to_.values.size()) - 1;
  }

  /// The iterations of a loop one after the other; false where it must stay a loop.
  bool copy(int id, int region, std::vector<int>& list) {
    const Operation& one = from_.operations[static_cast<std::size_t>(id)];
    if (one.loops.size() != 1 || one.regions.size() != 1) return false;
    const Loop& loop = one.loops[0];
    const std::vector<Block>& blocks = from_.regions[static_cast<std::size_t>(one.regions[0])].blocks;
    const std::int64_t lower = bound(loop.lower, true), upper = bound(loop.upper, false),
                       step = bound(loop.step, true);
    constexpr std::int64_t kFar = std::int64_t{1} << 40U;
    if (lower == kDynamic || upper == kDynamic || step < 1 || std::abs(lower) > kFar ||
        std::abs(upper) > kFar || blocks.size() != 1 || loop.variable < 0)
      return false;
    const Block& block = blocks[0];
    const std::int64_t trips = lower < upper ? (upper - lower + step - 1) / step : 0;
    if (trips > kMostTrips || block.arguments.empty()) return false;
    const std::size_t carried = block.arguments.size() - 1;
    if (carried > one.operands.size() || carried != one.results.size()) return false;
    std::vector<int> values(one.operands.end() - static_cast<std::ptrdiff_t>(carried), one.operands.end());
    for (int& value : values) value = now(value);
    const Operation* last = block.operations.empty()
                                ? nullptr
                                : &from_.operations[static_cast<std::size_t>(block.operations.back())];
    const bool yields = last != nullptr && last->name.ends_with(".yield");
    if (carried > 0 && (!yields || last->operands.size() != carried)) return false;
    changed_ = true;
    ++copies_;
    for (std::int64_t k = 0; k < trips; ++k) {
      now_[static_cast<std::size_t>(loop.variable)] =
          constant(lower + k * step, one, loop.variable, region, list);
      for (std::size_t c = 0; c < carried; ++c)
        now_[static_cast<std::size_t>(block.arguments[c + 1])] = values[c];
      for (std::size_t i = 0; i + (yields ? 1 : 0) < block.operations.size(); ++i)
        put(block.operations[i], region, list);
      for (std::size_t c = 0; c < carried; ++c) values[c] = now(last->operands[c]);
    }
    --copies_;
    for (std::size_t c = 0; c < carried; ++c) now_[static_cast<std::size_t>(one.results[c])] = values[c];
    return true;
  }

  const Module& from_;
  const BoundingLoops& loops_;
  Module to_;
  std::vector<int> early_;
  std::vector<int> now_;  ///< by value: what stands for it
  int copies_ = 0;        ///< around
  bool changed_ = false, too_long_ = false;
};

}  // namespace

BoundingLoops bounding_loops(const Nest& nest, const CodeTarget& target) {
  if (std::none_of(nest.loops.begin(), nest.loops.end(), [](const Nest::Loop& loop) {
        return !loop.fixed &&
               std::any_of(loop.bounded_by.begin(), loop.bounded_by.end(), [](int by) { return by >= 0; });
      }))
    return {};
  const std::vector<bool> left = left_early(nest, target);
  std::vector<bool> bounds(nest.loops.size(), false), between = bounds;
  for (std::size_t i = 0; i < nest.loops.size(); ++i) {
    const Nest::Loop& loop = nest.loops[i];
    if (loop.fixed) continue;
    for (const int by : loop.bounded_by) {
      if (by < 0 || left[static_cast<std::size_t>(by)]) continue;
      bounds[static_cast<std::size_t>(by)] = true;
      for (int at = loop.parent; at != by && at >= 0; at = nest.loops[static_cast<std::size_t>(at)].parent)
        if (!left[static_cast<std::size_t>(at)]) between[static_cast<std::size_t>(at)] = true;
    }
  }
  BoundingLoops loops;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const int operation = nest.loops[i].operation;
    if (operation < 0) continue;
    if (bounds[i]) loops.bounds.push_back(operation);
    if (between[i] && !bounds[i]) loops.between.push_back(operation);
  }
  return loops;
}

Nest WrittenOut::nest(int function) const {
  Nest nest = mlir::nest(module, function);
  for (Nest::Loop& loop : nest.loops)
    loop.early = loop.operation >= 0 && std::find(early.begin(), early.end(), loop.operation) != early.end();
  return nest;
}

std::optional<WrittenOut> written_out(const Module& module, const BoundingLoops& loops) {
  return Copier(module, loops).run();
}

}  // namespace hone::cost::mlir
