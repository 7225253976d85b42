// Simulated cores: instructions a second, what a portion tells of the whole on families held out, and, where
// labels are given, how simulated times rank beside measured ones.
//   bench_simulated_ipc [--kernels N] [--portion P] [--labels FILE.jsonl [--every N] [--most INSTRUCTIONS]]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/cost/labels.h"
#include "hone/cost/simulator/learner.h"
#include "hone/predict/score.h"

namespace {

using namespace hone;
using namespace hone::cost::simulator;

void print_learned(std::int64_t kernels, double portion) {
  IpcPairOptions options;
  options.kernels = kernels;
  options.portion = portion;
  std::vector<IpcSample> samples;
  double instructions = 0.0, seconds = 0.0;
  for (std::uint64_t kernel = 0; kernel < static_cast<std::uint64_t>(kernels); ++kernel)
    for (IpcSample& one : make_pairs(options, kernel)) {
      instructions += one.instructions, seconds += one.whole_s;
      samples.push_back(std::move(one));
    }
  fmt::print("simulated: {:.3g} instructions, {:.2f} million a second\n", instructions,
             instructions / seconds / 1e6);
  for (const bool by_family : {true, false}) {
    const IpcEvaluation evaluation = evaluate_ipc(samples, by_family);
    fmt::print("{} pairs of {} families, {:.1f}% simulated, speed-up {:.1f}; {} held out\n",
               evaluation.samples, evaluation.families, 100.0 * evaluation.simulated_share,
               evaluation.speedup, by_family ? "families" : "pairs");
    for (const IpcScore& score : evaluation.scores)
      fmt::print("  {:<10} RMSE {:.3f}  mean error {:.1f}%  90% {:.1f}%  rank {:.3f}\n", score.name,
                 score.rmse, 100.0 * score.mean_error, 100.0 * score.worst_tenth, score.correlation);
  }
}

void print_labelled(const std::string& file, std::size_t every, double most) {
  const cost::LabelSet set = cost::read_labels(file);
  const Core core;
  std::vector<double> simulated, measured, instructions, counted, analysed, of_analysed;
  for (std::size_t i = 0; i < set.labels.size(); i += every) {
    const auto& one = set.labels[i];
    const auto target = [&](const char* name) {
      const auto found = one.targets.find(name);
      return found == one.targets.end() ? std::nan("") : found->second;
    };
    if (!(target("run_s") > 0.0)) continue;
    const cost::mlir::Module module = cost::mlir::parse(one.text, one.family);
    const Program program = program_of(module, module.functions().front(), core);
    if (program.instructions() > most) continue;
    const SimulatedRun run = simulate(program, core);
    simulated.push_back(run.part.seconds(core));
    measured.push_back(target("run_s"));
    instructions.push_back(static_cast<double>(run.part.instructions));
    counted.push_back(target("instructions"));
    if (target("mca_cycles") > 0.0) {
      analysed.push_back(target("mca_cycles"));
      of_analysed.push_back(target("run_s"));
    }
  }
  std::vector<double> off;
  for (std::size_t i = 0; i < simulated.size(); ++i)
    off.push_back(std::abs(std::log(simulated[i] / measured[i])));
  fmt::print("{} labelled functions on core middle\n", simulated.size());
  fmt::print(
      "  rank correlation with measured time: simulated {:.3f}, executed instructions {:.3f}, "
      "LLVM's analyser {:.3f} (of {})\n",
      predict::rank_correlation(simulated, measured), predict::rank_correlation(counted, measured),
      predict::rank_correlation(analysed, of_analysed), analysed.size());
  fmt::print("  instructions of the trace beside those executed: rank {:.3f}\n",
             predict::rank_correlation(instructions, counted));
  fmt::print("  time off by a factor of {:.2f} at the median, {:.2f} for one in ten\n",
             std::exp(predict::median(off)), std::exp(predict::quantile(off, 0.9)));
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> given{
      {"--kernels", "200"}, {"--portion", "0.05"}, {"--every", "20"}, {"--most", "2e6"}};
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  try {
    const auto kernels = std::atoll(given["--kernels"].c_str());
    if (kernels > 0) print_learned(kernels, std::atof(given["--portion"].c_str()));
    if (!given["--labels"].empty())
      print_labelled(given["--labels"],
                     static_cast<std::size_t>(std::max(1LL, std::atoll(given["--every"].c_str()))),
                     std::atof(given["--most"].c_str()));
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
  return 0;
}
