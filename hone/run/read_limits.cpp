#include "hone/run/read_limits.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/units.h"

namespace hone::run {
namespace {

/// Throws Error at a bound that cannot be meant: one that every trial keeps, or none can.
void check_bound(const std::string& name, const Node& node, double bound, bool upper) {
  if (std::isnan(bound)) throw node.expected("a number that is not NaN");
  if (std::isinf(bound)) {
    if ((bound > 0.0) == upper)
      throw Error("a limit of infinity limits nothing", node.place(), "leave it out");
    throw Error(fmt::format("no trial can pass: '{}' would be infinite", name), node.place(),
                "give a finite number");
  }
  if (upper && bound < 0.0 && is_cost_name(name))
    throw Error(fmt::format("no trial can pass: '{}', by its unit, is never below 0", name), node.place(),
                "give a limit of 0 or more");
}

}  // namespace

std::vector<study::Limit> read_limits(const Node& table, const task::Task& task, const std::string& kind,
                                      std::map<std::string, bool>& predicts, bool sensible) {
  std::vector<study::Limit> limits;
  if (!table) return limits;
  std::vector<std::string> known;
  for (const auto& measure : task.measures()) known.push_back(measure.name);
  for (const auto& [name, node] : table.entries()) {
    if (!task.any_measure() && std::find(known.begin(), known.end(), name) == known.end())
      throw Error(fmt::format("task '{}' does not report '{}'", kind, name), node.place(),
                  suggest(name, known));
    study::Limit limit{name, {}, {}};
    if (node.is(Node::Type::table)) {
      node.only({"max", "min", "device", "predict"});
      for (const bool upper : {true, false}) {
        const Node bound = node[upper ? "max" : "min"];
        if (!bound) continue;
        auto& side = upper ? limit.max : limit.min;
        side = read_quantity(name, bound);
        if (sensible) check_bound(name, bound, *side, upper);
      }
      if (const Node device = node["device"]; device && device.text() != "this")
        throw Error(fmt::format("unknown device '{}'", device.text()), device.place(), "allowed: this");
      if (const Node predict = node["predict"]) predicts[name] = predict.flag();
      if (!limit.max && !limit.min) throw Error("a limit needs max or min", node.place());
      if (limit.max && limit.min && *limit.max < *limit.min)
        throw Error("max is below min: no trial could pass", node.place());
    } else {
      limit.max = read_quantity(name, node);
      if (sensible) check_bound(name, node, *limit.max, true);
    }
    limits.push_back(limit);
  }
  return limits;
}

}  // namespace hone::run
