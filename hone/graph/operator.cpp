#include "hone/graph/operator.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::graph {

namespace {

struct Entry {
  std::shared_ptr<const Operator> rules;
  std::vector<OptionSpec> options;
};

const Entry& find_entry(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, Entry> entries;  // nodes of a map stay where they are
  const std::lock_guard lock(mutex);
  if (const auto found = entries.find(name); found != entries.end()) return found->second;
  const auto& make = methods().maker<MakeOperator>("operator", name);
  return entries.emplace(name, Entry{make(), methods().need("operator", name).info.options}).first->second;
}

Value checked(const std::string& op, const OptionSpec& spec, const Value& value) {
  const auto wrong = [&] {
    const std::string allowed = spec.allowed_text();
    return Error(fmt::format("operator {}: {} = {} is not allowed", op, spec.name, value_quoted(value)), {},
                 fmt::format("{} takes {} {}{}", op, spec.name, spec.type_text(),
                             allowed.empty() ? "" : " " + allowed));
  };
  switch (spec.type) {
    case OptionSpec::Type::flag:
      if (!std::holds_alternative<bool>(value)) throw wrong();
      return value;
    case OptionSpec::Type::text: {
      const auto* text = std::get_if<std::string>(&value);
      if (text == nullptr) throw wrong();
      if (!spec.allowed.empty() &&
          std::find(spec.allowed.begin(), spec.allowed.end(), *text) == spec.allowed.end())
        throw wrong();
      return value;
    }
    case OptionSpec::Type::integer:
    case OptionSpec::Type::real: {
      const auto* integer = std::get_if<std::int64_t>(&value);
      const auto* real = std::get_if<double>(&value);
      if (integer == nullptr && real == nullptr) throw wrong();
      const double number = integer != nullptr ? static_cast<double>(*integer) : *real;
      if (!std::isfinite(number) || number < spec.low || number > spec.high) throw wrong();
      if (spec.type == OptionSpec::Type::real) return number;
      if (integer != nullptr) return *integer;
      if (number != std::floor(number) || std::abs(number) > 0x1p53) throw wrong();
      return static_cast<std::int64_t>(number);
    }
    default:
      throw internal_error(
          fmt::format("operator {}: attribute {} has a type that no attribute has", op, spec.name));
  }
}

}  // namespace

double Operator::parameter_bytes(const Attributes& attributes, const std::vector<Shape>& inputs,
                                 const Shape&) const {
  double bytes = 0.0;
  for (const Parameter& parameter : parameters(attributes, inputs))
    bytes += 4.0 * static_cast<double>(element_count(parameter.shape));
  return bytes;
}

MlirValue Operator::mlir(MlirWriter&, const MlirCall&) const {
  throw Error("this operator says nothing of how it is written as MLIR", {}, "override Operator::mlir");
}

const Operator& find_operator(const std::string& name) { return *find_entry(name).rules; }

Attributes complete_attributes(const std::string& op, const Attributes& given) {
  const Entry& entry = find_entry(op);
  Attributes complete;
  std::size_t known = 0;
  for (const OptionSpec& spec : entry.options) {
    const auto& entries = given.entries();
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& pair) { return pair.first == spec.name; });
    if (found != entries.end()) {
      complete.set(spec.name, checked(op, spec, found->second));
      ++known;
    } else if (!spec.fallback.is_null()) {
      complete.set(spec.name, checked(op, spec, value_from_json(spec.fallback)));
    } else if (!spec.optional) {
      throw Error(fmt::format("operator {} needs the attribute {}", op, spec.name), {}, spec.summary);
    }
  }
  if (known != given.entries().size()) {
    std::vector<std::string> names;
    for (const OptionSpec& spec : entry.options) names.push_back(spec.name);
    for (const auto& [name, value] : given.entries())
      if (std::find(names.begin(), names.end(), name) == names.end())
        throw Error(fmt::format("operator {} has no attribute '{}'", op, name), {}, suggest(name, names));
  }
  return complete;
}

}  // namespace hone::graph
