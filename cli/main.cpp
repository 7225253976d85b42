// hone: what people type. Free of Torch, so that it is up in milliseconds; what needs Torch it hands to
// hone-worker.
#include "command.h"

int main(int argc, char** argv) {
  using namespace hone::cli;
  CLI::App app{
      "hone finds the cheapest models that do a job.\n\n"
      "Describe a space of designs in a study file, search it, look at its front:\n"
      "  hone init first.toml\n"
      "  hone search first.toml\n"
      "  hone front first.toml",
      "hone"};
  app.set_version_flag("--version", "hone " HONE_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("error: {}\nrun hone --help, or hone COMMAND --help\n", error.what());
  });
  Action action;
  add_init(app, action);
  add_search(app, action);
  add_status(app, action);
  add_front(app, action);
  add_report(app, action);
  add_trial(app, action);
  add_store(app, action);
  add_train(app, action);
  add_generate(app, action);
  add_methods_command(app, action);
  add_worker(app, action);
  add_identity(app, action);
  add_cost(app, action);
  add_bench(app, action);
  // A word that is no command gets the one that was meant, also below another ("hone trial lst").
  const CLI::App* level = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const auto* command : level->get_subcommands({})) {
      names.push_back(command->get_name());
      if (names.back() == argv[i]) next = command;
    }
    if (names.empty()) break;
    if (next == nullptr)
      return guarded([&]() -> int {
        throw hone::Error(fmt::format("there is no command '{}'", argv[i]), {},
                          hone::suggest(argv[i], names));
      });
    level = next;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return guarded([&]() -> int { return app.exit(error) == 0 ? kDone : kInput; });
  }
  return guarded(action);
}
