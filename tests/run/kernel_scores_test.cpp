#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/key.h"
#include "hone/base/rng.h"
#include "hone/cost/labels.h"
#include "hone/run/cost_bench.h"

namespace hone::run {
namespace {

/// Element-wise kernels of five families. A compiler made `hidden` times as much of each as its text says,
/// which the counts show and the time follows.
std::string made_labels(bool counted) {
  cost::LabelSet set;
  set.provenance.compiler = "none";
  std::string text = set.provenance.json().dump() + "\n";
  for (int i = 0; i < 100; ++i) {
    Rng rng(11, "made labels", static_cast<std::uint64_t>(i));
    const auto size = static_cast<int>(8 + rng.below(500));
    const double hidden = std::exp(2.0 * rng.uniform());
    cost::Label label;
    label.id = static_cast<std::uint64_t>(i);
    label.family = fmt::format("family {}", i % 5);
    label.group = label.family;
    label.text = fmt::format(
        "func.func @kernel(%A: memref<{0}xf32>) {{\naffine.for %i = 0 to {0} {{\n%x = affine.load %A[%i] : "
        "memref<{0}xf32>\n%m = arith.mulf %x, %x : f32\naffine.store %m, %A[%i] : memref<{0}xf32>\n}}\n"
        "return\n}}\n",
        size);
    label.structure = hash_key(label.text + std::to_string(i));
    label.targets["run_s"] = 3e-10 * size * hidden;
    label.targets["instructions"] = 4.0 * size * hidden;
    if (counted) label.targets["mca_cycles"] = size * hidden;
    text += label.json().dump() + "\n";
  }
  return text;
}

const CostScore* found(const std::vector<CostScore>& scores, const std::string& target,
                       const std::string& model) {
  for (const CostScore& score : scores)
    if (score.target == target && score.model.starts_with(model)) return &score;
  return nullptr;
}

TEST(KernelScores, SaysHowNearOneComesThatKnowsTheCompiledCode) {
  const test::Folder folder;
  folder.write("made.jsonl", made_labels(true));
  const std::vector<CostScore> scores = kernel_scores(folder.file("."), {});
  const CostScore* trees = found(scores, "run_s", "boosted trees");
  const CostScore* known = found(scores, "run_s", "known: ");
  ASSERT_NE(trees, nullptr);
  ASSERT_NE(known, nullptr);
  EXPECT_GT(trees->accuracy.mape, 0.3) << "half a logarithm's unit is in no text";
  EXPECT_LT(known->accuracy.mape, 0.02);
  EXPECT_EQ(known->accuracy.samples, 100u);
  EXPECT_EQ(found(scores, "instructions", "known: "), nullptr) << "of times alone";

  // It is no model: the best of those is marked.
  std::string marked;
  const std::string text = scores_text(scores);
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    if (line.find("run_s") != std::string::npos && line.ends_with('*')) marked += line;
  }
  EXPECT_EQ(marked.find("known"), std::string::npos) << marked;
  EXPECT_NE(marked, "");
}

TEST(KernelScores, LabelsWithoutCyclesHaveNoReference) {
  const test::Folder folder;
  folder.write("made.jsonl", made_labels(false));
  const std::vector<CostScore> scores = kernel_scores(folder.file("."), {});
  EXPECT_NE(found(scores, "run_s", "boosted trees"), nullptr);
  EXPECT_EQ(found(scores, "run_s", "known: "), nullptr);
}

}  // namespace
}  // namespace hone::run
