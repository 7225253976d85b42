#include "hone/run/explain.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/document.h"
#include "hone/base/units.h"
#include "hone/run/candidate.h"
#include "hone/run/identity_notes.h"
#include "hone/run/supervisor.h"
#include "hone/run/worker.h"
#include "hone/schedule/scheduler.h"

namespace hone::run {
namespace {

// --- TOML --------------------------------------------------------------------------------------------------

std::string toml_string(const std::string& text) {
  // JSON's escapes are among TOML's; TOML wants DEL escaped, too.
  std::string out = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (std::size_t at = out.find('\x7f'); at != std::string::npos; at = out.find('\x7f', at))
    out.replace(at, 1, "\\u007f");
  return out;
}

std::string toml_key(const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  return bare ? key : toml_string(key);
}

std::string toml_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const std::string text = real_text(value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string toml(const Node& node) {
  std::vector<std::string> parts;
  switch (node.type()) {
    case Node::Type::missing:
      return "";
    case Node::Type::flag:
      return node.flag() ? "true" : "false";
    case Node::Type::integer:
      return std::to_string(node.integer());
    case Node::Type::real:
      return toml_real(node.real());
    case Node::Type::text:
      return toml_string(node.text());
    case Node::Type::list:
      for (const Node& item : node.list()) parts.push_back(toml(item));
      return fmt::format("[{}]", fmt::join(parts, ", "));
    case Node::Type::table:
      for (const auto& [key, item] : node.entries()) parts.push_back(toml_key(key) + " = " + toml(item));
      return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
  }
  return "";
}

std::string toml(const Json& value) {
  std::vector<std::string> parts;
  if (value.is_string()) return toml_string(value.get<std::string>());
  if (value.is_number_float()) return toml_real(value.get<double>());
  if (value.is_array()) {
    for (const Json& item : value) parts.push_back(toml(item));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) parts.push_back(toml_key(key) + " = " + toml(item));
    return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
  }
  return value.dump();
}

/// Comments end with their line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

// --- sections ----------------------------------------------------------------------------------------------

constexpr const char* kDefault = "default";

std::string line_of(const Node& node) {
  return node.place().line > 0 ? fmt::format("line {}", node.place().line) : std::string("given");
}

/// One [table] with its settings. `value` is for JSON, `toml` for the text; both null and "": not set.
struct Section {
  Json json;
  Section(const std::string& name, const std::string& about, const std::string& paper = {})
      : json{{"name", name},
             {"about", about},
             {"paper", paper},
             {"settings", Json::array()},
             {"notes", Json::array()}} {}
  void add(const std::string& key, const Json& value, const std::string& text, const std::string& from,
           const std::string& about = {}) {
    json["settings"].push_back(
        {{"key", key}, {"value", value}, {"toml", text}, {"from", from}, {"about", about}});
  }
  void given(const std::string& key, const Node& node, const std::string& about = {}) {
    add(key, node.json(), toml(node), line_of(node), about);
  }
  void note(const std::string& text) { json["notes"].push_back(text); }
  bool has(const std::string& key) const {
    for (const auto& setting : json["settings"])
      if (setting["key"] == key) return true;
    return false;
  }
};

std::string option_about(const OptionSpec& spec) {
  std::string about = spec.summary;
  if (const std::string allowed = spec.allowed_text(); !allowed.empty())
    about += fmt::format(" ({})", allowed);
  return about;
}

/// All options of a method: those the file gives as it gives them, the others with their defaults.
/// `searched`: names that the space decides instead.
void add_options(Section& section, const MethodInfo& info, const Options& options, const Node& table,
                 const std::vector<std::string>& searched = {}) {
  const bool is_table = table.is(Node::Type::table);
  if (is_table)
    for (const auto& [key, node] : table.entries()) {
      if (key == "kind") continue;
      const auto spec = std::find_if(info.options.begin(), info.options.end(),
                                     [&](const auto& s) { return s.name == key; });
      section.given(key, node, spec != info.options.end() ? option_about(*spec) : "");
    }
  for (const auto& spec : info.options) {
    if (is_table && table.has(spec.name)) continue;
    if (std::find(searched.begin(), searched.end(), spec.name) != searched.end()) {
      section.add(spec.name, nullptr, "", "searched", option_about(spec));
      continue;
    }
    if (options.has(spec.name) && !options.json()[spec.name].is_null())
      section.add(spec.name, options.json()[spec.name], toml(options.json()[spec.name]), kDefault,
                  option_about(spec));
    else
      section.add(spec.name, nullptr, "", "not set", option_about(spec));
  }
}

Section method_section(const std::string& kind, const std::string& name, const Options& options,
                       const Node& node) {
  const MethodInfo& info = methods().need(kind, name).info;
  Section section("search." + kind, info.summary, info.paper);
  const bool given = node.is(Node::Type::text) || (node.is(Node::Type::table) && node.has("kind"));
  section.add("kind", name, toml_string(name),
              given ? line_of(node.is(Node::Type::table) ? node["kind"] : node) : kDefault, info.traits);
  add_options(section, info, options, node);
  return section;
}

/// How many configs a search can try, as far as it is known.
std::string size_text(const space::Space& space) {
  if (const auto n = space.count()) return counted(*n, "config");
  if (const auto n = space.cardinality())
    return "at most " + counted(*n, "config") +
           (space.constraints().empty() ? "" : " (constraints leave fewer)");
  return "too many configs to count";
}

/// "blocks.*.width" for blocks.0.width: what the entries of a list have in common.
std::string pattern_of(const std::string& name) {
  std::string pattern;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    const std::string part = name.substr(at, end - at);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    pattern += (at == 0 ? "" : ".") + (number ? "*" : part);
    at = end + 1;
  }
  return pattern;
}

/// What a key of [space] was read as: entries of a list that are alike in one piece, unlike parameters (of a
/// group, say, or a list beside its length) each by its name.
std::string read_as(const std::vector<const space::Parameter*>& read) {
  constexpr std::size_t kMostPieces = 6;
  struct Piece {
    std::string pattern, is;
    const space::Parameter *first, *last;
  };
  std::vector<Piece> pieces;
  for (const auto* parameter : read) {
    const std::string pattern = pattern_of(parameter->name);
    std::string is = parameter->shown();
    if (const auto values = parameter->cardinality(); values > 0) is += "; " + counted(values, "value");
    // "a.0 to a.2" must hold of a.1, too.
    const auto before = std::find_if(pieces.rbegin(), pieces.rend(),
                                     [&](const Piece& piece) { return piece.pattern == pattern; });
    if (before != pieces.rend() && before->is == is)
      before->last = parameter;
    else
      pieces.push_back({pattern, is, parameter, parameter});
  }
  if (read.size() == 1) return pieces.front().is;
  std::string text;
  for (std::size_t i = 0; i < std::min(pieces.size(), kMostPieces); ++i) {
    const Piece& piece = pieces[i];
    text += text.empty() ? "" : "; ";
    text += piece.first == piece.last
                ? fmt::format("{}: {}", piece.first->name, piece.is)
                : fmt::format("{} to {}, each {}", piece.first->name, piece.last->name, piece.is);
  }
  if (pieces.size() > kMostPieces) text += fmt::format("; and {} more", pieces.size() - kMostPieces);
  return text;
}

Section space_section(const StudyFile& file, const Node& table, Json& space) {
  const auto size = file.space.cardinality();
  const auto count = file.space.count();
  Section section("space",
                  fmt::format("{}, {}", counted(static_cast<std::int64_t>(file.space.size()), "parameter"),
                              size_text(file.space)));
  space = {{"parameters", Json::array()},
           {"constraints", Json::array()},
           {"cardinality", size ? Json(*size) : Json(nullptr)},
           {"count", count ? Json(*count) : Json(nullptr)},
           {"key", file.space.key().hex()}};
  for (const auto& parameter : file.space.parameters()) {
    Json one = {
        {"name", parameter.name}, {"is", parameter.shown()}, {"cardinality", parameter.cardinality()}};
    if (parameter.when) one["when"] = parameter.when.text();
    if (!parameter.remark.empty()) one["remark"] = parameter.remark;
    if (parameter.place.line > 0) one["line"] = parameter.place.line;
    space["parameters"].push_back(std::move(one));
  }
  for (const auto& constraint : file.space.constraints()) space["constraints"].push_back(constraint.text());
  if (!table) {
    for (const auto& parameter : file.space.parameters())
      section.add(parameter.name, nullptr, "", "the task's", parameter.shown());
    return section;
  }
  for (const auto& [key, node] : table.entries()) {
    std::vector<const space::Parameter*> read;
    for (const auto& parameter : file.space.parameters())
      if (parameter.name == key || parameter.list == key || parameter.name.starts_with(key + "."))
        read.push_back(&parameter);
    std::string about;
    if (!read.empty()) {
      about = read_as(read);
      for (const auto* parameter : read)
        if (!parameter->remark.empty()) {
          about += "; " + parameter->remark;
          break;
        }
    }
    section.given(key, node, about);
  }
  return section;
}

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
  const std::string path = url.starts_with("sqlite:") ? url.substr(7) : url;
  Json resume = {{"exists", false}, {"text", "no study is there yet: hone search begins one"}};
  if (url.starts_with("memory:")) {
    resume["text"] = "a store in memory is gone with its program: every search begins anew";
    return resume;
  }
  if (url.find("://") == std::string::npos && !std::filesystem::exists(path)) return resume;
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

}  // namespace

