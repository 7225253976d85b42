#include "hone/study/sessions.h"

#include <gtest/gtest.h>

namespace hone::study {
namespace {

TEST(Sessions, OverlappingOnesAreCountedOnce) {
  Sessions sessions;
  sessions.begin("1", "boot", 100, 0);
  sessions.begin("2", "boot", 105, 103);
  sessions.end("1", "done", 108);
  EXPECT_TRUE(sessions.open());
  EXPECT_EQ(sessions.last_end(), "") << "the other one goes on";
  EXPECT_EQ(sessions.elapsed_s(120), 20) << "the first was there also between its last event and the second";
  sessions.end("2", "budget", 120);
  EXPECT_EQ(sessions.last_end(), "budget");
  EXPECT_EQ(sessions.elapsed_s(500), 20);
  sessions.begin("3", "boot", 1000, 120);
  sessions.end("3", "done", 1001);
  EXPECT_EQ(sessions.elapsed_s(2000), 21);
  EXPECT_EQ(sessions.count(), 3);
}

TEST(Sessions, TheLongerOneMayHaveBegunFirst) {
  Sessions sessions;
  sessions.begin("1", "", 100, 0);
  sessions.begin("2", "", 105, 104);
  sessions.end("2", "done", 108);
  EXPECT_FALSE(sessions.open()) << "nothing was heard of the first since";
  sessions.sign_of_life("w0.1", 130);
  EXPECT_TRUE(sessions.open());
  EXPECT_EQ(sessions.elapsed_s(140), 40);
  sessions.end("1", "done", 150);
  EXPECT_EQ(sessions.elapsed_s(900), 50);
}

TEST(Sessions, AKilledOneLastedUntilItsLastEvent) {
  for (const char* mark : {"", "7"}) {
    Sessions sessions;
    sessions.begin(mark, "", 100, 0);
    sessions.begin("8", "", 200, 110);  // the first never said that it ended
    EXPECT_EQ(sessions.elapsed_s(205), 15) << mark;
    sessions.end("8", "done", 210);
    EXPECT_EQ(sessions.elapsed_s(999), 20) << mark;
    sessions.sign_of_life("someone.else", 400);
    EXPECT_FALSE(sessions.open()) << mark;
  }
}

TEST(Sessions, AreWhatTheyWereAfterJson) {
  Sessions sessions;
  sessions.begin("1", "a", 100, 0);
  sessions.begin("2", "b", 105, 103);
  sessions.end("1", "done", 108);
  const Sessions again = Sessions::from_json(sessions.json());
  EXPECT_EQ(again.json(), sessions.json());
  EXPECT_EQ(again.elapsed_s(111), sessions.elapsed_s(111));
  EXPECT_EQ(again.boot(), "b");
}

}  // namespace
}  // namespace hone::study
