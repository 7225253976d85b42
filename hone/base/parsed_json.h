#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace hone {

/// A number, or "nan", "inf", "-inf" for what JSON cannot say (real_to_json()). Throws Error.
double real_of(const simdjson::dom::element& element);

/// The members of an object that simdjson parsed: for what is read by the thousand, where values of Json
/// would take most of the time and leave the heap in pieces. A member of another kind throws simdjson_error,
/// as does one that is needed and absent. Valid as long as the parser is not used again.
class ParsedObject {
 public:
  using Element = simdjson::dom::element;

  explicit ParsedObject(const Element& element) : object_(element.get_object().value()) {}

  Element need(std::string_view name) const { return object_[name].value(); }
  std::optional<Element> find(std::string_view name) const {
    Element element;
    if (object_[name].get(element) != simdjson::SUCCESS) return std::nullopt;
    return element;
  }
  std::int64_t integer(std::string_view name) const { return need(name).get_int64().value(); }
  std::int64_t integer(std::string_view name, std::int64_t fallback) const {
    const auto found = find(name);
    return found ? found->get_int64().value() : fallback;
  }
  std::string text(std::string_view name) const { return std::string(need(name).get_string().value()); }
  std::string text(std::string_view name, const char* fallback) const {
    const auto found = find(name);
    return found ? std::string(found->get_string().value()) : std::string(fallback);
  }
  double real(std::string_view name, double fallback) const {
    const auto found = find(name);
    return found ? real_of(*found) : fallback;
  }
  /// False where it is absent.
  bool flag(std::string_view name) const {
    const auto found = find(name);
    return found && found->get_bool().value();
  }

 protected:
  simdjson::dom::object object_;
};

}  // namespace hone
