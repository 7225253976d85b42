#include "hone/task/command_options.h"

#include <algorithm>
#include <csignal>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace hone::task {
namespace {

const std::vector<std::pair<std::string, int>>& signals() {
  static const std::vector<std::pair<std::string, int>> list{
      {"SIGTERM", SIGTERM}, {"SIGINT", SIGINT},   {"SIGHUP", SIGHUP},  {"SIGQUIT", SIGQUIT},
      {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2}, {"SIGKILL", SIGKILL}};
  return list;
}

const std::vector<std::string>& context_names() {
  static const std::vector<std::string> names{"trial",   "attempt", "seed",       "from",        "fidelity",
                                              "horizon", "folder",  "checkpoint", "study_folder"};
  return names;
}

std::string context_value(const std::string& name, const RunContext& context) {
  if (name == "trial") return std::to_string(context.trial);
  if (name == "attempt") return std::to_string(context.attempt);
  if (name == "seed") return std::to_string(context.seed);
  if (name == "from") return std::to_string(context.from);
  if (name == "fidelity") return std::to_string(context.to);
  if (name == "horizon") return std::to_string(context.horizon);
  if (name == "folder") return context.folder;
  if (name == "checkpoint") return context.checkpoint;
  return context.study_folder;
}

/// A template in pieces: texts and the names between braces. Throws Error on a brace that stands alone.
struct Piece {
  std::string text;
  bool placeholder = false;
};

std::vector<Piece> pieces_of(const std::string& text) {
  std::vector<Piece> pieces{{"", false}};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      pieces.back().text += c;
      ++i;
    } else if (c == '{') {
      const std::size_t end = text.find('}', i);
      if (end == std::string::npos)
        throw Error(fmt::format("'{}' opens a brace that nothing closes", text), {}, "write {{ for a brace");
      pieces.push_back({text.substr(i + 1, end - i - 1), true});
      pieces.push_back({"", false});
      i = end;
    } else if (c == '}') {
      throw Error(fmt::format("'{}' closes a brace that nothing opened", text), {}, "write }} for a brace");
    } else {
      pieces.back().text += c;
    }
  }
  return pieces;
}

/// The template filled in; nullopt where the config lacks one of its parameters.
std::optional<std::string> fill(const std::vector<Piece>& pieces, const space::Config& config,
                                const RunContext& context) {
  std::string text;
  for (const Piece& piece : pieces) {
    if (!piece.placeholder) {
      text += piece.text;
    } else if (const Value* value = config.find(piece.text)) {
      text += value_text(*value);
    } else if (std::find(context_names().begin(), context_names().end(), piece.text) !=
               context_names().end()) {
      text += context_value(piece.text, context);
    } else {
      return std::nullopt;
    }
  }
  return text;
}

bool only_a_placeholder(const std::vector<Piece>& pieces) {
  return pieces.size() == 3 && pieces[0].text.empty() && pieces[2].text.empty();
}

}  // namespace

int signal_number(const std::string& name) {
  for (const auto& [known, number] : signals())
    if (known == name) return number;
  throw Error(fmt::format("there is no signal '{}'", name));
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

bool has_placeholder(const std::string& text) { return pieces_of(text).size() > 1; }

CommandOptions::CommandOptions(const Options& options)
    : run(options.texts("run")),
      config_on_input(options.text("stdin") == "json"),
      report_on_output(options.text("report") == "stdout"),
      environment(options.texts("environment")),
      costs(options.texts("costs")),
      unit(options.has("unit") ? options.text("unit") : ""),
      output_bytes(static_cast<std::int64_t>(std::min(options.real("output"), 1e12))),
      probe(options.flag("probe")),
      probe_arguments(options.texts("probe_arguments")),
      probe_unseen(options.texts("probe_unseen")),
      probe_batch(options.text("probe_batch")),
      probe_numbers(options.integer("probe_numbers")),
      inputs(options.texts("inputs")),
      cores(static_cast<int>(options.integer("cores"))),
      gpus(static_cast<int>(options.integer("gpus"))) {
  if (run.empty() || run[0].empty())
    throw Error("names no program", options.place("run"), "run = [\"./program\", \"argument\"]");
  if (options.has("metrics")) metrics = options.texts("metrics");
  if (config_on_input && probe_batch != "none")
    throw Error("a probe reads one thing on standard input, and stdin = \"json\" is the config",
                options.place("probe_batch"), "the config is in HONE_CONFIG, too");
  const std::string form = options.text("arguments");
  arguments = form == "equals" ? Form::equals : form == "space" ? Form::space : Form::none;
  if (options.has("time")) rules.time_s = options.real("time");
  if (options.has("memory")) rules.memory_bytes = options.real("memory");
  rules.grace_s = options.real("grace");
  rules.stop_signal = signal_number(options.text("stop_signal"));
  rules.pause_signal = signal_number(options.text("pause_signal"));
  for (const auto& variable : environment) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(fmt::format("'{}' is no NAME=value", variable), options.place("environment"));
  }
  for (const char* list : {"run", "probe_arguments", "environment"}) {
    for (const auto& text : options.texts(list)) {
      if (text.find('\0') != std::string::npos)
        throw Error("holds a zero byte, which no program can be given", options.place(list));
      try {
        pieces_of(text);
      } catch (const Error& error) {
        throw Error(error.message(), options.place(list), error.hint());
      }
    }
  }
}

