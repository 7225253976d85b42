// What one iteration of a loop has to wait for until another is done.
#include <algorithm>
#include <cmath>
#include <map>

#include "hone/cost/mlir_nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr int kMaxPath = 200;
constexpr double kThroughMemory = 4.0;  // a load of what was just stored

}  // namespace

/// The longest way from one value to another through operations; -1: none leads there.
double NestBuilder::latency(int from, int to) {
  if (from == to) return 0.0;
  if (const auto found = paths_.find(to); found != paths_.end()) return found->second;
  const int definer = to < 0 ? -1 : module_.values[static_cast<std::size_t>(to)].operation;
  if (definer < 0 || chain_ > kMaxPath) return -1.0;
  const Operation& operation = module_.operations[static_cast<std::size_t>(definer)];
  const Work work = work_of(operation.name);
  if (work == Work::load) return -1.0;
  const Longer longer(*this);
  paths_[to] = -1.0;  // a value that depends on itself ends here
  double longest = -1.0;
  for (const int operand : operation.operands) longest = std::max(longest, latency(from, operand));
  if (longest >= 0.0) {
    const Type& type = module_.type_of(operation.operands.empty() ? to : operation.operands[0]);
    longest += latency_of(work, type.real_elements(), type.bits, choice(operation));
  }
  return paths_[to] = longest;
}

/// Values that the region hands on to its next run.
void NestBuilder::carried_chain(const Operation& operation, int loop) {
  if (loop < 0 || operation.regions.empty()) return;
  const Block& block = module_.regions[static_cast<std::size_t>(operation.regions[0])].blocks[0];
  if (block.operations.empty()) return;
  const Operation& yield = module_.operations[static_cast<std::size_t>(block.operations.back())];
  double& chain = nest_.loops[static_cast<std::size_t>(loop)].chain;
  for (std::size_t i = operation.loops.size(); i < block.arguments.size(); ++i) {
    const std::size_t at = i - operation.loops.size();
    if (at >= yield.operands.size() || module_.type_of(block.arguments[i]).kind == Type::Kind::tensor)
      continue;
    paths_.clear();
    chain = std::max(chain, latency(block.arguments[i], yield.operands[at]));
  }
}

/// Elements that a later iteration loads after this one stored them.
void NestBuilder::memory_chains() {
  std::map<std::pair<int, int>, std::vector<const Nest::Access*>> stores;
  for (const Nest::Access& access : nest_.accesses) {
    auto& list = stores[{access.loop, access.buffer}];
    if (access.store && access.operation >= 0 && access.loop >= 0 && list.size() < 16)
      list.push_back(&access);
  }
  for (const Nest::Access& load : nest_.accesses) {
    if (load.store || load.operation < 0 || load.loop < 0) continue;
    const Operation& source = module_.operations[static_cast<std::size_t>(load.operation)];
    if (source.results.empty()) continue;
    for (const Nest::Access* store : stores[{load.loop, load.buffer}]) {
      if (store->indices.size() != load.indices.size()) continue;
      bool alike = true, moves = false;
      double reach = 0.0;  // iterations from the store to the load
      for (std::size_t k = 0; k < load.indices.size(); ++k) {
        alike = alike && load.indices[k].terms == store->indices[k].terms;
        const double ahead = store->indices[k].constant - load.indices[k].constant;
        bool here = false;
        for (const auto& [at, step] : load.indices[k].terms)
          if (at == load.loop && step != 0.0) here = moves = true, reach = ahead / step;
        if (!here && ahead != 0.0) alike = false;  // another row: by other loops than this one
      }
      if (!alike || (moves && reach <= 0.0)) continue;
      paths_.clear();
      const Operation& target = module_.operations[static_cast<std::size_t>(store->operation)];
      const double way = latency(source.results[0], target.operands[0]);
      if (way < 0.0) continue;
      double& chain = nest_.loops[static_cast<std::size_t>(load.loop)].chain;
      chain = std::max(chain, (way + (moves ? kThroughMemory : 0.0)) / (moves ? std::max(1.0, reach) : 1.0));
    }
  }
}

}  // namespace hone::cost::mlir
