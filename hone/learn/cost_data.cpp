#include <algorithm>
#include <set>

#include "hone/base/error.h"
#include "hone/learn/cost_training.h"

namespace hone::learn {

CostData prepare_costs(const cost::LabelSet& labels, const CostTraining& training) {
  CostData data;
  data.source = labels.provenance.json();
  std::set<std::string> known;
  for (const auto& label : labels.labels)
    for (const auto& [name, value] : label.targets) known.insert(name);
  for (const std::string& target : training.targets)
    if (std::find(data.targets.begin(), data.targets.end(), target) == data.targets.end())
      data.targets.push_back(target);
  if (data.targets.empty()) data.targets.assign(known.begin(), known.end());
  for (const std::string& target : data.targets)
    if (!known.contains(target))
      throw Error("no label has a target '" + target + "'", {},
                  suggest(target, {known.begin(), known.end()}));
  const cost::mlir::CodeTarget target = labels.provenance.target();
  if (training.features) data.features = cost::neural_features();
  for (const auto& label : labels.labels) {
    if (!label.failed.empty()) continue;
    if (training.interrupted && training.interrupted()) break;
    try {
      const cost::mlir::Module module = cost::mlir::parse(label.text);
      const std::vector<int> functions = module.functions();
      if (functions.empty()) throw Error("there is no function");
      NetworkSample sample;
      sample.tokens = cost::bounded_tokens(module, functions[0], training.shape);
      sample.features = cost::squashed_features(module, functions[0], data.features, target);
      for (const std::string& target : data.targets) sample.targets.push_back(label.target(target));
      sample.family = label.family;
      sample.id = label.id;
      sample.split = cost::split_of(label, training.split);
      sample.disturbed = label.disturbed;
      data.samples.push_back(std::move(sample));
    } catch (const Error&) {
      ++data.unreadable;
    }
  }
  if (data.samples.empty()) throw Error("the data set has no label that can be read");
  return data;
}

cost::NeuralInput encoded(const cost::NeuralModel& model, const NetworkSample& sample) {
  cost::NeuralInput input{model.vocabulary.encode(sample.tokens), sample.features};
  if (input.tokens.empty()) input.tokens.push_back(cost::mlir::Vocabulary::kUnknown);
  return input;
}

}  // namespace hone::learn