std::vector<OptionSpec> CommandOptions::specs() {
  using Type = OptionSpec::Type;
  std::vector<std::string> signal_names;
  for (const auto& [name, number] : signals()) signal_names.push_back(name);
  const auto signal_option = [&](const char* name, const char* summary) {
    return OptionSpec{
        .name = name, .type = Type::text, .fallback = "SIGTERM", .summary = summary, .allowed = signal_names};
  };
  const auto list = [](const char* name, const char* summary) {
    return OptionSpec{.name = name, .type = Type::texts, .fallback = Json::array(), .summary = summary};
  };
  return {
      {.name = "run",
       .type = Type::texts,
       .fallback = nullptr,
       .summary = "the program and its arguments; {lr} stands for the parameter lr"},
      {.name = "arguments",
       .type = Type::text,
       .fallback = "none",
       .summary = "how parameters that run does not mention are appended: --lr=0.001, --lr 0.001, not at all",
       .allowed = {"equals", "space", "none"}},
      {.name = "stdin",
       .type = Type::text,
       .fallback = "none",
       .summary = "what the program reads on standard input: the config as JSON, or nothing",
       .allowed = {"json", "none"}},
      list("environment", "NAME=value, set for the program; placeholders as in run"),
      {.name = "report",
       .type = Type::text,
       .fallback = "pipe",
       .summary = "where JSON lines come from: the descriptor HONE_REPORT_FD, or standard output",
       .allowed = {"pipe", "stdout"}},
      {.name = "metrics",
       .type = Type::texts,
       .fallback = nullptr,
       .summary =
           "names that the program reports; given, others are mistakes and a missing one fails the trial",
       .optional = true},
      list("costs",
           "reported names that depend on more than what is computed (time, size): never taken over"),
      {.name = "unit",
       .type = Type::text,
       .fallback = nullptr,
       .summary =
           "what fidelity counts, where the program looks at it: \"epochs\"; then the scheduler's steps "
           "must be given",
       .optional = true},
      {.name = "time",
       .type = Type::duration,
       .fallback = nullptr,
       .summary = "wall time of one run; over it the trial has failed",
       .low = 1e-3,
       .optional = true},
      {.name = "memory",
       .type = Type::size,
       .fallback = nullptr,
       .summary =
           "memory of one run with all its processes, as \"2 GB\" or bytes; over it the trial has failed",
       .low = 1024.0,
       .optional = true},
      {.name = "grace",
       .type = Type::duration,
       .fallback = 5.0,
       .summary = "time to save between the signal that asks to end and SIGKILL",
       .low = 0.0,
       .high = 3600.0},
      signal_option("stop_signal", "asks a run to end that will not go on"),
      signal_option("pause_signal", "asks a run to save and end that may go on (paused, interrupted)"),
      {.name = "output",
       .type = Type::size,
       .fallback = 1048576.0,
       .summary = "how much of each run's output is kept, beginning and end",
       .low = 1024.0},
      {.name = "probe",
       .type = Type::flag,
       .fallback = false,
       .summary = "with HONE_PROBE=1 the program prints {\"signature\": [...]}: equal ones are one design"},
      list("probe_arguments", "appended in a probe"),
      list("probe_unseen", "parameters that change results but not the signature"),
      {.name = "probe_batch",
       .type = Type::text,
       .fallback = "none",
       .summary =
           "what a probe reads on standard input: the canonical batch as JSON, as lines of numbers, or "
           "nothing new; what it prints there are then numbers",
       .allowed = {"none", "json", "text"}},
      {.name = "probe_numbers",
       .type = Type::integer,
       .fallback = 1,
       .summary = "numbers that an example of the canonical batch has",
       .low = 1,
       .high = 100000},
      list("inputs", "files that results depend on; a study whose inputs changed is refused"),
      {.name = "cores",
       .type = Type::integer,
       .fallback = 1,
       .summary = "cores for one run",
       .low = 1,
       .high = 1024},
      {.name = "gpus",
       .type = Type::integer,
       .fallback = 0,
       .summary = "GPUs for one run, as CUDA_VISIBLE_DEVICES",
       .low = 0,
       .high = 64}};
}

