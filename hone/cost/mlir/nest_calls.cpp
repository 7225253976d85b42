// Functions that are called, as what they do where that is.
#include <algorithm>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kMaxCalls = 16;  // around each other
constexpr int kMaxWalked = 20000;      // operations after which calls are counted only

/// What stands for a place in memory; vectors are values.
bool in_memory(const Type& type) { return type.shaped() && type.kind != Type::Kind::vector; }

bool whole_number(const Type& type) { return type.kind == Type::Kind::scalar && !type.real_elements(); }

}  // namespace

void NestBuilder::enter(int function) {
  const auto begins = static_cast<std::size_t>(function);
  std::size_t first = begins, end = begins + 1;
  const int around = module_.operations[begins].region;
  while (end < module_.operations.size() && module_.operations[end].region > around) ++end;
  // What is no function may see values from outside.
  if (!module_.operations[begins].name.ends_with(".func")) first = 0, end = module_.operations.size();
  if (std::any_of(entered_.begin(), entered_.end(),
                  [&](const auto& known) { return known.first <= first && end <= known.second; }))
    return;
  entered_.emplace_back(first, end);
  find_addresses(first, end);
}

/// The function that is called by its name, as the nearest module around the call knows it; -1: none.
int NestBuilder::callee(const Operation& operation) {
  std::string_view symbol = operation.symbol;
  if (operation.name.ends_with("call_indirect") && !operation.operands.empty()) {
    const int value = operation.operands[0];
    const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
    if (definer < 0 || module_.operations[static_cast<std::size_t>(definer)].name != "func.constant")
      return -1;
    symbol = module_.operations[static_cast<std::size_t>(definer)].symbol;
  }
  if (callees_.empty())
    for (std::size_t i = 0; i < module_.operations.size(); ++i)
      if (const Operation& one = module_.operations[i]; one.name.ends_with(".func") && !one.regions.empty())
        callees_.try_emplace({one.region, one.symbol}, static_cast<int>(i));
  for (int region = operation.region; region >= 0;) {
    const int around = module_.regions[static_cast<std::size_t>(region)].operation;
    region = module_.operations[static_cast<std::size_t>(around)].region;
    if (const auto found = callees_.find({region, symbol}); found != callees_.end()) return found->second;
  }
  return -1;
}

void NestBuilder::call(const Operation& operation, At at) {
  if (allocates(operation)) return;
  nest_.steps.push_back({at.loop, Work::call, count(at), 1.0, 0, false});
  const int callee_id = callee(operation);
  const bool recursive = std::find(calling_.begin(), calling_.end(), callee_id) != calling_.end();
  if (callee_id < 0 || recursive || calling_.size() >= kMaxCalls || walked_ > kMaxWalked) {
    ++(callee_id < 0 ? nest_.unknown_calls : recursive ? nest_.recursive_calls : nest_.cut_calls);
    return;
  }
  const Operation& callee = module_.operations[static_cast<std::size_t>(callee_id)];
  if (!narrowed_.empty()) settle();
  // Values of the callee mean something else at every call.
  std::unordered_map<int, Nest::Index> indices;
  std::unordered_map<int, Points> values;
  std::unordered_map<int, int> buffers, stands, names;
  std::unordered_map<int, View> views;
  std::unordered_map<int, Pointer> pointers;
  std::unordered_map<int, Sum> sums;
  const Few<int>& arguments =
      module_.regions[static_cast<std::size_t>(callee.regions[0])].blocks[0].arguments;
  // Of an indirect call the first operand is the function.
  const std::size_t first = operation.name.ends_with("call_indirect") ? 1 : 0;
  for (std::size_t i = 0; i < arguments.size() && first + i < operation.operands.size(); ++i) {
    const Type& type = module_.type_of(arguments[i]);
    const int given = operation.operands[first + i];
    names[arguments[i]] = given;
    if (in_memory(type)) {
      buffers[arguments[i]] = buffer(given);
      if (const auto part = views_.find(given); part != views_.end()) views[arguments[i]] = part->second;
    } else if (whole_number(type) || operation.name == "llvm.call") {
      if (type.text.starts_with("!llvm.ptr")) pointers[arguments[i]] = pointer(given);
      indices[arguments[i]] = index(given);
      values[arguments[i]] = points(given);
    }
  }
  const Since since{nest_.loops.size(), nest_.accesses.size(), nest_.steps.size(),
                    nest_.flows.size(), nest_.forks.size(),    pointed_.size()};
  const auto swap = [&] {
    indices.swap(indices_);
    values.swap(values_);
    buffers.swap(buffers_);
    views.swap(views_);
    stands.swap(stands_);
    pointers.swap(pointers_);
    sums.swap(sums_);
  };
  swap();
  indices_around_.push_back(&indices);
  values_around_.push_back(&values);
  enter(callee_id);
  calling_.push_back(callee_id);
  for (const int id : callee.regions) region(id, at);
  calling_.pop_back();
  name_anew(since, names);
  std::vector<Returned> results = returned(operation, callee_id, names);
  indices_around_.pop_back();
  values_around_.pop_back();
  swap();
  for (std::size_t i = 0; i < results.size(); ++i) {
    Returned& one = results[i];
    const int result = operation.results[i];
    if (one.buffer >= 0) buffers_[result] = one.buffer;
    if (one.view) views_[result] = std::move(*one.view);
    if (one.index) indices_[result] = std::move(*one.index), values_[result] = std::move(one.points);
    const bool same = one.values.size() == 1;
    if (!one.values.empty())
      nest_.flows.push_back({at.loop, false, order_++, {result}, std::move(one.values), same});
  }
}

