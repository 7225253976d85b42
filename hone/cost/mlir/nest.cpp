// Loops as they are written.
#include "hone/cost/mlir/nest.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "hone/cost/mlir/dead.h"
#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr double kLongest = 1e18;  // iterations of a loop, each time that it is entered

/// Whether it makes a buffer or tensor, of as many sizes as it is told of beside its type.
bool makes_room(std::string_view name) {
  return name == "memref.alloc" || name == "memref.alloca" || name == "tensor.empty";
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

}  // namespace

bool Nest::inside(int loop, int around) const {
  while (loop >= 0 && loop != around) loop = loops[static_cast<std::size_t>(loop)].parent;
  return loop == around;
}

Carried carried_by(const Nest::Access& load, const Nest::Access& store, int loop) {
  if (load.indices.size() != store.indices.size()) return Carried::nothing;
  std::optional<double> distance;  // iterations from the store to the load of what it stored
  for (std::size_t k = 0; k < load.indices.size(); ++k) {
    if (!load.indices[k].moves_like(store.indices[k])) return Carried::nothing;
    double step = 0.0;
    for (const auto& [at, by] : load.indices[k].terms)
      if (at == loop) step += by;
    const double off = store.indices[k].constant - load.indices[k].constant;
    if (step == 0.0) {
      if (off != 0.0) return Carried::nothing;
      continue;
    }
    const double iterations = off / step;
    if (iterations != std::floor(iterations) || (distance && *distance != iterations))
      return Carried::nothing;
    distance = iterations;
  }
  if (!distance) return Carried::in_place;
  return *distance > 0.0 && *distance <= kReach ? Carried::onward : Carried::nothing;
}

Nest nest(const Module& module, int function) {
  Nest result;
  NestBuilder(module, result).function(function);
  return result;
}

/// Whether a bound depends on values that are no constants.
bool NestBuilder::varies(const Bound& bound) const {
  const AffineMap& map = module_.maps[static_cast<std::size_t>(bound.map)];
  bool constant = true;
  for (std::size_t k = 0; k < map.results.size(); ++k) constant = constant && map.constant(k) != kDynamic;
  return !constant && std::any_of(bound.operands.begin(), bound.operands.end(),
                                  [&](int operand) { return module_.constant(operand) == kDynamic; });
}

/// Whether trip counts differ from one entry to the next, in a function or in what it calls.
bool NestBuilder::bounds_vary(int function, Few<int>& seen) {
  if (std::find(seen.begin(), seen.end(), function) != seen.end()) return false;
  seen.push_back(function);
  const int around = module_.operations[static_cast<std::size_t>(function)].region;
  for (std::size_t i = static_cast<std::size_t>(function); i < module_.operations.size(); ++i) {
    const Operation& operation = module_.operations[i];
    // What follows the function's own operations stands in its region or further out.
    if (static_cast<int>(i) != function && operation.region <= around) return false;
    if (chooses(operation.name) || goes_around(operation.name) || operation.name.ends_with(".cond_br"))
      return true;
    if (const Attribute* sizes = module_.attribute(operation, "static_sizes"); sizes != nullptr) {
      const std::vector<std::int64_t> known = module_.integers(*sizes);
      if (std::find(known.begin(), known.end(), kDynamic) != known.end()) return true;
    }
    if (operation.regions.empty() && operation.name.find("call") != std::string_view::npos)
      if (const int called = callee(operation); called >= 0 && bounds_vary(called, seen)) return true;
    if (makes_room(operation.name) &&
        std::any_of(operation.operands.begin(), operation.operands.end(),
                    [&](int size) { return module_.constant(size) == kDynamic; }))
      return true;
    if (std::any_of(operation.loops.begin(), operation.loops.end(), [&](const Loop& loop) {
          return varies(loop.lower) || varies(loop.upper) || varies(loop.step);
        }))
      return true;
  }
  return false;
}

