// The journal of a recurring job: what survives, what is given up, and who may write.
#include "hone/cost/recurring/journal.h"

#include <cmath>
#include <csignal>

#include "../../program.h"
#include "hone/base/error.h"

namespace hone::cost {
namespace {

using test::Folder;

Json started(std::int64_t run, std::int64_t batch, const char* stage = "explore") {
  return {{"event", "started"},  {"run", run},     {"recurrence", run}, {"try", 1},
          {"batch_size", batch}, {"stage", stage}, {"threshold", "inf"}};
}

Json ended(std::int64_t run, const char* how, double energy) {
  return {{"event", "ended"},     {"run", run},
          {"how", how},           {"energy_j", energy},
          {"seconds", 1.0},       {"total_energy_j", energy},
          {"total_seconds", 1.0}, {"power_limit_w", nullptr},
          {"progress", 3.0},      {"measured", false},
          {"source", "modelled"}, {"reason", ""}};
}

TEST(RecurringJournal, TellsRunsProfilesAndWhatDoesNotCount) {
  const Folder folder;
  RecurringJournal journal(folder.file("deep/r.jsonl"));
  {
    const RecurringJournal::Hold hold(journal);
    journal.append({{"event", "job"}, {"format", 1}});
    journal.append(started(0, 32));
    journal.append({{"event", "slice"},
                    {"run", 0},
                    {"batch_size", 32},
                    {"power_limit_w", 200.0},
                    {"average_power_w", 180.0},
                    {"throughput", 4.0}});
    journal.append(ended(0, "reached", 100));
    journal.append(started(1, 16));
    journal.append(ended(1, "interrupted", 5));
    journal.append(started(2, 16));
    journal.append(ended(2, "failed", 7));
    journal.append({{"event", "something new"}, {"x", 1}});
    journal.append(started(3, 64));
    journal.append({{"event", "limits"}, {"run", 3}, {"before", 250.0}});
  }
  const RecurringHistory history = journal.read();
  ASSERT_EQ(history.ended.size(), 2u);
  EXPECT_TRUE(history.ended[0].zeus.reached);
  EXPECT_EQ(history.ended[1].ending, RunEnding::failed);
  EXPECT_EQ(history.others.size(), 1u);
  ASSERT_EQ(history.running.size(), 1u);
  EXPECT_EQ(history.next_run, 4);
  EXPECT_EQ(history.runs().size(), 3u);
  EXPECT_EQ(history.profiles.at(32).of(200.0)->throughput, 4.0);
  EXPECT_EQ(history.limits_before.at(3), 250.0);
  EXPECT_TRUE(std::isnan(history.ended[0].power_limit_w));
}

TEST(RecurringJournal, FoldersThatCannotBeMadeOrLookedIntoAreNamed) {
  const Folder folder;
  const auto said = [](auto act) {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::environment);
      return std::string(error.what());
    }
    return std::string();
  };
  // A link to itself: not even root gets through.
  std::filesystem::create_symlink("loop", folder.file("loop"));
  EXPECT_NE(said([&] { (void)RecurringJournal::read(folder.file("loop/r.jsonl")); }).find("cannot be read"),
            std::string::npos);
  folder.write("file", "");
  EXPECT_NE(said([&] { RecurringJournal journal(folder.file("file/deep/r.jsonl")); }).find("folder"),
            std::string::npos);
}

TEST(RecurringJournal, SlicesOfAnotherUnitOfProgressAreLeftOut) {
  const auto slice = [](double limit, double throughput, const char* progress) {
    Json line{{"event", "slice"},       {"run", 0},
              {"batch_size", 32},       {"power_limit_w", limit},
              {"average_power_w", 1.0}, {"throughput", throughput}};
    if (progress != nullptr) line["progress"] = progress;
    return line.dump() + "\n";
  };
  const RecurringHistory history =
      recurring_history(slice(300, 7.0, nullptr) + slice(300, 10.0, "step") + slice(200, 8.0, "step") +
                            slice(300, 0.5, "epoch") + slice(200, 9.0, "step") + slice(100, 3.0, nullptr),
                        "r");
  const PowerProfile steps = history.profile(32, "step"), epochs = history.profile(32, "epoch");
  EXPECT_EQ(steps.of(300)->throughput, 10.0);
  EXPECT_EQ(steps.of(200)->throughput, 9.0);
  EXPECT_EQ(epochs.of(300)->throughput, 0.5);
  EXPECT_EQ(epochs.of(200), nullptr);
  EXPECT_EQ(epochs.of(100)->throughput, 3.0);  // of a journal that does not say
  EXPECT_EQ(epochs.next({300, 200}), 200.0);
  EXPECT_TRUE(history.profile(64, "step").slices().empty());
}

TEST(RecurringJournal, ARunSaysByWhatItsThresholdWasReckoned) {
  Json line = started(0, 32);
  const std::string before = line.dump() + "\n";  // of a journal that lacks it
  line["run"] = 1;
  line["eta"] = 0.25;
  line["max_power_w"] = 300.0;
  const RecurringHistory history = recurring_history(before + line.dump() + "\n", "r");
  ASSERT_EQ(history.running.size(), 2u);
  EXPECT_TRUE(std::isnan(history.running[0].zeus.eta));
  EXPECT_TRUE(std::isnan(history.running[0].zeus.max_power_w));
  EXPECT_EQ(history.running[1].zeus.eta, 0.25);
  EXPECT_EQ(history.running[1].zeus.max_power_w, 300.0);
}

