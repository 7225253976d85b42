#include "hone/run/warm_start.h"

#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/run/explain.h"
#include "hone/run/optimizer.h"
#include "hone/run/worker.h"

namespace hone::run {
namespace {

std::string study_text(const std::string& extra) {
  return R"([study]
minimize = "value"
[task]
kind = "function"
[space]
x = { real = [0.0, 1.0] }
y = { real = [0.0, 1.0] }
[search]
searcher = "random"
scheduler = { kind = "fixed", steps = 1 }
)" + extra;
}

class WarmStart : public testing::Test {
 protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() /
             ("hone-warm-" + std::to_string(testing::UnitTest::GetInstance()->random_seed()) + "-" +
              std::to_string(::getpid()));
    std::filesystem::create_directories(folder / "old.hone");
    const StudyFile old = StudyFile::parse(study_text(""), (folder / "old.toml").string());
    Optimizer optimizer(setup_of(old, "test"),
                        study::open_store("sqlite:" + (folder / "old.hone/study.sqlite").string()));
    for (int i = 0; i < 30; ++i) {
      const auto job = optimizer.ask();
      if (i % 10 == 9)
        optimizer.end(*job, study::TrialState::failed, "no luck");
      else
        optimizer.tell(*job, {{"value", std::abs(job->config.real("x") - 0.7)}});
    }
    best = optimizer.best()->config;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  StudyFile fresh(const std::string& extra) const {
    return StudyFile::parse(study_text(extra), (folder / "new.toml").string());
  }

  std::filesystem::path folder;
  space::Config best;
};

TEST_F(WarmStart, TheNewStudyBeginsWithTheBestOfTheOldAndKeepsItInItsJournal) {
  const StudyFile file = fresh("warm_start = ['old.toml']\n");
  const auto store = study::open_store("memory:");
  study::Study::create(*store, file.header());
  std::filesystem::remove_all(folder / "old.hone");  // what was learned is in the journal
  Optimizer optimizer(setup_of(file, "test"), store);
  ASSERT_EQ(optimizer.study().header().warm.size(), 1u);
  EXPECT_EQ(optimizer.study().header().warm[0].results.size(), 27u);
  EXPECT_EQ(optimizer.study().header().warm[0].results[0].first, best);
  EXPECT_EQ(optimizer.ask()->config, best);
}

TEST_F(WarmStart, WhatThisStudyWouldRefuseIsNotTakenOver) {
  const StudyFile file = fresh("warm_start = ['old.toml']\n[limits]\nvalue = { min = 0.3 }\n");
  const auto results = file.header().warm.at(0).results;
  EXPECT_GT(results.size(), 0u);
  EXPECT_LT(results.size(), 27u);
  for (const auto& [config, values] : results) EXPECT_GE(values[0], 0.3);
}

TEST_F(WarmStart, WhatIsNotThereIsSaid) {
  std::filesystem::create_directories(folder / "new.hone");
  study::open_store("sqlite:" + (folder / "new.hone/study.sqlite").string());  // no study is in it yet
  for (const char* source : {"older.toml", "new.toml", "memory:"}) try {
      fresh(std::string("warm_start = '") + source + "'\n").header();
      ADD_FAILURE() << source;
    } catch (const Error& error) {
      EXPECT_EQ(error.place().key, "search.warm_start") << source;
      EXPECT_GT(error.place().line, 0) << source;
    }
}

TEST_F(WarmStart, FoldersAndNamesWithAColonAreFound) {
  std::filesystem::create_directories(folder / "a:b.hone");
  std::filesystem::copy(folder / "old.hone", folder / "a:b.hone", std::filesystem::copy_options::recursive);
  for (const char* source : {"old.hone/", "old.hone", "a:b.toml", "a:b.hone/"})
    EXPECT_EQ(fresh(fmt::format("warm_start = '{}'\n", source)).header().warm.at(0).results.size(), 27u)
        << source;
  const std::string url = "sqlite:" + (folder / "old.hone/study.sqlite").string();
  EXPECT_EQ(fresh(fmt::format("warm_start = '{}'\n", url)).header().warm.at(0).results.size(), 27u);
}

TEST_F(WarmStart, OfSeveralObjectivesTheFrontIsTakenFromItsEnds) {
  std::string text = R"([study]
minimize = ["f1", "f2"]
[task]
kind = "function"
function = "zdt1"
[search]
searcher = "random"
scheduler = { kind = "fixed", steps = 1 }
)";
  const StudyFile old = StudyFile::parse(text, (folder / "two.toml").string());
  std::filesystem::create_directories(folder / "two.hone");
  Optimizer optimizer(setup_of(old, "test"),
                      study::open_store("sqlite:" + (folder / "two.hone/study.sqlite").string()));
  for (int i = 0; i < 20; ++i) {
    const auto job = optimizer.ask();
    const double x = value_real(job->config.entries()[0].second);
    optimizer.tell(*job, {{"f1", x}, {"f2", 1.0 - x}});  // all are on the front
  }
  text += "warm_start = ['two.toml']\n";
  const auto results = StudyFile::parse(text, (folder / "new.toml").string()).header().warm.at(0).results;
  ASSERT_EQ(results.size(), 20u);
  std::vector<double> xs;
  for (const auto& [config, values] : results) xs.push_back(values[0]);
  std::vector<double> sorted = xs;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(xs[0], sorted[0]);
  EXPECT_EQ(xs[1], sorted[19]);
  EXPECT_EQ(xs[2], sorted[9]);
  std::sort(xs.begin(), xs.end());
  EXPECT_EQ(xs, sorted) << "each once";
}

