#include "hone/task/parameter_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::task {

void check_parameter(const std::string& task, const space::Parameter& parameter, const OptionSpec& spec) {
  using Type = OptionSpec::Type;
  const auto wrong = [&](const std::string& found) {
    const std::string range = spec.allowed_text();
    throw Error(fmt::format("'{}' of task {} is a {}, found {}", spec.name, task, spec.type_text(), found),
                parameter.place, range.empty() ? "" : "allowed: " + range);
  };
  const auto in_range = [&](double value) {
    if (!(value >= spec.low && value <= spec.high))
      throw Error(fmt::format("'{}' cannot be {}", spec.name, real_text(value)), parameter.place,
                  "allowed: " + spec.allowed_text());
  };
  switch (parameter.kind) {
    case space::ParameterKind::real:
      if (spec.type != Type::real) wrong("a real parameter");
      in_range(parameter.low);
      in_range(parameter.high);
      break;
    case space::ParameterKind::integer:
      if (spec.type != Type::integer && spec.type != Type::real) wrong("an integer parameter");
      in_range(parameter.low);
      in_range(parameter.high);
      break;
    case space::ParameterKind::flag:
      if (spec.type != Type::flag) wrong("a flag");
      break;
    case space::ParameterKind::choice:
    case space::ParameterKind::ordinal:
      for (const Value& value : parameter.choices) {
        const bool text = std::holds_alternative<std::string>(value);
        if (text != (spec.type == Type::text) ||
            std::holds_alternative<bool>(value) != (spec.type == Type::flag))
          wrong("the choice " + value_quoted(value));
        if (text) {
          const auto& name = std::get<std::string>(value);
          if (!spec.allowed.empty() &&
              std::find(spec.allowed.begin(), spec.allowed.end(), name) == spec.allowed.end())
            throw Error(fmt::format("'{}' cannot be '{}'", spec.name, name), parameter.place,
                        suggest(name, spec.allowed));
        } else if (spec.type != Type::flag) {
          if (spec.type == Type::integer && std::holds_alternative<double>(value)) wrong(value_text(value));
          in_range(value_real(value));
        }
      }
      break;
  }
}

}  // namespace hone::task
