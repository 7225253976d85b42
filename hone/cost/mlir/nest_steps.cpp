// Steps, accesses, and how values go from one to the next.
#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "hone/cost/mlir/nest_builder.h"

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

namespace {

/// The number that a value is in all its elements; NaN where it is no constant.
double real_constant(const Module& module, int value) {
  if (const std::int64_t whole = module.constant(value); whole != kDynamic) return static_cast<double>(whole);
  const int definer = value < 0 ? -1 : module.values[static_cast<std::size_t>(value)].operation;
  if (definer < 0 ||
      plain_name(module.operations[static_cast<std::size_t>(definer)].name) != "arith.constant")
    return NAN;
  for (const auto& [name, index] : module.operations[static_cast<std::size_t>(definer)].attributes) {
    const Attribute& attribute = module.attributes[static_cast<std::size_t>(index)];
    if (attribute.kind == Attribute::Kind::real) return attribute.real;
    if (attribute.kind == Attribute::Kind::dense && attribute.numbers.size() == 1)
      return attribute.numbers[0];
  }
  return NAN;
}

/// Whether f16 and bf16 are made f32 for it, and its result f16 or bf16 again.
bool in_longer(Work work) {
  return work == Work::add || work == Work::multiply || work == Work::fma || work == Work::divide ||
         work == Work::root || work == Work::transcendental || work == Work::compare;
}

}  // namespace

/// What LLVM makes of an operation: powers by constants are products, quotients and roots (SimplifyLibCalls,
/// and for whole exponents SelectionDAGBuilder's expandPowI).
Few<Work> NestBuilder::works_of(const Operation& operation, Work work) const {
  if (operation.operands.size() != 2) return {work};
  const std::string_view name = plain_name(operation.name);
  const double exponent =
      name == "math.powf" || name == "math.fpowi" ? real_constant(module_, operation.operands[1]) : NAN;
  if (std::isnan(exponent)) return {work};
  if (exponent == 1.0 || exponent == 0.0) return {};
  if (exponent == 2.0) return {Work::multiply};
  if (exponent == -1.0) return {Work::divide};
  if (name == "math.powf") {
    // The sign goes, and what came from -infinity is chosen.
    if (exponent == 0.5) return {Work::root, Work::add, Work::compare, Work::compare};
    return {work};
  }
  if (std::abs(exponent) >= 2147483648.0) return {work};
  const auto whole = static_cast<unsigned>(std::abs(exponent));
  const int products = std::bit_width(whole) + std::popcount(whole) - 2;
  Few<Work> list;
  for (int i = 0; i < products; ++i) list.push_back(Work::multiply);
  if (exponent < 0.0) list.push_back(Work::divide);
  return list;
}

/// A step as processors do it: f16 and bf16 (`brain`) in f32, f80 one by one on the old stack, f128 by calls
/// of a library.
void NestBuilder::add_step(Nest::Step step, bool brain) {
  if (!step.real || (step.bits != 16 && step.bits < 80)) return nest_.steps.push_back(std::move(step));
  if (step.bits >= 80) {
    step.opaque = true;
    if (step.bits > 80 && (in_longer(step.work) || step.work == Work::convert)) {
      step.work = Work::transcendental;
      step.called = {std::max(40.0, 4.0 * step.called.cycles), std::max(50.0, 4.0 * step.called.latency)};
    } else {
      step.count *= 3.0;  // loaded onto the stack, and stored from it
    }
    return nest_.steps.push_back(std::move(step));
  }
  // Instructions on their way: vcvtph2ps and vcvtps2ph are two each. A bf16 is the upper half of an f32: it
  // is widened and shifted, and where no instruction rounds it that takes some.
  const double conversions = brain ? 4.0 : 2.0;
  step.bits = 32;
  if (step.work == Work::convert) step.count *= conversions;
  if (!in_longer(step.work)) return nest_.steps.push_back(std::move(step));
  Nest::Step conversion = step;
  conversion.work = Work::convert;
  conversion.choice = {};
  conversion.called = {};
  conversion.opaque = conversion.idempotent = false;
  conversion.count *= conversions;
  conversion.code = std::hash<std::string_view>()("from half");
  for (int& value : step.uses) {
    conversion.order = order_++;
    conversion.uses = {value};
    conversion.value = value = --implied_;
    nest_.steps.push_back(conversion);
  }
  conversion.code = std::hash<std::string_view>()("to half");
  conversion.value = step.value;
  step.order = order_++;
  conversion.order = order_++;
  step.value = --implied_;
  conversion.uses = {step.value};
  nest_.steps.push_back(std::move(step));
  nest_.steps.push_back(std::move(conversion));
}

