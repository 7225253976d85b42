#include <algorithm>
#include <cstdio>

#include "command.h"
#include "hone/run/summary.h"

namespace hone::cli {
namespace {

/// What it can do, by heading; what does not apply is left out.
std::vector<std::pair<const char*, std::string>> abilities_of(const MethodInfo& info) {
  const Abilities& can = info.abilities;
  std::vector<std::pair<const char*, std::string>> all{
      {"objectives", can.objectives}, {"constraints", can.constraints}, {"conditions", can.conditions},
      {"batch", can.batch},           {"fidelity", can.fidelity},       {"cost per ask", can.ask},
      {"trials", can.trials}};
  std::erase_if(all, [](const auto& entry) { return entry.second.empty(); });
  return all;
}

Json method_json(const Registry::Method& method) {
  Json options = Json::array();
  for (const auto& option : method.info.options)
    options.push_back({{"name", option.name},
                       {"type", option.type_text()},
                       {"default", option.fallback},
                       {"allowed", option.allowed_text()},
                       {"summary", option.summary}});
  Json abilities = Json::object();
  for (const auto& [heading, text] : abilities_of(method.info)) abilities[heading] = text;
  return {{"kind", method.kind},          {"name", method.info.name},   {"summary", method.info.summary},
          {"traits", method.info.traits}, {"paper", method.info.paper}, {"options", options},
          {"type", method.info.type},     {"can", abilities},           {"searcher", method.info.searcher}};
}

void print_method(const Registry::Method& method) {
  std::printf("%s %s: %s\n", method.kind.c_str(), method.info.name.c_str(), method.info.summary.c_str());
  for (const auto& [heading, text] : abilities_of(method.info))
    std::printf("  %s: %s\n", heading, text.c_str());
  if (!method.info.traits.empty()) std::printf("  %s\n", method.info.traits.c_str());
  if (!method.info.searcher.empty())
    std::printf("  brings searcher %s along\n", method.info.searcher.c_str());
  if (!method.info.type.empty()) std::printf("  type: %s\n", method.info.type.c_str());
  if (!method.info.paper.empty()) std::printf("  paper: %s\n", method.info.paper.c_str());
  if (method.info.options.empty()) return;
  std::vector<std::vector<std::string>> rows{{"option", "type", "default", "allowed", "what"}};
  for (const auto& option : method.info.options) {
    const std::string fallback = option.fallback.is_null()     ? (option.optional ? "-" : "(needed)")
                                 : option.fallback.is_string() ? option.fallback.get<std::string>()
                                                               : option.fallback.dump();
    rows.push_back({option.name, option.type_text(), fallback, option.allowed_text(), option.summary});
  }
  std::printf("\n%s", run::table_text(rows).c_str());
}

/// By kind, what a study file chooses first; a method's paper stands below it.
void print_list(const std::vector<const Registry::Method*>& chosen) {
  std::vector<std::string> kinds{"task", "searcher", "scheduler", "store"};
  std::size_t width = 0;
  for (const auto* method : chosen) {
    if (std::find(kinds.begin(), kinds.end(), method->kind) == kinds.end()) kinds.push_back(method->kind);
    width = std::max(width, method->info.name.size());
  }
  for (const auto& kind : kinds) {
    bool first = true;
    for (const auto* method : chosen) {
      if (method->kind != kind) continue;
      if (first) std::printf("%s\n", kind.c_str());
      first = false;
      std::printf("  %-*s  %s\n", static_cast<int>(width), method->info.name.c_str(),
                  method->info.summary.c_str());
      if (!method->info.paper.empty())
        std::printf("  %-*s  [%s]\n", static_cast<int>(width), "", method->info.paper.c_str());
    }
  }
}

/// The methods tables of the docs, in Markdown: first what searchers and schedulers can do.
void print_markdown(const std::vector<const Registry::Method*>& chosen) {
  bool any = false;
  for (const auto* method : chosen) {
    const Abilities& can = method->info.abilities;
    if (abilities_of(method->info).empty()) continue;
    if (!any)
      std::printf(
          "| method | objectives | constraints | conditions | batch | fidelity | cost per ask | trials |\n"
          "|---|---|---|---|---|---|---|---|\n");
    any = true;
    std::printf("| %s `%s` | %s | %s | %s | %s | %s | %s | %s |\n", method->kind.c_str(),
                method->info.name.c_str(), can.objectives.c_str(), can.constraints.c_str(),
                can.conditions.c_str(), can.batch.c_str(), can.fidelity.c_str(), can.ask.c_str(),
                can.trials.c_str());
  }
  if (any) std::printf("\n");
  std::printf("| kind | name | what it is | can do | paper |\n|---|---|---|---|---|\n");
  for (const auto* method : chosen)
    std::printf("| %s | `%s` | %s | %s | %s |\n", method->kind.c_str(), method->info.name.c_str(),
                method->info.summary.c_str(), method->info.traits.c_str(),
                method->info.paper.empty() ? "" : ("*" + method->info.paper + "*").c_str());
}

}  // namespace

void add_methods_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("methods", "List every method hone has, or explain one");
  command->footer("Examples:\n  hone methods\n  hone methods --kind searcher\n  hone methods tpe");
  struct MethodsArguments {
    std::string name, kind;
    bool json = false, markdown = false;
  };
  auto arguments = std::make_shared<MethodsArguments>();
  command->add_option("NAME", arguments->name, "Explain the methods of this name, with their options");
  command->add_option("--kind", arguments->kind,
                      "Only this kind: searcher, scheduler, task, operator, store, ...");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--markdown", arguments->markdown, "Print the table of the docs");
  command->callback([arguments, &action] {
    action = [arguments] {
      std::vector<const Registry::Method*> chosen;
      std::vector<std::string> names, kinds, also;
      for (const auto& method : methods().methods()) {
        // Evaluators and lowerings are how tasks and operators are run, not something to choose.
        if (method.kind == "evaluator" || method.kind == "lowering") continue;
        if (arguments->kind.empty() || method.kind == arguments->kind) names.push_back(method.info.name);
        if (!arguments->name.empty() && method.info.name == arguments->name) also.push_back(method.kind);
        if (std::find(kinds.begin(), kinds.end(), method.kind) == kinds.end()) kinds.push_back(method.kind);
        if (!arguments->name.empty() && method.info.name != arguments->name) continue;
        if (!arguments->kind.empty() && method.kind != arguments->kind) continue;
        chosen.push_back(&method);
      }
      if (!arguments->kind.empty() && std::find(kinds.begin(), kinds.end(), arguments->kind) == kinds.end())
        throw Error(fmt::format("there is no kind '{}'", arguments->kind), {},
                    suggest(arguments->kind, kinds));
      if (chosen.empty())
        throw Error(fmt::format("there is no {} '{}'", arguments->kind.empty() ? "method" : arguments->kind,
                                arguments->name),
                    {},
                    also.empty() ? suggest(arguments->name, names)
                                 : fmt::format("'{}' is a {}", arguments->name, fmt::join(also, " and a ")));
      if (arguments->json) {
        Json list = Json::array();
        for (const auto* method : chosen) list.push_back(method_json(*method));
        print_json(list);
      } else if (arguments->markdown) {
        print_markdown(chosen);
      } else if (!arguments->name.empty()) {
        for (const auto* method : chosen) print_method(*method);
      } else {
        print_list(chosen);
      }
      return static_cast<int>(kDone);
    };
  });
}

}  // namespace hone::cli
