#include "hone/run/study_file.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::run {
namespace {

constexpr const char* kGood = R"([study]
minimize = ["f1", "f2"]
seed = 5

[task]
kind = "function"
function = "zdt1"

[space]
a = { real = [0, 1] }
b = { real = [0, 1] }

[limits]
f1 = { max = 0.9 }

[search]
searcher = { kind = "tpe", n_startup = 7 }
scheduler = { kind = "asha", steps = [1, 3, 9] }
identity = "off"

[budget]
trials = 20
time = "2 min"
workers = 3
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("no '" + from + "' in the good file");
  return text.replace(at, from.size(), to);
}

TEST(StudyFile, ReadsEverything) {
  const StudyFile file = StudyFile::parse(kGood, "dir/first.toml");
  EXPECT_EQ(file.name, "first");
  EXPECT_EQ(file.objectives.size(), 2u);
  EXPECT_EQ(file.seed, 5u);
  EXPECT_EQ(file.space.size(), 2u);
  EXPECT_EQ(file.searcher_options.integer("n_startup"), 7);
  EXPECT_EQ(file.scheduler, "asha");
  EXPECT_EQ(file.identity, identity::Policy::off);
  EXPECT_EQ(file.limits.at(0).max, 0.9);
  EXPECT_EQ(file.budget.trials, 20);
  EXPECT_EQ(file.budget.time_s, 120.0);
  EXPECT_EQ(file.budget.workers, 3);
  EXPECT_EQ(file.header().horizon, 9);
  EXPECT_TRUE(file.home().ends_with("dir/first.hone"));
  EXPECT_TRUE(StudyFile::parse(file.header().text, "dir/first.toml").differences(file).refused.empty());
}

struct Mistake {
  std::string from;
  std::string to;
  std::vector<std::string> says;
};

TEST(StudyFile, AnswersEveryMistakeWithPlaceAndRemedy) {
  const std::vector<Mistake> mistakes{
      {"seed = 5", "sede = 5", {"s.toml:3", "sede", "did you mean 'seed'?"}},
      {"seed = 5", "seed = \"five\"", {"s.toml:3", "study.seed", "expected an integer", "five"}},
      {"seed = 5", "seed = 5 5", {"s.toml:3"}},
      {"[\"f1\", \"f2\"]", "[\"f1\", \"f3\"]", {"s.toml:2", "f3", "allowed: f1, f2"}},
      {"[\"f1\", \"f2\"]", "[\"f1\", \"f1\"]", {"s.toml:2", "twice"}},
      {"minimize = [\"f1\", \"f2\"]", "", {"s.toml:1", "no objective", "f1, f2"}},
      {"[study]", "[studdy]", {"s.toml:1", "studdy", "did you mean 'study'?"}},
      {"kind = \"function\"", "kind = \"funktion\"", {"s.toml:6", "funktion", "did you mean 'function'?"}},
      {"kind = \"function\"", "", {"task", "'kind' is missing"}},
      {"function = \"zdt1\"", "function = \"zdt7\"", {"s.toml:7", "zdt7", "zdt1"}},
      {"b = { real = [0, 1] }", "", {"s.toml:9", "2 real parameters", "found 1"}},
      {"a = { real = [0, 1] }", "a = { real = [1, 0] }", {"s.toml:10", "space.a"}},
      {"f1 = { max = 0.9 }", "f9 = { max = 0.9 }", {"s.toml:14", "f9", "did you mean"}},
      {"f1 = { max = 0.9 }", "f1 = { max = 0.9, min = 2 }", {"s.toml:14", "max is below min"}},
      {"f1 = { max = 0.9 }", "f1 = { max = 0.9, device = \"phone\" }", {"s.toml:14", "phone", "this"}},
      {"f1 = { max = 0.9 }", "f1 = { max = inf }", {"s.toml:14: limits.f1.max", "limits nothing"}},
      {"f1 = { max = 0.9 }", "f1 = { min = -inf }", {"s.toml:14: limits.f1.min", "limits nothing"}},
      {"f1 = { max = 0.9 }", "f1 = inf", {"s.toml:14: limits.f1: ", "limits nothing"}},
      {"f1 = { max = 0.9 }", "f1 = { max = -inf }", {"s.toml:14: limits.f1.max", "no trial can pass"}},
      {"f1 = { max = 0.9 }", "f1 = { max = nan }", {"s.toml:14: limits.f1.max", "NaN"}},
      {"seed = 5", "name = \"\"", {"s.toml:3: study.name", "expected a name, found \"\""}},
      {"seed = 5",
       "name = \"" + std::string(201, 'a') + "\"",
       {"s.toml:3: study.name", "expected a name of at most 200 bytes", "it has 201"}},
      {"kind = \"tpe\"", "kind = \"tpr\"", {"s.toml:17", "tpr", "did you mean 'tpe'?"}},
      {"n_startup = 7", "n_startups = 7", {"s.toml:17", "n_startups", "did you mean 'n_startup'?"}},
      {"n_startup = 7", "n_startup = -7", {"s.toml:17", "-7", "allowed"}},
      {"steps = [1, 3, 9]", "steps = [9, 3, 1]", {"s.toml:18"}},
      {"identity = \"off\"", "identity = \"of\"", {"s.toml:19", "did you mean 'off'?"}},
      {"trials = 20", "trials = 0", {"s.toml:22", "1 or more"}},
      {"time = \"2 min\"", "time = \"2 mins\"", {"s.toml:23", "mins", "min"}},
      {"time = \"2 min\"", "time = \"0 s\"", {"s.toml:23", "a duration above 0"}},
      {"trials = 20", "trails = 20", {"allowed: trials, proposals, time, steps, spend, workers"}},
      {"workers = 3", "workers = 3000", {"s.toml:24", "1 to 1024"}},
      {"[budget]", "where = [\"a > 2\"]\n[budget]", {"where"}},
  };
  for (const auto& mistake : mistakes) {
    try {
      StudyFile::parse(replaced(kGood, mistake.from, mistake.to), "s.toml");
      ADD_FAILURE() << "accepted: " << mistake.to;
    } catch (const Error& error) {
      const std::string what = error.what();
      EXPECT_EQ(error.fault(), Fault::input) << what;
      for (const auto& part : mistake.says)
        EXPECT_NE(what.find(part), std::string::npos) << "'" << part << "' in: " << what;
    }
  }
}

