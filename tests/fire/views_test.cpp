// A light study tells what a whole one does, whatever the journal says and whenever views were saved.
#include "../program.h"
#include "random_journal.h"

namespace hone {
namespace {

using study::Study;

/// The first line in which two texts differ.
std::string difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string x, y, trial;
  while (std::getline(left, x) && std::getline(right, y)) {
    if (x.find("\"id\"") != std::string::npos) trial = x;
    if (x != y) return trial + " whole: " + x + " light: " + y;
  }
  return "";
}

void compare(const std::shared_ptr<study::Store>& store, const std::string& where) {
  Study whole(store), light(store, Study::Depth::light);
  whole.sync();
  light.sync();
  const std::string expected = test::everything(whole), got = test::everything(light);
  ASSERT_EQ(got, expected) << where << " " << difference(expected, got);
}

TEST(Views, ALightStudyTellsWhatAWholeOneDoes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto store = study::open_store("memory:");
    test::RandomJournal journal(store, seed);
    std::mt19937_64 random(seed);
    // One that follows all the time, and now and then begins with views that some light study saved.
    auto following = std::make_unique<Study>(store, Study::Depth::light);
    for (int step = 0; step < 250; ++step) {
      journal.step();
      if (random() % 8 == 0) following->sync();
      if (random() % 20 == 0) {
        Study saver(store, random() % 2 == 0 ? Study::Depth::light : Study::Depth::whole);
        saver.sync();
        saver.save_views();
      }
      if (random() % 60 == 0) following = std::make_unique<Study>(store, Study::Depth::light);
      if (random() % 25 == 0) {
        ASSERT_NO_FATAL_FAILURE(compare(store, fmt::format("seed {} step {}", seed, step)));
      }
    }
    ASSERT_NO_FATAL_FAILURE(compare(store, fmt::format("seed {}", seed)));
    following->sync();
    Study whole(store);
    whole.sync();
    const std::string expected = test::everything(whole);
    const std::string got = test::everything(*following);
    ASSERT_EQ(got, expected) << "following, seed " << seed << " " << difference(expected, got);
    const std::string wrote = test::everything(journal.writer());
    ASSERT_EQ(wrote, expected) << "the writer, seed " << seed << " " << difference(expected, wrote);
  }
}

TEST(Views, AlsoInAFile) {
  const test::Folder folder;
  const auto store = study::open_store("sqlite:" + folder.file("s.sqlite"));
  test::RandomJournal journal(store, 77);
  for (int step = 0; step < 300; ++step) {
    journal.step();
    if (step % 40 == 20) {
      Study saver(store, Study::Depth::light);
      saver.sync();
      saver.save_views();
    }
  }
  compare(store, "in a file");
}

/// Views are a convenience: whatever is in their place, the journal is read instead, or an Error says why
/// not.
TEST(Views, DamagedOnesAreNotBelieved) {
  const auto store = study::open_store("memory:");
  test::RandomJournal journal(store, 5);
  for (int step = 0; step < 100; ++step) journal.step();
  for (const char* payload : {"", "{", "null", "[]", "{\"version\":2}", "{\"version\":1}"}) {
    store->save_view("study", {50, payload});
    compare(store, payload);
  }
}

}  // namespace
}  // namespace hone
