// hone trial: look at single trials, add to them, take them out.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "command.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/run/given_config.h"
#include "hone/run/trial_edits.h"
#include "hone/run/trials.h"
#include "hone/run/worker.h"
#include "hone/task/command_lines.h"
#include "output_file.h"

namespace hone::cli {
namespace {

using study::Study;

struct TrialArguments {
  std::string file, store, where, sort, origin, output, format = "csv", config, file_of_configs;
  std::vector<std::string> states, causes, words;
  std::vector<std::int64_t> ids;
  std::int64_t limit = 20, id = 0, like = -1;
  bool json = false, front = false, all_output = false, events = false, replicate = false, yes = false;
};
using Given = std::shared_ptr<TrialArguments>;

Given add(CLI::App* command) {
  auto given = std::make_shared<TrialArguments>();
  command->add_option("FILE", given->file, "The study file")->required();
  command->add_option("--store", given->store, "Where the study is kept, if not beside the file")
      ->check(shared_store());
  return given;
}

void add_filter(CLI::App* command, const Given& given) {
  command->add_option("--state", given->states, "Only these states: failed,stale")->delimiter(',');
  command->add_option("--cause", given->causes, "Only these causes of failure: time,memory")->delimiter(',');
  command->add_option("--origin", given->origin, "Only from this searcher, 'user', 'default' or 'replicate'");
  command->add_option("--where", given->where,
                      "Only where this holds over parameters, measures, id, fidelity, spent_s, attempts: "
                      "\"lr > 0.01 and mixer == 'attention'\"");
}

run::TrialFilter filter_of(const TrialArguments& given, const Opened& opened) {
  run::TrialFilter filter;
  for (const std::string& name : given.states) {
    try {
      filter.states.push_back(study::state_from_name(name));
    } catch (const Error& error) {
      std::vector<std::string> names;
      for (std::size_t i = 0; i < study::kTrialStates; ++i)
        names.emplace_back(state_name(static_cast<study::TrialState>(i)));
      throw Error(error.message(), Place{"", 0, "--state"}, suggest(name, names));
    }
  }
  filter.causes = given.causes;
  filter.origin = given.origin;
  if (!given.where.empty()) filter.where = space::Expression::parse(given.where, Place{"", 0, "--where"});
  filter.front = given.front;
  if (given.front) {
    if (opened.file.identity.policy == identity::Policy::average) opened.study->read_whole();
    filter.shown = std::make_shared<run::Shown>(*opened.study, opened.file);
  }
  filter.sort = given.sort;
  run::check_filter(filter, *opened.study, opened.file);
  return filter;
}

/// "there are 980 more: --limit 1000 shows them" after a list that was cut.
std::string rest_text(const run::TrialChoice& choice) {
  const auto shown = static_cast<std::int64_t>(choice.ids.size());
  if (choice.matching == 0) return "no trial matches\n";
  if (choice.matching == shown) return counted(shown, "trial") + "\n";
  return fmt::format("{} of {} trials; --limit {} shows all\n", shown, choice.matching, choice.matching);
}

int list(const TrialArguments& given) {
  const Opened opened = open_study(given.file, given.store, Study::Depth::light);
  const run::TrialFilter filter = filter_of(given, opened);
  const auto choice = run::choose_trials(*opened.study, filter, given.limit);
  if (given.json) {
    Json trials = Json::array();
    for (const std::int64_t id : choice.ids)
      trials.push_back(run::trial_json(*opened.study, opened.study->trial(id), filter.shown.get()));
    print_json({{"matching", choice.matching}, {"trials", trials}});
    return kDone;
  }
  if (!choice.ids.empty())
    std::printf(
        "%s",
        run::trials_text(*opened.study, opened.file, choice, filter.shown.get(), output_columns()).c_str());
  std::fprintf(stderr, "%s", rest_text(choice).c_str());
  return kDone;
}

/// A program's output as a terminal can show it: line by line, without what would move the cursor.
void print_shown(std::string_view output) {
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    const std::string line = task::printable(output.substr(0, end), end) + '\n';
    std::fwrite(line.data(), 1, line.size(), stdout);
    output.remove_prefix(std::min(end + 1, output.size()));
  }
}

int show(const TrialArguments& given) {
  constexpr std::size_t kTail = 20;
  const Opened opened = open_study(given.file, given.store, Study::Depth::light);
  if (opened.file.identity.policy == identity::Policy::average) opened.study->read_whole();
  const Study& study = *opened.study;
  const study::Trial trial = study.trial(given.id);
  const std::string output = run::trial_output(study.store(), trial.id, given.all_output ? 0 : kTail);
  if (given.json) {
    Json document = run::trial_json(study, trial);
    document["attempts"] = Json::array();
    for (const auto& attempt : run::attempts_of(study, trial.id))
      document["attempts"].push_back({{"attempt", attempt.number},
                                      {"worker", attempt.worker},
                                      {"to", attempt.to},
                                      {"began_s", attempt.began_s},
                                      {"ended_s", attempt.ended_s},
                                      {"ending", attempt.ending},
                                      {"reason", attempt.reason}});
    const auto fallback = opened.file.space.default_config();
    document["default"] = fallback ? fallback->json() : Json(nullptr);
    const auto spread = study.spread(trial.of >= 0 ? trial.of : trial.id);
    document["spread"] = {{"n", spread.n}, {"deviation", spread.deviation.json()}};
    document["output"] = output;
    if (given.events) {
      document["events"] = Json::array();
      study.store().read_trial(trial.id, study.store().head(), [&](const study::Event& event) {
        const Json payload = Json::parse(event.payload, nullptr, false);
        document["events"].push_back({{"sequence", event.sequence},
                                      {"time_s", event.time_s},
                                      {"kind", event.kind},
                                      {"version", event.version},
                                      {"payload", payload.is_discarded() ? Json(event.payload) : payload}});
      });
    }
    print_json(document);
  } else if (given.events) {
    std::printf("%s", run::trial_events(study, trial.id).c_str());
  } else if (given.all_output) {
    if (output.empty())
      std::fprintf(stderr, "trial %lld printed nothing\n", static_cast<long long>(trial.id));
    // A file gets the bytes as they are.
    if (::isatty(STDOUT_FILENO) != 0)
      print_shown(output);
    else
      std::fwrite(output.data(), 1, output.size(), stdout);
  } else {
    const std::string text = run::trial_text(study, opened.file, trial);
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!output.empty()) std::printf("\nits last words (--output prints all)\n");
    print_shown(output);
  }
  return kDone;
}