/// Of what a call is walked for: values that it gives have numbers of their own, so that those of another
/// call are others. `names` has what arguments are, and gets the others.
void NestBuilder::name_anew(const Since& since, std::unordered_map<int, int>& names) {
  const auto made = [&](int value) {
    if (value >= 0 && names.try_emplace(value, implied_ - 1).second) --implied_;
  };
  const std::span loops = std::span(nest_.loops).subspan(since.loops);
  const std::span accesses = std::span(nest_.accesses).subspan(since.accesses);
  const std::span steps = std::span(nest_.steps).subspan(since.steps);
  const std::span flows = std::span(nest_.flows).subspan(since.flows);
  for (const Nest::Loop& loop : loops) {
    std::ranges::for_each(loop.variables, made);
    std::ranges::for_each(loop.carried, made);
  }
  for (const Nest::Access& access : accesses) made(access.value);
  for (const Nest::Step& step : steps) made(step.value);
  for (const Nest::Flow& flow : flows) std::ranges::for_each(flow.values, made);
  const auto name = [&](int& value) {
    if (const auto found = names.find(value); found != names.end()) value = found->second;
  };
  for (Nest::Loop& loop : loops) {
    for (Few<int>* list : {&loop.variables, &loop.carried, &loop.yielded, &loop.initial})
      std::ranges::for_each(*list, name);
    name_anew(loop.first, names);
  }
  for (Nest::Access& access : accesses) {
    name(access.value);
    std::ranges::for_each(access.uses, name);
    for (Nest::Index& index : access.indices) name_anew(index, names);
  }
  for (Pointed& pointed : std::span(pointed_).subspan(since.pointed)) {
    name_anew(pointed.bytes.known, names);
    for (Sum::Part& part : pointed.bytes.parts) {
      name_anew(part.index, names);
      name(part.stride);
    }
  }
  for (Nest::Step& step : steps) {
    name(step.value);
    std::ranges::for_each(step.uses, name);
  }
  for (Nest::Fork& fork : std::span(nest_.forks).subspan(since.forks)) name(fork.condition);
  for (Nest::Flow& flow : flows) {
    std::ranges::for_each(flow.values, name);
    std::ranges::for_each(flow.uses, name);
  }
}

/// Of an index what enters it beside loops: what the call has given is none of its values.
void NestBuilder::name_anew(Nest::Index& index, std::unordered_map<int, int>& names) {
  if (index.unknown < 0) return;
  if (const auto found = names.find(index.unknown); found != names.end()) {
    index.unknown = found->second;
  } else if (stands_.contains(index.unknown)) {
    names[index.unknown] = implied_ - 1;
    index.unknown = --implied_;
  }
}

/// Of a function that has just been walked.
std::vector<NestBuilder::Returned> NestBuilder::returned(const Operation& call, int callee,
                                                         std::unordered_map<int, int>& names) {
  std::vector<Returned> results(call.results.size());
  const Operation& function = module_.operations[static_cast<std::size_t>(callee)];
  std::vector<const Operation*> returns;
  for (const Block& block : module_.regions[static_cast<std::size_t>(function.regions[0])].blocks) {
    if (block.operations.empty()) continue;
    const Operation& last = module_.operations[static_cast<std::size_t>(block.operations.back())];
    if (last.name != "return" && !last.name.ends_with(".return")) continue;
    if (last.operands.size() == results.size()) returns.push_back(&last);
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    Returned& result = results[i];
    for (const Operation* one : returns) {
      const auto named = names.find(one->operands[i]);
      result.values.push_back(named == names.end() ? one->operands[i] : named->second);
    }
    if (returns.size() != 1) continue;
    const int value = returns[0]->operands[i];
    const Type& type = module_.type_of(value);
    if (in_memory(type)) {
      result.buffer = buffer(value);
      if (const auto part = views_.find(value); part != views_.end()) result.view = part->second;
      if (result.view)
        for (View::Dimension& dimension : result.view->dimensions) name_anew(dimension.offset, names);
    } else if (whole_number(type)) {
      result.index = index(value);
      result.points = points(value);
      name_anew(*result.index, names);
    }
  }
  return results;
}

}  // namespace hone::cost::mlir
