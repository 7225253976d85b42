// hone cost simulate: a function in MLIR on a core that need not exist.
#include <cmath>
#include <cstdio>
#include <optional>

#include "cost.h"
#include "hone/cost/simulator/learner.h"
#include "hone/cost/simulator/simulate.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

namespace sim = cost::simulator;

struct SimulateArguments {
  std::string file, core = "middle", model;
  std::vector<std::string> explore;
  double portion = 1.0;
  bool portion_given = false, cold = false, json = false, quiet = false;
};

/// What is told of one function on one core.
struct Outcome {
  std::string function;
  sim::Core core;
  sim::SimulatedRun run;
  double instructions = 0.0;  ///< of the whole, about
  double ipc = 0.0, cycles = 0.0, seconds = 0.0;
  bool predicted = false;
};

/// Cores by every combination of the explored keys' values.
std::vector<sim::Core> explored(const sim::Core& base, const std::vector<std::string>& explore) {
  std::vector<sim::Core> cores{base};
  for (const std::string& one : explore) {
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == one.size())
      throw Error(fmt::format("'{}' is no key and values", one), Place{"", 0, "--explore"},
                  "KEY=V1,V2, as in --explore reorder_buffer=64,128,256");
    const std::string key = one.substr(0, equals);
    std::vector<std::string> values;
    for (std::size_t at = equals + 1; at <= one.size();) {
      const std::size_t comma = std::min(one.find(',', at), one.size());
      values.push_back(one.substr(at, comma - at));
      at = comma + 1;
    }
    std::vector<sim::Core> next;
    for (const sim::Core& core : cores)
      for (const std::string& value : values) {
        sim::Core changed = core;
        sim::set_core_key(changed, key, value);
        changed.name += fmt::format(" {}={}", key, value);
        next.push_back(std::move(changed));
      }
    cores = std::move(next);
    if (cores.size() > 1000)
      throw Error("these are more than 1000 cores", Place{"", 0, "--explore"}, "fewer values");
  }
  for (const sim::Core& core : cores) sim::check_core(core);
  return cores;
}

/// The core's numbers that the forest, where it was asked, was not taught.
std::vector<sim::IpcOutside> outside_of(const Outcome& one, const std::optional<sim::IpcModel>& model) {
  if (!one.predicted || one.run.stopped || !model) return {};
  return model->outside(one.core);
}

std::string value_text(const sim::CoreKey& key, double value) {
  return key.choices.empty() ? real_text(value) : key.choices[static_cast<std::size_t>(value)];
}

/// "fetch_width 1 (learned: 2 to 8)"
std::string outside_text(const sim::IpcOutside& one) {
  const std::string low = value_text(*one.key, one.low), high = value_text(*one.key, one.high);
  return fmt::format("{} {} (learned: {})", one.key->name, value_text(*one.key, one.value),
                     low == high ? low : low + " to " + high);
}

Json outcome_json(const Outcome& one, const std::optional<sim::IpcModel>& model) {
  Json json{{"function", one.function},
            {"core", one.core.name},
            {"predicted", one.predicted},
            {"instructions", std::round(one.instructions)},
            {"cycles", std::round(one.cycles)},
            {"ipc", one.ipc},
            {"seconds", one.seconds},
            {"simulated_share",
             std::min(1.0, static_cast<double>(one.run.part.instructions) / std::max(1.0, one.instructions))},
            {"simulated", sim::simulated_json(one.run.part, one.core)},
            {"wall_s", one.run.wall_s}};
  const bool forest = model && !one.run.stopped;
  if (one.run.stopped) json["stopped"] = true;
  if (one.predicted) json["predicted_by"] = forest ? "forest" : "portion";
  if (one.predicted && forest) json["ipc_rmse"] = finite_or_null(model->rmse());
  if (one.predicted && forest) {
    Json& outside = json["outside"] = Json::array();
    for (const sim::IpcOutside& two : outside_of(one, model)) {
      const auto shown = [&](double value) {
        return two.key->choices.empty() ? Json(value) : Json(value_text(*two.key, value));
      };
      outside.push_back({{"key", two.key->name},
                         {"value", shown(two.value)},
                         {"learned", Json::array({shown(two.low), shown(two.high)})}});
    }
  }
  json["description"] = sim::core_json(one.core);
  return json;
}