void NestBuilder::function(int operation) {
  Few<int> seen;
  samples_ = bounds_vary(operation, seen) ? kSamples : 1;
  const Operation& whole = module_.operations[static_cast<std::size_t>(operation)];
  calling_.push_back(operation);
  dead_ = dead_operations(module_, operation);
  enter(operation);
  for (const int region : whole.regions) {
    for (const int argument : module_.regions[static_cast<std::size_t>(region)].blocks[0].arguments)
      if (module_.type_of(argument).shaped() || !module_.type_of(argument).shape.empty()) {
        nest_.buffers[static_cast<std::size_t>(buffer(argument))].argument = true;
      } else if (!describes_memory(argument)) {
        nest_.arguments.push_back(argument);
        nest_.arguments_bytes += std::ceil(module_.type_of(argument).bits / 8.0);
      }
  }
  if (!whole.loops.empty()) {
    this->operation(operation, {});
  } else {
    for (const int id : whole.regions) region(id, {});
  }
  // What is returned is written into an argument of the compiled function.
  for (const int id : whole.regions)
    for (const Block& block : module_.regions[static_cast<std::size_t>(id)].blocks) {
      if (block.operations.empty()) continue;
      const Operation& last = module_.operations[static_cast<std::size_t>(block.operations.back())];
      if (last.name != "return" && !last.name.ends_with(".return")) continue;
      returned(span_of(last.operands));
    }
  // What nothing took in stands where it stood.
  while (!fused_.empty()) {
    const Fused fused = std::move(fused_.begin()->second);
    fused_.erase(fused_.begin());
    domain(fused.domain, fused.at, {}, fused.bits, fused.real, fused.body);
  }
  place_accesses();
}

void NestBuilder::region(int id, At at) {
  const std::vector<Block>& blocks = module_.regions[static_cast<std::size_t>(id)].blocks;
  if (blocks.size() == 1) return block(blocks[0], at);
  jumps(id, at);
}

void NestBuilder::block(const Block& block, At at) {
  // What enters a block is known when it is entered; a function's own is the same all through it.
  if (at.loop >= 0)
    for (const int argument : block.arguments) stands_.try_emplace(argument, at.loop);
  for (const int operation : block.operations) this->operation(operation, at);
}

/// A value that the first block of a region ends with; -1: none.
int NestBuilder::ended_with(int region, std::size_t number) const {
  const Block& block = module_.regions[static_cast<std::size_t>(region)].blocks[0];
  if (block.operations.empty()) return -1;
  const Few<int>& last = module_.operations[static_cast<std::size_t>(block.operations.back())].operands;
  return number < last.size() ? last[number] : -1;
}

void NestBuilder::operation(int id, At at) {
  const Operation& operation = module_.operations[static_cast<std::size_t>(id)];
  ++walked_;
  for (const int result : operation.results) stands_[result] = at.loop;
  if (!dead_.empty() && dead_[static_cast<std::size_t>(id)]) return;
  if (!operation.loops.empty()) return loops(operation, at);
  Work work = work_of(operation.name);
  // What a name only looks like says nothing of a body.
  if ((work == Work::none || work == Work::call) && has_unknown_body(operation)) work = Work::unknown;
  const std::size_t steps = nest_.steps.size();
  if (operation.name.starts_with("llvm.intr.mem") && moves_memory(operation, at)) return;
  if (tensors(operation, at, work)) return library_calls(operation, steps);
  // What ends a block of a dialect's own has no part in what the block does.
  const bool named = operation.name.find('.') != std::string_view::npos || operation.name == "return" ||
                     operation.name == "call";
  if ((work == Work::unknown || !named) && operation.regions.empty() &&
      !operation.name.ends_with("terminator"))
    ++nest_.unknown_steps;
  switch (work) {
    case Work::none:
      if (!operation.operands.empty() && !operation.results.empty()) flow(operation, at, false);
      break;
    case Work::load:
    case Work::store:
      if (operation.name.ends_with("atomic_rmw")) return atomic(operation, at);
      access(operation, at, work == Work::store);
      break;
    case Work::call:
      call(operation, at);
      break;
    case Work::control:
      branches(operation, at);
      flow(operation, at, false);
      break;
    default:
      if (has_unknown_body(operation)) ++nest_.unknown_regions;
      step(operation, at, work);
      if (!operation.regions.empty()) branches(operation, at);
  }
}

