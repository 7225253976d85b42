// Element-wise operations on tensors that are computed where they are used.
#include <algorithm>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {

Nest::Access NestBuilder::moved(const Domain::Operand& operand, std::span<const int> loops, At at) {
  Nest::Access access;
  access.loop = at.loop;
  access.buffer = buffer(operand.value);
  access.store = operand.store;
  access.count = count(at);
  access.bits = module_.type_of(operand.value).bits;
  access.real = module_.type_of(operand.value).real_elements();
  access.order = order_++;
  for (const auto& dimension : operand.indices) {
    Nest::Index index;
    for (const auto& [loop, factor] : dimension)
      index.terms.emplace_back(loops[static_cast<std::size_t>(loop)], static_cast<double>(factor));
    std::sort(index.terms.begin(), index.terms.end());
    access.indices.push_back(std::move(index));
  }
  in_buffer(operand.value, access);
  return access;
}

/// The value of one element of an operand: loaded, or computed there by what was fused.
int NestBuilder::load(const Domain::Operand& operand, std::span<const int> loops, At at) {
  const auto found = fused_.find(operand.value);
  if (found == fused_.end() || chain_ > 16) {
    Nest::Access access = moved(operand, loops, at);
    access.value = --implied_;
    nest_.accesses.push_back(std::move(access));
    return implied_;
  }
  const Longer longer(*this);
  const Fused fused = std::move(found->second);
  fused_.erase(operand.value);
  // Loops of the fused operation are what the operand's dimensions are indexed by.
  std::vector<std::vector<std::pair<int, std::int64_t>>> instead(fused.domain.sizes.size());
  for (const Domain::Operand& one : fused.domain.operands)
    if (one.store)
      for (std::size_t k = 0; k < one.indices.size() && k < operand.indices.size(); ++k)
        if (one.indices[k].size() == 1)
          instead[static_cast<std::size_t>(one.indices[k][0].first)] = operand.indices[k];
  const Block& block = module_.regions[static_cast<std::size_t>(fused.body)].blocks[0];
  for (Domain::Operand one : fused.domain.operands) {
    if (one.store) continue;
    for (auto& dimension : one.indices) {
      std::vector<std::pair<int, std::int64_t>> composed;
      for (const auto& [loop, factor] : dimension)
        for (const auto& [outer, times] : instead[static_cast<std::size_t>(loop)])
          composed.emplace_back(outer, times * factor);
      dimension = std::move(composed);
    }
    const int value = load(one, loops, at);
    if (one.number >= 0 && static_cast<std::size_t>(one.number) < block.arguments.size())
      nest_.flows.push_back(
          {at.loop, false, order_++, {block.arguments[static_cast<std::size_t>(one.number)]}, {value}, true});
  }
  number_body(fused.body, instead, loops, at);
  region(fused.body, at);
  if (block.operations.empty()) return --implied_;
  const auto& yielded = module_.operations[static_cast<std::size_t>(block.operations.back())].operands;
  return yielded.empty() ? --implied_ : yielded[0];
}

/// Whether an operation is computed where its one use is: element-wise, into an input of another linalg
/// operation on tensors.
bool NestBuilder::fuses(const Operation& operation, const Domain& domain) {
  if (operation.results.size() != 1 || operation.regions.empty() || domain.sizes.empty() ||
      module_.type_of(operation.results[0]).kind != Type::Kind::tensor ||
      std::find(domain.reduction.begin(), domain.reduction.end(), true) != domain.reduction.end())
    return false;
  for (const Domain::Operand& operand : domain.operands)
    if (operand.store) {
      if (operand.indices.size() != domain.sizes.size()) return false;
      for (const auto& dimension : operand.indices)
        if (dimension.size() != 1 || dimension[0].second != 1) return false;
    }
  const Few<int>& users = this->users(operation.results[0]);
  if (users.size() != 1) return false;
  const Operation& user = module_.operations[static_cast<std::size_t>(users[0])];
  if (user.dialect() != "linalg" || user.region != operation.region || user.results.empty() ||
      user.operands.size() <= user.results.size())
    return false;
  const std::size_t inputs = user.operands.size() - user.results.size();
  if (std::find(user.operands.begin(), user.operands.begin() + static_cast<std::ptrdiff_t>(inputs),
                operation.results[0]) == user.operands.begin() + static_cast<std::ptrdiff_t>(inputs))
    return false;
  std::vector<Work> combine;
  return user.name == "linalg.generic" ? generic_domain(user).has_value()
                                       : named_domain(module_, user, combine).has_value();
}

}  // namespace hone::cost::mlir
