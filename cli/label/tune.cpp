// hone-label tune, bench-tune: affine kernels made faster by search over the compiler's transformations.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "../progress_line.h"
#include "../tune_options.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/cost/bench_kernels.h"
#include "hone/cost/kernels/costs.h"
#include "hone/label/nest_machine.h"
#include "hone/label/tuner.h"
#include "label.h"

namespace hone::cli {
namespace {

struct Arguments : TuneArguments {
  std::vector<std::string> kernels;
  bool random = false;
};

Json trials_json(const label::TuneResult& result) {
  Json trials = Json::array();
  for (const auto& trial : result.trials) {
    Json one = {{"recipe", trial.recipe},
                {"predicted_cycles", trial.predicted},
                {"run_s", real_to_json(trial.seconds)},
                {"difference", real_to_json(trial.difference)}};
    if (!trial.failed.empty()) one["failed"] = trial.failed;
    trials.push_back(one);
  }
  return trials;
}

/// What learned costs say that a candidate takes; NaN where its text is not understood.
std::function<double(const std::string&)> predictor(const std::string& path) {
  if (path.empty()) return {};
  const cost::KernelCosts costs = cost::KernelCosts::read(path);
  const std::vector<std::string> targets = costs.targets();
  if (std::find(targets.begin(), targets.end(), "run_s") == targets.end())
    throw Error("this model predicts no run_s", Place{path, 0, ""},
                "learn it from labels with run times: hone cost learn");
  return [costs](const std::string& text) {
    try {
      const cost::mlir::Module module = cost::mlir::parse(text);
      const std::vector<int> functions = module.functions();
      if (functions.empty()) return std::nan("");
      return costs.predict(module, functions.front(), "run_s");
    } catch (const Error&) {
      return std::nan("");
    }
  };
}

label::TuneOptions options_of(const Arguments& arguments, ProgressLine& progress) {
  label::TuneOptions options;
  options.predict = predictor(arguments.model);
  options.compilations = arguments.compilations;
  options.tolerance = arguments.tolerance;
  options.seed = arguments.seed;
  options.call_seconds = arguments.call_seconds;
  options.guided = !arguments.random;
  options.interrupted = interrupted;
  options.progress = [&progress](const std::string& what) { progress.show(what); };
  return options;
}

int tune(const Arguments& arguments) {
  catch_interrupts(SecondInterrupt::ends);
  const std::string text = read_file(arguments.file);
  if (!arguments.out.empty()) need_writable(arguments.out);
  const label::Frontend frontend;
  const label::Backend backend;
  ProgressLine progress(arguments.quiet);
  const label::TuneResult result =
      label::tune(frontend, backend, text, arguments.file, options_of(arguments, progress));
  progress.clear();
  if (result.trials.empty()) {
    std::fprintf(stderr, "stopped before the function was timed; nothing was written\n");
    return kStopped;
  }
  if (!arguments.out.empty()) write_file_atomic(arguments.out, result.text);
  if (arguments.json) {
    print_json({{"file", arguments.file},
                {"cpu", backend.cpu()},
                {"compiler", label::compiler_version()},
                {"recipe", result.recipe},
                {"original_s", result.original_s},
                {"tuned_s", result.tuned_s},
                {"speedup", result.speedup},
                {"spread", result.spread},
                {"compilations", result.trials.size()},
                {"tolerance", arguments.tolerance},
                {"note", result.note},
                {"extents", result.extents},
                {"interrupted", result.interrupted},
                {"out", arguments.out},
                {"trials", trials_json(result)}});
  } else {
    std::size_t different = 0, failed = 0;
    for (const auto& trial : result.trials)
      (trial.failed == "different" ? different : failed) += trial.failed.empty() ? 0 : 1;
    std::printf("%s at -O3 on %s: %s a call\n", arguments.file.c_str(), backend.cpu().c_str(),
                quantity_text("run_s", result.original_s).c_str());
    if (!result.extents.empty()) std::printf("%s\n", result.extents.c_str());
    if (result.recipe.empty()) {
      if (!result.note.empty()) std::printf("%s\n", result.note.c_str());
      std::printf("nothing was surely faster among %zu compilations; the original stays\n",
                  result.trials.size());
    } else {
      std::printf("tuned: %s a call, %.2f times as fast in the median of pairs (spread %.1f%%)\n",
                  quantity_text("run_s", result.tuned_s).c_str(), result.speedup, 100.0 * result.spread);
      std::printf("%s\n", result.recipe.c_str());
      std::printf("%zu compilations, outputs %s on random inputs", result.trials.size(),
                  arguments.tolerance > 0.0 ? fmt::format("within {:g}", arguments.tolerance).c_str()
                                            : "the same bit for bit");
      if (different + failed > 0)
        std::printf("; %zu candidates left out as different, %zu as failed", different, failed);
      std::printf("\n");
    }
    if (!arguments.out.empty()) std::printf("%s\n", arguments.out.c_str());
  }
  if (!result.interrupted) return kDone;
  std::fprintf(stderr, "stopped; the result is the best until then\n");
  return kStopped;
}

int bench(const Arguments& arguments) {
  catch_interrupts(SecondInterrupt::ends);
  const label::Frontend frontend;
  const label::Backend backend;
  ProgressLine progress(arguments.quiet);
  Json rows = Json::array();
  double log_guided = 0.0, log_random = 0.0;
  int count = 0;
  const cost::NestMachine machine = label::measured_machine(frontend, backend);
  if (!arguments.json) std::printf("%-16s %12s %10s %10s\n", "kernel", "-O3", "model", "random");
  for (const auto& kernel : cost::bench_kernels()) {
    if (!arguments.kernels.empty() &&
        std::find(arguments.kernels.begin(), arguments.kernels.end(), kernel.name) == arguments.kernels.end())
      continue;
    label::TuneOptions options = options_of(arguments, progress);
    options.progress = [&](const std::string& what) { progress.show(kernel.name + ": " + what); };
    options.machine = machine;
    options.guided = true;
    const auto guided = label::tune(frontend, backend, kernel.text, kernel.name, options);
    options.guided = false;
    const auto random = label::tune(frontend, backend, kernel.text, kernel.name, options);
    progress.clear();
    if (interrupted()) break;
    ++count;
    log_guided += std::log(guided.speedup);
    log_random += std::log(random.speedup);
    rows.push_back({{"kernel", kernel.name},
                    {"original_s", guided.original_s},
                    {"guided", guided.speedup},
                    {"random", random.speedup},
                    {"compilations", guided.trials.size()},
                    {"recipe", guided.recipe},
                    {"trials", trials_json(guided)}});
    if (!arguments.json) {
      std::printf("%-16s %12s %9.2fx %9.2fx  %s\n", kernel.name.c_str(),
                  quantity_text("run_s", guided.original_s).c_str(), guided.speedup, random.speedup,
                  guided.recipe.c_str());
      std::fflush(stdout);
    }
  }
  const double all = std::max(count, 1);
  if (arguments.json) {
    print_json({{"cpu", backend.cpu()},
                {"compilations", arguments.compilations},
                {"tolerance", arguments.tolerance},
                {"guided", std::exp(log_guided / all)},
                {"random", std::exp(log_random / all)},
                {"kernels", rows}});
  } else {
    std::printf("%-16s %12s %9.2fx %9.2fx  (geometric means, %d compilations each)\n", "all", "",
                std::exp(log_guided / all), std::exp(log_random / all), arguments.compilations);
  }
  return interrupted() ? kStopped : kDone;
}

}  // namespace

void add_label_tune(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "tune", "Make a function of affine loops faster by search over the compiler's transformations");
  add_tuned_file(command, *arguments,
                 "  hone-label tune gemm.mlir --out faster.mlir\n"
                 "  hone-label tune gemm.mlir --tolerance 1e-12 --compilations 40");
  command->add_flag("--random", arguments->random,
                    "Candidates at random rather than by the model, for comparison");
  add_tuning(command, *arguments);
  command->callback([arguments, &action] { action = [arguments] { return tune(*arguments); }; });

  auto* compare = app.add_subcommand(
      "bench-tune",
      "Tune kernels like those of PolyBench, by the model and at random, at equal compilations");
  compare->add_option("--kernels", arguments->kernels, "Comma separated: only these")->delimiter(',');
  add_tuning(compare, *arguments);
  compare->callback([arguments, &action] { action = [arguments] { return bench(*arguments); }; });
}

}  // namespace hone::cli
