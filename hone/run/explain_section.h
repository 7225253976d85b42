// Sections of an explained study file. For the files of this room only.
#pragma once

#include <string>
#include <vector>

#include "hone/base/document.h"
#include "hone/run/study_file.h"

namespace hone::run {

// TOML.
std::string toml_string(const std::string& text);
std::string toml_key(const std::string& key);
std::string toml(const Node& node);
std::string toml(const Json& value);
/// Comments end with their line.
std::string one_line(std::string text);

/// Where a setting is from that nobody gave.
constexpr const char* kDefault = "default";
/// Where one is from that the file gives: "line 12".
std::string line_of(const Node& node);

/// One [table] with its settings. `value` is for JSON, `toml` for the text; both null and "": not set.
struct Section {
  Json json;
  Section(const std::string& name, const std::string& about, const std::string& paper = {})
      : json{{"name", name},
             {"about", about},
             {"paper", paper},
             {"settings", Json::array()},
             {"notes", Json::array()}} {}
  void add(const std::string& key, const Json& value, const std::string& text, const std::string& from,
           const std::string& about = {}) {
    json["settings"].push_back(
        {{"key", key}, {"value", value}, {"toml", text}, {"from", from}, {"about", about}});
  }
  void given(const std::string& key, const Node& node, const std::string& about = {}) {
    add(key, node.json(), toml(node), line_of(node), about);
  }
  void note(const std::string& text) { json["notes"].push_back(text); }
  bool has(const std::string& key) const {
    for (const auto& setting : json["settings"])
      if (setting["key"] == key) return true;
    return false;
  }
};

/// All options of a method: those the file gives as it gives them, the others with their defaults.
/// `searched`: names that the space decides instead.
void add_options(Section& section, const MethodInfo& info, const Options& options, const Node& table,
                 const std::vector<std::string>& searched = {});
/// The section "search.KIND" of a method that was chosen there.
Section method_section(const std::string& kind, const std::string& name, const Options& options,
                       const Node& node);
/// How the space was read; takes its description in `space`.
Section space_section(const StudyFile& file, const Node& table, Json& space);

}  // namespace hone::run
