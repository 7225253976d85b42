#include "hone/run/study_file.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "hone/base/document.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/run/given_config.h"
#include "hone/run/read_identity.h"
#include "hone/run/read_limits.h"
#include "hone/run/warm_start.h"
#include "hone/schedule/scheduler.h"
#include "hone/search/searcher.h"

namespace hone::run {
namespace {

/// "asha" or { kind = "asha", ... }: the method's name and its checked options.
void read_method(const Node& node, const std::string& kind, const std::string& fallback, std::string& name,
                 Options& options) {
  Node table = node;
  name = fallback;
  if (node.is(Node::Type::text)) {
    name = node.text();
    table = Node(Node::Type::table, node.place());
  } else if (node.is(Node::Type::table)) {
    if (const Node given = node["kind"]) name = given.text();
  } else if (node) {
    throw node.expected(fmt::format("a {}'s name, or a table with kind and its options", kind));
  } else {
    table = Node(Node::Type::table, node.place());
  }
  const Place place = node.is(Node::Type::table) && node.has("kind") ? node["kind"].place() : node.place();
  options = Options(methods().need(kind, name, place).info.options, table, {"kind"});
}

std::vector<study::Objective> read_objectives(const Node& table, const task::Task& task,
                                              const std::string& kind) {
  std::vector<std::string> known;
  for (const auto& measure : task.measures()) known.push_back(measure.name);
  std::vector<study::Objective> objectives;
  const auto add = [&](const char* key, bool minimize) {
    const Node node = table[key];
    if (!node) return;
    for (const std::string& name : node.texts()) {
      if (!task.any_measure() && std::find(known.begin(), known.end(), name) == known.end())
        throw Error(fmt::format("task '{}' does not report '{}'", kind, name), node.place(),
                    suggest(name, known));
      if (name.empty()) throw node.expected("the name of a measure");
      for (const auto& objective : objectives)
        if (objective.name == name)
          throw Error(fmt::format("'{}' is an objective twice", name), node.place());
      objectives.push_back({name, minimize});
    }
  };
  add("minimize", true);
  add("maximize", false);
  if (objectives.empty())
    throw Error("no objective: write minimize = [...] or maximize = [...]", table.place(),
                fmt::format("task '{}' reports {}{}", kind, fmt::join(known, ", "),
                            task.any_measure() ? ", and what else it likes" : ""));
  return objectives;
}

Budget read_budget(const Node& table, const task::Task& task, const std::string& kind) {
  Budget budget;
  if (!table) return budget;
  const std::string unit = task.fidelity_unit();
  std::vector<std::string> allowed{"trials", "proposals", "time", "steps", "spend", "workers", "failures"};
  if (unit != "steps") allowed.insert(allowed.begin() + 4, unit);
  table.only(allowed);
  if (const Node trials = table["trials"]) {
    budget.trials = trials.integer();
    if (*budget.trials < 1) throw trials.expected("an integer of 1 or more");
  }
  if (const Node proposals = table["proposals"]) {
    budget.proposals = proposals.integer();
    if (*budget.proposals < 1) throw proposals.expected("an integer of 1 or more");
  }
  if (const Node time = table["time"]) {
    budget.time_s = read_duration_s(time);
    if (!(*budget.time_s > 0.0)) throw time.expected("a duration above 0");
  }
  for (const std::string& key : {std::string("steps"), unit}) {
    const Node steps = table[key];
    if (!steps || (key == unit && unit == "steps" && budget.steps)) continue;
    if (budget.steps) throw Error(fmt::format("'{}' and 'steps' mean the same", unit), steps.place());
    budget.steps = steps.integer();
    if (*budget.steps < 1) throw steps.expected("an integer of 1 or more");
  }
  if (const Node spend = table["spend"]) {
    std::vector<std::string> known;
    for (const auto& measure : task.measures()) known.push_back(measure.name);
    for (const auto& [name, node] : spend.entries()) {
      if (!task.any_measure() && std::find(known.begin(), known.end(), name) == known.end())
        throw Error(fmt::format("task '{}' does not report '{}'", kind, name), node.place(),
                    suggest(name, known));
      budget.spend.set(name, read_quantity(name, node));
      if (!(*budget.spend.find(name) > 0.0)) throw node.expected("a number above 0");
    }
  }
  if (const Node workers = table["workers"]) {
    budget.workers = workers.integer();
    if (budget.workers < 1 || budget.workers > 1024) throw workers.expected("an integer from 1 to 1024");
  }
  if (const Node failures = table["failures"]) {
    budget.failures = failures.integer();
    if (budget.failures < 0) throw failures.expected("an integer of 0 or more; 0: never");
  }
  return budget;
}

/// Configs to try first: what a table leaves out takes its default, or the middle of its scale.
std::vector<space::Config> read_first(const Node& node, const space::Space& space) {
  std::vector<space::Config> first;
  if (!node) return first;
  if (!node.is(Node::Type::list)) throw node.expected("a list of tables, each of some parameters' values");
  for (const Node& table : node.list()) {
    if (!table.is(Node::Type::table)) throw table.expected("a table of parameters' values");
    try {
      first.push_back(config_of(space, parse_assignments(space, table.json())));
    } catch (const Error& error) {
      throw Error(error.message(), table.place(), error.hint());
    }
  }
  return first;
}

}  // namespace

StudyFile StudyFile::read(const std::string& path) {
  if (!std::filesystem::exists(path))
    throw Error("there is no such file", Place{path, 0, ""}, "hone init writes a commented study file");
  return parse(read_file(path), path);
}

StudyFile StudyFile::parse(const std::string& text, const std::string& path, Source source) {
  const Node root = Node::parse_toml(text, path);
  if (root.entries().empty())
    throw Error("the study file is empty", Place{path, 0, ""}, "hone init writes a commented study file");
  root.only({"study", "task", "space", "limits", "search", "budget"});

  StudyFile file;
  file.path = std::filesystem::absolute(path).lexically_normal().string();
  file.folder = std::filesystem::path(file.path).parent_path().string();
  file.text = text;

  const Node study = root.need("study");
  study.only({"name", "minimize", "maximize", "seed"});
  file.name = std::filesystem::path(path).stem().string();
  if (const Node name = study["name"]) {
    file.name = name.text();
    if (source == Source::user && file.name.find_first_not_of(" \t\r\n") == std::string::npos)
      throw name.expected("a name", "leave it out, and the study is called as its file is");
  }
  if (const Node seed = study["seed"]) {
    if (seed.integer() < 0) throw seed.expected("an integer of 0 or more");
    file.seed = static_cast<std::uint64_t>(seed.integer());
  }

  const Node task = root.need("task");
  const Node kind = task.need("kind");
  file.task_kind = kind.text();
  const auto& method = methods().need("task", file.task_kind, kind.place());
  file.task_options = Options(method.info.options, task, {"kind"});
  file.task = task::make_task(file.task_kind, file.task_options, file.folder, kind.place());

  file.objectives = read_objectives(study, *file.task, file.task_kind);
  const auto own_space = root.has("space") ? std::nullopt : file.task->default_space();
  file.space = own_space ? *own_space : space::Space::from_document(root.need("space"));
  try {
    file.task->check(file.space);
  } catch (const Error& error) {
    if (!error.place().file.empty()) throw;
    throw Error(error.message(), Place{path, root["space"].place().line, error.place().key}, error.hint());
  }
  file.limits =
      read_limits(root["limits"], *file.task, file.task_kind, file.predicts, source == Source::user);

  const Node search = root["search"];
  if (search)
    search.only({"searcher", "scheduler", "cost", "prior", "try", "warm_start", "identity", "replicates"});
  read_method(search["scheduler"], "scheduler", "fixed", file.scheduler, file.scheduler_options);
  const std::string& brought = methods().need("scheduler", file.scheduler).info.searcher;
  read_method(search["searcher"], "searcher", brought.empty() ? "auto" : brought, file.searcher,
              file.searcher_options);
  file.cost = file.task->cost_measure();
  if (const Node cost = search["cost"]) {
    file.cost = cost.text();
    std::vector<std::string> known;
    for (const auto& measure : file.task->measures()) known.push_back(measure.name);
    if (!file.task->any_measure() && std::find(known.begin(), known.end(), file.cost) == known.end())
      throw Error(fmt::format("task '{}' does not report '{}'", file.task_kind, file.cost), cost.place(),
                  suggest(file.cost, known));
  }
  file.prior = search::Prior::read(search["prior"], file.space);
  file.first = read_first(search["try"], file.space);
  if (const Node warm = search["warm_start"]) file.warm_start = warm.texts();
  if (file.scheduler == "fixed" && !file.task->whole_at_one())
    if (const Node given = search["scheduler"]; !given.is(Node::Type::table) || !given.has("steps")) {
      const std::string unit = file.task->fidelity_unit();
      const std::int64_t largest = file.task->largest_fidelity(), most = largest > 0 ? largest : 100;
      throw Error(
          fmt::format("how far a trial runs is not said: task '{}' counts {}", file.task_kind, unit),
          given.place(),
          fmt::format(
              "under [search] write scheduler = {{ kind = \"fixed\", steps = {} }} for {} {} a trial{}", most,
              most, unit,
              most == 1 ? ""
                        : fmt::format(", or one that ends bad trials early: {{ kind = \"asha\", steps "
                                      "= [{}, {}] }}",
                                      std::max<std::int64_t>(1, most / 10), most)));
    }
  if (const Node identity = search["identity"]) file.identity = read_identity(identity);
  if (const Node replicates = search["replicates"]) {
    const bool table = replicates.is(Node::Type::table);
    if (table) replicates.only({"max", "aggregate"});
    const Node max = table ? replicates.need("max") : replicates;
    file.replicates = max.integer();
    if (file.replicates < 1 || file.replicates > 1000) throw max.expected("an integer from 1 to 1000");
    if (const Node how = table ? replicates["aggregate"] : Node()) {
      const auto& names = study::aggregate_names();
      if (std::find(names.begin(), names.end(), how.text()) == names.end())
        throw Error(fmt::format("unknown aggregate '{}'", how.text()), how.place(),
                    suggest(how.text(), names));
      file.aggregate = study::aggregate_from_name(how.text());
    }
  }
  file.budget = read_budget(root["budget"], *file.task, file.task_kind);

  // What only shows when it is used, shown before anything is run.
  const auto scheduler = schedule::make_scheduler(file.scheduler, {file.objectives, file.seed, &file.space},
                                                  file.scheduler_options, search["scheduler"].place());
  try {
    file.task->check_rungs(scheduler->rungs());
  } catch (const Error& error) {
    if (!error.place().file.empty()) throw;
    throw Error(error.message(), search["scheduler"].place(), error.hint());
  }
  search::Problem problem{file.space, file.objectives, file.seed};
  problem.limits = file.limits;
  problem.horizon = scheduler->horizon();
  problem.rungs = scheduler->rungs();
  problem.partial = problem.rungs.size() > 1 || !scheduler->watched().empty();
  problem.max_trials = file.budget.trials;
  problem.cost = file.cost;
  problem.prior = file.prior;
  search::make_searcher(file.searcher, problem, file.searcher_options, search["searcher"].place());
  Rng rng(file.seed, "check");
  file.space.sample(rng);
  return file;
}

std::string StudyFile::home() const {
  return (std::filesystem::path(folder) / std::filesystem::path(path).stem()).string() + ".hone";
}

std::string StudyFile::default_store() const { return "sqlite:" + home() + "/study.sqlite"; }

std::unique_ptr<schedule::Scheduler> StudyFile::make_scheduler() const {
  return schedule::make_scheduler(scheduler, {objectives, seed, &space}, scheduler_options);
}

std::int64_t StudyFile::horizon() const { return make_scheduler()->horizon(); }

study::StudyRecord StudyFile::header() const {
  study::StudyRecord record;
  record.name = name;
  record.file = path;
  record.text = text;
  record.seed = seed;
  record.objectives = objectives;
  record.horizon = horizon();
  record.data = task->data_identity();
  for (const auto& measure : task->measures()) {
    if (measure.unshared) record.unshared.push_back(measure.name);
    if (measure.before || measure.unshared || measure.timed) record.costs.push_back(measure.name);
  }
  record.limits = limits;
  record.replicates = replicates;
  record.aggregate = aggregate;
  for (const std::string& source : warm_start) record.warm.push_back(warm_study(source, *this));
  return record;
}

study::RevisedRecord StudyFile::revision(const std::vector<std::string>& changes) const {
  return {path, text, limits, replicates, aggregate, changes, horizon()};
}

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
