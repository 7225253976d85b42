// The space of an explained study file.
#include <algorithm>

#include <fmt/format.h>

#include "hone/base/units.h"
#include "hone/run/explain_section.h"

namespace hone::run {
namespace {

/// How many configs a search can try, as far as it is known.
std::string size_text(const space::Space& space) {
  if (const auto n = space.count()) return counted(*n, "config");
  if (const auto n = space.cardinality())
    return "at most " + counted(*n, "config") +
           (space.constraints().empty() ? "" : " (constraints leave fewer)");
  return "too many configs to count";
}

/// "blocks.*.width" for blocks.0.width: what the entries of a list have in common.
std::string pattern_of(const std::string& name) {
  std::string pattern;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    const std::string part = name.substr(at, end - at);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    pattern += (at == 0 ? "" : ".") + (number ? "*" : part);
    at = end + 1;
  }
  return pattern;
}

/// What a key of [space] was read as: entries of a list that are alike in one piece, unlike parameters (of a
/// group, say, or a list beside its length) each by its name.
std::string read_as(const std::vector<const space::Parameter*>& read) {
  constexpr std::size_t kMostPieces = 6;
  struct Piece {
    std::string pattern, is;
    const space::Parameter *first, *last;
  };
  std::vector<Piece> pieces;
  for (const auto* parameter : read) {
    const std::string pattern = pattern_of(parameter->name);
    std::string is = parameter->shown();
    if (const auto values = parameter->cardinality(); values > 0) is += "; " + counted(values, "value");
    // "a.0 to a.2" must hold of a.1, too.
    const auto before = std::find_if(pieces.rbegin(), pieces.rend(),
                                     [&](const Piece& piece) { return piece.pattern == pattern; });
    if (before != pieces.rend() && before->is == is)
      before->last = parameter;
    else
      pieces.push_back({pattern, is, parameter, parameter});
  }
  if (read.size() == 1) return pieces.front().is;
  std::string text;
  for (std::size_t i = 0; i < std::min(pieces.size(), kMostPieces); ++i) {
    const Piece& piece = pieces[i];
    text += text.empty() ? "" : "; ";
    text += piece.first == piece.last
                ? fmt::format("{}: {}", piece.first->name, piece.is)
                : fmt::format("{} to {}, each {}", piece.first->name, piece.last->name, piece.is);
  }
  if (pieces.size() > kMostPieces) text += fmt::format("; and {} more", pieces.size() - kMostPieces);
  return text;
}

}  // namespace

Section space_section(const StudyFile& file, const Node& table, Json& space) {
  const auto size = file.space.cardinality();
  const auto count = file.space.count();
  Section section("space",
                  fmt::format("{}, {}", counted(static_cast<std::int64_t>(file.space.size()), "parameter"),
                              size_text(file.space)));
  space = {{"parameters", Json::array()},
           {"constraints", Json::array()},
           {"cardinality", size ? Json(*size) : Json(nullptr)},
           {"count", count ? Json(*count) : Json(nullptr)},
           {"key", file.space.key().hex()}};
  for (const auto& parameter : file.space.parameters()) {
    Json one = {
        {"name", parameter.name}, {"is", parameter.shown()}, {"cardinality", parameter.cardinality()}};
    if (parameter.when) one["when"] = parameter.when.text();
    if (!parameter.remark.empty()) one["remark"] = parameter.remark;
    if (parameter.place.line > 0) one["line"] = parameter.place.line;
    space["parameters"].push_back(std::move(one));
  }
  for (const auto& constraint : file.space.constraints()) space["constraints"].push_back(constraint.text());
  if (!table) {
    for (const auto& parameter : file.space.parameters())
      section.add(parameter.name, nullptr, "", "the task's", parameter.shown());
    return section;
  }
  for (const auto& [key, node] : table.entries()) {
    std::vector<const space::Parameter*> read;
    for (const auto& parameter : file.space.parameters())
      if (parameter.name == key || parameter.list == key || parameter.name.starts_with(key + "."))
        read.push_back(&parameter);
    std::string about;
    if (!read.empty()) {
      about = read_as(read);
      for (const auto* parameter : read)
        if (!parameter->remark.empty()) {
          about += "; " + parameter->remark;
          break;
        }
    }
    section.given(key, node, about);
  }
  return section;
}

}  // namespace hone::run
