// What differs between what a study file says now and what its study has begun with.
#include <algorithm>

#include <fmt/format.h>

#include "hone/base/document.h"
#include "hone/base/units.h"
#include "hone/run/study_file.h"
#include "hone/schedule/scheduler.h"

namespace hone::run {

namespace {

/// "run.py 0f3a..., data/x.csv 77c0...": the files of an identity with their hashes; nullopt: it is no such
/// list.
std::optional<std::map<std::string, std::string>> files_of(const std::string& identity) {
  constexpr std::size_t kDigits = 32;
  std::map<std::string, std::string> files;
  std::size_t at = 0;
  while (at < identity.size()) {
    // A name may hold spaces and commas: an entry ends after its hash.
    std::size_t end = identity.find(", ", at);
    for (; end != std::string::npos; end = identity.find(", ", end + 1))
      if (end >= at + kDigits + 1 && identity[end - kDigits - 1] == ' ' &&
          identity.find_first_not_of("0123456789abcdef", end - kDigits) == end)
        break;
    const std::string entry = identity.substr(at, end == std::string::npos ? end : end - at);
    const std::size_t gap = entry.rfind(' ');
    if (gap == std::string::npos || gap == 0 || entry.size() - gap - 1 != kDigits) return std::nullopt;
    files[entry.substr(0, gap)] = entry.substr(gap + 1);
    at = end == std::string::npos ? identity.size() : end + 2;
  }
  return files;
}

}  // namespace

void StudyFile::need_data(const std::string& identity) const {
  if (const std::string changed = changed_data(identity); !changed.empty())
    throw Error(fmt::format("the data is not what the study began with: {}", changed), Place{path, 0, "task"},
                "its results cannot be compared with new ones; give the study another name");
}

std::string StudyFile::changed_data(const std::string& identity) const {
  const std::string now = task->data_identity();
  if (identity == now) return {};
  if (!task->program().empty())
    return "task program: the program was built anew (unless its task states an identity, that counts)";
  const auto before = files_of(identity), after = files_of(now);
  std::vector<std::string> changed;
  if (before && after) {
    for (const auto& [file, key] : *before)
      if (const auto found = after->find(file); found == after->end())
        changed.push_back(fmt::format("'{}' belongs to it no longer", file));
      else if (found->second != key)
        changed.push_back(fmt::format("'{}' has changed", file));
    for (const auto& [file, key] : *after)
      if (!before->contains(file)) changed.push_back(fmt::format("'{}' belongs to it now", file));
  }
  return changed.empty() ? fmt::format("task {}: its data is not what it was", task_kind)
                         : fmt::format("task {}: {}", task_kind, fmt::join(changed, ", "));
}

namespace {

std::string objectives_text(const StudyFile& file) {
  std::string text;
  for (const auto& objective : file.objectives)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", objective.minimize ? "minimize" : "maximize",
                        objective.name);
  return text;
}

std::string limits_text(const StudyFile& file) {
  std::string text;
  const auto add = [&](const std::string& one) { text += (text.empty() ? "" : ", ") + one; };
  for (const auto& limit : file.limits) {
    if (limit.max) add(fmt::format("{} <= {}", limit.name, quantity_text(limit.name, *limit.max)));
    if (limit.min) add(fmt::format("{} >= {}", limit.name, quantity_text(limit.name, *limit.min)));
  }
  return text.empty() ? std::string("none") : text;
}

std::string budget_shown(const Budget& budget) {
  std::string text;
  if (budget.trials) text = counted(*budget.trials, "trial");
  const auto add = [&](const std::string& one) { text += (text.empty() ? "" : " or ") + one; };
  if (budget.proposals) add(counted(*budget.proposals, "proposal"));
  if (budget.time_s) add(duration_text(*budget.time_s));
  if (budget.steps) add(fmt::format("{} steps", *budget.steps));
  for (const auto& [name, amount] : budget.spend.entries())
    add(fmt::format("{} {}", name, quantity_text(name, amount)));
  return text.empty() ? std::string("none") : text;
}

std::string replicates_text(const StudyFile& file) {
  return fmt::format("{}, {}", file.replicates,
                     study::aggregate_names()[static_cast<std::size_t>(file.aggregate)]);
}

std::string method_text(const std::string& name, const Options& options) {
  return options.json().empty() ? name : name + " " + options.json().dump();
}

}  // namespace

