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

constexpr std::size_t kLongestName = 200;  // bytes, of a study; of a measure, too

void read_study(const Node& study, bool by_user, StudyFile& file) {
  study.only({"name", "minimize", "maximize", "seed"});
  if (const Node name = study["name"]) {
    file.name = name.text();
    if (by_user && file.name.find_first_not_of(" \t\r\n") == std::string::npos)
      throw name.expected("a name", "leave it out, and the study is called as its file is");
    if (by_user && file.name.size() > kLongestName)
      throw name.expected(fmt::format("a name of at most {} bytes", kLongestName),
                          fmt::format("it has {}", file.name.size()));
  }
  if (const Node seed = study["seed"]) {
    if (seed.integer() < 0) throw seed.expected("an integer of 0 or more");
    file.seed = static_cast<std::uint64_t>(seed.integer());
  }
}

void read_task(const Node& task, StudyFile& file) {
  const Node kind = task.need("kind");
  file.task_kind = kind.text();
  const auto& method = methods().need("task", file.task_kind, kind.place());
  file.task_options = Options(method.info.options, task, {"kind"});
  file.task = task::make_task(file.task_kind, file.task_options, file.folder, kind.place());
}

void read_space(const Node& root, const std::string& path, StudyFile& file) {
  const auto own_space = root.has("space") ? std::nullopt : file.task->default_space();
  file.space = own_space ? *own_space : space::Space::from_document(root.need("space"));
  try {
    file.task->check(file.space);
  } catch (const Error& error) {
    if (!error.place().file.empty()) throw;
    throw Error(error.message(), Place{path, root["space"].place().line, error.place().key}, error.hint());
  }
}

/// search.cost: a measure of the task's.
void read_cost(const Node& cost, StudyFile& file) {
  file.cost = cost.text();
  std::vector<std::string> known;
  for (const auto& measure : file.task->measures()) known.push_back(measure.name);
  if (!file.task->any_measure() && std::find(known.begin(), known.end(), file.cost) == known.end())
    throw Error(fmt::format("task '{}' does not report '{}'", file.task_kind, file.cost), cost.place(),
                suggest(file.cost, known));
}

/// Where a trial runs to one fidelity, the file says to which.
void need_steps(const Node& scheduler, const StudyFile& file) {
  if (file.scheduler != "fixed" || file.task->whole_at_one()) return;
  if (scheduler.is(Node::Type::table) && scheduler.has("steps")) return;
  const std::string unit = file.task->fidelity_unit();
  const std::int64_t largest = file.task->largest_fidelity(), most = largest > 0 ? largest : 100;
  throw Error(
      fmt::format("how far a trial runs is not said: task '{}' counts {}", file.task_kind, unit),
      scheduler.place(),
      fmt::format("under [search] write scheduler = {{ kind = \"fixed\", steps = {} }} for {} {} a trial{}",
                  most, most, unit,
                  most == 1 ? ""
                            : fmt::format(", or one that ends bad trials early: {{ kind = \"asha\", steps "
                                          "= [{}, {}] }}",
                                          std::max<std::int64_t>(1, most / 10), most)));
}

/// search.replicates: how many, or { max = how many, aggregate = "mean" }.
void read_replicates(const Node& replicates, StudyFile& file) {
  const bool table = replicates.is(Node::Type::table);
  if (table) replicates.only({"max", "aggregate"});
  const Node max = table ? replicates.need("max") : replicates;
  file.replicates = max.integer();
  if (file.replicates < 1 || file.replicates > 1000) throw max.expected("an integer from 1 to 1000");
  if (const Node how = table ? replicates["aggregate"] : Node()) {
    const auto& names = study::aggregate_names();
    if (std::find(names.begin(), names.end(), how.text()) == names.end())
      throw Error(fmt::format("unknown aggregate '{}'", how.text()), how.place(), suggest(how.text(), names));
    file.aggregate = study::aggregate_from_name(how.text());
  }
}

void read_search(const Node& search, StudyFile& file) {
  if (search)
    search.only({"searcher", "scheduler", "cost", "prior", "try", "warm_start", "identity", "replicates"});
  read_method(search["scheduler"], "scheduler", "fixed", file.scheduler, file.scheduler_options);
  const std::string& brought = methods().need("scheduler", file.scheduler).info.searcher;
  read_method(search["searcher"], "searcher", brought.empty() ? "auto" : brought, file.searcher,
              file.searcher_options);
  file.cost = file.task->cost_measure();
  if (const Node cost = search["cost"]) read_cost(cost, file);
  file.prior = search::Prior::read(search["prior"], file.space);
  file.first = read_first(search["try"], file.space);
  if (const Node warm = search["warm_start"]) file.warm_start = warm.texts();
  need_steps(search["scheduler"], file);
  if (const Node identity = search["identity"]) file.identity = read_identity(identity);
  if (const Node replicates = search["replicates"]) read_replicates(replicates, file);
}

/// What only shows when it is used, shown before anything is run.
void check_use(const Node& search, const StudyFile& file) {
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
  file.name = std::filesystem::path(path).stem().string();
  const Node study = root.need("study");
  read_study(study, source == Source::user, file);
  read_task(root.need("task"), file);
  file.objectives = read_objectives(study, *file.task, file.task_kind);
  read_space(root, path, file);
  file.limits =
      read_limits(root["limits"], *file.task, file.task_kind, file.predicts, source == Source::user);
  read_search(root["search"], file);
  file.budget = read_budget(root["budget"], *file.task, file.task_kind);
  check_use(root["search"], file);
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

}  // namespace hone::run
