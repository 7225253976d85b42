#include <fmt/format.h>

#include "hone/space/plan.h"
#include "hone/space/space.h"

namespace hone::space {
namespace {

// A list longer than this is a mistake; it also keeps a typing error from filling the memory.
constexpr std::int64_t kMaxList = 1000;

Parameter named(const std::string& name, ParameterKind kind, const std::string& when) {
  Parameter parameter;
  parameter.name = name;
  parameter.kind = kind;
  parameter.place = Place{"", 0, name};
  if (!when.empty()) parameter.when = Expression::parse(when, Place{"", 0, name + ".when"});
  return parameter;
}

}  // namespace

Space::Builder& Space::Builder::real(const std::string& name, double low, double high,
                                     const RealOptions& options) {
  Parameter parameter = named(name, ParameterKind::real, options.when);
  parameter.low = low;
  parameter.high = high;
  parameter.log = options.log;
  parameter.resolution = options.resolution;
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::integer(const std::string& name, std::int64_t low, std::int64_t high,
                                        const IntegerOptions& options) {
  Parameter parameter = named(name, ParameterKind::integer, options.when);
  parameter.low = static_cast<double>(low);
  parameter.high = static_cast<double>(high);
  parameter.log = options.log;
  parameter.step = options.step;
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::choice(const std::string& name, std::vector<Value> values,
                                       const Choice& options) {
  Parameter parameter = named(name, ParameterKind::choice, options.when);
  parameter.choices = std::move(values);
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::flag(const std::string& name, const std::string& when) {
  return add(named(name, ParameterKind::flag, when));
}

Space::Builder& Space::Builder::list(const std::string& name, std::int64_t length, std::vector<Value> values,
                                     const std::string& when) {
  Parameter parameter = named(name, ParameterKind::choice, when);
  parameter.choices = std::move(values);
  return add_list(std::move(parameter), length);
}

Space::Builder& Space::Builder::add_list(Parameter parameter, std::int64_t length) {
  if (length < 1 || length > kMaxList)
    throw Error(fmt::format("a list has 1 to {} entries, found {}", kMaxList, length), parameter.place);
  parameter.list = parameter.name;
  for (std::int64_t i = 0; i < length; ++i) {
    parameters_.push_back(parameter);
    parameters_.back().name = fmt::format("{}.{}", parameter.list, i);
  }
  return *this;
}

Space::Builder& Space::Builder::where(const std::string& constraint) {
  return add(Expression::parse(constraint, Place{"", 0, "where"}));
}

Space::Builder& Space::Builder::add(Parameter parameter) {
  parameters_.push_back(std::move(parameter));
  return *this;
}

Space::Builder& Space::Builder::add(Expression constraint) {
  constraints_.push_back(std::move(constraint));
  return *this;
}

Space Space::Builder::build() const { return Space(std::make_shared<const Plan>(parameters_, constraints_)); }

}  // namespace hone::space
