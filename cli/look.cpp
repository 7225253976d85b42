// What only looks at a study: status, front, report.
#include <cstdio>
#include <filesystem>

#include <unistd.h>

#include "command.h"
#include "hone/base/display.h"
#include "hone/base/files.h"
#include "hone/run/front_text.h"
#include "hone/run/report.h"
#include "hone/run/report_data.h"
#include "hone/run/summary.h"
#include "hone/run/worker.h"

namespace hone::cli {
namespace {

struct LookArguments {
  std::string file, store, output, sample;
  bool json = false;
};

std::shared_ptr<LookArguments> look_arguments(CLI::App* command) {
  auto arguments = std::make_shared<LookArguments>();
  command->add_option("FILE", arguments->file, "The study file")->required();
  command->add_option("--store", arguments->store, "Where the study is kept, if not beside the file")
      ->check(shared_store());
  command->add_flag("--json", arguments->json, "Print one JSON document");
  return arguments;
}

/// Prints the status again and again: in a terminal in place, elsewhere one block after another.
int watch_status(const Opened& opened) {
  catch_interrupts();
  const bool terminal = moves_cursor(STDOUT_FILENO);
  while (!interrupted()) {
    opened.study->sync();
    const std::string text = run::status_text(*opened.study, opened.file);
    std::printf("%s%s\n%s", terminal ? "\x1b[H\x1b[2J" : "", text.c_str(), terminal ? "" : "\n");
    std::fflush(stdout);
    for (int tenth = 0; tenth < 20 && !interrupted(); ++tenth) ::usleep(100000);
  }
  return kDone;
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("status", "Where a study stands: trials by state, what was saved and why");
  command->footer("Example:\n  hone status licences.toml --watch");
  auto arguments = look_arguments(command);
  auto watch = std::make_shared<bool>(false);
  command->add_flag("--watch", *watch, "Again every two seconds, until Ctrl-C")->excludes("--json");
  command->callback([arguments, watch, &action] {
    action = [arguments, watch] {
      const Opened opened = open_study(arguments->file, arguments->store, study::Study::Depth::light);
      if (opened.file.identity.policy == identity::Policy::average) opened.study->read_whole();
      if (*watch) return watch_status(opened);
      if (arguments->json)
        print_json(run::status_json(*opened.study, opened.file));
      else
        std::printf("%s\n", run::status_text(*opened.study, opened.file).c_str());
      return static_cast<int>(kDone);
    };
  });
}

void add_front(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("front", "The Pareto front: the cheapest model of each quality");
  command->footer("Example:\n  hone front licences.toml --json | jq '.[0].config'");
  auto arguments = look_arguments(command);
  command->callback([arguments, &action] {
    action = [arguments] {
      const Opened opened = open_study(arguments->file, arguments->store, study::Study::Depth::light);
      if (opened.file.identity.policy == identity::Policy::average) opened.study->read_whole();
      if (arguments->json)
        print_json(run::front_json(*opened.study, opened.file));
      else
        std::printf("%s", run::front_text(*opened.study, opened.file, output_columns()).c_str());
      return static_cast<int>(kDone);
    };
  });
}

void add_report(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("report", "Write a self-contained HTML page with plots and tables");
  command->footer("Example:\n  hone report licences.toml -o licences.html");
  auto arguments = look_arguments(command);
  command->add_option("-o,--output", arguments->output,
                      "Where to write it; default: report.html in the study's folder");
  command->add_option("--sample", arguments->sample, "A file with text to show as the best model's sample");
  command->callback([arguments, &action] {
    action = [arguments] {
      if (!arguments->output.empty()) need_writable(arguments->output);
      const Opened opened = open_study(arguments->file, arguments->store);
      need_other_output(arguments->output, opened, {arguments->sample});
      const std::string sample = arguments->sample.empty() ? "" : read_file(arguments->sample);
      const Json data = run::report_json(*opened.study, opened.file, sample);
      std::string path = arguments->output;
      if (path.empty()) {
        const std::string folder = run::folder_of(opened.study->store());
        path = (folder.empty() ? std::string(".") : folder) + "/report.html";
      }
      write_file_atomic(path, run::report_page(data));
      if (arguments->json)
        print_json({{"report", std::filesystem::absolute(path).string()}});
      else
        std::printf("%s\n", std::filesystem::absolute(path).c_str());
      return static_cast<int>(kDone);
    };
  });
}

}  // namespace hone::cli
