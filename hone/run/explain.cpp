#include "hone/run/explain.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/document.h"
#include "hone/base/units.h"
#include "hone/run/candidate.h"
#include "hone/run/explain_section.h"
#include "hone/run/identity_notes.h"
#include "hone/run/supervisor.h"
#include "hone/run/warm_start.h"
#include "hone/run/worker.h"
#include "hone/schedule/scheduler.h"

namespace hone::run {
namespace {

/// How many workers run where nobody says.
std::string workers_text(const StudyFile& file) {
  const task::Task::Needs needs = file.task->needs();
  std::string each =
      needs.cores > 1 ? fmt::format("one for every {} cores", needs.cores) : std::string("one a core");
  if (needs.gpus > 0) each += needs.gpus > 1 ? fmt::format(" and {} GPUs", needs.gpus) : " and GPU";
  try {
    return fmt::format("{}: {} here", each, workers_here(file));
  } catch (const Error& error) {
    return fmt::format("{}: none here, {}", each, error.message());
  }
}

/// What the next search finds in the store.
Json resume_json(const StudyFile& file, const std::string& url) {
  Json resume = {{"exists", false}, {"text", "no study is there yet: hone search begins one"}};
  if (url.starts_with("memory:")) {
    resume["text"] = "a store in memory is gone with its program: every search begins anew";
    return resume;
  }
  if (!study::store_exists(url)) return resume;
  const auto store = study::open_store(url);
  if (!study::Study::exists(*store)) return resume;
  study::Study study(store, study::Study::Depth::light);
  study.sync();
  const auto differences = file.differences(study_file_of(study, file.path));
  resume = {{"exists", true},
            {"trials", study.size()},
            {"accepted", differences.accepted},
            {"refused", differences.refused}};
  const auto open = study.count(study::TrialState::waiting) + study.count(study::TrialState::paused);
  if (!differences.refused.empty())
    resume["text"] = fmt::format(
        "the study there has {} that cannot be compared with this file's; hone search refuses: {}",
        counted(study.size(), "trial"), fmt::join(differences.refused, "; "));
  else
    resume["text"] =
        fmt::format("the study there has {}, {} of them waiting or paused: hone search goes on with it{}",
                    counted(study.size(), "trial"), open,
                    differences.accepted.empty()
                        ? std::string()
                        : fmt::format(", with what has changed: {}", fmt::join(differences.accepted, "; ")));
  return resume;
}

/// The sections as a study file. `only`: of the task's defaults just this setting; null: all.
std::string written(const Json& sections, const Json* only) {
  std::string text;
  for (const auto& section : sections) {
    const bool of_task = section["name"] == "task";
    // A space that the task brings is the file's as long as the file has none.
    const auto& settings = section["settings"];
    const bool brought =
        section["name"] == "space" && std::none_of(settings.begin(), settings.end(),
                                                   [](const Json& setting) { return setting["toml"] != ""; });
    text += fmt::format("\n{}[{}]  # {}", brought ? "# " : "", section["name"].get<std::string>(),
                        section["about"].get<std::string>());
    if (const auto paper = section["paper"].get<std::string>(); !paper.empty())
      text += fmt::format(" [{}]", paper);
    text += '\n';
    std::size_t width = 0;
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& setting : section["settings"]) {
      if (only != nullptr && of_task && setting["from"] == kDefault && &setting != only) continue;
      const auto key = setting["key"].get<std::string>(), value = setting["toml"].get<std::string>();
      const auto from = setting["from"].get<std::string>(), about = setting["about"].get<std::string>();
      std::string comment = value.empty() && from == kDefault ? std::string() : from;
      if (!about.empty()) comment += (comment.empty() ? "" : "; ") + about;
      lines.emplace_back(value.empty() ? "# " + toml_key(key) : toml_key(key) + " = " + value,
                         one_line(comment));
      if (lines.back().first.size() <= 48) width = std::max(width, lines.back().first.size());
    }
    for (const auto& [left, comment] : lines)
      text += left.starts_with('#') ? fmt::format("{}: {}\n", left, comment)
                                    : fmt::format("{:<{}}  # {}\n", left, width, comment);
    for (const auto& note : section["notes"])
      text += fmt::format("# {}\n", one_line(note.get<std::string>()));
  }
  return text;
}

/// A default of the task that may not be written where the space decides in its place (a number of layers
/// beside a list of them, say) becomes a comment: found by reading what is written.
void leave_out_what_clashes(const StudyFile& file, Json& sections) {
  const auto reads = [&](const Json* only) {
    try {
      StudyFile::parse(written(sections, only), file.path);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  if (reads(nullptr)) return;
  for (auto& section : sections)
    if (section["name"] == "task")
      for (auto& setting : section["settings"])
        if (setting["from"] == kDefault && setting["toml"] != "" && !reads(&setting)) {
          setting["toml"] = "";
          setting["about"] = fmt::format("{} by default, which cannot be written beside this space; {}",
                                         setting["value"].dump(), setting["about"].get<std::string>());
        }
}

Section study_section(const StudyFile& file, const Node& table) {
  Section study("study", "what counts");
  if (table)
    for (const auto& [key, node] : table.entries()) study.given(key, node);
  if (!study.has("name")) study.add("name", file.name, toml_string(file.name), kDefault, "the file's name");
  if (!study.has("seed")) study.add("seed", file.seed, std::to_string(file.seed), kDefault);
  return study;
}

Section task_section(const StudyFile& file, const Node& table) {
  const MethodInfo& info = methods().need("task", file.task_kind).info;
  Section task("task", info.summary, info.paper);
  task.given("kind", table["kind"]);
  add_options(task, info, file.task_options, table, file.space.names());
  for (const auto& measure : file.task->measures())
    task.note(
        fmt::format("reports {}{}{}{}", measure.name, measure.summary.empty() ? "" : ": " + measure.summary,
                    measure.before ? "; known before training" : "", measure.timed ? "; by the clock" : ""));
  task.note(
      fmt::format("fidelity counts {}; relative paths start at {}", file.task->fidelity_unit(), file.folder));
  try {
    if (const std::string about = file.task->prepare(); !about.empty()) task.note("data: " + about);
  } catch (const Error& error) {
    task.note(fmt::format("data: not usable now: {}", error.what()));
  }
  return task;
}

Section limits_section(const StudyFile& file, const Node& table) {
  const std::vector<Foreseen> foreseen = foreseen_of(file);
  Section limits("limits", file.limits.empty() ? "none" : "a trial outside is infeasible");
  if (!table) return limits;
  for (const auto& [key, node] : table.entries()) {
    std::string about;
    for (const auto& limit : file.limits)
      if (limit.name == key) {
        if (limit.min) about += "at least " + quantity_text(key, *limit.min);
        if (limit.max) about += (about.empty() ? "at most " : ", at most ") + quantity_text(key, *limit.max);
      }
    for (const Foreseen& one : foreseen)
      if (one.limit.name == key) about += ", predicted from what was measured";
    limits.given(key, node, about);
  }
  return limits;
}

Section search_section(const StudyFile& file, const Node& table) {
  Section search("search", "how configs are chosen");
  const identity::Settings& identity = file.identity;
  if (table)
    for (const auto& [key, node] : table.entries())
      if (key != "searcher" && key != "scheduler")
        search.given(key, node, key == "identity" ? identity::policy_about(identity.policy) : "");
  if (!search.has("identity"))
    search.add("identity", identity::policy_name(identity.policy),
               toml_string(identity::policy_name(identity.policy)), kDefault,
               identity::policy_about(identity.policy));
  for (const std::string& note : identity_notes(file)) search.note(note);
  for (const std::string& source : file.warm_start) try {
      const std::string loss = warm_loss(warm_study(source, file), file.space);
      if (!loss.empty()) search.note("warm start: " + loss);
    } catch (const Error& error) {  // a study to come may be named already
      search.note(fmt::format("warm start: {}", error.message()));
    }
  if (!search.has("replicates"))
    search.add("replicates", file.replicates, std::to_string(file.replicates), kDefault,
               "evaluations that a config on the front gets, each with its own seed");
  if (!search.has("cost") && !file.cost.empty())
    search.add("cost", file.cost, toml_string(file.cost), kDefault,
               "the measure that says what an evaluation costs");
  return search;
}

Section scheduler_section(const StudyFile& file, const Node& table, const schedule::Scheduler& scheduler) {
  Section section = method_section("scheduler", file.scheduler, file.scheduler_options, table);
  section.note(fmt::format("trials rest at {} {}; the front is at {}", fmt::join(scheduler.rungs(), ", "),
                           file.task->fidelity_unit(), scheduler.horizon()));
  if (const auto watched = scheduler.watched(); !watched.empty())
    section.note(file.task->reports() ? "it judges what trials report on their way"
                                      : fmt::format("trials are measured and judged at {} {}",
                                                    fmt::join(watched, ", "), file.task->fidelity_unit()));
  return section;
}

Section budget_section(const StudyFile& file, const Node& given, const ExplainRequest& request) {
  Section budget("budget", "what is reached first ends the search");
  const auto bound = [&](const char* key, const Json& over, const char* option, const std::string& unset) {
    const Node node = given ? given[key] : Node();
    if (!over.is_null())
      budget.add(key, over, toml(over), option,
                 node ? fmt::format("instead of {} on {}", toml(node), line_of(node)) : "");
    else if (node)
      budget.given(key, node);
    else
      budget.add(key, nullptr, "", kDefault, unset);
  };
  bound("trials", request.trials ? Json(*request.trials) : Json(nullptr), "--trials", "no bound");
  if (given && given.has(file.task->fidelity_unit()) && file.task->fidelity_unit() != "steps" &&
      !request.steps)
    budget.given(file.task->fidelity_unit(), given[file.task->fidelity_unit()]);
  else
    bound("steps", request.steps ? Json(*request.steps) : Json(nullptr), "--steps", "no bound");
  bound("time", request.time_s ? Json(*request.time_s) : Json(nullptr), "--time", "no bound");
  bound("workers", request.workers > 0 ? Json(request.workers) : Json(nullptr), "--workers",
        workers_text(file));
  if (given)
    for (const auto& [key, node] : given.entries())
      if (!budget.has(key) && !(request.steps && key == file.task->fidelity_unit())) budget.given(key, node);
  if (!budget.has("failures"))
    budget.add("failures", file.budget.failures, std::to_string(file.budget.failures), kDefault,
               "so many failed trials, and none that was completed, end the search; 0: never");
  return budget;
}

}  // namespace

Json explain_json(const StudyFile& file, const ExplainRequest& request) {
  const Node root = Node::parse_toml(file.text, file.path);
  const Node search = root["search"];
  Json space, sections = Json::array();
  const auto push = [&](Section&& section) { sections.push_back(std::move(section.json)); };
  push(study_section(file, root["study"]));
  push(task_section(file, root["task"]));
  push(space_section(file, root["space"], space));
  push(limits_section(file, root["limits"]));
  push(search_section(file, search));
  push(method_section("searcher", file.searcher, file.searcher_options, search["searcher"]));
  const auto scheduler = file.make_scheduler();
  push(scheduler_section(file, search["scheduler"], *scheduler));
  push(budget_section(file, root["budget"], request));
  leave_out_what_clashes(file, sections);
  const std::string url = request.store_url.empty() ? file.default_store() : request.store_url;
  return {{"file", file.path},
          {"folder", file.folder},
          {"hone", HONE_VERSION},
          {"sections", sections},
          {"space", space},
          {"rungs", scheduler->rungs()},
          {"horizon", scheduler->horizon()},
          {"store", {{"url", url}, {"from", request.store_url.empty() ? kDefault : "--store"}}},
          {"resume", resume_json(file, url)}};
}

std::string explain_text(const StudyFile& file, const ExplainRequest& request) {
  const Json all = explain_json(file, request);
  std::string text = fmt::format(
      "# {} with every default spelled out: a study file that gives the same study.\n"
      "# Behind each setting: where its value comes from. hone {}\n",
      one_line(all["file"].get<std::string>()), all["hone"].get<std::string>());
  text += written(all["sections"], nullptr);
  text += fmt::format("\n# store: {} ({})\n# {}\n", all["store"]["url"].get<std::string>(),
                      all["store"]["from"].get<std::string>(),
                      one_line(all["resume"]["text"].get<std::string>()));
  return text;
}

}  // namespace hone::run
