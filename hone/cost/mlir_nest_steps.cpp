// Steps, accesses, and how values go from one to the next.
#include <algorithm>
#include <cmath>
#include <set>

#include "hone/cost/mlir_nest_builder.h"

namespace hone::cost::mlir {
/// What an operation's results are taken from: its operands, and what its regions end with.
void NestBuilder::flow(const Operation& operation, At at, bool ended) {
  if (operation.results.empty()) return;
  Nest::Flow flow{at.loop, ended, order_++, operation.results, operation.operands};
  for (const int id : operation.regions)
    for (const Block& block : module_.regions[static_cast<std::size_t>(id)].blocks)
      if (!block.operations.empty()) {
        const auto& last = module_.operations[static_cast<std::size_t>(block.operations.back())].operands;
        flow.uses.insert(flow.uses.end(), last.begin(), last.end());
      }
  nest_.flows.push_back(std::move(flow));
}

Choice NestBuilder::choice(const Operation& operation) const {
  const auto found = std::find_if(operation.operands.begin(), operation.operands.end(), [&](int value) {
    const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
    return definer >= 0 && module_.operations[static_cast<std::size_t>(definer)].name.ends_with(".constant");
  });
  const bool constant = found != operation.operands.end();
  return choice_of(operation.name, constant, constant && module_.zero(*found));
}

void NestBuilder::step(const Operation& operation, At at, Work work) {
  Nest::Step step;
  step.order = order_++;
  step.uses = operation.operands;
  if (!operation.results.empty()) step.value = operation.results[0];
  static const std::set<std::string_view> kKnown = {
      "math.exp", "math.exp2", "math.expm1", "math.log",  "math.log2",  "math.log10", "math.log1p",
      "math.sin", "math.cos",  "math.powf",  "math.powi", "math.fpowi", "math.ipowi"};
  step.opaque =
      work == Work::transcendental && operation.dialect() == "math" && kKnown.count(operation.name) == 0;
  static const std::set<std::string_view> kIdempotent = {
      "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf", "arith.maxsi",
      "arith.minsi",    "arith.maxui",    "arith.minui",   "arith.andi",    "arith.ori"};
  step.idempotent = operation.operands.size() == 2 && kIdempotent.count(operation.name) > 0;
  step.extremum =
      step.idempotent && work == Work::integer && operation.name.find(".m") != std::string_view::npos;
  step.difference = operation.name == "arith.subi" && operation.operands.size() == 2;
  step.sum = step.difference || operation.name == "arith.addi";
  step.code = code_of(operation);
  if (!operation.results.empty()) {
    const Type& given = module_.type_of(operation.results[0]);
    step.address = given.kind == Type::Kind::scalar && given.scalar == Type::Scalar::index;
  }
  step.loop = at.loop;
  step.work = work;
  step.count = count(at);
  const int shown = !operation.operands.empty()  ? operation.operands[0]
                    : !operation.results.empty() ? operation.results[0]
                                                 : -1;
  const Type& result = module_.type_of(operation.results.empty() ? shown : operation.results[0]);
  const Type& operand = module_.type_of(shown);
  // Vectors: the wider side is what is worked on.
  const Type& type =
      operand.kind == Type::Kind::vector && operand.elements() > result.elements() ? operand : result;
  if (type.kind == Type::Kind::vector) step.elements = type.elements();
  if (work == Work::contraction) {  // vector.contract: all pairs
    double size = 1.0;
    for (std::size_t i = 0; i < operation.operands.size() && i < 2; ++i)
      size *= module_.type_of(operation.operands[i]).elements();
    step.elements =
        operation.name == "vector.outerproduct" ? size : std::sqrt(size * std::max(1.0, result.elements()));
  }
  step.bits = type.bits;
  step.real = type.real_elements();
  if (work == Work::compare && step.real) step.choice = choice(operation);
  if (work == Work::transcendental) step.called = called_for(operation.name, step.bits);
  nest_.steps.push_back(step);
}

void NestBuilder::access(const Operation& operation, At at, bool store) {
  // The buffer is the first operand of a memref or tensor type; what follows it are indices.
  std::size_t place = 0;
  while (place < operation.operands.size() &&
         module_.type_of(operation.operands[place]).kind != Type::Kind::memref &&
         module_.type_of(operation.operands[place]).kind != Type::Kind::tensor)
    ++place;
  Nest::Access access;
  access.loop = at.loop;
  access.store = store;
  access.count = count(at);
  const int moved = store                       ? (operation.operands.empty() ? -1 : operation.operands[0])
                    : operation.results.empty() ? -1
                                                : operation.results[0];
  if (module_.type_of(moved).kind == Type::Kind::vector) access.elements = module_.type_of(moved).elements();
  access.bits = module_.type_of(moved).bits;
  access.real = module_.type_of(moved).real_elements();
  access.order = order_++;
  if (operation.name.starts_with("vector.transfer")) {
    const Attribute* bounds = module_.attribute(operation, "in_bounds");
    access.masked =
        bounds == nullptr || std::any_of(bounds->items.begin(), bounds->items.end(), [&](int item) {
          return module_.attributes[static_cast<std::size_t>(item)].integer == 0;
        });
  }
  if (const Attribute* order = module_.attribute(operation, "permutation_map");
      order != nullptr && order->map >= 0) {
    const AffineMap& map = module_.maps[static_cast<std::size_t>(order->map)];
    const Linear last = map.results.empty() ? Linear() : linear(map, map.results.size() - 1);
    const bool moves =
        std::any_of(last.factors.begin(), last.factors.end(), [](auto factor) { return factor != 0; });
    if (!moves) access.elements = 1.0;  // one for all lanes
    access.apart = moves && last.factors.back() == 0;
    if (access.apart)
      access.along = static_cast<int>(
          std::find_if(last.factors.begin(), last.factors.end(), [](auto factor) { return factor != 0; }) -
          last.factors.begin());
  }
  access.zero = store && module_.zero(moved);
  if (store)
    access.uses = {moved};
  else
    access.value = moved;
  if (place == operation.operands.size()) {  // a bare pointer
    Nest::Step step;
    step.loop = at.loop;
    step.work = store ? Work::store : Work::load;
    step.count = access.count;
    step.elements = access.elements;
    step.bits = access.bits;
    step.real = access.real;
    step.order = access.order;
    step.value = access.value;
    nest_.steps.push_back(std::move(step));
    return;
  }
  access.buffer = buffer(operation.operands[place]);
  const std::size_t rank = module_.type_of(operation.operands[place]).shape.size();
  if (operation.map >= 0) {
    const AffineMap& map = module_.maps[static_cast<std::size_t>(operation.map)];
    const std::span<const int> operands =
        span_of(operation.operands, static_cast<std::size_t>(operation.map_operands));
    for (std::size_t i = 0; i < map.results.size(); ++i) access.indices.push_back(mapped(map, i, operands));
  } else {
    for (std::size_t i = place + 1; i < operation.operands.size() && access.indices.size() < rank; ++i)
      access.indices.push_back(index(operation.operands[i]));
    const bool gathers = operation.name == "vector.gather" || operation.name == "vector.scatter";
    if (gathers && !access.indices.empty()) access.indices.back().indirect = true;
  }
  access.operation = static_cast<int>(&operation - module_.operations.data());
  const int held = operation.operands[place];
  if (access.apart && access.masked) keep_inside(access, module_.type_of(held));
  in_buffer(held, access);
  nest_.accesses.push_back(std::move(access));
}

/// Of elements one by one, behind a test each of whether they are there, those remain that are, where loops
/// tell; where that is all of them nothing is tested.
void NestBuilder::keep_inside(Nest::Access& access, const Type& type) const {
  const auto dimension = static_cast<std::size_t>(access.along);
  const std::vector<std::int64_t>& shape = type.shape;
  if (dimension >= access.indices.size() || dimension >= shape.size() || shape[dimension] == kDynamic) return;
  const Nest::Index& index = access.indices[dimension];
  if (!index.exact || index.indirect || index.unknown != Nest::kNoValue || index.offset != 0) return;
  double last = index.constant, positions = 1.0;
  for (const auto& [at, step] : index.terms) {
    const Nest::Loop& loop = nest_.loops[static_cast<std::size_t>(at)];
    if (!loop.known || !loop.fixed) return;
    last += std::max(0.0, step) * (loop.most - 1.0);
    positions *= std::max(1.0, loop.most);
  }
  const double outside = last + access.elements - static_cast<double>(shape[dimension]);
  if (outside <= 0.0)
    access.masked = false;
  else if (outside < access.elements)
    access.elements -= outside / positions;  // of the last position
}

}  // namespace hone::cost::mlir
