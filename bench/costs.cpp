// What a prediction takes: from a function's text to its features, and from these to every learned target.
// bench_costs [LABELS.jsonl [EVERY]] learns from what hone-label wrote, or from every so manieth function of
// it; with no file only the features of the built-in kernels are timed. The model is quick to learn, not a
// good one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/cost/bench_kernels.h"
#include "hone/cost/learn_labels.h"
#include "hone/cost/mlir/text.h"

namespace {

using hone::cost::LabelSet;

template <class Work>
double milliseconds(const Work& work) {
  double best = 1e300;
  for (int k = 0; k < 2; ++k) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 1e3 * best;
}

void print(const char* what, std::vector<double> times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  double sum = 0.0;
  for (const double time : times) sum += time;
  const auto over = std::count_if(times.begin(), times.end(), [](double time) { return time > 1.0; });
  std::printf("%-34s %8.3f %8.3f %8.3f %8.3f %8.1f%%\n", what, at(0.5),
              sum / static_cast<double>(times.size()), at(0.9), at(0.99),
              100.0 * static_cast<double>(over) / static_cast<double>(times.size()));
}

int run(int count, char** arguments) {
  namespace cost = hone::cost;
  LabelSet set, all;
  if (count > 1) {
    all = cost::read_labels(arguments[1]);  // kept: what is given back would leave the heap in pieces
    const std::size_t every = count > 2 ? std::max(1, std::atoi(arguments[2])) : 1;
    set.provenance = all.provenance;
    for (std::size_t i = 0; i < all.labels.size(); i += every) set.labels.push_back(all.labels[i]);
  } else {
    for (const cost::BenchKernel& kernel : cost::bench_kernels()) {
      set.labels.emplace_back();
      set.labels.back().text = kernel.text;
    }
  }
  const auto target = set.provenance.target();
  std::vector<double> texts;
  for (const cost::Label& label : set.labels)
    if (label.failed.empty())
      texts.push_back(milliseconds([&] {
        const auto module = cost::mlir::parse(label.text, "function");
        (void)cost::mlir::features(module, module.functions().at(0), target);
      }));
  std::printf("milliseconds a function, %zu functions\n", texts.size());
  std::printf("%-34s %8s %8s %8s %8s %9s\n", "", "median", "mean", "90%", "99%", "over 1 ms");
  print("features from the text", texts);
  if (count <= 1) return 0;
  const std::vector<cost::CostSample> samples = cost::cost_samples(set);
  cost::LearnedCostOptions options;
  options.folds = 0;
  const cost::LearnedCosts model = cost::LearnedCosts::fit(samples, options);
  std::vector<double> every;
  for (const cost::CostSample& sample : samples)
    every.push_back(milliseconds([&] { (void)model.predict(sample.features); }));
  print(("all " + std::to_string(model.targets().size()) + " targets from the features").c_str(), every);
  for (std::size_t i = 0; i < std::min(texts.size(), every.size()); ++i) texts[i] += every[i];
  print("both", texts);
  // Of a file of many functions: one target after the other. By function only the mean is known.
  std::vector<cost::mlir::Features> functions;
  for (const cost::CostSample& sample : samples) functions.push_back(sample.features);
  const double together = milliseconds([&] { (void)model.predict(functions); });
  std::printf("%-34s %8s %8.3f\n", "all targets, all functions at once", "",
              together / static_cast<double>(functions.size()));
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const hone::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