bool has_unknown_body(const Operation& operation) {
  const std::string_view name = operation.name;
  return !operation.regions.empty() && !known_by_name(name) && !chooses(name) && !goes_around(name) &&
         !name.ends_with("func");
}

double NestBuilder::count(At at) const {
  const double entered = at.loop < 0 ? 1.0 : nest_.loops[static_cast<std::size_t>(at.loop)].iterations;
  return std::min(Nest::kMost, entered * at.share);
}

int NestBuilder::add_loop(At at, const Points& trips, bool parallel, bool known, bool implied) {
  Nest::Loop loop;
  loop.parent = at.loop;
  loop.parallel = parallel;
  loop.known = known;
  loop.implied = implied;
  Points weights = shown(at);
  for (double& weight : weights) weight *= at.share;
  if (at.loop >= 0) {
    Nest::Loop& around = nest_.loops[static_cast<std::size_t>(at.loop)];
    loop.depth = around.depth + 1;
    ++around.children;
    for (std::size_t s = 0; s < samples_; ++s) weights[s] *= weights_[static_cast<std::size_t>(at.loop)][s];
  }
  loop.entries = mean(weights);
  for (std::size_t s = 0; s < samples_; ++s) weights[s] *= trips[std::min(s, trips.size() - 1)];
  loop.iterations = mean(weights);
  loop.trips = loop.entries > 0.0 ? loop.iterations / loop.entries : mean(trips);
  // What is too much for all that is computed of it is cut off behind that.
  loop.iterations = std::min(Nest::kMost, loop.iterations);
  for (double& weight : weights) weight = std::min(Nest::kMost, weight);
  loop.most = trips.empty() ? loop.trips : *std::max_element(trips.begin(), trips.end());
  loop.span = loop.most;
  loop.fixed = known && std::all_of(trips.begin(), trips.end(), [&](double one) { return one == trips[0]; });
  weights_.push_back(std::move(weights));
  trips_.push_back(trips);
  nest_.loops.push_back(loop);
  return static_cast<int>(nest_.loops.size()) - 1;
}

/// A value that a loop's length depends on, among those that count loops around it.
void NestBuilder::bounded_by(int loop, int around, int value) {
  if (module_.constant(value) != kDynamic) return;
  const auto counts = [&](int candidate) {
    const auto& variables = nest_.loops[static_cast<std::size_t>(candidate)].variables;
    return std::find(variables.begin(), variables.end(), value) != variables.end();
  };
  while (around >= 0 && !counts(around)) around = nest_.loops[static_cast<std::size_t>(around)].parent;
  nest_.loops[static_cast<std::size_t>(loop)].bounded_by.push_back(around);
}

/// What a bound is the greatest or least of, as sums over loops; none where one of them is no such sum.
std::vector<Nest::Index> NestBuilder::sums(const Bound& bound) {
  std::vector<Nest::Index> all;
  const AffineMap& map = module_.maps[static_cast<std::size_t>(bound.map)];
  for (std::size_t k = 0; k < map.results.size(); ++k) {
    all.push_back(mapped(map, k, span_of(bound.operands)));
    if (!all.back().by_loops()) return {};
  }
  return all;
}

