// What a trial's parts took: seconds and cpu_s of a program that goes on are those of all of them.
#include <cmath>

#include "command_bench.h"

namespace hone::task {
namespace {

using test::CommandBench;
using test::measure;
using Verdict = Reporter::Verdict;

double took(const Outcome& outcome, const std::string& name) {
  return outcome.took.find(name).value_or(std::nan(""));
}

/// Its first part takes long, the later ones next to nothing.
constexpr const char* kGoesOn = R"([ -f $HONE_CHECKPOINT/at ] || sleep 0.3
echo $HONE_FIDELITY > $HONE_CHECKPOINT/at; echo '{"loss": 1}' >&3)";

TEST(CommandParts, WhatGoesOnFromItsCheckpointTookThePartsBeforeToo) {
  CommandBench bench(kGoesOn);
  const Outcome first = bench.run(9);
  EXPECT_GE(measure(first, "seconds"), 0.3);
  EXPECT_EQ(took(first, "seconds"), measure(first, "seconds"));
  EXPECT_EQ(took(first, "cpu_s"), measure(first, "cpu_s"));
  const Outcome second = bench.run(27, 9);
  EXPECT_GE(measure(second, "seconds"), measure(first, "seconds"));
  for (const char* name : {"seconds", "cpu_s"})
    EXPECT_DOUBLE_EQ(measure(second, name), measure(first, name) + took(second, name)) << name;
  const Outcome third = bench.run(81, 27);
  EXPECT_DOUBLE_EQ(measure(third, "seconds"), measure(second, "seconds") + took(third, "seconds"));
}

TEST(CommandParts, WhatBeginsAnewTookItsLastRun) {
  CommandBench bench("cp $HONE_FOLDER/hone-parts.json seen; sleep 0.1; echo '{\"loss\": 1}' >&3");
  bench.run(9);
  bench.results = {{9, {{"loss", 1.0}, {"seconds", 30.0}}}};
  const Outcome second = bench.run(27, 9);
  EXPECT_EQ(measure(second, "seconds"), took(second, "seconds"));
  EXPECT_EQ(Json::parse(bench.folder.read("seen")), (Json{{"seconds", 0.0}, {"cpu_s", 0.0}}))
      << "should its worker die, what is there comes of this run alone";
  EXPECT_FALSE(std::filesystem::exists(bench.folder.file("s.hone/trials/7/hone-parts.json")));
}

TEST(CommandParts, PartsThatGaveNoResultCount) {
  for (const std::string how : {"interrupted", "paused", "failed"}) {
    CommandBench bench(R"(if [ -f $HONE_CHECKPOINT/at ]; then echo '{"loss": 1}' >&3; exit 0; fi
trap 'exit 3' TERM
echo 1 > $HONE_CHECKPOINT/at; sleep 0.2; echo '{"fidelity": 4, "loss": 2}' >&3
[ )" + how + R"( != failed ] || exit 3
while :; do sleep 0.02; done)");
    bench.listener.judge = [&](std::int64_t) { return how == "paused" ? Verdict::pause : Verdict::go_on; };
    bench.listener.interrupt = [&] { return how == "interrupted" && !bench.listener.reports.empty(); };
    const Outcome first = bench.run(9);
    ASSERT_NE(first.ending, Ending::reached);
    EXPECT_GE(took(first, "seconds"), 0.2) << how;
    bench.listener.interrupt = nullptr;
    const Outcome second = bench.run(9, 4);
    ASSERT_EQ(second.ending, Ending::reached) << how << ": " << second.reason;
    EXPECT_DOUBLE_EQ(measure(second, "seconds"), took(first, "seconds") + took(second, "seconds")) << how;
  }
}

TEST(CommandParts, WithoutTheFileTheLastResultSaysWhatTheyTook) {
  CommandBench bench(kGoesOn);
  bench.run(9);
  const std::string file = "s.hone/trials/7/hone-parts.json";
  ASSERT_TRUE(std::filesystem::remove(bench.folder.file(file)));
  bench.results = {{9, {{"loss", 1.0}, {"seconds", 30.0}, {"cpu_s", 20.0}}}};  // as an earlier hone left it
  bench.results.push_back({12, {{"loss", 1.0}}});  // reported by a run that was interrupted
  const Outcome second = bench.run(27, 9);
  EXPECT_DOUBLE_EQ(measure(second, "seconds"), 30.0 + took(second, "seconds"));
  EXPECT_DOUBLE_EQ(measure(second, "cpu_s"), 20.0 + took(second, "cpu_s"));
  for (const char* damaged :
       {"", "{", "[]", "{\"seconds\": \"x\"}", "{\"seconds\": -5, \"cpu_s\": \"nan\"}"}) {
    bench.folder.write(file, damaged);
    const Outcome third = bench.run(81, 27);
    EXPECT_EQ(measure(third, "seconds"), took(third, "seconds")) << damaged;
    EXPECT_EQ(measure(third, "cpu_s"), took(third, "cpu_s")) << damaged;
  }
}

TEST(CommandParts, WhatAProgramReportsItselfItAddsUpItself) {
  CommandBench bench(R"(echo 1 > $HONE_CHECKPOINT/at; echo '{"loss": 1, "seconds": 5}' >&3)");
  bench.run(9);
  const Outcome second = bench.run(27, 9);
  EXPECT_EQ(measure(second, "seconds"), 5.0);
  EXPECT_FALSE(second.took.find("seconds"));
  EXPECT_TRUE(second.took.find("cpu_s"));
}

TEST(CommandParts, WhatCannotBeKeptIsSaid) {
  CommandBench bench(
      "mkdir -p $HONE_FOLDER/hone-parts.json; echo 1 > $HONE_CHECKPOINT/at; echo '{\"loss\": 1}' >&3");
  EXPECT_EQ(bench.run(9).ending, Ending::reached);
  EXPECT_NE(bench.log().find("--- what it took is lost to the part that goes on: "), std::string::npos)
      << bench.log();
  EXPECT_EQ(bench.run(27, 9).ending, Ending::reached);
}

}  // namespace
}  // namespace hone::task