TEST_F(WarmStart, WhatHasNoPlaceHereIsSaid) {
  const auto loss = [&](const std::string& from, const std::string& to) {
    std::string text = study_text("warm_start = ['old.toml']\n");
    if (!from.empty()) text.replace(text.find(from), from.size(), to);
    const StudyFile file = StudyFile::parse(text, (folder / "new.toml").string());
    const std::string said = warm_loss(file.header().warm.at(0), file.space);
    EXPECT_EQ(explain_json(file, {}).dump().find("warm start: ") != std::string::npos, !said.empty());
    return said;
  };
  const std::string y = "y = { real = [0.0, 1.0] }";
  EXPECT_EQ(loss("", ""), "");
  EXPECT_EQ(loss(y, "z = { real = [0.0, 1.0] }"),
            "0 of 27 results of 'old' have a place here (there is no 'y')");
  EXPECT_EQ(loss(y, y + "\nz = { real = [0.0, 1.0] }"),
            "0 of 27 results of 'old' have a place here (they lack 'z', which has no default)");
  EXPECT_EQ(loss(y, y + "\nz = { real = [0.0, 1.0], default = 0.5 }"), "");
  const std::string narrow = loss(y, "y = { real = [0.0, 0.5] }");
  EXPECT_NE(narrow.find(" of 27 results of 'old' have a place here (y = 0."), std::string::npos) << narrow;
  EXPECT_FALSE(narrow.starts_with("0 of")) << narrow;
  EXPECT_EQ(warm_loss({"empty", {}}, space::Space()),
            "'empty' has no result to learn from: none is finished and within the limits");
}

TEST_F(WarmStart, ConfigsToTryComeFirst) {
  const StudyFile file = fresh("try = [{ x = 0.25, y = 0.5 }, { x = 0.5, y = 0.5 }]\n");
  Optimizer optimizer(setup_of(file, "test"));
  const auto first = optimizer.ask();
  EXPECT_EQ(first->config.real("x"), 0.25);
  EXPECT_EQ(optimizer.study().trial(0).origin, "try");
  EXPECT_EQ(optimizer.ask()->config.real("x"), 0.5);
  EXPECT_EQ(optimizer.study().trial(optimizer.ask()->trial).origin, "random");
}

TEST_F(WarmStart, ConfigsToTryAreOnTheGridOfTheSpace) {
  const auto tried = [&](const std::string& values) {
    const StudyFile file = StudyFile::parse(
        "[study]\nminimize = \"value\"\n[task]\nkind = \"function\"\n[space]\n"
        "x = { real = [0.0, 1.0] }\ny = { real = [0.0, 0.5], resolution = 0.05 }\n"
        "n = { int = [32, 128], step = 32 }\n[search]\nsearcher = \"random\"\n"
        "scheduler = { kind = \"fixed\", steps = 1 }\ntry = [{ " +
            values + " }]\n",
        (folder / "grid.toml").string());
    return Optimizer(setup_of(file, "test")).ask()->config.shown();
  };
  const std::string on_the_grid = tried("x = 0.123457, y = 0.1, n = 64");
  EXPECT_EQ(tried("x = 0.123456789, y = 0.1, n = 64"), on_the_grid);
  EXPECT_EQ(tried("x = 0.123456789, y = 0.1234, n = 64.0"), on_the_grid);
  for (const std::string wrong : {"n = 48", "n = 64.5", "n = 160"}) try {
      tried("x = 0.5, y = 0.1, " + wrong);
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("search.try[0]"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("no value of 'n'"), std::string::npos) << error.what();
    }
}

TEST_F(WarmStart, AWrongConfigToTryIsRefusedWithItsPlace) {
  for (const char* text : {"try = [{ x = 2.0, y = 0.5 }]\n", "try = [{ x = 0.5 }]\n", "try = [{ z = 1 }]\n",
                           "try = { x = 1.0 }\n", "try = ['x']\n"})
    try {
      fresh(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_FALSE(error.place().file.empty()) << text;
      EXPECT_GT(error.place().line, 0) << text;
    }
}

}  // namespace
}  // namespace hone::run
