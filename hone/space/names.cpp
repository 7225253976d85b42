#include "hone/space/names.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::space {
namespace {

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// What no name has becomes _.
std::string with_underscores(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '.' || is_identifier(std::string("a") + c) ? c : '_';
  return result;
}

}  // namespace

bool is_reserved(const std::string& name) {
  static const std::vector<std::string> kReserved = {"and", "or", "not", "in", "true", "false", "where"};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

bool is_identifier(const std::string& name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
      return false;
  return !is_reserved(name);
}

bool is_name(const std::string& name) {
  std::size_t start = 0;
  for (bool first = true;; first = false) {
    const std::size_t end = std::min(name.find('.', start), name.size());
    const std::string part = name.substr(start, end - start);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    if (!is_identifier(part) && (first || !number)) return false;
    if (end == name.size()) return true;
    start = end + 1;
  }
}

std::string name_from(const std::string& text, const std::string& otherwise) {
  if (is_name(text)) return text;
  if (!is_ascii(text)) return otherwise;
  std::string name = with_underscores(text);
  std::replace(name.begin(), name.end(), '.', '_');
  if (name.find_first_not_of('_') == std::string::npos) return otherwise;
  return is_identifier(name) ? name : "p_" + name;
}

void check_name(const std::string& name, const Place& place) {
  if (is_name(name)) return;
  const std::string better = with_underscores(name);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool ascii = is_ascii(name);
  // Without its letters, or those of another alphabet, a name no longer says anything.
  std::string advice;
  if (!ascii || std::none_of(better.begin(), better.end(), is_letter))
    advice = "; for example 'width'";
  else if (better != name && is_name(better))
    advice = fmt::format("; write '{}'", better);
  throw Error(fmt::format("'{}' cannot be a parameter's name", name), place,
              fmt::format("letters{}, digits and _, not a digit first, no word of expressions (and, or, not, "
                          "in, true, false, where){}",
                          ascii ? "" : " from a to z and A to Z", advice));
}

}  // namespace hone::space