/// vector.contract as LLVM's passes write it out: for each element of the result a product of a row and a
/// column, whose elements are taken out and added one after the other.
void NestBuilder::contract(Nest::Step step) {
  const int value = step.value;
  Nest::Step sums = step;
  step.work = Work::multiply;
  step.value = --implied_;
  sums.uses = {step.value};
  sums.code = 0;
  sums.count *= step.elements;
  sums.elements = 1.0;
  nest_.steps.push_back(step);
  sums.order = order_++;
  sums.work = Work::shuffle;
  sums.value = --implied_;
  nest_.steps.push_back(sums);
  sums.order = order_++;
  sums.uses = {sums.value};
  sums.work = Work::add;
  sums.value = value;
  nest_.steps.push_back(std::move(sums));
}

bool reduces_in_order(const Operation& operation, bool real) {
  if (operation.name != "vector.reduction" || !real) return false;
  const std::string_view flags = "fastmath<";
  if (const std::size_t found = operation.text.find(flags); found != std::string_view::npos) {
    const std::string_view said = operation.text.substr(found, operation.text.find('>', found) - found);
    if (said.find("reassoc") != std::string_view::npos ||
        said.find("fast", flags.size()) != std::string_view::npos)
      return false;
  }
  return operation.text.find("<add>") != std::string_view::npos ||
         operation.text.find("<mul>") != std::string_view::npos;
}

/// Elements are added or multiplied one after the other, onto what is given or, of a sum, onto 0. What was
/// loaded for that alone is loaded element by element, others are taken out of their vector.
void NestBuilder::reduce_in_order(const Operation& operation, Nest::Step step) {
  const int vector = operation.operands[0];
  const int definer = module_.values[static_cast<std::size_t>(vector)].operation;
  const bool loaded = definer >= 0 && users(vector).size() == 1 &&
                      work_of(module_.operations[static_cast<std::size_t>(definer)].name) == Work::load;
  const bool product = operation.text.find("<mul>") != std::string_view::npos;
  const double elements = step.elements, before = step.count;
  step.elements = 1.0;
  step.code = 0;
  if (!loaded && elements > 1.0) {
    Nest::Step taken = step;
    taken.work = Work::shuffle;
    taken.count = before * (elements - 1.0);
    taken.uses = {vector};
    taken.value = step.uses[0] = --implied_;
    nest_.steps.push_back(std::move(taken));
    step.order = order_++;
  }
  step.work = product ? Work::multiply : Work::add;
  step.count = before * (product && operation.operands.size() == 1 ? elements - 1.0 : elements);
  nest_.steps.push_back(std::move(step));
}

/// Reads, changes and writes an element before another processor gets at it: what the result is was there.
void NestBuilder::atomic(const Operation& operation, At at) {
  const std::size_t loads = nest_.accesses.size();
  access(operation, at, false);
  Nest::Step step;
  step.loop = at.loop;
  step.work = Work::call;  // nothing is moved over it
  step.called = kAtomic;
  // Sums of whole numbers are an instruction; all else is loaded, changed and exchanged.
  if (nest_.accesses.size() > loads && (nest_.accesses[loads].real || !operation.regions.empty())) {
    const auto moves = [&](const Nest::Index& index) {
      return std::any_of(index.terms.begin(), index.terms.end(),
                         [&](const auto& term) { return term.first == at.loop && term.second != 0.0; });
    };
    const auto& indices = nest_.accesses[loads].indices;
    if (std::none_of(indices.begin(), indices.end(), moves)) step.called = kAtomicAgain;
  }
  step.count = count(at);
  step.opaque = true;
  step.uses = operation.operands;
  if (!operation.results.empty()) step.uses.push_back(operation.results[0]);
  for (const int id : operation.regions) {
    const Block& block = module_.regions[static_cast<std::size_t>(id)].blocks[0];
    if (!block.arguments.empty() && !operation.results.empty())
      nest_.flows.push_back({at.loop, false, order_++, {block.arguments[0]}, {operation.results[0]}, true});
    region(id, at);
    if (!block.operations.empty())
      step.uses = module_.operations[static_cast<std::size_t>(block.operations.back())].operands;
  }
  step.order = order_++;
  step.value = --implied_;
  nest_.steps.push_back(step);
  const std::size_t accesses = nest_.accesses.size();
  access(operation, at, true);
  if (nest_.accesses.size() > accesses) nest_.accesses.back().uses = {step.value};
}

