// hone cost gemm measure: a table of matrix products that this machine's CPU computed.
#include <cstdio>
#include <memory>

#include "cost_gemm.h"
#include "hone/base/units.h"
#include "hone/cost/gemm/measure.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct GemmMeasureArguments {
  std::string out, time = "2 min";
  cost::GemmMeasureOptions options;
  std::int64_t configs = 20, shapes = 0;
  bool json = false, quiet = false;
};

int gemm_measure(const GemmMeasureArguments& arguments) {
  cost::GemmMeasureOptions options = arguments.options;
  options.seconds = parse_duration_s(arguments.time, "--time");
  if (!(options.seconds > 0.0)) throw Error("there is no time to measure in", Place{"", 0, "--time"});
  if (options.largest < options.least)
    throw Error("the largest size is below the least one", Place{"", 0, "--largest"});
  options.configs = static_cast<std::size_t>(arguments.configs);
  options.shapes = static_cast<std::size_t>(arguments.shapes);
  cost::GemmMeasurement measurement(arguments.out, options);
  catch_interrupts();
  if (!arguments.quiet) {
    std::fprintf(stderr, "%s, %s, one thread\n", cost::cpu_gemm_device().c_str(), options.type.c_str());
    if (!measurement.power())
      std::fprintf(stderr, "power is not measured, so the table has no column for it: %s\n",
                   measurement.without_power().c_str());
    if (measurement.earlier() > 0)
      std::fprintf(stderr, "%s has %zu rows already; what they measured is not measured again\n",
                   arguments.out.c_str(), measurement.earlier());
  }
  cost::GemmMeasurement::Outcome outcome;
  {
    ProgressLine progress(arguments.quiet);
    outcome = measurement.run(
        [&](const auto& now) {
          progress.show(fmt::format(
              "{}, {}; {} of {}; now {} x {} x {}", counted(static_cast<std::int64_t>(now.shapes), "shape"),
              counted(static_cast<std::int64_t>(now.rows), "row"), duration_text(now.seconds),
              duration_text(options.seconds), now.shape.m, now.shape.n, now.shape.k));
        },
        interrupted);
  }
  if (arguments.json)
    print_json({{"file", arguments.out},
                {"device", cost::cpu_gemm_device()},
                {"type", options.type},
                {"shapes", outcome.shapes},
                {"rows", outcome.rows},
                {"earlier_rows", measurement.earlier()},
                {"disturbed_rows", outcome.disturbed},
                {"power", measurement.power()},
                {"without_power", measurement.power() ? Json(nullptr) : Json(measurement.without_power())},
                {"interrupted", outcome.interrupted},
                {"exhausted", outcome.exhausted}});
  else
    std::printf("%s: %s of %s added, %zu in all%s\n", arguments.out.c_str(),
                counted(static_cast<std::int64_t>(outcome.rows), "row").c_str(),
                counted(static_cast<std::int64_t>(outcome.shapes), "shape").c_str(),
                measurement.earlier() + outcome.rows,
                outcome.disturbed > 0
                    ? fmt::format("; repeats of {} disagreed by more than a tenth", outcome.disturbed).c_str()
                    : "");
  if (outcome.exhausted)
    std::fprintf(stderr,
                 "there are no new shapes: --least, --largest, --configs and --seed say what is measured\n");
  if (outcome.unfinished && outcome.rows == 0)
    std::fprintf(stderr,
                 "the time was over before a shape was finished, which leaves no rows: --time says more\n");
  if (outcome.interrupted) {
    std::fprintf(stderr, "stopped; all finished shapes are in the file, and the same command goes on\n");
    return kStopped;
  }
  return kDone;
}

}  // namespace

void add_cost_gemm_measure(CLI::App& gemm, Action& action) {
  auto* command = gemm.add_subcommand("measure", "Measure matrix products on this machine's CPU");
  std::vector<std::string> registers;
  for (const auto& [m, n] : cost::cpu_gemm_registers("f32")) registers.push_back(fmt::format("{}x{}", m, n));
  command->footer(fmt::format(
      "\nShapes and configurations are drawn at the seed, the usual configuration measured with each; rows "
      "are\n"
      "appended shape by shape, and the same command goes on where it was stopped. Times are of one thread, "
      "without\nwhat others take of the processor. Power is measured where the machine shows its counters "
      "(RAPL); "
      "else there is none.\n"
      "Sums in registers here, for f32: {}\n"
      "Examples:\n"
      "  hone cost gemm measure --out cpu.csv --time \"5 min\"\n"
      "  hone cost gemm measure --out cpu64.csv --type f64 --largest 512 --shapes 100",
      fmt::join(registers, ", ")));
  auto arguments = std::make_shared<GemmMeasureArguments>();
  cost::GemmMeasureOptions& options = arguments->options;
  command->add_option("--out", arguments->out, "The table, a CSV; what it has is kept")->required();
  command->add_option("--time", arguments->time, "How long to measure")->capture_default_str();
  command->add_option("--type", options.type, "f32 or f64")
      ->check(CLI::IsMember({"f32", "f64"}))
      ->capture_default_str();
  command
      ->add_option(
          "--shapes", arguments->shapes,
          "Only the first so many shapes that the seed draws, repetitions counted; 0: as time allows")
      ->check(whole_number(0, 1000000))
      ->capture_default_str();
  command->add_option("--configs", arguments->configs, "Configurations of each shape")
      ->check(whole_number(1, 1500))
      ->capture_default_str();
  command->add_option("--least", options.least, "The least m, n and k")
      ->check(whole_number(1, 600))
      ->capture_default_str();
  command
      ->add_option("--largest", options.largest,
                   "The largest m, n and k; of each shape 5e8 operations at most")
      ->check(whole_number(1, 16384))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "Of shapes and configurations")
      ->check(not_negative())
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([=, &action] { action = [=] { return gemm_measure(*arguments); }; });
}

}  // namespace hone::cli
