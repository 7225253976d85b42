#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "hone/base/json.h"

namespace hone {

/// One value of a parameter or an attribute.
using Value = std::variant<bool, std::int64_t, double, std::string>;

/// As a person reads it: true, 64, 0.001, attention.
std::string value_text(const Value& value);
/// As code writes it: strings in single quotes.
std::string value_quoted(const Value& value);
Json value_to_json(const Value& value);
/// Throws Error where `json` is null, a list or an object. A JSON number with a fraction or exponent is a
/// double, else an integer; "nan" stays text.
Value value_from_json(const Json& json);
/// The value as a double (flag: 0 or 1). Throws Error on text.
double value_real(const Value& value);
/// Equal as a person would say: 1 and 1.0 are equal, '1' and 1 are not.
bool value_same(const Value& a, const Value& b);

}  // namespace hone