int export_trials(const TrialArguments& given) {
  const Opened opened = open_study(given.file, given.store, Study::Depth::light);
  const run::TrialFilter filter = filter_of(given, opened);
  const auto write = [&](const run::Sink& sink) {
    if (given.format == "csv")
      run::export_csv(*opened.study, opened.file, filter, sink);
    else
      run::export_jsonl(*opened.study, filter, sink);
  };
  if (given.output.empty() || given.output == "-") {
    write([](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
    flush_output();
    return kDone;
  }
  need_other_output(given.output, opened);
  // A part of a file is not left behind.
  struct Stopped {};
  catch_interrupts();
  OutputFile out(given.output);
  try {
    write([&](std::string_view text) {
      if (interrupted()) throw Stopped{};
      out.write(text);
    });
  } catch (const Stopped&) {
    std::fprintf(stderr, "stopped; %s was not written\n", given.output.c_str());
    return kStopped;
  }
  out.finish();
  return kDone;
}

/// The study with all its trials, configs of earlier versions of the space as ones of the present.
std::unique_ptr<Study> whole(const Opened& opened) {
  auto study = std::make_unique<Study>(opened.study->store_pointer());
  study->adopt_with([space = opened.file.space](const space::Config& config) { return space.adopt(config); });
  study->sync();
  return study;
}

/// rounded: takes what was not taken to the last digit, in words.
std::vector<space::Config> configs_of(const TrialArguments& given, const Opened& opened,
                                      std::vector<std::string>& rounded) {
  const space::Space& space = opened.file.space;
  space::Config base;
  if (given.like >= 0) {
    base = opened.study->trial(given.like).config;
    if (auto adopted = space.adopt(base)) base = std::move(*adopted);
  }
  std::vector<space::Config> configs;
  if (!given.file_of_configs.empty()) {
    constexpr const char* kLine = "the line";
    std::istringstream lines(read_file(given.file_of_configs));
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      try {
        configs.push_back(
            run::config_of(space, run::parse_assignments(space, parse_json(line, kLine)), base, &rounded));
      } catch (const Error& error) {
        const int column = error.place().file == kLine ? error.place().column : 0;
        throw Error(error.message(), Place{given.file_of_configs, number, "", column}, error.hint());
      }
    }
    if (configs.empty()) throw Error("holds no config", Place{given.file_of_configs, 0, ""});
    return configs;
  }
  const auto entries = run::given_entries(space, given.config, given.words);
  if (entries.empty() && given.like < 0 && !space.default_config())
    throw Error("no values are given", {}, "write NAME=VALUE, --config, --file or --like");
  return {run::config_of(space, entries, base, &rounded)};
}

int enqueue(const TrialArguments& given) {
  const Opened opened = open_study(given.file, given.store, Study::Depth::light);
  if (!given.file_of_configs.empty() && (!given.words.empty() || !given.config.empty()))
    throw Error("--file gives the configs, and so does the command line", {}, "give one of them");
  std::vector<std::string> rounded;
  const auto configs = configs_of(given, opened, rounded);
  const auto study = whole(opened);
  const auto ids = run::enqueue(*study, configs, given.replicate, opened.file.identity.own_seeds());
  if (!rounded.empty())
    std::fprintf(stderr, "reals are kept to their resolution: %s%s\n", rounded.front().c_str(),
                 rounded.size() == 1 ? "" : fmt::format(", and {} more", rounded.size() - 1).c_str());
  if (given.json) {
    Json trials = Json::array();
    for (const std::int64_t id : ids)
      trials.push_back({{"trial", id}, {"config", study->trial(id).config.json()}});
    print_json({{"enqueued", trials}});
    return kDone;
  }
  for (const std::int64_t id : ids)
    std::printf("trial %lld: %s\n", static_cast<long long>(id), study->trial(id).config.shown().c_str());
  if (study->count(study::TrialState::running) == 0)
    std::fprintf(stderr, "run by: %s\n", search_command(given.file, given.store).c_str());
  return kDone;
}

std::vector<std::int64_t> chosen(const TrialArguments& given, const Opened& opened) {
  const bool filtered =
      !given.states.empty() || !given.causes.empty() || !given.origin.empty() || !given.where.empty();
  if (given.ids.empty() == !filtered)
    throw Error(filtered ? "trials are given by number and by a filter" : "no trials are given", {},
                filtered ? "give one of them" : "give their numbers, or --state, --cause, --origin, --where");
  if (!filtered) return given.ids;
  std::vector<std::int64_t> ids;
  run::each_trial(*opened.study, filter_of(given, opened), [&](const study::Trial& trial) {
    ids.push_back(trial.id);
    return true;
  });
  return ids;
}

int tell_edited(const TrialArguments& given, const run::Edited& edited, const char* name, const char* done) {
  if (given.json) {
    Json refused = Json::array();
    for (const auto& [id, why] : edited.refused) refused.push_back({{"trial", id}, {"why", why}});
    print_json({{name, edited.done}, {"refused", refused}});
  } else {
    for (const auto& [id, why] : edited.refused)
      std::fprintf(stderr, "trial %lld %s\n", static_cast<long long>(id), why.c_str());
    if (!edited.done.empty())
      std::printf("%s %s\n", counted(static_cast<std::int64_t>(edited.done.size()), "trial").c_str(), done);
    else if (edited.refused.empty())
      std::printf("no trial matches\n");
  }
  return edited.refused.empty() ? kDone : kInput;
}

int retry(const TrialArguments& given) {
  const Opened opened = open_study(given.file, given.store, Study::Depth::light);
  const auto edited = run::retry(*opened.study, chosen(given, opened));
  const int status = tell_edited(given, edited, "retried", "waiting again");
  if (!given.json && !edited.done.empty() && opened.study->count(study::TrialState::running) == 0)
    std::fprintf(stderr, "run by: %s\n", search_command(given.file, given.store).c_str());
  return status;
}

int remove(const TrialArguments& given) {
  const Opened opened = open_study(given.file, given.store, Study::Depth::light);
  const auto ids = chosen(given, opened);
  for (const std::int64_t id : ids) opened.study->trial(id);  // that they exist, before anything is asked
  if (!given.yes) {
    if (::isatty(STDIN_FILENO) == 0) throw Error("nobody is there to confirm this", {}, "give --yes");
    std::fprintf(
        stderr,
        "Delete %zu trials, their checkpoints and what they printed? The journal keeps their results.\n"
        "[y/N] ",
        ids.size());
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "y" && answer != "yes" && answer != "Y") {
      std::fprintf(stderr, "nothing was deleted\n");
      return kDone;
    }
  }
  const auto edited = run::remove(*opened.study, ids);
  const int status = tell_edited(given, edited, "deleted", "deleted");
  if (!given.json && !edited.done.empty())
    std::fprintf(stderr, "their events stay in the journal; hone trial show still shows them\n");
  return status;
}

