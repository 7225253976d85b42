#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "hone/base/display.h"
#include "hone/base/units.h"
#include "hone/run/explain.h"
#include "hone/run/failures.h"
#include "hone/run/front_text.h"
#include "hone/run/process.h"
#include "hone/run/saved.h"
#include "hone/run/summary.h"
#include "hone/run/supervisor.h"
#include "hone/run/worker_main.h"
#include "worker_flags.h"

namespace hone::cli {
namespace {

volatile std::sig_atomic_t g_interrupts = 0;
void count_interrupt(int) { g_interrupts = g_interrupts + 1; }

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

/// Goes on as the program whose processes work on the study.
[[noreturn]] void become(const std::string& program, const std::vector<std::string>& words) {
  const std::string path = program.find('/') == std::string::npos ? run::find_program(program) : program;
  for (const auto& [name, value] : run::worker_environment()) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<std::string> command{path, "worker"};
  command.insert(command.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (auto& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  throw environment_error(fmt::format("cannot run {}: {}", path, std::strerror(errno)));
}

struct SearchArguments {
  std::string file, store, time;
  std::int64_t workers = 0, trials = 0, steps = 0;
  bool json = false, quiet = false, explain = false;
};

int explain_search(const SearchArguments& arguments, const run::StudyFile& file,
                   const run::SuperviseOptions& options) {
  const run::ExplainRequest request{options.store_url, options.workers, options.trials, options.time_s,
                                    options.steps};
  if (arguments.json)
    print_json(run::explain_json(file, request));
  else
    std::printf("%s", run::explain_text(file, request).c_str());
  return kDone;
}

/// The first interrupt stops the search, the second one kills what does not stop.
void listen_for_interrupts(run::SuperviseOptions& options) {
  struct sigaction handler {};
  handler.sa_handler = count_interrupt;
  sigaction(SIGINT, &handler, nullptr);
  sigaction(SIGTERM, &handler, nullptr);
  sigaction(SIGHUP, &handler, nullptr);
  options.interrupted = [] { return g_interrupts > 0; };
  options.killed = [] { return g_interrupts > 1; };
}

/// What is searched, how and for how long; `about`: the data.
void say_what_begins(const run::StudyFile& file, const run::SuperviseOptions& options,
                     const std::string& about) {
  run::Budget budget = file.budget;
  if (options.trials) budget.trials = options.trials;
  if (options.steps) budget.steps = options.steps;
  if (options.time_s) budget.time_s = options.time_s;
  std::fprintf(stderr, "%s: %s over %s, %s\n", file.name.c_str(), file.searcher.c_str(),
               counted(static_cast<std::int64_t>(file.space.size()), "parameter").c_str(),
               run::budget_text(budget).c_str());
  if (!about.empty()) std::fprintf(stderr, "data: %s\n", about.c_str());
}

/// Prints what was found, and returns what the program ends with.
int tell_result(const SearchArguments& arguments, const run::StudyFile& file,
                const run::SuperviseResult& result) {
  const std::string store = arguments.store.empty() ? "" : " --store " + arguments.store;
  const Opened opened =
      run::open_study_of(study::open_store(arguments.store.empty() ? file.default_store() : arguments.store),
                         study::Study::Depth::whole, file.path);
  const study::Study& study = *opened.study;
  Json document = run::status_json(study, file);
  const std::string failures = run::failures_text(document, study.size());
  if (arguments.json) {
    document["front"] = run::front_json(study, file);
    document["stopped"] = result.why;
    print_json(document);
  } else {
    std::fprintf(stderr, "%s\n", result.why.c_str());
    std::printf("%s", run::front_text(study, file, output_columns()).c_str());
    if (!failures.empty()) std::fprintf(stderr, "%s\n", failures.c_str());
    if (const std::string without = run::unhashable_text(document["saved"]); !without.empty())
      std::fprintf(stderr, "  warning: %s\n", without.c_str());
  }
  if (result.end == run::SuperviseResult::End::interrupted) {
    std::fprintf(stderr, "everything is saved; go on with: %s\n",
                 search_command(arguments.file, arguments.store).c_str());
    return kStopped;
  }
  if (study.count(study::TrialState::failed) > 0 && study.count(study::TrialState::failed) == study.size()) {
    std::fprintf(
        stderr,
        "error: all %lld trials failed; mend what they run, then: hone trial retry %s --state failed%s\n",
        static_cast<long long>(study.size()), arguments.file.c_str(), store.c_str());
    return kInput;
  }
  return kDone;
}

int run_search(const SearchArguments& arguments) {
  const run::StudyFile file = run::StudyFile::read(arguments.file);
  run::SuperviseOptions options;
  options.store_url = arguments.store;
  options.workers = arguments.workers;
  if (arguments.trials > 0) options.trials = arguments.trials;
  if (arguments.steps > 0) options.steps = arguments.steps;
  if (!arguments.time.empty()) {
    options.time_s = parse_duration_s(arguments.time, "--time");
    if (*options.time_s <= 0.0)
      throw Error("--time: a search needs some time", {}, "for example --time '1 min'");
  }
  if (arguments.explain) return explain_search(arguments, file, options);
  options.worker_program = run::worker_program(file);
  listen_for_interrupts(options);
  options.say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };

  const std::string about = run::prepare_task(file);
  if (!arguments.quiet) say_what_begins(file, options, about);
  const bool terminal = moves_cursor(STDERR_FILENO);
  run::Progress progress(
      [quiet = arguments.quiet](const std::string& text) {
        if (!quiet) std::fwrite(text.data(), 1, text.size(), stderr);
      },
      terminal, terminal_columns());
  return tell_result(arguments, file, run::supervise(file, options, progress));
}

}  // namespace

void add_search(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("search", "Run or resume the study in FILE");
  command->footer(
      "Ctrl-C saves everything and stops; the same command goes on from there.\n"
      "Example:\n  hone search licences.toml --workers 2 --time '10 min'");
  auto arguments = std::make_shared<SearchArguments>();
  command->add_option("FILE", arguments->file, "The study file (hone init writes one)")->required();
  command
      ->add_option(
          "--workers", arguments->workers,
          "Worker processes; default: as the file says, else one a core (or as many cores as the task wants)")
      ->check(whole_number(1, 1024));
  command->add_option("--time", arguments->time,
                      "Search for so long now ('90 s', '10 min', '2 h'), whatever the budget left");
  command->add_option("--trials", arguments->trials, "Trials in all, instead of the file's budget")
      ->check(whole_number(1, 1 << 30));
  command
      ->add_option("--steps", arguments->steps,
                   "Steps in all (or what the task's fidelity counts), instead of the file's budget")
      ->check(whole_number(1, std::int64_t{1} << 62));
  command
      ->add_option("--store", arguments->store,
                   "Where the study is kept (sqlite:PATH); default: FILE's name with .hone")
      ->check(shared_store());
  command->add_flag("--json", arguments->json, "Print one JSON document at the end, and nothing else there");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->add_flag("--explain", arguments->explain,
                    "Run nothing: print every setting that holds, defaults too, and where each comes from");
  command->callback([arguments, &action] { action = [arguments] { return run_search(*arguments); }; });
}

void add_worker(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("worker", "Work on a study's trials until it is finished");
  command->footer(
      "hone search starts its workers itself.\nExample:\n  hone worker --store "
      "sqlite:first.hone/study.sqlite");
  auto words = add_worker_flags(*command);
  command->callback([words, &action] {
    action = [words] {
      const run::WorkerArguments arguments = run::read_worker_arguments(*words);
      if (const std::string problem = shared_store()(arguments.store); !problem.empty())
        throw Error("--store: " + problem);
      auto store = study::open_existing_store(arguments.store);
      const std::string program = run::worker_program(run::study_file_of(store, arguments.file));
      store.reset();
      if (program != "hone") become(program, *words);
      return run::work_as_told(arguments);
    };
  });
}

}  // namespace hone::cli
