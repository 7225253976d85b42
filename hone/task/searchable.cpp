#include "hone/task/searchable.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::task {
namespace {

/// That every value which the parameter can take is one that the option can take.
void check_values(const std::string& task, const space::Parameter& parameter, const OptionSpec& spec) {
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

}  // namespace

std::string beside_study(const std::string& path, const std::string& folder) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

Searchable::Searchable(std::string task, std::vector<OptionSpec> specs, std::vector<std::string> fixed,
                       std::string list)
    : task_(std::move(task)), specs_(std::move(specs)), fixed_(std::move(fixed)), list_(std::move(list)) {
  std::erase_if(specs_, [&](const OptionSpec& spec) {
    return std::find(fixed_.begin(), fixed_.end(), spec.name) != fixed_.end();
  });
  for (const OptionSpec& spec : specs_) names_.push_back(spec.name);
}

void Searchable::check(const space::Parameter& parameter, const Options& given) const {
  const std::string& name = parameter.list.empty() ? parameter.name : parameter.list;
  const auto place = std::find(names_.begin(), names_.end(), name);
  if (place == names_.end())
    throw Error(std::find(fixed_.begin(), fixed_.end(), name) != fixed_.end()
                    ? fmt::format("'{}' belongs in [task] and cannot be searched", name)
                    : fmt::format("task {} has no parameter '{}'", task_, name),
                parameter.place, suggest(name, names_));
  if (!parameter.list.empty() && name != list_)
    throw Error(fmt::format("'{}' is one value, not a list", name), parameter.place,
                list_.empty() ? "" : fmt::format("only {} may be a list", list_));
  if (given.place(name).key == "task." + name)
    throw Error(fmt::format("'{}' is fixed in [task] and searched in [space]", name), parameter.place,
                "remove one of them");
  check_values(task_, parameter, specs_[static_cast<std::size_t>(place - names_.begin())]);
}

}  // namespace hone::task
