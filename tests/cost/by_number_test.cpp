#include "hone/cost/by_number.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::cost {
namespace {

TEST(ByNumber, IsAMap) {
  Rng rng(1, "by number", 0);
  ByNumber<std::string> mine;
  std::map<int, std::string> theirs;
  for (int step = 0; step < 5000; ++step) {
    // Of a function late in a file, and what its text does not name.
    const int key = rng.uniform() < 0.3 ? -1 - static_cast<int>(rng.below(20))
                                        : 1000000 + static_cast<int>(rng.below(100)) - 50;
    switch (rng.below(40)) {
      case 0:
        mine.clear(), theirs.clear();
        break;
      case 1: {
        const auto odd = [](const auto& entry) { return entry.first % 2 != 0; };
        mine.erase_if(odd);
        std::erase_if(theirs, odd);
        break;
      }
      default:
        mine[key] += "x", theirs[key] += "x";
    }
    const int other = static_cast<int>(rng.below(200)) - 100;
    for (const int asked : {key, 1000000 + other, other}) {
      const auto found = theirs.find(asked);
      ASSERT_EQ(mine.contains(asked), found != theirs.end()) << asked;
      if (found != theirs.end()) {
        ASSERT_EQ(mine.at(asked), found->second) << asked;
      }
    }
    ASSERT_EQ((std::map<int, std::string>(mine.begin(), mine.end())), theirs);
  }
  EXPECT_THROW((void)mine.at(7), std::out_of_range);
}

}  // namespace
}  // namespace hone::cost
