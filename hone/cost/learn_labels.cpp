#include "hone/cost/learn_labels.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::cost {

std::vector<CostSample> cost_samples(const LabelSet& set,
                                     const std::function<bool(std::size_t, std::size_t)>& progress) {
  std::vector<CostSample> samples;
  const mlir::CodeTarget target = set.provenance.target();
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    const Label& label = set.labels[i];
    if (i % 64 == 0 && progress && !progress(i, set.labels.size())) break;
    if (!label.failed.empty()) continue;
    const mlir::Module module = mlir::parse(
        label.text, fmt::format("{}{}label {}", set.file, set.file.empty() ? "" : ", ", label.id));
    const std::vector<int> functions = module.functions();
    if (functions.empty()) continue;
    CostSample sample;
    sample.features = mlir::features(module, functions[0], target);
    sample.targets = label.targets;
    sample.family = label.family;
    sample.group = label.group;
    sample.disturbed = label.disturbed;
    samples.push_back(std::move(sample));
  }
  return samples;
}

Json learned_from(const LabelSet& set, std::size_t samples) {
  const LabelProvenance& from = set.provenance;
  return {
      {"machine", from.machine},   {"cpu", from.cpu},     {"code_target", code_target_json(from.target())},
      {"compiler", from.compiler}, {"flags", from.flags}, {"date", from.date},
      {"functions", samples},      {"seed", from.seed},   {"measured", from.measured}};
}

std::vector<std::string> label_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    if (entry.path().extension() != ".jsonl") continue;
    std::ifstream file(entry.path());
    char head[64] = {};
    file.read(head, sizeof head - 1);
    if (std::string(head).find("\"hone-labels\"") != std::string::npos)
      files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace hone::cost