void NestBuilder::loops(const Operation& operation, At at) {
  for (const Loop& loop : operation.loops) {
    bool known = true;
    const Points lower = points(loop.lower, true, known), upper = points(loop.upper, false, known);
    const Points step = points(loop.step, true, known);
    Points trips(samples_), variable(samples_);
    for (std::size_t s = 0; s < samples_; ++s) {
      const double stride = std::max(1.0, step[s]);
      trips[s] = known ? std::clamp(std::ceil((upper[s] - lower[s]) / stride), 0.0, kLongest)
                       : static_cast<double>(Nest::kUnknownTrips);
    }
    // Of steps that vary the mean of those that are made: trips of it lead from begin to end.
    double by = std::max(1.0, step[0]);
    if (known && std::any_of(step.begin(), step.end(), [&](double one) { return one != step[0]; })) {
      double way = 0.0, made = 0.0;
      for (std::size_t s = 0; s < samples_; ++s) way += trips[s] * std::max(1.0, step[s]), made += trips[s];
      by = made > 0.0 ? std::max(1.0, std::round(way / made)) : by;
    }
    const int id = add_loop(at, trips, loop.parallel, known, false);
    if (operation.loops.size() == 1)
      nest_.loops[static_cast<std::size_t>(id)].operation =
          static_cast<int>(&operation - module_.operations.data());
    if (known) {
      Nest::Loop& made = nest_.loops[static_cast<std::size_t>(id)];
      const double begin = *std::min_element(lower.begin(), lower.end()),
                   end = *std::max_element(upper.begin(), upper.end());
      made.span = std::max(made.most, std::ceil((end - begin) / by));
    }
    for (const int operand : loop.lower.operands)
      if (module_.constant(operand) == kDynamic) nest_.loops[static_cast<std::size_t>(id)].shifted = true;
    for (const Bound* bound : {&loop.lower, &loop.upper, &loop.step})
      for (const int operand : bound->operands) bounded_by(id, at.loop, operand);
    // The last tile differs, though no sample may show it.
    const auto several = [&](const Bound& bound) {
      const AffineMap& map = module_.maps[static_cast<std::size_t>(bound.map)];
      return map.results.size() > 1 &&
             std::any_of(bound.operands.begin(), bound.operands.end(),
                         [&](int operand) { return module_.constant(operand) == kDynamic; });
    };
    if ((several(loop.lower) || several(loop.upper)) && !one_length(loop)) {
      nest_.loops[static_cast<std::size_t>(id)].fixed = false;
      nest_.loops[static_cast<std::size_t>(id)].several_bounds = true;
    }
    if (several(loop.lower) || varies(loop.step)) begins_[id] = &loop;
    if (known && !nest_.loops[static_cast<std::size_t>(id)].fixed) {
      Few<int> bounds;
      for (const Bound* bound : {&loop.lower, &loop.upper, &loop.step})
        bounds.insert(bounds.end(), bound->operands.begin(), bound->operands.end());
      lengths_[id] = {std::move(bounds), [this, &loop] { return this->trips(loop); }};
      weigh(id, at);
    }
    if (known && !nest_.loops[static_cast<std::size_t>(id)].fixed && !varies(loop.step)) {
      std::vector<Nest::Index> begins = sums(loop.lower), ends = sums(loop.upper);
      if (!begins.empty() && !ends.empty()) {
        Nest::Loop& made = nest_.loops[static_cast<std::size_t>(id)];
        made.begins = std::move(begins);
        made.ends = std::move(ends);
      }
    }
    const Points stands = stands_at(id, trips);
    for (std::size_t s = 0; s < samples_; ++s) {
      const double begin = std::isfinite(lower[s]) ? lower[s] : 0.0;
      variable[s] = begin + stands[s] * std::max(1.0, step[s]);
    }
    if (loop.variable >= 0) {
      nest_.loops[static_cast<std::size_t>(id)].variables.push_back(loop.variable);
      values_[loop.variable] = variable;
      Nest::Index index;
      const AffineMap& map = module_.maps[static_cast<std::size_t>(loop.lower.map)];
      index = mapped(map, 0, span_of(loop.lower.operands));
      nest_.loops[static_cast<std::size_t>(id)].first = index;
      nest_.loops[static_cast<std::size_t>(id)].step = by;
      index.terms.emplace_back(id, by);
      indices_[loop.variable] = std::move(index);
    }
    at = {id, 1.0, at.under};
  }
  // Arguments beyond the variables are carried from iteration to iteration.
  if (!operation.regions.empty()) {
    const Few<int>& arguments =
        module_.regions[static_cast<std::size_t>(operation.regions[0])].blocks[0].arguments;
    Nest::Loop& innermost = nest_.loops[static_cast<std::size_t>(at.loop)];
    const std::size_t carried = arguments.size() - std::min(arguments.size(), operation.loops.size());
    for (std::size_t i = operation.loops.size(); i < arguments.size(); ++i) {
      const Type& type = module_.type_of(arguments[i]);
      (type.real_elements() ? innermost.carries_real : innermost.carries_integer) = true;
      innermost.carried.push_back(arguments[i]);
      stands_[arguments[i]] = at.loop;
      const std::size_t operand = operation.operands.size() - std::min(operation.operands.size(), carried) +
                                  i - operation.loops.size();
      if (operand < operation.operands.size()) {
        innermost.initial.push_back(operation.operands[operand]);
        counted({&arguments[i], 1}, ended_with(operation.regions[0], i - operation.loops.size()),
                operation.operands[operand], at.loop);
      }
      // A tensor or memref that goes around is the one that went in.
      if (type.shaped() && type.kind != Type::Kind::vector && operand < operation.operands.size()) {
        same_place(arguments[i], operation.operands[operand]);
        if (i - operation.loops.size() < operation.results.size())
          same_place(operation.results[i - operation.loops.size()], operation.operands[operand]);
      }
    }
  }
  for (const int id : operation.regions) region(id, at);
  carried_chain(operation, at.loop);
  if (at.loop >= 0 && !operation.regions.empty()) {
    const Block& block = module_.regions[static_cast<std::size_t>(operation.regions[0])].blocks[0];
    if (!block.operations.empty())
      nest_.loops[static_cast<std::size_t>(at.loop)].yielded =
          module_.operations[static_cast<std::size_t>(block.operations.back())].operands;
  }
  flow(operation, at, true);
}