std::vector<std::string> command_arguments(const CommandOptions& options, const space::Config& config,
                                           const RunContext& context) {
  std::vector<std::string> arguments, mentioned;
  bool plain_option = false;  // the argument before is an option without placeholder
  const auto add = [&](const std::vector<std::string>& templates) {
    for (const auto& text : templates) {
      const auto pieces = pieces_of(text);
      for (const Piece& piece : pieces)
        if (piece.placeholder) mentioned.push_back(piece.text);
      if (const auto filled = fill(pieces, config, context)) {
        arguments.push_back(*filled);
        plain_option = pieces.size() == 1 && text.starts_with('-');
      } else {
        if (only_a_placeholder(pieces) && plain_option) arguments.pop_back();
        plain_option = false;
      }
    }
  };
  add(options.run);
  if (options.arguments != CommandOptions::Form::none)
    for (const auto& [name, value] : config.entries()) {
      if (std::find(mentioned.begin(), mentioned.end(), name) != mentioned.end()) continue;
      if (options.arguments == CommandOptions::Form::equals) {
        arguments.push_back(fmt::format("--{}={}", name, value_text(value)));
      } else {
        arguments.push_back(fmt::format("--{}", name));
        arguments.push_back(value_text(value));
      }
    }
  plain_option = false;
  if (context.probe) add(options.probe_arguments);
  return arguments;
}

std::string parameter_variable(const std::string& parameter) {
  std::string name;
  for (const char c : parameter) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += !letter ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return fmt::format("HONE_PARAM_{}", name);
}

std::vector<std::string> command_environment(const CommandOptions& options, const space::Config& config,
                                             const RunContext& context) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    // Of a run that this one is part of (a program that searches by itself).
    if (equals == std::string::npos || text.starts_with("HONE_PARAM_")) continue;
    variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : config.entries()) variables[parameter_variable(name)] = value_text(value);
  variables["HONE_CONFIG"] = config.json().dump(-1, ' ', false, Json::error_handler_t::replace);
  variables["HONE_TRIAL"] = std::to_string(context.trial);
  variables["HONE_ATTEMPT"] = std::to_string(context.attempt);
  variables["HONE_SEED"] = std::to_string(context.seed);
  variables["HONE_FROM"] = std::to_string(context.from);
  variables["HONE_FIDELITY"] = std::to_string(context.to);
  variables["HONE_HORIZON"] = std::to_string(context.horizon);
  variables["HONE_STUDY_FOLDER"] = context.study_folder;
  for (const std::string name : {"HONE_FOLDER", "HONE_CHECKPOINT", "HONE_REPORT_FD", "HONE_PROBE"})
    variables.erase(name);
  if (!context.folder.empty()) variables["HONE_FOLDER"] = context.folder;
  if (!context.checkpoint.empty()) variables["HONE_CHECKPOINT"] = context.checkpoint;
  variables["HONE_REPORT_FD"] = std::to_string(options.report_on_output ? 1 : 3);
  if (context.probe) variables["HONE_PROBE"] = std::to_string(1);
  const std::string threads =
      std::to_string(context.cores.empty() ? options.cores : static_cast<int>(context.cores.size()));
  for (const std::string name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"})
    variables[name] = threads;
  variables["HONE_CORES"] = threads;
  if (options.gpus > 0 && !context.gpus.empty())
    variables["CUDA_VISIBLE_DEVICES"] = fmt::format("{}", fmt::join(context.gpus, ","));
  for (const auto& text : options.environment) {
    const std::size_t equals = text.find('=');
    if (const auto value = fill(pieces_of(text.substr(equals + 1)), config, context))
      variables[text.substr(0, equals)] = *value;
  }
  std::vector<std::string> list;
  for (const auto& [name, value] : variables) list.push_back(fmt::format("{}={}", name, value));
  return list;
}

void check_command(const CommandOptions& options, const Options& places, const space::Space& space) {
  std::vector<std::string> names;
  for (const auto& parameter : space.parameters()) names.push_back(parameter.name);
  std::vector<std::string> known = names;
  known.insert(known.end(), context_names().begin(), context_names().end());
  const auto check = [&](const char* list, const std::string& text) {
    for (const Piece& piece : pieces_of(text))
      if (piece.placeholder && std::find(known.begin(), known.end(), piece.text) == known.end())
        throw Error(fmt::format("{{{}}} is no parameter of the space", piece.text), places.place(list),
                    suggest(piece.text, known));
  };
  for (const auto& text : options.run) check("run", text);
  for (const auto& text : options.probe_arguments) check("probe_arguments", text);
  for (const auto& text : options.environment) check("environment", text.substr(text.find('=') + 1));
  std::vector<std::string> lists = space.names();
  for (const auto& name : options.probe_unseen)
    if (std::find(names.begin(), names.end(), name) == names.end() &&
        std::find(lists.begin(), lists.end(), name) == lists.end())
      throw Error(fmt::format("'{}' is no parameter of the space", name), places.place("probe_unseen"),
                  suggest(name, lists));
  std::map<std::string, std::string> variables;
  for (const auto& parameter : space.parameters()) {
    const auto [place, fresh] = variables.emplace(parameter_variable(parameter.name), parameter.name);
    if (!fresh)
      throw Error(fmt::format("'{}' and '{}' would both be the variable {}", place->second, parameter.name,
                              place->first),
                  parameter.place, "give one of them another name");
  }
}

}  // namespace hone::task
