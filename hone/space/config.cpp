#include "hone/space/config.h"

#include <iterator>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::space {
namespace {

/// JSON text of a string; bytes from 0x80 on are UTF-8 and stay.
void append_quoted(fmt::memory_buffer& out, const std::string& text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void append_value(fmt::memory_buffer& out, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return append_quoted(out, *text);
  if (const auto* real = std::get_if<double>(&value)) {
    const std::size_t start = out.size();
    fmt::format_to(std::back_inserter(out), "{}", *real == 0.0 ? 0.0 : *real);
    for (std::size_t i = start; i < out.size(); ++i)
      if ((out[i] < '0' || out[i] > '9') && out[i] != '-') return;
    out.push_back('.');  // a whole real stays a real: 64.0 is not the integer 64
    out.push_back('0');
    return;
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    const fmt::format_int text(*integer);
    out.append(text.data(), text.data() + text.size());
    return;
  }
  const std::string_view text = std::get<bool>(value) ? "true" : "false";
  out.append(text.data(), text.data() + text.size());
}

Error wrong_type(const std::string& name, const char* what, const Value& found) {
  return Error(fmt::format("'{}' is {}, not {}", name, value_quoted(found), what));
}

}  // namespace

const Value* Config::find(const std::string& name) const {
  for (const Entry& entry : entries_)
    if (entry.first == name) return &entry.second;
  return nullptr;
}

const Value& Config::at(const std::string& name) const {
  if (const Value* value = find(name)) return *value;
  std::vector<std::string> names;
  for (const Entry& entry : entries_) names.push_back(entry.first);
  throw Error(fmt::format("the config has no active parameter '{}'", name), {}, suggest(name, names));
}

double Config::real(const std::string& name) const {
  const Value& value = at(name);
  if (std::holds_alternative<std::string>(value)) throw wrong_type(name, "a number", value);
  return value_real(value);
}

std::int64_t Config::integer(const std::string& name) const {
  const Value& value = at(name);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  throw wrong_type(name, "an integer", value);
}

bool Config::flag(const std::string& name) const {
  const Value& value = at(name);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  throw wrong_type(name, "a flag", value);
}

const std::string& Config::text(const std::string& name) const {
  const Value& value = at(name);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  throw wrong_type(name, "text", value);
}

std::vector<Value> Config::list(const std::string& name) const {
  std::vector<Value> values;
  while (const Value* value = find(fmt::format("{}.{}", name, values.size()))) values.push_back(*value);
  return values;
}

std::string Config::shown() const {
  std::string text;
  for (const auto& [name, value] : entries_)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value_text(value));
  return text;
}

Json Config::json() const {
  Json json = Json::object();
  for (const auto& [name, value] : entries_) json[name] = value_to_json(value);
  return json;
}

Config Config::from_json(const Json& json) {
  if (!json.is_object())
    throw Error(fmt::format("a config is a JSON object of parameters, found {}", json.dump()));
  std::vector<Entry> entries;
  for (const auto& [name, value] : json.items()) {
    if (value.is_null() || value.is_structured())
      throw Error(fmt::format("'{}' is not a value: a flag, number or text is", value.dump()),
                  Place{"", 0, name});
    entries.emplace_back(name, value_from_json(value));
  }
  return Config(std::move(entries));
}

void Config::append_json(std::string& out) const {
  fmt::memory_buffer text;
  text.push_back('{');
  for (const auto& [name, value] : entries_) {
    if (text.size() > 1) text.push_back(',');
    append_quoted(text, name);
    text.push_back(':');
    append_value(text, value);
  }
  text.push_back('}');
  out.append(text.data(), text.size());
}

Key Config::key() const {
  std::string text;
  append_json(text);
  return hash_key(text);
}

}  // namespace hone::space
