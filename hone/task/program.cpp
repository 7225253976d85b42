#include "hone/task/program.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/task/program_description.h"

namespace hone::task {
namespace {

std::vector<OwnTask>& served() {
  static std::vector<OwnTask> tasks;
  return tasks;
}

std::vector<std::string> served_names() {
  std::vector<std::string> names;
  for (const auto& task : served()) names.push_back(task.name);
  return names;
}

const OwnTask& served_task(const std::string& name, const Place& place) {
  if (name.empty() && served().size() == 1) return served().front();
  for (const auto& task : served())
    if (task.name == name) return task;
  throw Error(fmt::format("this program holds no task '{}'", name), place, suggest(name, served_names()));
}

/// A task that is no more than its function.
class OwnFunctionTask final : public Task {
 public:
  explicit OwnFunctionTask(const OwnTask& own) : own_(own) {}
  std::vector<MeasureInfo> measures() const override { return own_.measures; }
  std::string fidelity_unit() const override { return own_.fidelity_unit; }
  Needs needs() const override { return own_.needs; }
  void check(const space::Space& space) const override {
    if (own_.check) own_.check(space);
  }

 private:
  const OwnTask& own_;
};

std::shared_ptr<const Task> make_inner(const OwnTask& own, const Options& options,
                                       const std::string& folder) {
  if (!own.make_task) return std::make_shared<OwnFunctionTask>(own);
  auto task = own.make_task(options, folder);
  if (task == nullptr) throw Error(fmt::format("make_task of '{}' gave no task", own.name));
  return task;
}

std::string identity_of(const OwnTask& own, const Task& inner) {
  const std::string given = own.identity.empty() ? inner.data_identity() : own.identity;
  return given.empty() ? "" : fmt::format("{}: {}", own.name, given);
}

/// The kind "program" in the process that evaluates it: the user's task, with the identity that the study's
/// journal holds.
class ServedTask final : public Task {
 public:
  ServedTask(const OwnTask& own, Options options, const std::string& folder, std::string path)
      : own_(own),
        options_(std::move(options)),
        inner_(make_inner(own, options_, folder)),
        path_(std::move(path)) {}

  const OwnTask& own() const { return own_; }
  const Options& options() const { return options_; }
  const std::shared_ptr<const Task>& inner() const { return inner_; }

  std::vector<MeasureInfo> measures() const override { return inner_->measures(); }
  std::string fidelity_unit() const override { return inner_->fidelity_unit(); }
  bool any_measure() const override { return inner_->any_measure(); }
  Needs needs() const override { return inner_->needs(); }
  void check(const space::Space& space) const override { inner_->check(space); }
  std::string prepare() const override { return inner_->prepare(); }
  std::string program() const override { return path_; }
  std::string data_identity() const override {
    const std::string given = identity_of(own_, *inner_);
    return given.empty() ? program_identity(path_) : given;
  }
  std::optional<graph::Graph> graph(const space::Config& config) const override {
    return inner_->graph(config);
  }
  study::Measures design_costs(const space::Config& config) const override {
    return inner_->design_costs(config);
  }
  std::string cost_terms(const space::Config& config) const override { return inner_->cost_terms(config); }
  std::optional<std::string> unseen_by_probe(const space::Config& config) const override {
    return inner_->unseen_by_probe(config);
  }
  identity::Quantisation rounding() const override { return inner_->rounding(); }

 private:
  const OwnTask& own_;
  Options options_;
  std::shared_ptr<const Task> inner_;
  std::string path_;
};

class OwnFunctionEvaluator final : public Evaluator {
 public:
  OwnFunctionEvaluator(const OwnTask& own, Options options) : own_(own), options_(std::move(options)) {}
  Outcome run(const Assignment& assignment, Reporter& reporter) override {
    return own_.run(assignment, reporter, options_);
  }