Json explain_json(const StudyFile& file, const ExplainRequest& request) {
  const Node root = Node::parse_toml(file.text, file.path);
  Json sections = Json::array();
  const auto push = [&](Section&& section) { sections.push_back(std::move(section.json)); };

  Section study("study", "what counts");
  if (const Node table = root["study"])
    for (const auto& [key, node] : table.entries()) study.given(key, node);
  if (!study.has("name")) study.add("name", file.name, toml_string(file.name), kDefault, "the file's name");
  if (!study.has("seed")) study.add("seed", file.seed, std::to_string(file.seed), kDefault);
  push(std::move(study));

  const MethodInfo& task_info = methods().need("task", file.task_kind).info;
  Section task("task", task_info.summary, task_info.paper);
  task.given("kind", root["task"]["kind"]);
  add_options(task, task_info, file.task_options, root["task"], file.space.names());
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
  push(std::move(task));

  Json space;
  push(space_section(file, root["space"], space));

  const std::vector<Foreseen> foreseen = foreseen_of(file);
  Section limits("limits", file.limits.empty() ? "none" : "a trial outside is infeasible");
  if (const Node table = root["limits"])
    for (const auto& [key, node] : table.entries()) {
      std::string about;
      for (const auto& limit : file.limits)
        if (limit.name == key) {
          if (limit.min) about += "at least " + quantity_text(key, *limit.min);
          if (limit.max)
            about += (about.empty() ? "at most " : ", at most ") + quantity_text(key, *limit.max);
        }
      for (const Foreseen& one : foreseen)
        if (one.limit.name == key) about += ", predicted from what was measured";
      limits.given(key, node, about);
    }
  push(std::move(limits));

  const Node search = root["search"];
  Section methods_section("search", "how configs are chosen");
  const identity::Settings& identity = file.identity;
  if (search)
    for (const auto& [key, node] : search.entries())
      if (key != "searcher" && key != "scheduler")
        methods_section.given(key, node, key == "identity" ? identity::policy_about(identity.policy) : "");
  if (!methods_section.has("identity"))
    methods_section.add("identity", identity::policy_name(identity.policy),
                        toml_string(identity::policy_name(identity.policy)), kDefault,
                        identity::policy_about(identity.policy));
  for (const std::string& note : identity_notes(file)) methods_section.note(note);
  if (!methods_section.has("replicates"))
    methods_section.add("replicates", file.replicates, std::to_string(file.replicates), kDefault,
                        "evaluations that a config on the front gets, each with its own seed");
  push(std::move(methods_section));
  push(method_section("searcher", file.searcher, file.searcher_options, search["searcher"]));
  Section scheduler_section =
      method_section("scheduler", file.scheduler, file.scheduler_options, search["scheduler"]);
  const auto scheduler = file.make_scheduler();
  scheduler_section.note(fmt::format("trials rest at {} {}; the front is at {}",
                                     fmt::join(scheduler->rungs(), ", "), file.task->fidelity_unit(),
                                     scheduler->horizon()));
  if (const auto watched = scheduler->watched(); !watched.empty())
    scheduler_section.note(file.task->reports()
                               ? "it judges what trials report on their way"
                               : fmt::format("trials are measured and judged at {} {}",
                                             fmt::join(watched, ", "), file.task->fidelity_unit()));
  push(std::move(scheduler_section));

  Section budget("budget", "what is reached first ends the search");
  const Node given = root["budget"];
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
  push(std::move(budget));

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
