#include "hone/run/explain_section.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hone::run {
namespace {

std::string toml_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const std::string text = real_text(value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string option_about(const OptionSpec& spec) {
  std::string about = spec.summary;
  if (const std::string allowed = spec.allowed_text(); !allowed.empty())
    about += fmt::format(" ({})", allowed);
  return about;
}

}  // namespace

std::string toml_string(const std::string& text) {
  // JSON's escapes are among TOML's; TOML wants DEL escaped, too.
  std::string out = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (std::size_t at = out.find('\x7f'); at != std::string::npos; at = out.find('\x7f', at))
    out.replace(at, 1, "\\u007f");
  return out;
}

std::string toml_key(const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  return bare ? key : toml_string(key);
}

std::string toml(const Node& node) {
  std::vector<std::string> parts;
  switch (node.type()) {
    case Node::Type::missing:
      return "";
    case Node::Type::flag:
      return node.flag() ? "true" : "false";
    case Node::Type::integer:
      return std::to_string(node.integer());
    case Node::Type::real:
      return toml_real(node.real());
    case Node::Type::text:
      return toml_string(node.text());
    case Node::Type::list:
      for (const Node& item : node.list()) parts.push_back(toml(item));
      return fmt::format("[{}]", fmt::join(parts, ", "));
    case Node::Type::table:
      for (const auto& [key, item] : node.entries()) parts.push_back(toml_key(key) + " = " + toml(item));
      return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
  }
  return "";
}

std::string toml(const Json& value) {
  std::vector<std::string> parts;
  if (value.is_string()) return toml_string(value.get<std::string>());
  if (value.is_number_float()) return toml_real(value.get<double>());
  if (value.is_array()) {
    for (const Json& item : value) parts.push_back(toml(item));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) parts.push_back(toml_key(key) + " = " + toml(item));
    return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
  }
  return value.dump();
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

std::string line_of(const Node& node) {
  return node.place().line > 0 ? fmt::format("line {}", node.place().line) : std::string("given");
}

void add_options(Section& section, const MethodInfo& info, const Options& options, const Node& table,
                 const std::vector<std::string>& searched) {
  const bool is_table = table.is(Node::Type::table);
  if (is_table)
    for (const auto& [key, node] : table.entries()) {
      if (key == "kind") continue;
      const auto spec = std::find_if(info.options.begin(), info.options.end(),
                                     [&](const auto& s) { return s.name == key; });
      section.given(key, node, spec != info.options.end() ? option_about(*spec) : "");
    }
  for (const auto& spec : info.options) {
    if (is_table && table.has(spec.name)) continue;
    if (std::find(searched.begin(), searched.end(), spec.name) != searched.end()) {
      section.add(spec.name, nullptr, "", "searched", option_about(spec));
      continue;
    }
    if (options.has(spec.name) && !options.json()[spec.name].is_null())
      section.add(spec.name, options.json()[spec.name], toml(options.json()[spec.name]), kDefault,
                  option_about(spec));
    else
      section.add(spec.name, nullptr, "", "not set", option_about(spec));
  }
}

Section method_section(const std::string& kind, const std::string& name, const Options& options,
                       const Node& node) {
  const MethodInfo& info = methods().need(kind, name).info;
  Section section("search." + kind, info.summary, info.paper);
  const bool given = node.is(Node::Type::text) || (node.is(Node::Type::table) && node.has("kind"));
  section.add("kind", name, toml_string(name),
              given ? line_of(node.is(Node::Type::table) ? node["kind"] : node) : kDefault, info.traits);
  add_options(section, info, options, node);
  return section;
}

}  // namespace hone::run