TEST(StudyFile, LimitsThatNoTrialCanPassAreNone) {
  const auto text = [](const std::string& limit) {
    return "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"true\"]\n[space]\n"
           "a = [1, 2]\n[limits]\n" +
           limit + "\n";
  };
  for (const char* limit :
       {"seconds = { max = \"-5 s\" }", "seconds = \"-5 s\"", "memory_bytes = { max = -1 }",
        "energy_j = { max = -0.5 }", "price_dollars = { max = -3 }", "train_s = { max = \"nan s\" }",
        "train_s = { max = \"inf h\" }"})
    try {
      StudyFile::parse(text(limit), "s.toml");
      ADD_FAILURE() << "accepted: " << limit;
    } catch (const Error& error) {
      EXPECT_EQ(error.place().line, 9) << error.what();
    }
  for (const char* limit : {"score = { max = -1 }", "seconds = { max = 0 }", "seconds = { min = \"1 s\" }"})
    EXPECT_NO_THROW(StudyFile::parse(text(limit), "s.toml")) << limit;
  // A study that began with one stays readable.
  const auto kept = StudyFile::parse(text("seconds = { max = inf }"), "s.toml", StudyFile::Source::journal);
  EXPECT_EQ(kept.limits.size(), 1u);
}

TEST(StudyFile, SaysThatAConstraintExcludesEverything) {
  try {
    StudyFile::parse(replaced(kGood, "[limits]", "where = [\"a + b > 3\"]\n[limits]"), "s.toml");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a + b > 3"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("s.toml:13"), std::string::npos) << error.what();
  }
}

TEST(StudyFile, TellsWhatChangedSinceTheStudyBegan) {
  const StudyFile before = StudyFile::parse(kGood, "s.toml");
  const auto changed = [&](const char* from, const char* to) {
    return StudyFile::parse(replaced(kGood, from, to), "s.toml").differences(before);
  };
  using Lines = std::vector<std::string>;
  EXPECT_EQ(changed("trials = 20", "trials = 90").accepted,
            Lines{"budget: was 20 trials or 2:00, is 90 trials or 2:00"});
  EXPECT_TRUE(changed("seed = 5", "seed = 5  # a comment").accepted.empty());
  EXPECT_EQ(changed("seed = 5", "seed = 6").refused.size(), 1u);
  const auto limits = changed("max = 0.9", "max = 0.8");
  EXPECT_TRUE(limits.refused.empty());
  EXPECT_EQ(limits.accepted.size(), 1u);
  EXPECT_EQ(changed("n_startup = 7", "n_startup = 8").accepted.size(), 1u);
  EXPECT_FALSE(changed("b = ", "bb = ").refused.empty());
}