std::string time_text(double seconds) {
  return seconds < 1e-6   ? fmt::format("{:.1f} ns", seconds * 1e9)
         : seconds < 1e-3 ? fmt::format("{:.3g} us", seconds * 1e6)
         : seconds < 1.0  ? fmt::format("{:.3g} ms", seconds * 1e3)
                          : fmt::format("{:.3g} s", seconds);
}

void print_outcome(const Outcome& one, const std::optional<sim::IpcModel>& model) {
  const sim::Simulated& part = one.run.part;
  std::printf("%s on %s (%s GHz)\n", one.function.empty() ? "(no name)" : one.function.c_str(),
              one.core.name.c_str(), real_text(one.core.clock_ghz).c_str());
  std::printf("  %-18s %s\n", "time", time_text(one.seconds).c_str());
  std::printf("  %-18s %.0f\n", "cycles", one.cycles);
  std::printf("  %-18s %s%.0f\n", "instructions", one.run.whole ? "" : "about ", one.instructions);
  std::string error;
  if (one.predicted && model)
    error = std::isfinite(model->rmse())
                ? fmt::format(" +- {:.2f} (predicted; root of the mean squared error on families held out)",
                              model->rmse())
                : " (predicted; with what error is not known)";
  else if (one.predicted)
    error = " (the portion's own)";
  std::printf("  %-18s %.3f%s\n", "IPC", one.ipc, error.c_str());
  std::string outside;
  for (const sim::IpcOutside& two : outside_of(one, model))
    outside += (outside.empty() ? "" : ", ") + outside_text(two);
  if (!outside.empty())
    std::printf("  %-18s %s; of such a core the error is not known\n", "not learned", outside.c_str());
  const std::string share =
      one.run.whole ? "all"
                    : fmt::format("{} instructions, {:.1f}%; below: of these", part.instructions,
                                  100.0 * static_cast<double>(part.instructions) / one.instructions);
  std::printf("  %-18s %s (in %s)\n", "simulated", share.c_str(), time_text(one.run.wall_s).c_str());
  std::string misses;
  for (int k = 0; k < one.core.levels(); ++k)
    misses += fmt::format("{}L{} {:.1f}%", k > 0 ? ", " : "", k + 1,
                          100.0 * part.miss_rate(static_cast<std::size_t>(k)));
  std::printf("  %-18s %s of what each is asked\n", "misses", misses.c_str());
  std::printf("  %-18s %.2f%% of the jumps\n", "wrong guesses", 100.0 * part.mispredicted_share());
  const sim::TopDown& down = part.top_down;
  std::printf(
      "  %-18s retiring %.1f%%, front end %.1f%%, bad speculation %.1f%%, core bound %.1f%%, memory bound "
      "%.1f%%\n",
      "slots", 100.0 * down.retiring, 100.0 * down.front_end, 100.0 * down.bad_speculation,
      100.0 * down.core_bound, 100.0 * down.memory_bound);
}

void print_table(const std::vector<Outcome>& all, const std::optional<sim::IpcModel>& model) {
  std::size_t width = 4;
  for (const Outcome& one : all) width = std::max(width, one.core.name.size());
  std::printf("%-*s %10s %12s %6s %9s %8s\n", static_cast<int>(width), "core", "time", "cycles", "IPC",
              "memory %", "core %");
  for (const Outcome& one : all) {
    std::string note = one.run.stopped ? "  stopped: of the part" : "";
    for (const sim::IpcOutside& two : outside_of(one, model))
      note += (note.empty() ? "  not learned: " : ", ") + two.key->name;
    std::printf("%-*s %10s %12.0f %6.3f %9.1f %8.1f%s\n", static_cast<int>(width), one.core.name.c_str(),
                time_text(one.seconds).c_str(), one.cycles, one.ipc,
                100.0 * one.run.part.top_down.memory_bound, 100.0 * one.run.part.top_down.core_bound,
                note.c_str());
  }
}