TEST(RecurringJournal, AnUnfinishedLineIsNoneAndIsCutOff) {
  const Folder folder;
  const std::string path = folder.file("r.jsonl");
  {
    RecurringJournal journal(path);
    const RecurringJournal::Hold hold(journal);
    journal.append(started(0, 32));
  }
  folder.write("r.jsonl", folder.read("r.jsonl") + "{\"event\": \"ended\", \"run\": 0, \"ho");
  RecurringJournal journal(path);
  EXPECT_EQ(journal.read().running.size(), 1u);
  const RecurringJournal::Hold hold(journal);
  journal.append(ended(0, "reached", 10));
  EXPECT_EQ(journal.read().ended.size(), 1u);
  EXPECT_EQ(folder.read("r.jsonl").find("\"ho{"), std::string::npos);
}

TEST(RecurringJournal, MalformedLinesAreNamed) {
  const Folder folder;
  folder.write("r.jsonl", "{\"event\": \"job\", \"format\": 1}\nnonsense\n");
  try {
    (void)RecurringJournal::read(folder.file("r.jsonl"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.place().line, 2);
  }
  const auto told = [](const Json& wrong) {
    try {
      (void)recurring_history(started(0, 32).dump() + "\n" + wrong.dump() + "\n", "r.jsonl");
    } catch (const Error& error) {
      EXPECT_EQ(error.place().line, 2) << wrong;
      EXPECT_EQ(error.place().file, "r.jsonl");
      EXPECT_FALSE(error.hint().empty());
      return error.message();
    }
    return std::string("nothing");
  };
  Json end = ended(0, "reached", 1);
  end["power_limit_w"] = "x";
  EXPECT_NE(told(end).find("power_limit_w"), std::string::npos) << told(end);
  EXPECT_NE(told(ended(0, "vanished", 1)).find("'vanished' is no way"), std::string::npos);
  EXPECT_NE(told({{"event", "job"}, {"format", 2}}).find("newer hone"), std::string::npos);
  folder.write("r.jsonl", "{\"event\": \"started\", \"run\": \"x\"}\n");
  EXPECT_THROW((void)RecurringJournal::read(folder.file("r.jsonl")), Error);
  EXPECT_EQ(RecurringJournal::read(folder.file("none")).next_run, 0);
}

TEST(RecurringJournal, ARunWhoseProcessWasKilledIsGivenUpAndCountsAsNeither) {
  const Folder folder;
  const std::string path = folder.file("r.jsonl");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    RecurringJournal journal(path);
    journal.claim(0);
    {
      const RecurringJournal::Hold hold(journal);
      journal.append(started(0, 32));
    }
    (void)!::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char mark = 0;
  ASSERT_EQ(::read(ready[0], &mark, 1), 1);
  RecurringJournal journal(path);
  {
    const RecurringJournal::Hold hold(journal);
    RecurringHistory history = journal.read();
    journal.give_up_dead(history);
    EXPECT_EQ(history.running.size(), 1u);  // it lives
    EXPECT_TRUE(journal.alive(0));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_FALSE(journal.alive(0));
  const RecurringJournal::Hold hold(journal);
  RecurringHistory history = journal.read();
  journal.give_up_dead(history);
  EXPECT_TRUE(history.running.empty());
  EXPECT_TRUE(history.runs().empty());
  // Its end, should one come all the same, is not heard any more.
  journal.append(ended(0, "reached", 10));
  EXPECT_TRUE(journal.read().ended.empty());
  EXPECT_EQ(journal.read().others.size(), 1u);
}

TEST(RecurringJournal, TheSameFileGivesTheSameChoices) {
  ZeusOptions options;
  options.batch_sizes = {16, 32};
  options.default_batch = 32;
  options.max_power_w = 100;
  const Folder folder;
  RecurringJournal journal(folder.file("r.jsonl"));
  const RecurringJournal::Hold hold(journal);
  std::vector<std::int64_t> chosen;
  for (std::int64_t run = 0; run < 20; ++run) {
    const ZeusChoice choice = zeus_choose(options, journal.read().runs(), run);
    chosen.push_back(choice.batch_size);
    journal.append(started(run, choice.batch_size, stage_name(choice.stage)));
    journal.append(ended(run, "reached", 100.0 + static_cast<double>((run * 37) % 11)));
  }
  // From the lines up to each start the same choice follows.
  const std::string text = folder.read("r.jsonl");
  std::size_t at = 0;
  for (std::int64_t run = 0; run < 20; ++run) {
    EXPECT_EQ(zeus_choose(options, recurring_history(text.substr(0, at), "r").runs(), run).batch_size,
              chosen[static_cast<std::size_t>(run)]);
    at = text.find('\n', text.find('\n', at) + 1) + 1;
  }
}

}  // namespace
}  // namespace hone::cost
