// hone-label: what needs the compiler (MLIR and LLVM): labelled functions for cost models, and tuning
// kernels.

#include "label.h"

int main(int argc, char** argv) {
  using namespace hone::cli;
  CLI::App app{
      "hone-label compiles and measures functions written in MLIR.\n\n"
      "Make a data set that cost models learn from, look at it, look at one function:\n"
      "  hone-label make labels.jsonl --count 2000 --workers 2\n"
      "  hone-label summary labels.jsonl\n"
      "  hone-label show kernel.mlir",
      "hone-label"};
  app.set_version_flag("--version", "hone-label " HONE_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("error: {}\nrun hone-label --help, or hone-label COMMAND --help\n", error.what());
  });
  Action action;
  add_label_make(app, action);
  add_label_show(app, action);
  add_label_tune(app, action);
  add_label_runner(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return guarded([&]() -> int { return app.exit(error) == 0 ? kDone : kInput; });
  }
  return guarded(action);
}