 private:
  const OwnTask& own_;
  Options options_;
};

ProgramDescription describe(const OwnTask& own) {
  ProgramDescription description;
  description.name = own.name;
  description.summary = own.summary;
  description.options = own.options;
  description.fidelity_unit = own.fidelity_unit;
  description.fidelity_note = own.fidelity_note;
  description.complete = !own.make_task;
  description.measures = own.measures;
  description.needs = own.needs;
  if (!own.identity.empty()) description.identity = fmt::format("{}: {}", own.name, own.identity);
  return description;
}

std::vector<OptionSpec> kind_options() {
  return {{.name = "program",
           .type = OptionSpec::Type::text,
           .fallback = nullptr,
           .summary = "the program that hone::worker_main was built into; relative to the study file"},
          {.name = "name",
           .type = OptionSpec::Type::text,
           .fallback = nullptr,
           .summary = "which of its tasks, where it holds several",
           .optional = true},
          {.name = "options",
           .type = OptionSpec::Type::table,
           .fallback = Json::object(),
           .summary = "the task's own options, which PROGRAM describe lists"}};
}

std::shared_ptr<const Task> make_served_task(const Options& options, const std::string& folder) {
  const OwnTask& own = served_task(options.has("name") ? options.text("name") : "",
                                   options.place(options.has("name") ? "name" : "program"));
  const Node given = options.table("options");
  const Node table = given ? given : Node(Node::Type::table, options.place("program"));
  return std::make_shared<ServedTask>(own, Options(own.options, table), folder,
                                      program_path(options, folder));
}

}  // namespace

void serve_own_tasks(std::vector<OwnTask> tasks) {
  if (tasks.empty()) throw Error("this program holds no task", {}, "hand worker_main at least one");
  std::vector<std::string> names;
  for (const auto& task : tasks) {
    const auto wrong = [&](const char* what) {
      throw Error(fmt::format("task {} ('{}') {}", names.size(), task.name, what));
    };
    if (task.name.empty()) wrong("has no name");
    if (std::find(names.begin(), names.end(), task.name) != names.end()) wrong("has another task's name");
    if (task.run ? task.make_task || task.make_evaluator : !task.make_task || !task.make_evaluator)
      wrong("needs either run, or make_task and make_evaluator");
    if (task.run && task.measures.empty()) wrong("reports no measure");
    for (const auto& measure : task.measures)
      if (measure.name.empty()) wrong("has a measure without a name");
    names.push_back(task.name);
  }
  served() = std::move(tasks);
}

const std::vector<OwnTask>& own_tasks() { return served(); }

Json describe_own_tasks() {
  Json tasks = Json::array();
  for (const auto& own : served()) tasks.push_back(describe(own).json());
  return {{"hone", HONE_VERSION}, {"tasks", tasks}};
}

Json describe_own_task(const std::string& name, const Json& options, const std::string& folder) {
  const OwnTask& own = served_task(name, {});
  const auto inner = make_inner(own, Options(own.options, options), folder);
  ProgramDescription description = describe(own);
  description.complete = true;
  description.measures = inner->measures();
  description.any_measure = inner->any_measure();
  description.fidelity_unit = inner->fidelity_unit();
  description.needs = inner->needs();
  description.identity = identity_of(own, *inner);
  return {{"hone", HONE_VERSION}, {"task", description.json()}};
}

}  // namespace hone::task

HONE_REGISTER(task, program) {
  using namespace hone;
  registry.add("task",
               {.name = "program",
                .summary = "a task of your own in C++: a program with hone::worker_main",
                .paper = "",
                .options = task::kind_options(),
                .traits = ""},
               task::MakeTask([](const Options& options,
                                 const std::string& folder) -> std::shared_ptr<const task::Task> {
                 return task::own_tasks().empty() ? task::make_described_task(options, folder)
                                                  : task::make_served_task(options, folder);
               }));
}

HONE_REGISTER(evaluator, program) {
  using namespace hone;
  registry.add("evaluator",
               {.name = "program", .summary = "evaluates in the task's own program", .paper = ""},
               task::MakeEvaluator([](std::shared_ptr<const task::Task> task, const Options&,
                                      const std::string& folder) -> std::unique_ptr<task::Evaluator> {
                 const auto* served = dynamic_cast<const task::ServedTask*>(task.get());
                 if (served == nullptr)
                   throw internal_error("a program's task is evaluated by the program alone");
                 if (served->own().run)
                   return std::make_unique<task::OwnFunctionEvaluator>(served->own(), served->options());
                 auto evaluator = served->own().make_evaluator(served->inner(), served->options(), folder);
                 if (evaluator == nullptr)
                   throw Error(fmt::format("make_evaluator of '{}' gave no evaluator", served->own().name));
                 return evaluator;
               }));
}
