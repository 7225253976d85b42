#include "hone/base/rng.h"

#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Rng, GivesThePublishedPhiloxVectors) {
  // Known answers of Random123 for philox4x32-10.
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(Rng::philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(Rng::philox({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Rng::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, StreamsAreNamedAndRepeat) {
  EXPECT_EQ(Rng(1, "ask", 7).next(), Rng(1, "ask", 7).next());
  std::set<std::uint64_t> first;
  for (std::uint64_t seed : {1, 2})
    for (const char* purpose : {"ask", "init"})
      for (std::uint64_t index : {0, 1})
        for (std::uint32_t part : {0, 1}) first.insert(Rng(seed, purpose, index, part).next());
  EXPECT_EQ(first.size(), 16u);
}

TEST(Rng, DistributionsHaveTheirMoments) {
  Rng rng(3, "moments");
  const int n = 200000;
  double sum = 0, square = 0, normal_sum = 0, normal_square = 0;
  std::vector<int> counts(7);
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    square += u * u;
    const double z = rng.normal();
    normal_sum += z;
    normal_square += z * z;
    ++counts[rng.below(7)];
  }
  EXPECT_NEAR(sum / n, 0.5, 0.004);
  EXPECT_NEAR(square / n, 1.0 / 3, 0.004);
  EXPECT_NEAR(normal_sum / n, 0.0, 0.012);
  EXPECT_NEAR(normal_square / n, 1.0, 0.02);
  for (int count : counts) EXPECT_NEAR(count, n / 7.0, 5 * std::sqrt(n / 7.0));
}

}  // namespace
}  // namespace hone
