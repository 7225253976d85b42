// hone cost runner: this machine as a device that others measure on.
#include <memory>

#include <unistd.h>

#include "cost.h"
#include "hone/run/process.h"
#include "hone/run/runner.h"
#include "label_program.h"

namespace hone::cli {
namespace {

int runner(const std::string& engine) {
  if (engine == "mlir") become_label({"runner"}, "measuring functions in MLIR");
  std::string worker;
  if (engine != "interpreter") {
    try {
      worker = run::find_program("hone-worker");
    } catch (const Error&) {
      if (engine == "torch") throw;
    }
  }
  if (!worker.empty()) {
    for (const auto& [name, value] : run::worker_environment()) ::setenv(name.c_str(), value.c_str(), 1);
    ::execl(worker.c_str(), worker.c_str(), "runner", static_cast<char*>(nullptr));
    if (engine == "torch") throw environment_error("hone-worker cannot be started");
  }
  catch_interrupts();
  run::serve_runner(STDIN_FILENO, STDOUT_FILENO, run::interpreter_engine(), interrupted);
  return kDone;
}

}  // namespace

void add_cost_runner(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand("runner", "Measure on this machine what comes in on standard input");
  command->footer(
      "\nWhat 'hone cost measure' talks to. Graphs run by LibTorch where hone-worker is beside hone, else "
      "by the\n"
      "reference interpreter; functions in MLIR where hone-label is.\n"
      "Examples:\n"
      "  hone cost runner\n"
      "  hone cost runner --engine interpreter");
  auto engine = std::make_shared<std::string>("auto");
  command->add_option("--engine", *engine, "What runs graphs; mlir: functions in MLIR, compiled")
      ->check(CLI::IsMember({"auto", "torch", "interpreter", "mlir"}))
      ->capture_default_str();
  command->callback([=, &action] { action = [=] { return runner(*engine); }; });
}

}  // namespace hone::cli
