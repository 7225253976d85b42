#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace hone {

/// JSON with keys in the order they were written. NaN and infinities, which JSON lacks, are written as the
/// strings "nan", "inf" and "-inf" by real_to_json and read back by json_to_real.
using Json = nlohmann::ordered_json;

Json real_to_json(double value);
double json_to_real(const Json& value);  ///< throws Error where it is no number

/// The text under a key of an object; `fallback` where it is absent or no text.
std::string json_text(const Json& object, const char* key, const std::string& fallback = {});
/// A number for people's programs: null where it is not finite.
Json number_or_null(double value);

/// Parses one document. Throws Error on malformed text, with `what`, its file or where it is from, and the
/// line and column where it breaks.
Json parse_json(const std::string& text, const std::string& what);

/// Appends the JSON text of a value; the fast way to write a document whose shape is known. A whole real
/// keeps its ".0"; NaN and infinities become strings; bytes that are no UTF-8 become U+FFFD.
void append_json(std::string& out, std::string_view text);
void append_json(std::string& out, double value);
void append_json(std::string& out, std::int64_t value);

/// The shortest decimal text that reads back as the same double: 0.1, 1e-05, 64.0 is "64".
std::string real_text(double value);

}  // namespace hone
