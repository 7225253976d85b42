#include "hone/run/class_count.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/task/cell_spaces.h"

namespace hone::run {
namespace {

constexpr std::size_t kShown = 5;
constexpr std::int64_t kCellsADesign = 50;

/// Values that a parameter takes in an enumeration; 0: uncounted.
std::int64_t values_of(const space::Parameter& parameter) {
  return parameter.same_as.empty() ? parameter.cardinality() : 1;
}

/// A parameter's k-th value as an entry of a Point.
double entry_of(const space::Parameter& parameter, std::int64_t k, std::int64_t n) {
  if (!parameter.same_as.empty()) return kNaN;
  if (parameter.kind == space::ParameterKind::choice || parameter.kind == space::ParameterKind::flag)
    return static_cast<double>(k);
  return (static_cast<double>(k) + 0.5) / static_cast<double>(n);
}

/// Every feasible config, or nothing where that would be more than `limit`, or too long a way.
std::vector<space::Config> enumerated(const space::Space& space, std::int64_t limit) {
  double assignments = 1.0;
  std::vector<std::int64_t> sizes;
  for (const auto& parameter : space.parameters()) {
    sizes.push_back(values_of(parameter));
    assignments *= static_cast<double>(sizes.back());
    if (sizes.back() == 0 || assignments > static_cast<double>(limit) * kCellsADesign) return {};
  }
  std::vector<space::Config> configs;
  std::unordered_set<Key> seen;
  std::vector<std::int64_t> at(sizes.size(), 0);
  for (std::int64_t left = static_cast<std::int64_t>(assignments); left > 0; --left) {
    space::Point point(sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) point[i] = entry_of(space.parameter(i), at[i], sizes[i]);
    space::Config config = space.decode(point);
    if (space.feasible(config) && seen.insert(config.key()).second) {
      if (static_cast<std::int64_t>(configs.size()) == limit) return {};
      configs.push_back(std::move(config));
    }
    for (std::size_t i = sizes.size(); i-- > 0;) {
      if (++at[i] < sizes[i]) break;
      at[i] = 0;
    }
  }
  return configs;
}

/// `first`: for every design the first one of its class.
Classes classes_of(const std::vector<std::size_t>& first, const std::vector<Probed>& probed) {
  std::vector<std::int64_t> sizes(probed.size(), 0);
  for (std::size_t i = 0; i < probed.size(); ++i) ++sizes[first[i]];
  Classes classes;
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < probed.size(); ++i) {
    if (sizes[i] == 0) continue;
    roots.push_back(i);
    if (sizes[i] == 1) ++classes.alone;
  }
  classes.classes = static_cast<std::int64_t>(roots.size());
  std::stable_sort(roots.begin(), roots.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  for (std::size_t i = 0; i < std::min(roots.size(), kShown); ++i)
    if (sizes[roots[i]] > 1) classes.largest.push_back({sizes[roots[i]], probed[roots[i]].config});
  return classes;
}

}  // namespace

Designs designs_of(const space::Space& space, std::int64_t limit, std::int64_t samples, std::uint64_t seed) {
  Designs designs;
  designs.configs = enumerated(space, limit);
  if (!designs.configs.empty()) {
    designs.all = true;
    designs.total = static_cast<std::int64_t>(designs.configs.size());
    return designs;
  }
  designs.total = space.count();
  Rng rng(seed, "identity designs");
  std::unordered_set<Key> seen;
  for (std::int64_t tries = 0;
       tries < 20 * samples && static_cast<std::int64_t>(designs.configs.size()) < samples; ++tries) {
    space::Config config = space.sample(rng);
    if (seen.insert(config.key()).second) designs.configs.push_back(std::move(config));
  }
  return designs;
}

ClassCount count_classes(const StudyFile& file, const Designs& designs, const std::vector<Probed>& probed) {
  ClassCount count;
  count.study = file.name;
  count.task = file.task_kind;
  count.designs = designs;
  count.interrupted = probed.size() < designs.configs.size();
  count.literal = static_cast<std::int64_t>(probed.size());
  std::vector<std::optional<identity::Signature>> functions;
  std::vector<std::size_t> structures(probed.size());
  std::unordered_map<Key, std::size_t> by_structure;
  std::unordered_set<Key> keys;
  std::int64_t hashable = 0;
  for (std::size_t i = 0; i < probed.size(); ++i) {
    structures[i] = i;
    if (!probed[i].structural.none())
      structures[i] = by_structure.emplace(probed[i].structural, i).first->second;
    if (!probed[i].failure.empty()) ++count.failures[probed[i].failure];
    functions.push_back(probed[i].functional);
    if (!probed[i].functional) continue;
    ++hashable;
    count.ambiguous += probed[i].functional->ambiguous;
    keys.insert(probed[i].functional->key);
  }
  if (!by_structure.empty()) count.structural = classes_of(structures, probed);
  if (hashable == 0) count.failures.erase(kNoProbe);
  if (hashable > 0 || !count.failures.empty()) {
    count.functional = classes_of(identity::function_classes(functions), probed);
    count.unhashable = count.literal - hashable;
    count.by_key_alone = static_cast<std::int64_t>(keys.size()) + count.unhashable;
    if (hashable > 0) count.ambiguous /= static_cast<double>(hashable);
  }
  return count;
}

std::vector<task::CellClasses> cell_class_counts(const StudyFile& file, const Designs& designs,
                                                 std::string& kind) {
  const auto cells = task::find_cells(file.space);
  if (!cells || !designs.all) return {};
  kind = task::cell_kind_name(*cells);
  std::vector<std::vector<task::Cell>> all;
  std::unordered_set<Key> seen;  // a space may have more than the cell
  for (const auto& config : designs.configs) {
    KeyBuilder builder;
    for (const auto& name : task::cell_parameters(*cells)) {
      const Value* value = config.find(name);
      builder.text(value == nullptr ? "" : value_text(*value));
    }
    if (!seen.insert(builder.build()).second) continue;
    try {
      all.push_back(task::cells_of(*cells, config));
    } catch (const Error&) {
      // The design is no network.
    }
  }
  return task::class_counts(all);
}

}  // namespace hone::run
