// hone cost runner with LibTorch.
#include <gtest/gtest.h>

#include "hone/graph/decoder.h"
#include "hone/run/remote_runner.h"

namespace hone::learn {
namespace {

TEST(TorchRunner, MeasuresOverAPipe) {
  run::RunnerOptions options;
  options.repeats = 3;
  options.seconds = 0.1;
  run::RemoteRunner runner("'" + std::string(HONE_PROGRAMS) + "/hone' cost runner --engine torch", options);
  graph::DecoderSpec spec;
  spec.vocabulary = 32;
  spec.context = 16;
  spec.width = 32;
  spec.layers = {graph::DecoderLayer{}};
  const run::RunnerResult result = runner.measure(graph::decoder(spec, 1, 16));
  EXPECT_EQ(result.engine, "torch");
  EXPECT_GT(result.seconds, 0.0);
  EXPECT_LT(result.seconds, 1.0);
}

}  // namespace
}  // namespace hone::learn
