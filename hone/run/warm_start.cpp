#include "hone/run/warm_start.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "hone/base/registry.h"
#include "hone/space/scale.h"
#include "hone/study/ranking.h"
#include "hone/study/study.h"

namespace hone::run {
namespace {

constexpr std::size_t kMostResults = 1000;

std::string url_of(const std::string& source, const std::string& folder) {
  // A file's name may hold a colon.
  if (methods().find("store", source.substr(0, source.find(':'))) != nullptr &&
      source.find(':') != std::string::npos)
    return source;
  std::filesystem::path path = source;
  if (!path.has_filename()) path = path.parent_path();  // a slash at its end
  if (path.is_relative()) path = std::filesystem::path(folder) / path;
  if (path.extension() == ".toml") path.replace_extension(".hone");
  if (path.extension() == ".hone") path /= "study.sqlite";
  return "sqlite:" + path.lexically_normal().string();
}

/// 0 to n - 1 in an order whose beginning lies far apart: the ends, the middle, the quarters, ...
std::vector<std::size_t> spread_order(std::size_t n) {
  std::vector<std::size_t> order;
  std::vector<bool> taken(n, false);
  const auto take = [&](std::size_t i) {
    if (!taken[i]) order.push_back(i);
    taken[i] = true;
  };
  if (n > 0) take(0);
  std::size_t parts = 1;
  for (; order.size() < n; parts *= 2)
    for (std::size_t k = 1; k <= parts; ++k) take(k * (n - 1) / parts);
  return order;
}

/// Why a config of an earlier study is none of this space.
std::string misfit(const space::Config& config, const space::Space& space) {
  for (const auto& [name, value] : config.entries())
    if (!space.index(name)) return fmt::format("there is no '{}'", name);
  for (const space::Parameter& parameter : space.parameters())
    if (!config.has(parameter.name) && !parameter.when && !parameter.fallback && parameter.same_as.empty() &&
        parameter.cardinality() != 1)
      return fmt::format("they lack '{}', which has no default", parameter.name);
  for (const auto& [name, value] : config.entries()) {
    const space::Parameter& parameter = space.parameter(*space.index(name));
    if (!space::Scale(parameter).find(space::Operand::of(value)))
      return fmt::format("{} = {} is no value here", name, value_quoted(value));
  }
  return "they break a constraint, or lack what is active here";
}

}  // namespace

std::string warm_loss(const study::WarmStudy& warm, const space::Space& space) {
  if (warm.results.empty())
    return fmt::format("'{}' has no result to learn from: none is finished and within the limits", warm.name);
  std::size_t fits = 0;
  std::string why;
  for (const auto& [config, values] : warm.results) {
    const auto adopted = space.adopt(config);
    if (adopted && space.feasible(*adopted))
      ++fits;
    else if (why.empty())
      why = misfit(config, space);
  }
  if (fits == warm.results.size()) return {};
  return fmt::format("{} of {} results of '{}' have a place here ({})", fits, warm.results.size(), warm.name,
                     why);
}

study::WarmStudy warm_study(const std::string& source, const StudyFile& file) {
  const Place place = Node::parse_toml(file.text, file.path)["search"]["warm_start"].place();
  const std::string url = url_of(source, file.folder);
  if (url.starts_with("sqlite:") && !std::filesystem::exists(url.substr(7)))
    throw Error(fmt::format("there is no study of '{}'", source), place,
                fmt::format("{} does not exist", url.substr(7)));
  const auto opened = [&] {
    try {
      return study::Study(study::open_existing_store(url));
    } catch (const Error& error) {
      throw Error(fmt::format("'{}' cannot be read: {}", source, error.message()), place, error.hint());
    }
  };
  study::Study study = opened();
  study.sync();
  study::WarmStudy warm{study.header().name};
  bool any = false, refused = false;
  for (const study::Trial& trial : study.trials()) {
    if (!study.eligible(trial)) continue;
    const study::Measures measures = study.outcome(trial.id);
    if (measures.empty()) continue;
    any = true;
    // What this study would refuse is no config to begin with, however good it looks otherwise.
    if (std::any_of(file.limits.begin(), file.limits.end(),
                    [&](const study::Limit& limit) { return !limit.violation(measures).empty(); })) {
      refused = true;
      continue;
    }
    std::vector<double> values = study::oriented(file.objectives, measures);
    if (std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); }))
      warm.results.emplace_back(trial.config, std::move(values));
  }
  if (any && !refused && warm.results.empty())
    throw Error(fmt::format("study '{}' reports nothing that this one optimises", warm.name), place,
                "objectives are recognised by their names");
  std::vector<std::vector<double>> values;
  for (const auto& [config, row] : warm.results) values.push_back(row);
  const std::vector<int> rank = study::bounded_rank(values);
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rank[a] != rank[b] ? rank[a] < rank[b] : values[a] < values[b];
  });
  // The best on one objective and those nearest to it would say little of the rest of a front.
  for (std::size_t begin = 0, end = 0; file.objectives.size() > 1 && begin < order.size(); begin = end) {
    while (end < order.size() && rank[order[end]] == rank[order[begin]]) ++end;
    std::vector<std::size_t> along;
    for (const std::size_t i : spread_order(end - begin)) along.push_back(order[begin + i]);
    std::copy(along.begin(), along.end(), order.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  // All of the better half, and every so many of the rest: a model wants to know the bad ones too.
  std::vector<std::pair<space::Config, std::vector<double>>> kept;
  const std::size_t n = order.size();
  for (std::size_t i = 0; i < n; ++i) {
    const bool thin = n > kMostResults && i >= kMostResults / 2;
    const std::size_t every = thin ? (n - kMostResults / 2) / (kMostResults / 2) + 1 : 1;
    if (thin && (i - kMostResults / 2) % every != 0) continue;
    kept.push_back(std::move(warm.results[order[i]]));
  }
  warm.results = std::move(kept);
  return warm;
}

}  // namespace hone::run
