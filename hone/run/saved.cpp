#include "hone/run/saved.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/units.h"

namespace hone::run {
namespace {

/// "under 1 s" rather than 0:00.
std::string seconds_text(double seconds) {
  if (seconds >= 60.0) return duration_text(seconds);
  return seconds >= 10.0 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.2g} s", seconds);
}

}  // namespace

std::string nothing_new_text(const study::Study& study, const StudyFile& file) {
  const std::int64_t n = study.known_in_a_row();
  if (n < kKnownInARow) return {};
  std::vector<std::string> ways;
  const auto& options = methods().need("searcher", file.searcher).info.options;
  for (const char* name : {"tabu", "functional_change"})
    if (std::any_of(options.begin(), options.end(), [&](const auto& spec) { return spec.name == name; }) &&
        !file.searcher_options.flag(name))
      ways.push_back(fmt::format("{} = true", name));
  if (ways.empty()) ways.push_back("a searcher with tabu = true (regularized_evolution, genetic, nsga2)");
  ways.push_back("larger mutations or another searcher");
  std::string text = fmt::format(
      "the last {} candidates all compute what known ones do: try {}; or the space holds little "
      "else",
      n, fmt::join(ways, ", or "));
  if (const auto count = file.space.count()) text += fmt::format(" ({} configs in all)", *count);
  if (file.identity.give_up > n)
    text += fmt::format("; the search ends after {} in a row", file.identity.give_up);
  return text;
}

Json saved_json(const study::Study& study, const StudyFile& file) {
  const auto& saved = study.saved();
  Json why = Json::array();
  const auto add = [&](const char* kind, const char* reason, std::int64_t count) {
    if (count > 0) why.push_back({{"kind", kind}, {"reason", reason}, {"count", count}});
  };
  add("same config", "the same config was proposed again", saved.repeated_config);
  add("same structure", "the same structure and function was already evaluated", saved.same_structure);
  add("same function", "the same function was already evaluated under another structure",
      saved.same_function);
  add("over a limit", "outside the limits before training", saved.over_limit);
  const auto& without = study.unhashable();
  const Json unhashable =
      without.count > 0 ? Json{{"count", without.count}, {"trial", without.trial}, {"reason", without.reason}}
                        : Json(nullptr);
  return {
      {"evaluations", saved.evaluations() + saved.over_limit},
      {"identity", saved.evaluations()},
      {"over_limit", saved.over_limit},
      {"fidelity", saved.fidelity},
      {"unit", file.task->fidelity_unit()},
      {"policy", identity::policy_name(file.identity.policy)},
      {"evaluation_s", saved.evaluation_s},
      {"probes", saved.probes},
      {"unhashable", unhashable},
      {"probe_s", saved.probe_s},
      {"probe_share", saved.evaluation_s > 0.0 ? Json(saved.probe_s / saved.evaluation_s) : Json(nullptr)},
      {"known_in_a_row", study.known_in_a_row()},
      {"advice", nothing_new_text(study, file)},
      {"why", why}};
}

std::string saved_text(const Json& saved) {
  std::string text = fmt::format("  saved: {} ({} {} not spent",
                                 counted(saved["evaluations"].get<std::int64_t>(), "evaluation"),
                                 saved["fidelity"].get<std::int64_t>(), saved["unit"].get<std::string>());
  if (const auto seconds = saved["evaluation_s"].get<double>(); seconds > 0.0)
    text += fmt::format(", {} of evaluating", seconds_text(seconds));
  text += ")";
  for (const auto& why : saved["why"])
    text +=
        fmt::format("\n    {:>4}  {}", why["count"].get<std::int64_t>(), why["reason"].get<std::string>());
  if (const auto probes = saved["probes"].get<std::int64_t>(); probes > 0 && saved["probe_s"] > 0.0) {
    text += fmt::format("\n    computing {} took {}", counted(probes, "functional key"),
                        seconds_text(saved["probe_s"].get<double>()));
    if (!saved["probe_share"].is_null()) {
      const auto share = saved["probe_share"].get<double>();
      text += share <= 1.0 ? fmt::format(", {:.2g}% of what that saved", 100.0 * share)
                           : fmt::format(", {:.1f} times what that saved", share);
    }
  }
  if (const std::string without = unhashable_text(saved); !without.empty())
    text += fmt::format("\n  warning: {}", without);
  if (const auto advice = saved["advice"].get<std::string>(); !advice.empty())
    text += fmt::format("\n  warning: {}", advice);
  return text;
}

std::string unhashable_text(const Json& saved) {
  const Json& without = saved["unhashable"];
  if (without.is_null()) return {};
  const auto count = without["count"].get<std::int64_t>();
  return fmt::format(
      "the probe of {} gave no functional key, so that {} whatever else is known; trial {}: {}",
      counted(count, "trial"), count == 1 ? "it runs" : "each of them runs",
      without["trial"].get<std::int64_t>(), without["reason"].get<std::string>());
}

Json collisions_json(const study::Study& study, const StudyFile& file) {
  if (file.identity.policy != identity::Policy::count) return nullptr;
  identity::Collisions found;
  if (study.light()) {
    study::Study whole(study.store_pointer());
    whole.sync();
    found = identity::collisions(whole);
  } else {
    found = identity::collisions(study);
  }
  Json measures = Json::array();
  for (const auto& measure : found.measures)
    measures.push_back({{"name", measure.name}, {"noise", measure.noise}, {"largest", measure.largest}});
  Json examples = Json::array();
  for (const auto& [one, other] : found.examples) examples.push_back({one, other});
  return {{"pairs", found.pairs},
          {"different", found.different},
          {"collisions", found.collisions},
          {"rate", found.rate()},
          {"low", found.low},
          {"high", found.high},
          {"interval", "Clopper-Pearson, 95%"},
          {"measures", measures},
          {"examples", examples},
          {"evaluation_s", found.evaluation_s}};
}

std::string collisions_text(const Json& collisions) {
  if (collisions.is_null()) return {};
  const auto pairs = collisions["pairs"].get<std::int64_t>();
  if (pairs == 0) return "  collisions: no two evaluated trials have the same key yet";
  std::string text =
      fmt::format("  collisions: {} of {} with equal keys differ ({:.3g}% to {:.3g}%: {})",
                  collisions["collisions"].get<std::int64_t>(), counted(pairs, "pair"),
                  100.0 * collisions["low"].get<double>(), 100.0 * collisions["high"].get<double>(),
                  collisions["interval"].get<std::string>());
  for (const auto& measure : collisions["measures"]) {
    const auto name = measure["name"].get<std::string>();
    const auto noise = measure["noise"].get<double>();
    text +=
        fmt::format("\n    {}: by {} at most; ", name, quantity_text(name, measure["largest"].get<double>()));
    text += noise > 0.0 ? fmt::format("counted beyond three deviations of replicates ({} each)",
                                      quantity_text(name, noise))
                        : std::string("any difference counts, since there are no replicates");
  }
  text +=
      fmt::format("\n    reuse would have saved {}", seconds_text(collisions["evaluation_s"].get<double>()));
  return text;
}

}  // namespace hone::run
