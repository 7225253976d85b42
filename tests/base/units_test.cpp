#include "hone/base/units.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Units, TimesTakeTheUnitThatShowsThem) {
  EXPECT_EQ(quantity_text("run_s", 1.41e-9), "1.41 ns");
  EXPECT_EQ(quantity_text("run_s", 4.08e-7), "408 ns");
  EXPECT_EQ(quantity_text("run_s", 2.5e-6), "2.5 us");
  EXPECT_EQ(quantity_text("run_s", 0.0), "0.0 us");
  EXPECT_EQ(quantity_text("run_s", 0.002), "2.00 ms");
  EXPECT_EQ(quantity_text("run_s", 3.0), "3.00 s");
}

}  // namespace
}  // namespace hone
