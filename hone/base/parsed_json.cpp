#include "hone/base/parsed_json.h"

#include <limits>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone {

double real_of(const simdjson::dom::element& element) {
  if (!element.is_string()) return element.get_double().value();
  const std::string_view text = element;
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw Error(fmt::format("'{}' is not a number", text));
}

}  // namespace hone
