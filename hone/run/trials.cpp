// Which trials: filters and orders.
#include "hone/run/trials.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/numbers.h"
#include "hone/base/registry.h"

namespace hone::run {

using study::Trial;
using study::TrialState;

namespace {

constexpr std::int64_t kRefreshEvery = 10000;  // trials, before a light study lets go of those it has loaded

/// A field of a trial by name; nullopt: no such field, or the trial lacks it.
std::optional<Value> field_of(const Trial& trial, const std::string& name) {
  const auto time = [](double seconds) -> std::optional<Value> {
    return seconds > 0.0 ? std::optional<Value>(seconds) : std::nullopt;
  };
  if (name == "id") return trial.id;
  if (name == "fidelity") return trial.last() == nullptr ? std::int64_t{0} : trial.last()->fidelity;
  if (name == "spent_s") return trial.spent_s;
  if (name == "attempts") return trial.attempts;
  if (name == "replicate") return trial.replicate;
  if (name == "created") return time(trial.created_s);
  if (name == "finished") return time(trial.finished_s);
  return std::nullopt;
}

/// As shown where a list shows it so; else, and where that lacks it, the trial's own.
std::optional<double> measure_of(const Trial& trial, const std::string& name, const Shown* shown) {
  if (shown != nullptr)
    if (const auto value = shown->measures(trial.id).find(name)) return value;
  if (const auto* last = trial.last())
    if (const auto value = last->measures.find(name)) return value;
  return trial.costs.find(name);
}

/// A parameter stands before a measure, and that before a field, of the same name.
space::Expression::Bound bound(const Trial& trial, const std::string& name, const Shown* shown) {
  space::Expression::Bound found;
  if (const Value* value = trial.config.find(name)) {
    found = {true, false, *value, {}};
  } else if (auto list = trial.config.list(name); !list.empty()) {
    found = {true, true, {}, std::move(list)};
  } else if (const auto measure = measure_of(trial, name, shown)) {
    found = {true, false, *measure, {}};
  } else if (const auto field = field_of(trial, name)) {
    found = {true, false, *field, {}};
  }
  return found;
}

bool matches(const TrialFilter& filter, const Trial& trial) {
  const auto holds = [](const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  if (filter.states.empty() ? trial.state == TrialState::deleted : !holds(filter.states, trial.state))
    return false;
  if (!filter.causes.empty() && !holds(filter.causes, trial.cause)) return false;
  if (!filter.origin.empty() && trial.origin != filter.origin) return false;
  if (!filter.where) return true;
  const auto lookup = [&](const std::string& name) { return bound(trial, name, filter.shown.get()); };
  return filter.where.evaluate(lookup) == space::Expression::Truth::yes;
}

/// Whether a trial's state alone decides, so that the study's counts tell how many match.
bool by_state_alone(const TrialFilter& filter) {
  return filter.causes.empty() && filter.origin.empty() && !filter.where && !filter.front;
}

std::vector<std::int64_t> front_of(const study::Study& study, const TrialFilter& filter) {
  std::vector<std::int64_t> ids;
  for (const auto& member : (filter.shown ? filter.shown->front() : study.front()).members())
    ids.push_back(member.trial);
  return ids;
}

/// For sorting: numbers before texts before what is missing.
struct SortKey {
  double number = kInfinity;
  std::string text;
  int rank = 2;
  std::int64_t id = 0;
};

SortKey sort_key(const Trial& trial, const std::string& name, const Shown* shown) {
  SortKey key;
  key.id = trial.id;
  const auto found = bound(trial, name, shown);
  if (name == "state" || name == "origin") {
    key.rank = 1;
    key.text = name == "state" ? state_name(trial.state) : trial.origin;
  } else if (found.active && !found.is_list) {
    if (const auto* text = std::get_if<std::string>(&found.value)) {
      key.rank = 1;
      key.text = *text;
    } else if (const double value = value_real(found.value); !std::isnan(value)) {
      key.rank = 0;
      key.number = value;
    }
  }
  return key;
}

/// A word that trials have one of, and what it may be. Neither list is closed: a program of the user's own
/// names its causes, and a study may have trials of searchers that this hone lacks.
struct Word {
  const char* option;
  const char* unknown;  ///< what is wrong with a word that is neither known nor any trial's
  std::string Trial::*of;
  std::vector<std::string> (*known)();
};

const Word kCauses{"--cause", "no trial has the cause '{}'", &Trial::cause, [] {
                     return std::vector<std::string>{"exit",     "signal",  "time",  "memory", "nan",
                                                     "diverged", "missing", "crash", "error",  "limit"};
                   }};
const Word kOrigins{"--origin", "no trial comes from '{}'", &Trial::origin, [] {
                      std::vector<std::string> names{"user", "default", "try", "replicate"};
                      for (const std::string& name : methods().names("searcher")) names.push_back(name);
                      return names;
                    }};

/// Throws Error at the first word that is neither known nor any trial's. Only then every trial is read.
void check_words(const std::vector<std::string>& words, study::Study& study, const Word& word) {
  const std::vector<std::string> known = word.known();
  std::set<std::string> there;
  bool read = false;
  for (const std::string& one : words) {
    if (std::find(known.begin(), known.end(), one) != known.end()) continue;
    if (!std::exchange(read, true)) {
      TrialFilter all;
      for (std::size_t i = 0; i < study::kTrialStates; ++i) all.states.push_back(static_cast<TrialState>(i));
      each_trial(study, all, [&](const Trial& trial) {
        if (!(trial.*word.of).empty()) there.insert(trial.*word.of);
        return true;
      });
    }
    if (there.contains(one)) continue;
    std::vector<std::string> meant(there.begin(), there.end());
    meant.insert(meant.end(), known.begin(), known.end());
    const std::string near = nearest(one, meant);
    throw Error(fmt::format(fmt::runtime(word.unknown), one), Place{"", 0, word.option},
                fmt::format("{}{}", near.empty() ? "" : fmt::format("did you mean '{}'? ", near),
                            there.empty() ? fmt::format("known: {}", fmt::join(known, ", "))
                                          : fmt::format("this study has: {}", fmt::join(there, ", "))));
  }
}

}  // namespace

bool TrialFilter::any() const { return states.empty() && by_state_alone(*this); }

const std::vector<std::string>& trial_fields() {
  static const std::vector<std::string> fields{"id",        "fidelity", "spent_s", "attempts",
                                               "replicate", "created",  "finished"};
  return fields;
}

void check_filter(const TrialFilter& filter, study::Study& study, const StudyFile& file) {
  std::vector<std::string> known;
  const auto add = [&](const std::string& name) {
    if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
  };
  for (const auto& name : file.space.names()) add(name);
  for (const auto& parameter : file.space.parameters()) add(parameter.name);
  for (const auto& objective : study.objectives()) add(objective.name);
  for (const auto& info : file.task->measures()) add(info.name);
  for (const auto& name : trial_fields()) add(name);
  // What a program reports only its trials tell; before the first of them any name may come.
  bool told = !file.task->any_measure();
  const auto reports = [&](const std::string& name) {
    bool found = false;
    std::set<std::string> reported;
    each_trial(study, {}, [&](const Trial& trial) {
      for (const auto& entry : trial.costs.entries()) reported.insert(entry.first);
      for (const auto& result : trial.results)
        for (const auto& entry : result.measures.entries()) reported.insert(entry.first);
      told = told || !trial.results.empty();
      found = reported.contains(name);
      return !found;
    });
    for (const std::string& one : reported) add(one);
    return found || !told;
  };
  const auto check = [&](const std::string& name, const std::string& where) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    if (file.task->any_measure() && reports(name)) return;
    throw Error(fmt::format("'{}' is no parameter, measure or field of a trial", name), Place{"", 0, where},
                suggest(name, known));
  };
  if (filter.where)
    for (const std::string& name : filter.where.names()) check(name, "--where");
  const std::string sort = filter.sort.starts_with('-') ? filter.sort.substr(1) : filter.sort;
  known.insert(known.end(), {"state", "origin"});
  if (!sort.empty()) check(sort, "--sort");
  if (!filter.causes.empty()) check_words(filter.causes, study, kCauses);
  if (!filter.origin.empty()) check_words({filter.origin}, study, kOrigins);
}

void each_trial(study::Study& study, const TrialFilter& filter,
                const std::function<bool(const Trial&)>& take) {
  std::vector<std::int64_t> front;
  if (filter.front) {
    front = front_of(study, filter);
    std::sort(front.begin(), front.end());
    for (const std::int64_t id : front)
      if (matches(filter, study.trial(id)) && !take(study.trial(id))) return;
    return;
  }
  const std::int64_t size = study.size();  // what comes meanwhile is not waited for
  for (std::int64_t id = 0; id < size; ++id) {
    if (id % kRefreshEvery == kRefreshEvery - 1) study.sync();
    const Trial& trial = study.trial(id);
    if (matches(filter, trial) && !take(trial)) return;
  }
}

TrialChoice choose_trials(study::Study& study, const TrialFilter& filter, std::int64_t limit) {
  TrialChoice choice;
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(0, limit));
  if (filter.sort.empty() && by_state_alone(filter)) {
    for (std::size_t i = 0; i < study::kTrialStates; ++i) {
      const auto state = static_cast<TrialState>(i);
      const bool meant = filter.states.empty() ? state != TrialState::deleted
                                               : std::find(filter.states.begin(), filter.states.end(),
                                                           state) != filter.states.end();
      if (meant) choice.matching += study.count(state);
    }
    for (std::int64_t id = study.size() - 1, read = 0; id >= 0 && choice.ids.size() < most; --id) {
      if (static_cast<std::int64_t>(choice.ids.size()) == choice.matching) break;
      if (++read % kRefreshEvery == 0) study.sync();
      if (matches(filter, study.trial(id))) choice.ids.push_back(id);
    }
    return choice;
  }
  if (filter.sort.empty()) {
    each_trial(study, filter, [&](const Trial& trial) {
      choice.ids.push_back(trial.id);
      return true;
    });
    choice.matching = static_cast<std::int64_t>(choice.ids.size());
    if (filter.front)  // best first, as the front is
      choice.ids.clear();
    else
      std::reverse(choice.ids.begin(), choice.ids.end());
    if (filter.front)
      for (const std::int64_t id : front_of(study, filter))
        if (matches(filter, study.trial(id))) choice.ids.push_back(id);
    choice.ids.resize(std::min(choice.ids.size(), most));
    return choice;
  }
  const bool falling = filter.sort.starts_with('-');
  const std::string name = falling ? filter.sort.substr(1) : filter.sort;
  const auto before = [falling](const SortKey& a, const SortKey& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    if (a.number != b.number) return falling ? a.number > b.number : a.number < b.number;
    if (a.text != b.text) return falling ? a.text > b.text : a.text < b.text;
    return a.id < b.id;
  };
  std::vector<SortKey> best;
  each_trial(study, filter, [&](const Trial& trial) {
    ++choice.matching;
    best.push_back(sort_key(trial, name, filter.shown.get()));
    if (best.size() >= 2 * most + 1000) {  // keep the first ones only
      std::nth_element(best.begin(), best.begin() + limit, best.end(), before);
      best.resize(most);
    }
    return true;
  });
  std::sort(best.begin(), best.end(), before);
  best.resize(std::min(best.size(), most));
  for (const SortKey& key : best) choice.ids.push_back(key.id);
  return choice;
}

}  // namespace hone::run