TEST(StudyFile, BudgetsTakeWhateverIsPaid) {
  const auto with = [](const std::string& budget) {
    return StudyFile::parse(replaced(kGood, "trials = 20", budget.c_str()), "s.toml");
  };
  EXPECT_EQ(with("steps = 500").budget.steps, 500);
  EXPECT_EQ(with("spend = { f1 = 2.5 }").budget.spend.find("f1"), 2.5);
  for (const char* wrong :
       {"steps = 0", "steps = 1.5", "spend = { dollar = 1 }", "spend = { f1 = 0 }", "spend = 3", "epoch = 3"})
    EXPECT_THROW(with(wrong), Error) << wrong;
  const auto changed = with("steps = 500").differences(StudyFile::parse(kGood, "s.toml"));
  EXPECT_EQ(changed.accepted,
            std::vector<std::string>{"budget: was 20 trials or 2:00, is 2:00 or 500 steps"});
}

TEST(StudyFile, TheLargestFidelityMayBeRaisedWhereTheSchedulerSaysSo) {
  const auto with = [](const std::string& scheduler) {
    std::string text = kGood;
    const std::size_t at = text.find("scheduler = ");
    text.replace(at, text.find('\n', at) - at, "scheduler = { " + scheduler + " }");
    return StudyFile::parse(text, "s.toml");
  };
  const std::string deep = "kind = \"iterative_deepening_hyperband\", steps = ";
  const auto refused = [](const StudyFile::Differences& differences) { return !differences.refused.empty(); };
  EXPECT_TRUE(refused(with("kind = \"hyperband\", steps = [1, 27]")
                          .differences(with("kind = \"hyperband\", steps = [1, 9]"))));
  const auto raised = with(deep + "[1, 27]").differences(with(deep + "[1, 9]"));
  EXPECT_FALSE(refused(raised));
  EXPECT_EQ(raised.accepted.size(), 2u) << "what changed, and that it matters to a learning-rate schedule";
  EXPECT_TRUE(refused(with(deep + "[1, 9]").differences(with(deep + "[1, 27]")))) << "never lowered";
  const auto planned = with(deep + "[1, 27], longest = 81").differences(with(deep + "[1, 9], longest = 81"));
  EXPECT_FALSE(refused(planned));
  EXPECT_EQ(planned.accepted.size(), 1u);
  EXPECT_TRUE(
      refused(with(deep + "[1, 27], longest = 243").differences(with(deep + "[1, 9], longest = 81"))));
  EXPECT_TRUE(refused(with(deep + "[1, 27]").differences(with(deep + "[1, 9], longest = 81"))));
  EXPECT_EQ(with(deep + "[1, 27]").revision({}).horizon, 27);
}

TEST(StudyFile, SurvivesNonsense) {
  for (const char* text :
       {"", "\n\n", "[study", "x", "[study]\n", "= 1", "[study]\nname = 1979-05-27\n", "\xff\xfe"})
    EXPECT_THROW(StudyFile::parse(text, "s.toml"), Error) << text;
}

TEST(StudyFile, TheDefaultSchedulerRunsWhatHasNoFidelityOnce) {
  const auto parse = [](const std::string& task, const std::string& search) {
    return StudyFile::parse("[study]\nminimize = [\"bits_per_char\"]\n[task]\n" + task +
                                "\n[space]\nlr = { real = [1e-3, 1e-2] }\n" + search,
                            "s.toml");
  };
  const std::string command = "kind = \"command\"\nrun = [\"true\"]\n";
  EXPECT_EQ(parse(command, "").horizon(), 1);
  EXPECT_EQ(parse(command, "[search]\nscheduler = \"fixed\"\n").horizon(), 1);
  EXPECT_EQ(parse(command, "[search]\nscheduler = { kind = \"fixed\", steps = 4 }\n").horizon(), 4);
  EXPECT_EQ(
      StudyFile::parse("[study]\nminimize = [\"value\"]\n[task]\nkind = \"function\"\n[space]\na = { real = "
                       "[0, 1] }\nb = { real = [0, 1] }\n",
                       "s.toml")
          .horizon(),
      1);
  const auto refused = [&](const std::string& task, const std::string& search, const std::string& says) {
    try {
      parse(task, search);
      ADD_FAILURE() << "accepted: " << task << search;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  };
  refused(
      "kind = \"text\"\ndata = \"d.txt\"\n", "",
      "search.scheduler: how far a trial runs is not said: task 'text' counts steps; under [search] write "
      "scheduler = { kind = \"fixed\", steps = 100 } for 100 steps a trial");
  refused(command + "unit = \"epochs\"\n", "[search]\nscheduler = \"fixed\"\n",
          "s.toml:11: search.scheduler: how far a trial runs is not said: task 'command' counts epochs");
  refused("kind = \"command\"\nrun = [\"true\", \"{fidelity}\"]\n", "", "counts steps");
}

}  // namespace
}  // namespace hone::run