/// What a trial was trained towards must stay the same; how trials are chosen may change.
void StudyFile::compare_schedulers(const StudyFile& older, Differences& found) const {
  const auto mine = make_scheduler(), theirs = older.make_scheduler();
  const std::string was = method_text(older.scheduler, older.scheduler_options);
  const std::string is = method_text(scheduler, scheduler_options);
  if (was == is) return;
  const bool raised = mine->raisable() && theirs->raisable() && mine->horizon() > theirs->horizon();
  const bool same_schedules = mine->schedule_horizon() == theirs->schedule_horizon();
  const bool plain =
      mine->schedule_horizon() == mine->horizon() && theirs->schedule_horizon() == theirs->horizon();
  const bool same = mine->horizon() == theirs->horizon() && same_schedules;
  (same || (raised && (same_schedules || plain)) ? found.accepted : found.refused)
      .push_back(fmt::format("search.scheduler: was {}, is {}", was, is));
  if (raised && !same_schedules && plain)
    found.accepted.push_back(fmt::format(
        "trials so far were told the horizon {}, new ones are told {}: where the task lays out a "
        "schedule for it, their results differ for that, too (the scheduler's option longest keeps "
        "it the same)",
        theirs->horizon(), mine->horizon()));
}

StudyFile::Differences StudyFile::differences(const StudyFile& older) const {
  Differences found;
  const auto compare = [](std::vector<std::string>& into, const std::string& what, const std::string& mine,
                          const std::string& theirs) {
    if (mine != theirs) into.push_back(fmt::format("{}: was {}, is {}", what, theirs, mine));
  };
  compare(found.refused, "study.seed", std::to_string(seed), std::to_string(older.seed));
  compare(found.refused, "objectives", objectives_text(*this), objectives_text(older));
  compare(found.refused, "task.kind", task_kind, older.task_kind);
  if (task_kind == older.task_kind) {
    const auto neutral = task->neutral_options();
    const auto shown = [](const Options& options, const std::string& name) {
      const auto value = options.json().find(name);
      return value == options.json().end() || value->is_null() ? std::string("not set") : value->dump();
    };
    for (const auto& spec : methods().need("task", task_kind).info.options)
      compare(std::find(neutral.begin(), neutral.end(), spec.name) != neutral.end() ? found.accepted
                                                                                    : found.refused,
              "task." + spec.name, shown(task_options, spec.name), shown(older.task_options, spec.name));
  }
  if (limits != older.limits)
    found.accepted.push_back(fmt::format("limits: was {}, is {}", limits_text(older), limits_text(*this)));
  compare(found.accepted, "budget", budget_shown(budget), budget_shown(older.budget));
  compare(found.accepted, "search.searcher", method_text(searcher, searcher_options),
          method_text(older.searcher, older.searcher_options));
  compare_schedulers(older, found);
  const auto listed = [](const std::vector<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
  };
  compare(found.refused, "search.warm_start", listed(warm_start), listed(older.warm_start));
  const auto configs = [](const StudyFile& file) {
    std::string text;
    for (const space::Config& config : file.first) text += (text.empty() ? "" : "; ") + config.shown();
    return text;
  };
  compare(found.accepted, "search.try", configs(*this), configs(older));
  if (!(prior == older.prior)) found.accepted.push_back("search.prior: has changed");
  compare(found.accepted, "search.cost", cost, older.cost);
  compare(found.accepted, "search.identity", identity.text(), older.identity.text());
  compare(found.accepted, "search.replicates", replicates_text(*this), replicates_text(older));
  const space::Extension extension = space::extension(older.space, space);
  if (!extension.compatible) found.refused.push_back("space: " + extension.obstacle);
  for (const std::string& change : extension.changes)
    (extension.compatible ? found.accepted : found.refused).push_back("space: " + change);
  return found;
}

}  // namespace hone::run
