#include "hone/base/json.h"

#include <cmath>
#include <iterator>

#include <fmt/compile.h>
#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"

namespace hone {

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json real_to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double json_to_real(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text == "nan") return kNaN;
    if (text == "inf") return kInfinity;
    if (text == "-inf") return -kInfinity;
  }
  throw Error(fmt::format("'{}' is not a number", value.dump()));
}

std::string json_text(const Json& object, const char* key, const std::string& fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : fallback;
}

namespace {

bool is_plain(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x80 || c == '"' ||
        c == '\\')
      return false;
  return true;
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  if (!is_plain(text)) {
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

void append_json(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\"";
    return;
  }
  const std::size_t start = out.size();
  fmt::format_to(std::back_inserter(out), "{}", value);
  if (out.find_first_not_of("-0123456789", start) == std::string::npos) out += ".0";
}

void append_json(std::string& out, std::int64_t value) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

Json parse_json(const std::string& text, const std::string& what) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
      throw Error("it is empty, where a JSON document should be", Place{what, 0, ""});
    Place place{what, 1, "", 1};
    for (std::size_t i = 0; i + 1 < error.byte && i < text.size(); ++i) {
      place.column = text[i] == '\n' ? 1 : place.column + 1;
      place.line += text[i] == '\n' ? 1 : 0;
    }
    throw Error("this is not valid JSON", place);
  } catch (const Json::exception&) {
    throw Error("it holds a number that is too large", Place{what, 0, ""});
  }
}

std::string real_text(double value) { return fmt::format("{}", value); }

}  // namespace hone
