#include "hone/base/value.h"

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone {

std::string value_text(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return real_text(*real);
  return std::get<std::string>(value);
}

std::string value_quoted(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  return value_text(value);
}

Json value_to_json(const Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return real_to_json(*real);
  return std::visit([](const auto& held) -> Json { return held; }, value);
}

Value value_from_json(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  throw Error(fmt::format("'{}' is not a value: a flag, number or text is", json.dump()));
}

double value_real(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1.0 : 0.0;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  throw Error(fmt::format("'{}' is not a number", std::get<std::string>(value)));
}

bool value_same(const Value& a, const Value& b) {
  const bool text_a = std::holds_alternative<std::string>(a);
  const bool text_b = std::holds_alternative<std::string>(b);
  if (text_a || text_b) return text_a && text_b && std::get<std::string>(a) == std::get<std::string>(b);
  if (std::holds_alternative<bool>(a) != std::holds_alternative<bool>(b)) return false;
  return value_real(a) == value_real(b);
}

}  // namespace hone
