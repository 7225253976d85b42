#include "hone/cost/mlir/assumed.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/mlir/nest.h"

namespace hone::cost::mlir {

std::vector<std::string> assumed(const Module& module, int function) {
  const Nest nest = mlir::nest(module, function);
  std::vector<std::string> list;
  const auto add = [&](std::ptrdiff_t count, const char* one, const char* several, const std::string& how) {
    if (count > 0) list.push_back(fmt::format("{} {}, counted {}", count, count == 1 ? one : several, how));
  };
  const std::string unknown = fmt::format("as {}", Nest::kUnknownTrips);
  add(std::ranges::count_if(nest.loops, [](const Nest::Loop& loop) { return !loop.known; }),
      "loop bound is not known", "loop bounds are not known", unknown);
  std::ptrdiff_t sizes = 0;
  for (const Nest::Buffer& buffer : nest.buffers)
    if (buffer.root < 0) sizes += std::ranges::count(buffer.shape, kDynamic);
  add(sizes, "size of a buffer is not known", "sizes of buffers are not known", unknown);
  add(nest.even_branches, "condition is not known", "conditions are not known", "evenly for each side");
  if (nest.branches > 0) list.emplace_back("control flow by cf is counted once");
  add(nest.unknown_operations, "operation is not known", "operations are not known", "by shape");
  add(nest.unknown_steps, "operation on single values is not known",
      "operations on single values are not known", "as a step each");
  add(nest.unknown_regions, "operation with a body is not known", "operations with bodies are not known",
      "as if the body ran once");
  add(nest.unknown_calls, "called function is not known", "called functions are not known",
      "as the call alone");
  add(nest.cut_calls, "call is too deep inside others or one of too many",
      "calls are too deep inside others or too many", "as the call alone");
  add(nest.recursive_calls, "function calls itself", "functions call themselves", "once");
  return list;
}

}  // namespace hone::cost::mlir