void NestBuilder::branches(const Operation& operation, At at) {
  if (operation.regions.empty()) {
    const bool jumps = operation.name.find("br") != std::string_view::npos ||
                       operation.name.ends_with("switch") || operation.name.ends_with("assert");
    if (jumps) nest_.steps.push_back({at.loop, Work::control, count(at), 1.0, 0, false});
    return;
  }
  if (goes_around(operation.name)) return while_loop(operation, at);
  if (operation.name == "gpu.launch") return launch(operation, at);
  Condition condition;
  const int even = nest_.even_branches;
  const Few<double> sides = shares(operation, at, condition);
  const bool forks =
      std::any_of(sides.begin(), sides.end(), [](double side) { return side > 0.0 && side < 1.0; });
  std::size_t made = 0;
  if (forks) {
    const int decides = operation.name == "affine.if" ? decide(operation, at)
                        : operation.operands.empty()  ? Nest::kNoValue
                                                      : operation.operands[0];
    nest_.steps.push_back({at.loop, Work::control, count(at), 1.0, 0, false});
    made = fork(at.loop, decides, condition, {sides.begin(), sides.end()}, nest_.even_branches == even);
  }
  for (std::size_t k = 0; k < sides.size(); ++k) {
    if (!(sides[k] > 0.0)) continue;
    if (forks) nest_.forks[made].sides[k].begin = order_;
    side({at.loop, at.share * sides[k], at.under}, condition, k == 0,
         [&](At inside) { region(operation.regions[k], inside); });
    if (forks) nest_.forks[made].sides[k].end = order_;
  }
}

}  // namespace hone::cost::mlir
