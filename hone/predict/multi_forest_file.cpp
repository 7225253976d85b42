// A forest of several targets as JSON: cuts in full, trees packed, so that thousands of leaves stay small.
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/base64.h"
#include "hone/predict/multi_forest.h"

namespace hone::predict {
namespace {

constexpr const char* kForestFormat = "hone-multi-forest";
constexpr int kForestVersion = 1;

const Json& forest_part(const Json& json, const char* key, const Place& place) {
  if (!json.is_object() || !json.contains(key))
    throw Error(fmt::format("'{}' is missing from the forest", key), place);
  return json[key];
}

std::vector<double> forest_numbers(const Json& json, const Place& place) {
  if (!json.is_array()) throw Error("a list of numbers of the forest is none", place);
  std::vector<double> values;
  for (const Json& value : json) {
    if (!value.is_number() && !value.is_null() && !value.is_string())
      throw Error("a list of numbers of the forest holds something else", place);
    values.push_back(value.is_number() ? value.get<double>() : std::nan(""));
  }
  return values;
}

std::string packed_bytes(const Json& json, const Place& place) {
  if (!json.is_string()) throw Error("a tree's data are no text", place);
  try {
    return from_base64(json.get<std::string>());
  } catch (const Error& error) {
    throw Error(error.message(), place);
  }
}

}  // namespace

Json MultiForest::json() const {
  Json cuts = Json::array(), trees = Json::array(), explained = Json::array();
  for (const auto& one : cuts_) cuts.push_back(one);
  for (const double one : explained_) explained.push_back(finite_or_null(one));
  for (const Tree& tree : trees_) {
    // Nodes stand as they are visited, parent, left, right: where a node's other side begins need not be
    // said.
    std::string nodes, values;
    for (const Node& node : tree.nodes) {
      nodes += static_cast<char>(node.feature);
      if (node.feature != 0) nodes += static_cast<char>(node.cut);
    }
    for (const float value : tree.values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      for (int byte = 0; byte < 4; ++byte) values += static_cast<char>(bits >> (8 * byte) & 255U);
    }
    trees.push_back({{"nodes", to_base64(nodes)}, {"values", to_base64(values)}});
  }
  return {{"format", kForestFormat}, {"version", kForestVersion}, {"targets", targets_}, {"cuts", cuts},
          {"explained", explained},  {"importance", importance_}, {"trees", trees}};
}

MultiForest MultiForest::from_json(const Json& json, const Place& place) {
  if (json_text(json, "format") != kForestFormat) throw Error("this is no forest of several targets", place);
  if (!json.contains("version") || json["version"] != kForestVersion)
    throw Error(fmt::format("the forest is of another version than {}", kForestVersion), place,
                "learn it anew with this hone");
  MultiForest forest;
  const Json& targets = forest_part(json, "targets", place);
  if (!targets.is_number_unsigned() || targets.get<std::uint64_t>() < 1 || targets.get<std::uint64_t>() > 16)
    throw Error("the forest has an impossible number of targets", place);
  forest.targets_ = targets.get<std::size_t>();
  for (const Json& one : forest_part(json, "cuts", place)) {
    forest.cuts_.push_back(forest_numbers(one, place));
    const auto& cuts = forest.cuts_.back();
    bool ascending = cuts.size() <= 255;
    for (std::size_t i = 0; i < cuts.size(); ++i)
      ascending = ascending && std::isfinite(cuts[i]) && (i == 0 || cuts[i - 1] < cuts[i]);
    if (!ascending) throw Error("the forest's cuts do not ascend", place);
  }
  if (forest.cuts_.empty() || forest.cuts_.size() > 254)
    throw Error("the forest has an impossible number of features", place);
  forest.explained_ = forest_numbers(forest_part(json, "explained", place), place);
  forest.importance_ = forest_numbers(forest_part(json, "importance", place), place);
  if (forest.explained_.size() != forest.targets_ || forest.importance_.size() != forest.cuts_.size())
    throw Error("the forest's figures do not fit its features and targets", place);
  for (const Json& one : forest_part(json, "trees", place)) {
    Tree tree;
    const std::string nodes = packed_bytes(forest_part(one, "nodes", place), place);
    const std::string values = packed_bytes(forest_part(one, "values", place), place);
    std::vector<std::size_t> waiting;  // nodes whose other side is still to come
    std::uint32_t leaves = 0;
    bool whole = false;
    const Error broken("a tree of the forest is damaged", place);
    for (std::size_t at = 0; at < nodes.size();) {
      if (whole) throw broken;
      Node node;
      node.feature = static_cast<std::uint8_t>(nodes[at++]);
      if (node.feature == 0) {
        node.other = leaves++;
        tree.nodes.push_back(node);
        whole = waiting.empty();
        if (!whole) {
          tree.nodes[waiting.back()].other = static_cast<std::uint32_t>(tree.nodes.size());
          waiting.pop_back();
        }
        continue;
      }
      if (at == nodes.size() || node.feature > forest.cuts_.size()) throw broken;
      node.cut = static_cast<std::uint8_t>(nodes[at++]);
      if (node.cut >= forest.cuts_[node.feature - 1U].size()) throw broken;
      waiting.push_back(tree.nodes.size());
      tree.nodes.push_back(node);
    }
    if (!whole || values.size() != 4 * leaves * forest.targets_) throw broken;
    for (std::size_t i = 0; i < values.size(); i += 4) {
      std::uint32_t bits = 0;
      for (std::size_t byte = 0; byte < 4; ++byte)
        bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(values[i + byte])) << (8 * byte);
      tree.values.push_back(std::bit_cast<float>(bits));
      if (!std::isfinite(tree.values.back())) throw broken;
    }
    forest.trees_.push_back(std::move(tree));
  }
  if (forest.trees_.empty()) throw Error("the forest has no trees", place);
  return forest;
}

}  // namespace hone::predict
