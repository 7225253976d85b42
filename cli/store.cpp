// hone store: whether a study's store is sound, and mending it.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/ranges.h>

#include "command.h"
#include "hone/base/units.h"
#include "hone/study/check.h"

namespace hone::cli {
namespace {

struct StoreArguments {
  std::string file, store;
  bool mend = false, json = false;
};

std::string path_of(const StoreArguments& given) {
  if (given.file.empty() == given.store.empty())
    throw Error("which store?", {}, "give the study file, or --store sqlite:PATH");
  std::string url = given.store;
  if (url.empty()) url = run::StudyFile::read(given.file).default_store();
  if (url.starts_with("sqlite:")) return url.substr(7);
  if (url.find(':') != std::string::npos && !std::filesystem::exists(url))
    throw Error(fmt::format("'{}' is no SQLite store", url), Place{"", 0, "--store"},
                "a store is named sqlite:PATH, or by its path");
  return url;
}

Json problems_json(const study::CheckReport& report) {
  Json problems = Json::array();
  for (const auto& problem : report.problems)
    problems.push_back({{"kind", problem.kind},
                        {"what", problem.what},
                        {"means", problem.means},
                        {"mend", problem.mend},
                        {"events", problem.events}});
  return problems;
}

Json report_json(const study::CheckReport& report) {
  return {{"store", report.path},          {"sound", report.sound},
          {"format", report.format},       {"bytes", report.bytes},
          {"events", report.events},       {"last", report.last},
          {"trials", report.n_trials},     {"counts", report.trials},
          {"sessions", report.sessions},   {"last_end", report.last_end},
          {"unknown", report.unknown},     {"late", report.late},
          {"set_aside", report.set_aside}, {"leases", report.held},
          {"remarks", report.remarks},     {"problems", problems_json(report)}};
}

void print_report(const study::CheckReport& report) {
  std::string text = fmt::format("{}\n", report.path);
  if (report.events > 0) {
    text += fmt::format("  format {}, {} events, {}", report.format, report.events,
                        quantity_text("size_bytes", static_cast<double>(report.bytes)));
    if (report.n_trials > 0) text += fmt::format(", {} bytes a trial", report.content / report.n_trials);
    std::vector<std::string> states;
    for (const auto& [state, count] : report.trials) states.push_back(fmt::format("{} {}", count, state));
    text += fmt::format("\n  {} trials{}{}\n", report.n_trials, states.empty() ? "" : ": ",
                        fmt::join(states, ", "));
    text += fmt::format("  {} session{}", report.sessions, report.sessions == 1 ? "" : "s");
    if (!report.last_end.empty())
      text += fmt::format(", the last one ended: {}", report.last_end);
    else if (report.sessions > 0)
      text += ", the last one did not end: it goes on, or was killed";
    text += '\n';
    if (report.held > 0) text += fmt::format("  {} leases are held now\n", report.held);
    if (report.late > 0)
      text += fmt::format("  {} results came after their lease was lost, and do not count\n", report.late);
    for (const auto& [kind, count] : report.unknown)
      text +=
          fmt::format("  {} events of kind '{}', which this program does not know: a newer one wrote them\n",
                      count, kind);
    if (report.set_aside > 0)
      text += fmt::format("  {} events were set aside when it was mended before (table 'damaged')\n",
                          report.set_aside);
  }
  for (const std::string& remark : report.remarks) text += fmt::format("  note: {}\n", remark);
  for (const auto& problem : report.problems) {
    text += fmt::format("\nproblem: {}\n  means: {}\n", problem.what, problem.means);
    text += fmt::format("  --mend: {}\n", problem.mend.empty() ? "can do nothing about it" : problem.mend);
  }
  std::printf("%s", text.c_str());
}

int check(const StoreArguments& given) {
  const std::string path = path_of(given);
  if (!given.mend) {
    const auto report = study::check_store(path);
    if (given.json)
      print_json(report_json(report));
    else
      print_report(report);
    if (!given.json) std::printf("\n%s\n", report.sound ? "the store is sound" : "the store is not sound");
    return report.sound ? kDone : kInput;
  }
  std::function<study::StudyRecord()> header;
  if (!given.file.empty()) header = [&] { return run::StudyFile::read(given.file).header(); };
  const auto report = study::mend_store(path, header);
  if (given.json) {
    print_json({{"before", report_json(report.before)},
                {"after", report_json(report.after)},
                {"copy", report.copy},
                {"kept", report.kept},
                {"set_aside", report.set_aside},
                {"lost", report.lost},
                {"lost_trials", report.lost_trials},
                {"waiting_again", report.waiting_again}});
    return report.after.sound ? kDone : kInput;
  }
  print_report(report.before);
  if (report.copy.empty()) {
    std::printf("\nthe store is sound; nothing was to be mended\n");
    return kDone;
  }
  std::printf("\nmended: %s\n", path.c_str());
  std::printf("  as it was: %s\n", report.copy.c_str());
  std::printf("  %lld events kept, %lld set aside, %lld lost\n", static_cast<long long>(report.kept),
              static_cast<long long>(report.set_aside), static_cast<long long>(report.lost));
  if (!report.lost_trials.empty())
    std::printf("%s", fmt::format("  trials whose proposal is lost, now deleted: {}\n",
                                  fmt::join(report.lost_trials, ", "))
                          .c_str());
  if (!report.waiting_again.empty())
    std::printf("%s",
                fmt::format("  trials that wait again: {}\n", fmt::join(report.waiting_again, ", ")).c_str());
  for (const auto& problem : report.after.problems) std::printf("  still: %s\n", problem.what.c_str());
  std::printf("%s\n", report.after.sound ? "the store is sound now" : "the store is not sound yet");
  return report.after.sound ? kDone : kInput;
}

}  // namespace

void add_store(CLI::App& app, Action& action) {
  auto* store = app.add_subcommand("store", "Check the file that a study is kept in, and mend it");
  store->require_subcommand(1);
  store->footer("Example:\n  hone store check licences.toml");
  auto* command = store->add_subcommand("check", "What is wrong with a store, and what that means");
  command->footer(
      "Reads everything, and changes nothing without --mend; also while a search runs. Exit status 0: "
      "sound,\n"
      "2: there are problems.\n"
      "Examples:\n"
      "  hone store check licences.toml\n"
      "  hone store check --store sqlite:/data/study.sqlite --json | jq .problems\n"
      "  hone store check licences.toml --mend");
  auto given = std::make_shared<StoreArguments>();
  command->add_option("FILE", given->file, "The study file");
  command->add_option("--store", given->store, "The store itself, instead of FILE's")->check(shared_store());
  command->add_flag(
      "--mend", given->mend,
      "Mend what can be mended, in a new file; the old one is kept beside it as NAME.before-mend");
  command->add_flag("--json", given->json, "Print one JSON document");
  command->callback([given, &action] { action = [given] { return check(*given); }; });
}

}  // namespace hone::cli
