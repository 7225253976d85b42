// hone: what people type. Free of Torch, so that it is up in milliseconds; what needs Torch it hands to
// hone-worker.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "command.h"

namespace {

/// For each option that the given command does not have the nearest that it has: "did you mean '--workers'?"
std::string near_options(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::vector<std::string> names;
  for (const auto* option : command->get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  std::string text;
  for (int i = 1; i < argc; ++i) {
    const std::string given = std::string(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (!given.starts_with("--") || std::find(names.begin(), names.end(), given) != names.end()) continue;
    if (const std::string near = hone::nearest(given, names); !near.empty())
      text += fmt::format("did you mean '{}'?\n", near);
  }
  return text;
}

/// What stands on a command line that has no command: an option that hone itself does not have; "" where none
/// does.
std::string unknown_option(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string given = std::string(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (given.size() > 1 && given[0] == '-' && app.get_option_no_throw(given) == nullptr) return given;
  }
  return "";
}

/// CLI11's message in the house's words.
std::string message_of(const CLI::App& app, const CLI::Error& error, int argc, char** argv) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && app.get_subcommands().empty())
    if (const std::string option = unknown_option(app, argc, argv); !option.empty())
      return fmt::format("there is no option '{}' without a command", option);
  // "--trials: At Most 1 required but received 2"
  const std::string_view often = ": At Most 1 required but received ";
  if (const auto at = text.find(often); at != std::string::npos)
    return fmt::format("{} is given {} times, and can be given once", text.substr(0, at),
                       text.substr(at + often.size()));
  return text;
}

}  // namespace

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
  app.failure_message([&app, argc, argv](const CLI::App*, const CLI::Error& error) {
    const bool unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    return fmt::format("error: {}\n{}run hone --help, or hone COMMAND --help\n",
                       message_of(app, error, argc, argv), unknown ? near_options(app, argc, argv) : "");
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
