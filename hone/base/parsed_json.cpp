#include "hone/base/parsed_json.h"

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"

namespace hone {

double real_of(const simdjson::dom::element& element) {
  if (!element.is_string()) return element.get_double().value();
  const std::string_view text = element;
  if (text == "nan") return kNaN;
  if (text == "inf") return kInfinity;
  if (text == "-inf") return -kInfinity;
  throw Error(fmt::format("'{}' is not a number", text));
}

}  // namespace hone