int simulate(const SimulateArguments& arguments) {
  const std::vector<sim::Core> cores = explored(sim::core_of(arguments.core), arguments.explore);
  std::optional<sim::IpcModel> model;
  if (!arguments.model.empty()) model = sim::IpcModel::read(arguments.model);
  sim::SimulateOptions options;
  options.warm = !arguments.cold;
  // A model knows portions of the length that it was taught with.
  options.portion = arguments.portion_given ? arguments.portion : model ? model->options().portion : 1.0;
  if (model) options.least = model->options().least;
  if (model && arguments.cold)
    throw Error("the model was learned from warm caches", Place{"", 0, "--cold"}, "leave one of them out");
  const cost::mlir::Module module = read_functions(arguments.file);
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  Json list = Json::array();
  bool first = true;
  for (const int function : module.functions()) {
    std::vector<Outcome> outcomes;
    if (!sim::executes(module, function)) {
      const std::string name = module.name_of(function);
      const Error nothing("the function holds nothing that executes", Place{arguments.file, 0, name},
                          "a body with loads, stores or arithmetic");
      if (module.functions().size() == 1) throw nothing;
      list.push_back({{"function", name}, {"instructions", 0}});
      std::fprintf(stderr, "note: %s\n", nothing.what());
      continue;
    }
    for (const sim::Core& core : cores) {
      Outcome one;
      one.function = module.name_of(function);
      one.core = core;
      const sim::Program program = sim::program_of(module, function, core);
      one.instructions = program.instructions();
      const double wanted = options.portion < 1.0 ? static_cast<double>(sim::portion_of(program, options))
                                                  : program.instructions();
      options.going = [&](std::uint64_t done) {
        progress.show(fmt::format("{} on {}: {:.0f}% of {:.3g} instructions", one.function, core.name,
                                  std::min(100.0, 100.0 * static_cast<double>(done) / wanted), wanted));
        return !interrupted();
      };
      one.run = sim::simulate(program, core, options);
      if (one.run.whole) one.instructions = static_cast<double>(one.run.part.instructions);
      one.predicted = !one.run.whole;
      one.ipc = one.predicted && model && !one.run.stopped ? model->predict(one.run.part, core)
                                                           : one.run.part.ipc();
      one.cycles = one.run.whole ? static_cast<double>(one.run.part.cycles) : one.instructions / one.ipc;
      one.seconds = one.cycles / core.hz();
      outcomes.push_back(std::move(one));
      if (interrupted()) break;
    }
    progress.clear();
    for (const Outcome& one : outcomes) list.push_back(outcome_json(one, model));
    if (!arguments.json) {
      if (!first) std::printf("\n");
      if (cores.size() > 1) {
        std::printf("%s\n", outcomes.front().function.c_str());
        print_table(outcomes, model);
      } else {
        print_outcome(outcomes.front(), outcomes.front().run.stopped ? std::nullopt : model);
      }
      first = false;
    }
    if (interrupted()) break;
  }
  if (arguments.json) print_json(list);
  if (!interrupted()) return kDone;
  std::fprintf(stderr, "stopped; what is told is of the part that was simulated\n");
  return kStopped;
}

}  // namespace

void add_cost_simulate(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "simulate",
      "Cycles of a function in MLIR on a core that need not exist, whole or from its first portion");
  command->footer(
      "The function is compiled by rules (loops in lanes, written out), its instructions are walked through\n"
      "an out-of-order core with its caches, cycle by cycle. With --portion only its beginning is: --model,\n"
      "which `hone cost simulate-learn` writes, then predicts the IPC of the whole. Cores: little, middle,\n"
      "big, or a TOML file, whose keys docs/simulator.md lists:\n"
      "  base = \"big\"\n"
      "  reorder_buffer = 256\n"
      "  cache.l2.bytes = \"1 MiB\"\n"
      "Examples:\n"
      "  hone cost simulate gemm.mlir\n"
      "  hone cost simulate gemm.mlir --core little --json\n"
      "  hone cost simulate gemm.mlir --portion 0.05 --model ipc.json\n"
      "  hone cost simulate gemm.mlir --core mine.toml --explore reorder_buffer=64,128,256 \\\n"
      "      --explore cache.l1.bytes=16384,32768");
  auto arguments = std::make_shared<SimulateArguments>();
  command->add_option("FILE", arguments->file, "MLIR text; -: standard input")->required();
  command->add_option("--core", arguments->core,
                      "little, middle, big, or a TOML file (NAME.toml); default: middle");
  auto* portion = command->add_option("--portion", arguments->portion,
                                      "Part of the instructions to simulate, up to 1; default: all, with "
                                      "--model as it was learned");
  portion->check(between(1e-6, 1.0));
  command->add_option("--model", arguments->model, "Predicts the whole's IPC from the portion");
  command
      ->add_option("--explore", arguments->explore,
                   "KEY=V1,V2: a core for each value; several: for all combinations")
      ->allow_extra_args(false);
  command->add_flag("--cold", arguments->cold, "Caches are empty at first; default: as after a call before");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([arguments, portion, &action] {
    arguments->portion_given = portion->count() > 0;
    action = [arguments] { return simulate(*arguments); };
  });
}

}  // namespace hone::cli
