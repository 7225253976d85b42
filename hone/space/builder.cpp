#include <set>

#include <fmt/format.h>

#include "hone/space/composition.h"
#include "hone/space/plan.h"
#include "hone/space/space.h"

namespace hone::space {
namespace {

// A list longer than this is a mistake; it also keeps a typing error from filling the memory.
constexpr std::int64_t kMaxList = 1000;
// Lists of lists of groups multiply.
constexpr std::size_t kMaxParameters = 100000;

Parameter named(const std::string& name, ParameterKind kind, const std::string& when) {
  Parameter parameter;
  parameter.name = name;
  parameter.kind = kind;
  parameter.place = Place{"", 0, name};
  if (!when.empty()) parameter.when = Expression::parse(when, Place{"", 0, name + ".when"});
  return parameter;
}

Expression parsed(const std::string& text, const Place& place) { return Expression::parse(text, place); }

void check_length(std::int64_t low, std::int64_t high, const Place& place) {
  if (low == high && (low < 1 || low > kMaxList))
    throw Error(fmt::format("a list has 1 to {} entries, found {}", kMaxList, low), place);
  if (low < 0 || low > high || high > kMaxList)
    throw Error(
        fmt::format("a list's length goes from 0 or more up to {}, found {} to {}", kMaxList, low, high),
        place);
}

/// The parameter that holds how many entries `name` has.
Parameter length_of(const std::string& name, std::int64_t low, std::int64_t high, const Expression& when,
                    const Place& place) {
  Parameter length;
  length.name = name + ".length";
  length.kind = ParameterKind::integer;
  length.low = static_cast<double>(low);
  length.high = static_cast<double>(high);
  length.when = when;
  length.length_of = name;
  length.place = place;
  return length;
}

/// Where the i-th entry is there: as the list itself, or where the list is long enough.
Expression entry_when(const std::string& counter, std::int64_t i, std::int64_t low, const Expression& when,
                      const Place& place) {
  return i < low ? when : parsed(fmt::format("{} > {}", counter, i), place);
}

}  // namespace

Space::Builder& Space::Builder::real(const std::string& name, double low, double high,
                                     const RealOptions& options) {
  Parameter parameter = named(name, ParameterKind::real, options.when);
  parameter.low = low;
  parameter.high = high;
  parameter.log = options.log;
  parameter.resolution = options.resolution;
  if (options.fallback) parameter.fallback = Value(*options.fallback);
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::integer(const std::string& name, std::int64_t low, std::int64_t high,
                                        const IntegerOptions& options) {
  Parameter parameter = named(name, ParameterKind::integer, options.when);
  parameter.low = static_cast<double>(low);
  parameter.high = static_cast<double>(high);
  parameter.log = options.log;
  parameter.step = options.step;
  if (options.fallback) parameter.fallback = Value(*options.fallback);
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::choice(const std::string& name, std::vector<Value> values,
                                       const Choice& options) {
  Parameter parameter = named(name, ParameterKind::choice, options.when);
  parameter.choices = std::move(values);
  parameter.fallback = options.fallback;
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::ordinal(const std::string& name, std::vector<Value> values,
                                        const Choice& options) {
  Parameter parameter = named(name, ParameterKind::ordinal, options.when);
  parameter.choices = std::move(values);
  parameter.fallback = options.fallback;
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::flag(const std::string& name, const std::string& when,
                                     std::optional<bool> fallback) {
  Parameter parameter = named(name, ParameterKind::flag, when);
  if (fallback) parameter.fallback = Value(*fallback);
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::same_as(const std::string& name, const std::string& source,
                                        const std::string& when) {
  Parameter parameter = named(name, ParameterKind::real, when);
  parameter.same_as = source;
  return add(std::move(parameter));
}

Space::Builder& Space::Builder::list(const std::string& name, std::int64_t length, std::vector<Value> values,
                                     const std::string& when) {
  Parameter parameter = named(name, ParameterKind::choice, when);
  parameter.choices = std::move(values);
  return add_list(std::move(parameter), length);
}

Space::Builder& Space::Builder::list(const std::string& name, std::int64_t low, std::int64_t high,
                                     std::vector<Value> values, const std::string& when) {
  Parameter parameter = named(name, ParameterKind::choice, when);
  parameter.choices = std::move(values);
  return add_list(std::move(parameter), low, high);
}

Space::Builder& Space::Builder::add_list(Parameter parameter, std::int64_t length) {
  return add_list(std::move(parameter), length, length);
}

Space::Builder& Space::Builder::add_list(Parameter parameter, std::int64_t low, std::int64_t high) {
  check_length(low, high, parameter.place);
  check_name(parameter.name, parameter.place);
  const Parameter length = length_of(parameter.name, low, high, parameter.when, parameter.place);
  if (low < high) add(length);
  parameter.list = parameter.name;
  for (std::int64_t i = 0; i < high; ++i) {
    Parameter entry = parameter;
    entry.name = fmt::format("{}.{}", parameter.list, i);
    entry.when = entry_when(length.name, i, low, parameter.when, parameter.place);
    add(std::move(entry));
  }
  return *this;
}

Space::Builder& Space::Builder::group(const std::string& name, const Builder& members,
                                      const std::string& when) {
  const Place place{"", 0, name + ".when"};
  return add_group(name, members, when.empty() ? Expression() : parsed(when, place));
}

Space::Builder& Space::Builder::groups(const std::string& name, std::int64_t low, std::int64_t high,
                                       const Builder& members, const std::string& when) {
  const Place place{"", 0, name};
  return add_groups(name, low, high, members, when.empty() ? Expression() : parsed(when, place), place);
}

Space::Builder& Space::Builder::alternatives(const std::string& name, const Alternatives& values,
                                             const Choice& options) {
  Parameter choice = named(name, ParameterKind::choice, options.when);
  choice.fallback = options.fallback;
  return add_alternatives(std::move(choice), values);
}

Space::Builder& Space::Builder::compose(const std::string& name, const Composition& composition,
                                        const std::string& when) {
  const Place place{"", 0, name};
  return add_composition(name, composition, when.empty() ? Expression() : parsed(when, place), place);
}

Space::Builder& Space::Builder::add_group(const std::string& name, const Builder& members,
                                          const Expression& when) {
  std::set<std::string> known;
  for (const Parameter& member : members.parameters_)
    for (const std::string* it : {&member.name, &member.list, &member.length_of})
      if (!it->empty()) known.insert(*it);
  const auto inside = [&](const std::string& it) { return known.count(it) > 0 ? name + "." + it : it; };
  for (Parameter member : members.parameters_) {
    member.name = inside(member.name);
    member.list = inside(member.list);
    member.length_of = inside(member.length_of);
    member.same_as = inside(member.same_as);
    member.when = Expression::conjunction(when, member.when.renamed(inside));
    add(std::move(member));
  }
  for (const Expression& constraint : members.constraints_) add(constraint.renamed(inside));
  for (const auto& [inner, composition] : members.compositions_)
    compositions_.emplace_back(name + "." + inner, composition);
  return *this;
}

Space::Builder& Space::Builder::add_groups(const std::string& name, std::int64_t low, std::int64_t high,
                                           const Builder& members, const Expression& when, const Place& place,
                                           std::optional<std::int64_t> fallback) {
  check_length(low, high, place);
  check_name(name, place);
  Parameter length = length_of(name, low, high, when, place);
  const std::string counter = length.name;
  if (fallback) length.fallback = Value(*fallback);
  if (low < high) add(std::move(length));
  for (std::int64_t i = 0; i < high; ++i)
    add_group(fmt::format("{}.{}", name, i), members, entry_when(counter, i, low, when, place));
  return *this;
}

Space::Builder& Space::Builder::add_alternatives(Parameter choice, const Alternatives& values) {
  check_name(choice.name, choice.place);
  for (const auto& [value, members] : values) {
    if (!is_identifier(value))
      throw Error(fmt::format("'{}' cannot be the name of an alternative", value), choice.place,
                  "its parameters are named after it: letters, digits and _, not a digit first");
    choice.choices.emplace_back(value);
  }
  const std::string name = choice.name;
  const Place place = choice.place;
  add(std::move(choice));
  for (const auto& [value, members] : values)
    add_group(name + "." + value, members, parsed(fmt::format("{} == '{}'", name, value), place));
  return *this;
}

Space::Builder& Space::Builder::where(const std::string& constraint) {
  return add(Expression::parse(constraint, Place{"", 0, "where"}));
}

Space::Builder& Space::Builder::add(Parameter parameter) {
  if (parameters_.size() == kMaxParameters)
    throw Error(fmt::format("the space has more than {} parameters", kMaxParameters), parameter.place,
                "lists of groups multiply: make them shorter");
  parameters_.push_back(std::move(parameter));
  return *this;
}

Space::Builder& Space::Builder::add(Expression constraint) {
  constraints_.push_back(std::move(constraint));
  return *this;
}

Space Space::Builder::build() const {
  Space space(std::make_shared<const Plan>(parameters_, constraints_, compositions_));
  space.default_config();  // throws where the defaults violate a constraint
  return space;
}

}  // namespace hone::space
