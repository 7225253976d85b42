// hone-label runner: what 'hone cost measure' talks to where it measures functions in MLIR.
#include "hone/label/runner.h"

#include <memory>

#include <unistd.h>

#include "hone/label/frontend.h"
#include "hone/run/runner.h"
#include "label.h"

namespace hone::cli {
namespace {

int runner() {
  catch_interrupts(SecondInterrupt::ends);
  const label::Frontend frontend;
  const label::Backend backend;
  const auto prepare = [&](const Json& text) -> std::function<void()> {
    if (!text.is_string()) throw Error("mlir is a text");
    const std::string file = "the function";
    const std::shared_ptr<const label::Program> program =
        backend.compile(frontend.lower(text.get<std::string>(), file));
    label::need_memory(program->arguments(), file);
    const auto memory = std::make_shared<const label::Memory>(program->arguments(), 1);
    if (!label::need_runnable(*program, *memory, file, interrupted)) throw Error("stopped");
    return [program, memory] {
      const label::NoDenormals none;
      program->call(memory->pointers());
    };
  };
  run::serve_runner(STDIN_FILENO, STDOUT_FILENO, {label::compiler_version() + " -O3", "mlir", prepare},
                    interrupted);
  return kDone;
}

}  // namespace

void add_label_runner(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("runner", "Measure functions in MLIR that come in on standard input");
  command->footer(
      "What 'hone cost measure FILE.mlir --on HOST' talks to; 'hone cost runner --engine mlir' starts it.");
  command->callback([&action] { action = runner; });
}

}  // namespace hone::cli