CLI::App* add_verb(CLI::App* trial, Action& action, const std::string& name, const std::string& summary,
                   const std::string& footer, int (*run)(const TrialArguments&), Given& given) {
  auto* command = trial->add_subcommand(name, summary);
  command->footer(footer);
  given = add(command);
  command->callback([given, run, &action] { action = [given, run] { return run(*given); }; });
  return command;
}

}  // namespace

void add_trial(CLI::App& app, Action& action) {
  auto* trial = app.add_subcommand("trial", "List, show, enqueue, retry, delete and export trials");
  trial->require_subcommand(1);
  trial->footer(
      "hone trial VERB --help has examples. The first one to try:\n  hone trial list licences.toml");
  Given given;
  const auto json = [&](CLI::App* command) {
    command->add_flag("--json", given->json, "Print one JSON document");
  };

  auto* command = add_verb(trial, action, "list", "A table of trials, the newest first",
                           "Examples:\n"
                           "  hone trial list licences.toml --state failed,stale\n"
                           "  hone trial list licences.toml --sort bits_per_char --limit 5\n"
                           "  hone trial list licences.toml --where 'width >= 64 and latency_s < 0.002'\n"
                           "--sort NAME puts the smallest first, --sort=-NAME the largest.",
                           list, given);
  add_filter(command, given);
  command->add_flag("--front", given->front, "Only the Pareto front");
  command->add_option("--sort", given->sort, "By a parameter, measure, or id, state, origin, spent_s, ...");
  command->add_option("--limit", given->limit, "How many at most")
      ->capture_default_str()
      ->check(whole_number(0, 1 << 30));
  json(command);

  command = add_verb(trial, action, "show", "Everything about one trial",
                     "Examples:\n"
                     "  hone trial show licences.toml 17\n"
                     "  hone trial show licences.toml 17 --output | less\n"
                     "  hone trial show licences.toml 17 --json | jq .config",
                     show, given);
  command->add_option("ID", given->id, "The trial's number")
      ->required()
      ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()));
  command->add_flag("--output", given->all_output, "All that it printed, and nothing else");
  command->add_flag("--events", given->events, "Its events in the journal, one JSON object a line");
  json(command);

  command =
      add_verb(trial, action, "enqueue", "Have a config of your own tried",
               "What is not given takes its default. Works while a search runs, which then tries it next.\n"
               "Examples:\n"
               "  hone trial enqueue licences.toml lr=0.01 width=64 heads=4 mixer=attention,none\n"
               "  hone trial enqueue licences.toml --like 17 lr=0.02\n"
               "  hone trial enqueue licences.toml --like 17 --replicate\n"
               "  hone trial enqueue licences.toml --config '{\"lr\": 0.01, \"width\": 64}'\n"
               "  hone trial enqueue licences.toml --file configs.jsonl",
               enqueue, given);
  command->add_option("NAME=VALUE", given->words, "Values of parameters; a list's with commas");
  command->add_option("--config", given->config, "Values as a JSON object");
  command->add_option("--file", given->file_of_configs, "Many configs, one JSON object a line");
  command->add_option("--like", given->like, "Begin with this trial's config")
      ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()));
  command->add_flag("--replicate", given->replicate,
                    "Evaluate a known config again, with a seed of its own; else it is refused");
  json(command);

  command =
      add_verb(trial, action, "retry", "Let failed, stale, pruned or infeasible trials wait again",
               "What a trial reached stays; it goes on from there. A completed one has its result: enqueue "
               "it\nwith --replicate to evaluate it again.\n"
               "Examples:\n"
               "  hone trial retry licences.toml 17 18\n"
               "  hone trial retry licences.toml --state failed --cause time",
               retry, given);
  command->add_option("ID", given->ids, "The trials' numbers")
      ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()));
  add_filter(command, given);
  json(command);

  command =
      add_verb(trial, action, "delete", "Take trials out of the study",
               "The journal keeps their events, but they no longer count: not for the front, not for the\n"
               "searcher. Their configs may be proposed again. Checkpoints and output are removed.\n"
               "Examples:\n"
               "  hone trial delete licences.toml 17\n"
               "  hone trial delete licences.toml --state failed --yes",
               remove, given);
  command->add_option("ID", given->ids, "The trials' numbers")
      ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()));
  add_filter(command, given);
  command->add_flag("--yes", given->yes, "Do not ask");
  json(command);

  command = add_verb(trial, action, "export", "Trials as CSV or JSON lines, for other programs",
                     "Examples:\n"
                     "  hone trial export licences.toml -o licences.csv\n"
                     "  hone trial export licences.toml --state completed --format jsonl | jq .results",
                     export_trials, given);
  add_filter(command, given);
  command->add_flag("--front", given->front, "Only the Pareto front");
  command->add_option("--format", given->format, "csv: one row a trial, its last result; jsonl: all of it")
      ->capture_default_str()
      ->check(CLI::IsMember({"csv", "jsonl"}));
  command->add_option("-o,--output", given->output, "Where to write; default: standard output");
}

}  // namespace hone::cli
