#include "hone/base/json.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone {

Json real_to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double json_to_real(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
  }
  throw Error(fmt::format("'{}' is not a number", value.dump()));
}

Json parse_json(const std::string& text, const std::string& what) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw Error(fmt::format("{} is not valid JSON (byte {})", what, error.byte));
  }
}

std::string real_text(double value) { return fmt::format("{}", value); }

}  // namespace hone
