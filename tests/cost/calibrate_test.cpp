#include "hone/cost/calibrate.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/cost/calibrate_kernels.h"

namespace hone::cost {
namespace {

TEST(Calibrate, KernelsComputeSomething) {
  for (const PeakKernel& kernel : peak_kernels()) {
    EXPECT_GT(kernel.operations, 0.0);
    EXPECT_TRUE(std::isfinite(kernel.run(10))) << kernel.type;
    EXPECT_NE(kernel.run(10), kernel.run(11)) << kernel.type;
  }
  std::vector<char> data(4096, 0);
  EXPECT_EQ(read_bytes(data.data(), data.size()), 0);
  data[4000] = 1;
  EXPECT_NE(read_bytes(data.data(), data.size()), 0);
}

TEST(Calibrate, AProfileThatReadsBack) {
  CalibrateOptions options;
  options.repeat_s = 1e-5;
  options.repeats = 1;
  options.rounds = 1;
  options.quiet = false;
  options.most_bytes = 8e6;
  const DeviceProfile profile = calibrate(options);
  EXPECT_GT(profile.peak_of("f32").value, 0.0);
  EXPECT_GE(profile.memory.size(), 3u);
  EXPECT_EQ(profile.memory.back().name, "DRAM");
  EXPECT_GT(profile.cores, 0);
  EXPECT_GT(profile.wakeup_s, 0.0);
  EXPECT_EQ(DeviceProfile::from_json(profile.json(), "here").json(), profile.json());
  options.interrupted = [] { return true; };
  EXPECT_THROW(calibrate(options), Error);
}

}  // namespace
}  // namespace hone::cost