/// Of functions of whole tensors, among the steps from one on: what their calls take.
void NestBuilder::library_calls(const Operation& operation, std::size_t first) {
  const Attribute* combiner = module_.attribute(operation, "combiner");
  const std::string_view name = combiner == nullptr ? operation.name : combiner->text;
  for (std::size_t i = first; i < nest_.steps.size(); ++i) {
    Nest::Step& step = nest_.steps[i];
    if (step.work != Work::transcendental || step.called.cycles > 0.0) continue;
    step.called = called_for(name, step.bits);
    step.opaque = unknown_call(name);
  }
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
  const std::string_view plain = plain_name(operation.name);
  step.idempotent = operation.operands.size() == 2 && kIdempotent.count(plain) > 0;
  step.extremum = step.idempotent && work == Work::integer && plain.find(".m") != std::string_view::npos;
  step.difference = plain == "arith.subi" && operation.operands.size() == 2;
  step.sum = step.difference || plain == "arith.addi";
  step.code = code_of(operation);
  if (!operation.results.empty()) {
    const Type& given = module_.type_of(operation.results[0]);
    step.address = (given.kind == Type::Kind::scalar && given.scalar == Type::Scalar::index) ||
                   addresses_[static_cast<std::size_t>(&operation - module_.operations.data())];
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
  step.selects = plain == "arith.select";
  step.of_reals = step.real || (!step.selects && operand.real_elements());
  if (work == Work::compare && step.real) step.choice = choice(operation);
  // A power of two is exp2's.
  if (work == Work::transcendental)
    step.called =
        called_for(plain == "math.powf" && real_constant(module_, shown) == 2.0 ? "exp2" : plain, step.bits);
  if (operation.name == "vector.contract") return contract(std::move(step));
  if (reduces_in_order(operation, step.real)) return reduce_in_order(operation, std::move(step));
  const bool brain =
      type.text.find("bf16") != std::string_view::npos || operand.text.find("bf16") != std::string_view::npos;
  if (work == Work::convert && operand.real_elements() && result.real_elements()) {
    // Between reals: the shorter one says how, the longer one how wide.
    const int shorter = std::min(operand.bits, result.bits), longer = std::max(operand.bits, result.bits);
    if (longer >= 80 || shorter == 16) step.bits = longer >= 80 ? longer : shorter;
  }
  static const std::set<std::string_view> kByBits = {"arith.select", "arith.negf", "math.absf",
                                                     "math.copysign"};
  if (step.bits == 16 && kByBits.contains(plain)) return nest_.steps.push_back(std::move(step));
  if (of_complex(operation, step)) return;
  const Few<Work> works = works_of(operation, work);
  if (works.size() == 1 && works[0] == work) return add_step(std::move(step), brain);
  const int value = step.value;
  if (works.empty()) {
    if (!operation.operands.empty())
      nest_.flows.push_back({at.loop, false, step.order, operation.results, {operation.operands[0]}, true});
    return;
  }
  Few<int> uses = {operation.operands[0]};
  for (std::size_t i = 0; i < works.size(); ++i) {
    step.work = works[i];
    step.called = {};
    step.choice = {};
    step.uses = uses;
    step.code += 1;
    step.value = i + 1 < works.size() ? --implied_ : value;
    step.order = order_++;
    uses = {step.value, operation.operands[0]};
    add_step(step, brain);
  }
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
  if (place == operation.operands.size() && operation.dialect() == "llvm" &&
      operation.operands.size() > (store ? 1U : 0U)) {
    access.operation = static_cast<int>(&operation - module_.operations.data());
    access.masked = operation.name.starts_with("llvm.intr.masked");
    return access_by_pointer(std::move(access), operation.operands[store ? 1 : 0]);
  }
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
  rows(operation, operation.operands[place], moved, std::move(access));
}

}  // namespace hone::cost::mlir
