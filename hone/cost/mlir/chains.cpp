// What one iteration of a loop hands on to the next in values, and what that takes.
#include <algorithm>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr int kMaxPath = 200;
constexpr double kLoaded = 5.0;  // cycles of a load from the first cache

}  // namespace

/// The longest way from one value to another through operations.
Way NestBuilder::latency(int from, int to) {
  if (from == to) return {.cycles = 0.0};
  if (const auto found = paths_.find(to); found != paths_.end()) return found->second;
  const int definer = to < 0 ? -1 : module_.values[static_cast<std::size_t>(to)].operation;
  if (definer < 0 || chain_ > kMaxPath) return {};
  const Operation& operation = module_.operations[static_cast<std::size_t>(definer)];
  const Work work = work_of(operation.name);
  const Longer longer(*this);
  paths_[to] = {};  // a value that depends on itself ends here
  Way longest;
  for (const int operand : operation.operands) {
    // A load waits for its place.
    const Type& type = module_.type_of(operand);
    const bool number = type.kind == Type::Kind::scalar || type.text.starts_with("!llvm.ptr");
    if (work != Work::load || number) longest.longest(latency(from, operand));
  }
  if (work == Work::load) {
    if (longest.leads()) longest.add(Link::load, kLoaded), chased_ = true;
    return paths_[to] = longest;
  }
  if (longest.leads()) {
    const Type& type = module_.type_of(operation.operands.empty() ? to : operation.operands[0]);
    const Choice chosen = choice(operation);
    // Onto what it is given, one element after the other.
    const bool in_order = reduces_in_order(operation, type.real_elements());
    const double times = in_order ? std::max(1.0, type.elements()) : 1.0;
    for (const Work one : in_order ? Few<Work>{Work::add} : works_of(operation, work))
      longest.add(link_of(one, type.real_elements(), chosen),
                  times * latency_of(one, type.real_elements(), type.bits, chosen,
                                     called_for(operation.name, type.bits)));
  }
  return paths_[to] = longest;
}

/// Values that the region hands on to its next run.
void NestBuilder::carried_chain(const Operation& operation, int loop) {
  if (loop < 0 || operation.regions.empty()) return;
  const Block& block = module_.regions[static_cast<std::size_t>(operation.regions[0])].blocks[0];
  if (block.operations.empty()) return;
  const Few<int>& yielded = module_.operations[static_cast<std::size_t>(block.operations.back())].operands;
  carried_chain(span_of(block.arguments, std::min(operation.loops.size(), block.arguments.size())),
                span_of(yielded), loop);
}

void NestBuilder::carried_chain(std::span<const int> from, std::span<const int> to, int loop) {
  Way& chain = nest_.loops[static_cast<std::size_t>(loop)].chain;
  chased_ = false;
  for (std::size_t i = 0; i < std::min(from.size(), to.size()); ++i) {
    if (module_.type_of(from[i]).kind == Type::Kind::tensor) continue;
    paths_.clear();
    chain.longest(latency(from[i], to[i]));
  }
  nest_.loops[static_cast<std::size_t>(loop)].chased = chased_;
}

}  // namespace hone::cost::mlir
